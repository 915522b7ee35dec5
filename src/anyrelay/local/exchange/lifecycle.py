"""The life of a call at the exchange: ``calling.answer``, ``calling.end`` and the ``calling.call.state`` events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anyrelay.local.exchange.calls import CallState
from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import CallAnswered, CallEnded, CallFailed
from anyrelay.protocol.schema import Answer, End

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["Lifecycle"]

REFUSALS: Final = {"busy": 486, "decline": 603, "noAnswer": 480, "error": 500, "not_found": 404}
"""The SIP status that refuses a ringing call, by the end reason (RFC 3261 section 21)."""

SECONDS_PER_MINUTE: Final = 60.0
"""``max_duration`` counts minutes here, as in the source of SignalWire's client."""

STACK_BROKE: Final = "500"
"""The code of ``calling.error`` when the SIP stack of a call broke."""


class Lifecycle(Feature):
    """Answers calls, ends calls, and tells each state."""

    def __init__(self, host: ExchangeHost) -> None:
        """Serve the calls of this exchange."""
        super().__init__(host)
        self.commands = {Answer: ServedCommand(self._answer), End: ServedCommand(self._end)}
        self.reports = {CallAnswered: self._answered, CallEnded: self._ended, CallFailed: self._failed}

    # --- commands

    def _answer(self, _: Answer, call: Call, now: float) -> None:
        if call.taken:
            raise CommandRefused(409, "The call is answered already")
        if call.state is CallState.ENDING:
            raise CommandRefused(409, "The call is ending")
        call.taken = True
        if call.answer_ordered:  # by the session that handed it on
            self.set_state(call, call.state, now)
        else:
            call.answer_ordered = True
            call.leg.answer()

    def _end(self, command: End, call: Call, now: float) -> None:
        if call.state is not CallState.ENDING:
            self.end_call(call, command.reason, now)

    # --- for other features

    def set_state(self, call: Call, state: CallState, now: float) -> None:
        """Change a call's state, and tell its controller."""
        call.state = state
        self._tell_state(call, call.state_params(), now)

    def _tell_state(self, call: Call, params: dict[str, Any], now: float) -> None:
        """Send ``calling.call.state``, and POST it to the ``call_state_url`` of the device that was called."""
        url = call.state_url() if str(call.state) in call.state_url_events() else None
        self.host.tell(call.controller, "calling.call.state", params, now, status_url=url)

    def end_call(self, call: Call, reason: str, now: float) -> None:
        """Order a phone to end its call, unless the call is over or was ordered to end."""
        if call.is_ending:
            return
        call.end_reason = reason
        self.set_state(call, CallState.ENDING, now)
        refusal = REFUSALS.get(reason)
        if refusal is not None and not call.answer_ordered and call.direction == "inbound":
            call.leg.refuse(refusal)
        else:
            call.leg.hang_up()

    def end_after(self, call: Call, minutes: float, now: float) -> None:
        """End a call once it has lasted for so many minutes."""
        end = now + minutes * SECONDS_PER_MINUTE
        self.host.timers.at(end, lambda at: self.end_call(call, "max_duration", at))

    def rings(self, call: Call, now: float) -> None:
        """Take in that a phone which is being called rings."""
        if call.state is CallState.CREATED:
            self.set_state(call, CallState.RINGING, now)

    def end_calls_of(self, session: RelaySession, now: float) -> None:
        """End the calls of a client that will not come back."""
        for call in self.host.calls.of_session(session):
            self.end_call(call, "abandoned", now)

    # --- reports

    def _answered(self, _: CallAnswered, call: Call, now: float) -> None:
        if call.state in (CallState.CREATED, CallState.RINGING):
            call.answer_ordered = True
            if call.answer_told_after:
                call.state = CallState.ANSWERED
                self.host.timers.at(now + call.answer_told_after, lambda at: self._tell_answered(call, at))
            else:
                self.set_state(call, CallState.ANSWERED, now)

    def _tell_answered(self, call: Call, now: float) -> None:
        if call.state is CallState.ANSWERED:
            self.set_state(call, CallState.ANSWERED, now)

    def _ended(self, report: CallEnded, call: Call, now: float) -> None:
        """Send the end of a call at once, before further events of a transfer."""
        if call.state is not CallState.ENDED:
            call.state = CallState.ENDED
            self._tell_state(call, call.state_params(call.end_reason or report.reason), now)
            self.host.calls.end(call)

    def _failed(self, report: CallFailed, call: Call, now: float) -> None:
        if call.state is not CallState.ENDED:
            self.tell(call, "calling.error", {"code": STACK_BROKE, "message": report.error}, now)
            call.end_reason = "error"
            self._ended(CallEnded("error"), call, now)
