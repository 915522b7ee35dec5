"""The exchange's desk: what commands and phones do to calls, and who is told.

A call is offered to one subscriber of its context; that session controls it until it passes the offer back, hands the
call on, or is given up. Everybody else's commands on it are refused (RELAY facts, sections 1 and 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.local.exchange.calls import Call, CallState
from anyrelay.local.exchange.refer_monitor import ReferMonitor, Report
from anyrelay.protocol.schema import (
    Answer,
    CallCommand,
    Command,
    End,
    Pass,
    Play,
    PlayPause,
    PlayResume,
    PlayStop,
    PlayVolume,
    Refer,
    Transfer,
)

if TYPE_CHECKING:
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["CallControl"]

OFFER_AGAIN: Final = 6.0
"""Seconds after which a call that every subscriber has passed back is offered anew, so that nobody passes in circles.

Longer than clients leave such an offer alone (anyrelay's for 5 s), since one that is left alone comes no third time.
"""

REFUSALS: Final = {"busy": 486, "decline": 603, "noAnswer": 480, "error": 500, "not_found": 404}
"""The SIP status that a ringing call is refused with, by the reason that it is ended for (RFC 3261 section 21)."""

CARRIER_BROKE: Final = "500"
"""The code of ``calling.error`` when what carried a call broke."""

MEDIA_LIMIT: Final = 100
"""How many media one ``calling.play`` may name."""

TEXT_LIMIT: Final = 20_000
"""How many characters its texts may have in all: some 20 minutes of speech."""

PLAYBACKS_LIMIT: Final = 100
"""How many playbacks of one call may wait and play."""

Result = dict[str, Any]


def _refusal(code: int, message: str) -> Result:
    return {"code": str(code), "message": message}


class CallControl:
    """Every call's business."""

    def __init__(self, exchange: Exchange) -> None:
        """Serve the calls of this exchange."""
        self._exchange = exchange
        self._by_leg: dict[Leg, Call] = {}
        self._handlers: dict[type[Command], Callable[[Any, Call, float], Result | None]] = {
            Answer: self._answer,
            End: self._end,
            Pass: self._pass,
            Play: self._play,
            PlayStop: self._stop_play,
            PlayPause: self._pause_play,
            PlayResume: self._resume_play,
            PlayVolume: self._set_volume,
            Refer: self._refer,
            Transfer: self._transfer,
        }

    # --- commands ---------------------------------------------------------------------------------------------------

    def knows(self, command: CallCommand) -> bool:
        """Whether there is anything behind this command here."""
        return type(command) in self._handlers

    def carry_out(self, command: CallCommand, session: RelaySession, now: float) -> Result:
        """Carry a command out and return its reply; events of it come later."""
        exchange = self._exchange
        call = exchange.calls.get(command.call_id)
        if call is None:
            gone = command.call_id in exchange.gone
            return _refusal(410, "The call is over") if gone else _refusal(404, "No such call")
        if call.controller is not session:
            return _refusal(409, "The call is controlled by another client")
        refusal = self._handlers[type(command)](command, call, now)
        if refusal is not None:
            return refusal
        result = {"code": "200", "message": command.reply or "OK", "call_id": call.call_id, "node_id": call.node_id}
        control_id = getattr(command, "control_id", None)
        return {**result, "control_id": control_id} if control_id is not None else result

    def _answer(self, _: Answer, call: Call, now: float) -> Result | None:
        if call.taken:
            return _refusal(409, "The call is answered already")
        if call.state is CallState.ENDING:
            return _refusal(409, "The call is ending")
        call.taken = True
        if call.answer_ordered:  # for the session that handed it on
            self._set_state(call, call.state, now)
        else:
            call.answer_ordered = True
            call.leg.answer()
        return None

    def _end(self, command: End, call: Call, now: float) -> Result | None:
        if call.state is not CallState.ENDING:
            self.end_call(call, command.reason, now)
        return None

    def end_call(self, call: Call, reason: str, now: float) -> None:
        """Order a call to end."""
        call.end_reason = reason
        self._set_state(call, CallState.ENDING, now)
        refusal = REFUSALS.get(reason)
        if refusal is not None and not call.answer_ordered and call.dialing is None:
            call.leg.refuse(refusal)
        else:
            call.leg.hang_up()

    def _pass(self, _: Pass, call: Call, now: float) -> Result | None:
        if call.taken or call.state is CallState.ENDING:
            return _refusal(409, "The call is answered already")
        assert call.controller is not None
        call.passed_by.add(call.controller)
        self._offer(call, now)
        return None

    def _play(self, command: Play, call: Call, now: float) -> Result | None:
        if not call.is_up:
            return _refusal(409, "The call is not answered")
        if command.control_id in call.playbacks:
            return _refusal(409, "This control_id is in use")
        if len(call.playbacks) >= PLAYBACKS_LIMIT:
            return _refusal(429, f"{PLAYBACKS_LIMIT} playbacks of this call wait already")
        if len(command.play) > MEDIA_LIMIT:
            return _refusal(400, f"play has {len(command.play)} media; at most {MEDIA_LIMIT} are played")
        characters = sum(len(medium.params["text"]) for medium in command.play if medium.type == "tts")
        if characters > TEXT_LIMIT:
            return _refusal(400, f"play has {characters} characters of text; at most {TEXT_LIMIT} are spoken")
        call.playbacks[command.control_id] = command.status_url
        loop = 1 if command.loop is None else command.loop
        call.leg.play(command.control_id, command.play, volume=command.volume or 0.0, loop=loop)
        return None

    def _stop_play(self, command: PlayStop, call: Call, now: float) -> Result | None:
        return self._to_playback(command, call, call.leg.stop_play)

    def _pause_play(self, command: PlayPause, call: Call, now: float) -> Result | None:
        return self._to_playback(command, call, call.leg.pause_play)

    def _resume_play(self, command: PlayResume, call: Call, now: float) -> Result | None:
        return self._to_playback(command, call, call.leg.resume_play)

    def _set_volume(self, command: PlayVolume, call: Call, now: float) -> Result | None:
        return self._to_playback(command, call, lambda control_id: call.leg.set_volume(control_id, command.volume))

    def _to_playback(
        self, command: PlayStop | PlayPause | PlayResume | PlayVolume, call: Call, order: Callable[[str], None]
    ) -> Result | None:
        if command.control_id not in call.playbacks:
            return _refusal(404, "No such playback")
        order(command.control_id)
        return None

    def _refer(self, command: Refer, call: Call, now: float) -> Result | None:
        if not call.is_up:
            return _refusal(409, "The call is not answered")
        if call.referring is not None:
            # Told before the reply to the newer one: with the same target, clients could not tell whose word it is.
            call.referring.superseded(now)
        call.refer_status_url = command.status_url
        call.referring = ReferMonitor(
            command.device.uri,
            now=now,
            timers=self._exchange.timers,
            report=lambda at, report: self._refer_changed(call, report, at),
        )
        device = command.device
        call.leg.refer(device.uri, username=device.username, password=device.password)
        return None

    def _transfer(self, command: Transfer, call: Call, now: float) -> Result | None:
        if call.state is CallState.ENDING:
            return _refusal(409, "The call is ending")
        if command.dest.lstrip().startswith(("{", "http:", "https:", "version:")):
            return _refusal(501, "SWML is not run here: dest can only be a context")
        if self._exchange.sessions.next_subscriber(command.dest, peek=True) is None:
            return _refusal(404, f"Nobody has subscribed to the context {command.dest[:100]}")
        call.context = command.dest
        call.passed_by.clear()
        call.playbacks.clear()
        self._offer(call, now)
        return None

    # --- offers -----------------------------------------------------------------------------------------------------

    def call_arrived(self, call: Call, now: float) -> None:
        """Offer a new call."""
        self._by_leg[call.leg] = call
        self._offer(call, now)

    def _offer(self, call: Call, now: float) -> None:
        """Offer a call to the next subscriber of its context, or again in a while when there is none for now."""
        session = self._exchange.sessions.next_subscriber(call.context, call.passed_by)
        if call.controller is not None and call.controller is not session:
            call.controller.pending.forget_call(call.call_id)  # or one that is away would hear of it when it is back
        call.controller, call.taken = session, False
        if session is None:
            self._exchange.timers.at(now + OFFER_AGAIN, lambda at: self._offer_again(call, at))
            return
        self._exchange.tell(session, "calling.call.receive", call.offer_params(session.project_id), now)
        state = CallState.RINGING if call.state is CallState.CREATED else call.state
        self._set_state(call, state, now)

    def _offer_again(self, call: Call, now: float) -> None:
        if call.controller is None and call.state in (CallState.RINGING, CallState.ANSWERED):
            call.passed_by.clear()
            self._offer(call, now)

    def offers_abandoned(self, session: RelaySession, now: float) -> None:
        """A client has left: what was offered to it is offered to the next one."""
        for call in self._calls_of(session):
            if not call.taken:
                self._offer(call, now)

    def offers_left_behind(self, session: RelaySession, now: float) -> None:
        """A client's connection broke: what was offered to it goes to another that is here, else it waits for either."""
        for call in self._calls_of(session):
            if not call.taken:
                self._offer_to_who_is_here(call, now)

    def subscriber_arrived(self, session: RelaySession, now: float) -> None:
        """A client hears further contexts: calls of these that wait for somebody, or for a client that is away, are its."""
        for call in list(self._exchange.calls.values()):
            waits = call.controller is None or (call.controller.line is None and not call.taken)
            if waits and call.controller is not session and call.context in session.contexts:
                self._offer_to_who_is_here(call, now)

    def _offer_to_who_is_here(self, call: Call, now: float) -> None:
        if call.state not in (CallState.RINGING, CallState.ANSWERED):
            return
        candidate = self._exchange.sessions.next_subscriber(call.context, call.passed_by, peek=True)
        if candidate is not None and candidate.line is not None:
            self._offer(call, now)

    def busy_sessions(self) -> set[RelaySession]:
        """Return the sessions that control a call."""
        calls = self._exchange.calls.values()
        return {call.controller for call in calls if call.controller and call.state is not CallState.ENDING}

    def calls_abandoned(self, session: RelaySession, now: float) -> None:
        """A client will not come back: its calls end."""
        for call in self._calls_of(session):
            self.end_call(call, "abandoned", now)

    def _calls_of(self, session: RelaySession) -> list[Call]:
        calls = self._exchange.calls.values()
        return [call for call in calls if call.controller is session and call.state is not CallState.ENDING]

    # --- what phones do ---------------------------------------------------------------------------------------------

    def call_placed(self, call: Call, now: float) -> None:
        """A phone is being called."""
        self._by_leg[call.leg] = call
        self._set_state(call, CallState.CREATED, now)

    def rings(self, call: Call, now: float) -> None:
        """A phone that is being called rings."""
        if call.state is CallState.CREATED:
            self._set_state(call, CallState.RINGING, now)

    def call_answered(self, leg: Leg, now: float) -> None:
        """Media may flow."""
        call = self._by_leg.get(leg)
        if call is not None and call.state in (CallState.CREATED, CallState.RINGING):
            call.answer_ordered = True
            self._set_state(call, CallState.ANSWERED, now)
            if call.dialing is not None:
                call.dialing.answered(call, now)

    def call_ended(self, leg: Leg, reason: str, now: float) -> None:
        """The call is over: told at once, whatever is still to be told of a transfer."""
        call = self._by_leg.get(leg)
        if call is None or call.state is CallState.ENDED:
            return
        call.state = CallState.ENDED
        params = call.state_params(call.end_reason or reason)
        self._exchange.tell(call.controller, "calling.call.state", params, now)
        self._exchange.call_is_over(call)
        call.playbacks.clear()
        if call.referring is not None:
            call.referring.call_ended(now)
        self._forget_if_over(call)
        if call.dialing is not None:
            call.dialing.ended(call, now)

    def call_failed(self, leg: Leg, error: str, now: float) -> None:
        """What carried the call broke: an open transfer is not known any more, and the call is over with an error."""
        call = self._by_leg.get(leg)
        if call is None or call.state is CallState.ENDED:
            return
        if call.referring is not None:
            call.referring.abandoned(now)
        params = {**call.names(), "code": CARRIER_BROKE, "message": error}
        self._exchange.tell(call.controller, "calling.error", params, now)
        call.end_reason = "error"
        self.call_ended(leg, "error", now)

    def play_changed(self, leg: Leg, control_id: str, state: str, error: str, now: float) -> None:
        """A playback's state has changed."""
        call = self._by_leg.get(leg)
        if call is None or control_id not in call.playbacks:
            return
        status_url = call.playbacks[control_id]
        if state in ("finished", "error"):
            del call.playbacks[control_id]
        params = {**call.names(), "control_id": control_id, "state": state, **({"error": error} if error else {})}
        self._exchange.tell(call.controller, "calling.call.play", params, now, status_url=status_url)

    def refer_answered(self, leg: Leg, code: int, now: float) -> None:
        """The phone answered the REFER."""
        call = self._by_leg.get(leg)
        if call is not None and call.referring is not None:
            call.referring.answered(now, code)

    def refer_challenged(self, leg: Leg, code: int, now: float) -> None:
        """The phone wanted credentials for the REFER."""
        call = self._by_leg.get(leg)
        if call is not None and call.referring is not None:
            call.referring.challenged(now, code)

    def refer_notified(
        self, leg: Leg, code: int | None, now: float, *, terminated: bool, expires: float | None
    ) -> None:
        """A NOTIFY came."""
        call = self._by_leg.get(leg)
        if call is not None and call.referring is not None:
            call.referring.notified(now, code, terminated=terminated, expires=expires)

    def _refer_changed(self, call: Call, report: Report, now: float) -> None:
        params = {**call.names(), **report.params()}
        self._exchange.tell(call.controller, "calling.call.refer", params, now, status_url=call.refer_status_url)
        if report.hang_up and call.state is CallState.ANSWERED:
            self.end_call(call, "hangup", now)
        self._forget_if_over(call)

    # --- book-keeping -----------------------------------------------------------------------------------------------

    def _set_state(self, call: Call, state: CallState, now: float) -> None:
        call.state = state
        self._exchange.tell(call.controller, "calling.call.state", call.state_params(), now)

    def _forget_if_over(self, call: Call) -> None:
        if call.state is CallState.ENDED and (call.referring is None or not call.referring.is_open):
            self._by_leg.pop(call.leg, None)
