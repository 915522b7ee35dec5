"""An outbound dial (``calling.dial``): several legs with one tag; the first leg that answers wins (RELAY facts, section 3).

The reply to ``calling.dial`` has no call_id. The events have one, carry the tag, and can overtake the reply. So a dial is kept
from its command on, and also after its caller gave up, as long as a leg could still appear.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import DialFailed, DialTimeout, RelayError
from anyrelay.protocol.call.call import CallMachine, CallState
from anyrelay.protocol.core.link_timers import LinkTimer
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.rpc.submission import CommandObserver, CommandOptions
from anyrelay.protocol.schema import CallStateEvent, RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.host import OutboundHost
    from anyrelay.protocol.schema import Dial

__all__ = ["TRANSITIONS", "DialInput", "DialMachine", "DialState"]

LATE_LEGS: Final = 120.0
"""The time after a caller gave up in which new legs of the dial are hung up, in seconds. Time without a connection does not
count."""


class DialState(StrEnum):
    """The state of a dial (``calling.dial``)."""

    DIALING = auto()
    """Legs are ringing."""
    ANSWERED = auto()
    """A leg has answered."""
    FAILED = auto()
    """No leg answered."""
    ABANDONED = auto()
    """The caller waits no more: every leg is hung up, and also a leg that answers later."""


class DialInput(StrEnum):
    """The inputs of a dial's state machine."""

    WON = auto()
    """A leg has answered."""
    LOST = auto()
    """No leg answered, the server refused the command, or the session is over."""
    ABANDON = auto()
    """The dial timed out, its caller was cancelled, or an error reply leaves open whether the server dials."""


TRANSITIONS: Final[dict[tuple[DialState, DialInput], DialState]] = {
    (DialState.DIALING, DialInput.WON): DialState.ANSWERED,
    (DialState.DIALING, DialInput.LOST): DialState.FAILED,
    (DialState.DIALING, DialInput.ABANDON): DialState.ABANDONED,
    (DialState.ABANDONED, DialInput.LOST): DialState.FAILED,
}
"""The transitions of a dial. A pair that is missing changes nothing."""


_UNTIL_SENT: Final = CommandOptions(timeout_until_sent=True)
"""The options of ``calling.dial``: its reply says nothing, and the dial has its own timeout."""


class _Winner(Promise[CallMachine]):
    """The promise of the answered call. A waiter that is cancelled after the answer leaves a call without an owner."""

    __slots__ = ("_dial",)

    def __init__(self, dial: DialMachine) -> None:
        super().__init__(dial.caller_cancelled)
        self._dial = dial

    def abandon(self) -> None:
        """Stop waiting: ringing legs, and an answered leg, are hung up."""
        if self.done:
            self._dial.result_unclaimed()
        super().abandon()


class DialMachine(CommandObserver):
    """A dial (``calling.dial``), from its command to its answered leg."""

    def __init__(
        self, host: OutboundHost, command: Dial, now: float, timeout: float, on_over: Callable[[DialMachine], None]
    ) -> None:
        """Send the command.

        Args:
            host: The session.
            command: The command; the events of the dial carry its tag.
            now: The time, in seconds.
            timeout: The longest time until an answer, in seconds.
            on_over: Called when no further leg is expected.

        Raises:
            RelayError: The command cannot be sent.
        """
        self.tag = command.tag
        self.state = DialState.DIALING
        self.promise: Promise[CallMachine] = _Winner(self)
        self._host = host
        self._on_over = on_over
        self._legs: dict[str, CallMachine] = {}
        self._winner: CallMachine | None = None
        self._sent = False
        self._has_event = False
        self._timeout = timeout
        # The reply says nothing: once the command has left, only `timeout` counts.
        self._reply = host.submit(now, command, command_observer=self, options=_UNTIL_SENT)
        self._timer: Timer | LinkTimer = host.timers.at(now + timeout, self._expired)

    # --- events and the reply -------------------------------------------------------------------------------------

    @property
    def is_under_way(self) -> bool:
        """Whether an event of the dial has come."""
        return self._has_event

    def sent(self, now: float) -> None:
        """Note that the command was sent."""
        self._sent = True

    def rejected(self, error: RelayError) -> None:
        """Fail the dial: the server refused the command, or the command was withdrawn."""
        self._fail(error)

    def in_doubt(self, error: RelayError, now: float) -> None:
        """Fail the caller after an error reply that leaves open whether the server dials; hang up legs that appear."""
        self.promise.fail(error)
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def session_lost(self, error: RelayError) -> None:
        """Fail a sent dial, since its session is over; an unsent command goes to the next session."""
        if self._sent:
            self._fail(error)

    def receive_leg(self, event: CallStateEvent, now: float) -> None:
        """Receive ``calling.call.state`` of a leg."""
        self._has_event = True
        call = self._find_or_add_leg(event.call_id, event.params)
        call.receive(event, now)
        if self.state is DialState.ABANDONED:
            self._host.hang_up(call, now, "cancel")

    def receive_dial(self, event: RelayEvent, now: float) -> None:
        """Receive ``calling.call.dial``; the call_id is nested in ``call``."""
        self._has_event = True
        word = event.params.get("dial_state")
        inner = event.params.get("call")
        if word == "answered" and isinstance(inner, dict):
            call_id = inner.get("call_id")
            if isinstance(call_id, str) and call_id:
                self._won(self._find_or_add_leg(call_id, inner), now)
        elif word == "failed":
            why = self._why("nobody answered the dial", "end_reason")
            reason = event.params.get("failed_reason")  # sent by the local server only
            self._fail(DialFailed(f"{why}: {reason[:1_000]}" if isinstance(reason, str) and reason else why))

    def _won(self, call: CallMachine, now: float) -> None:
        # The dial's event may overtake the call's own event. The caller gets a call that is answered already.
        if call.state in (CallState.CREATED, CallState.RINGING):
            params = {"call_id": call.call_id, "call_state": str(CallState.ANSWERED)}
            answered = CallStateEvent(call_id=call.call_id, call_state=CallState.ANSWERED, params=params)
            call.receive(answered, now)
        if not self._move(DialInput.WON):  # the caller has given up
            self._host.hang_up(call, now, "cancel")
            return
        self._winner = call
        self.promise.resolve(call)  # before `_close`, as in `_fail`
        self._close()

    def _find_or_add_leg(self, call_id: str, params: dict[str, Any]) -> CallMachine:
        """Return a leg; a new leg is in state created, and then receives its state event like any other call."""
        call = self._legs.get(call_id) or self._host.calls.get(call_id)
        if call is None:
            known = {"tag": self.tag, **params, "direction": "outbound", "call_state": str(CallState.CREATED)}
            call = self._host.add_call(RelayEvent(call_id=call_id, params=known))
        node_id = params.get("node_id")
        if isinstance(node_id, str):
            call.node_id = call.node_id or node_id
        self._legs[call_id] = call
        return call

    # --- the end ----------------------------------------------------------------------------------------------------

    def _fail(self, error: RelayError) -> None:
        self._move(DialInput.LOST)
        self.promise.fail(error)  # before `_close`, which may withdraw the command and so fail the dial
        self._close()

    def _expired(self, now: float) -> None:
        why = f"nobody answered the dial within {self._timeout:g} s"
        self.promise.fail(DialTimeout(self._why(why, "state")))
        self._reply.abandon()  # withdraws an unsent command
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def caller_cancelled(self) -> None:
        """Give up the dial, since its caller waits no more."""
        self._reply.abandon()
        if self._move(DialInput.ABANDON):  # at once: no leg may win any more
            # There is no `now` here: the legs are hung up with the next turn.
            self._timer.cancel()
            self._timer = self._host.timers.soon(self._hang_up_all)

    def result_unclaimed(self) -> None:
        """Hang up the answered leg, since its caller was cancelled before taking the leg."""
        winner = self._winner
        if winner is not None:
            self._host.timers.soon(lambda now: self._host.hang_up(winner, now, "cancel"))

    def client_closes(self, now: float) -> None:
        """Hang up ringing legs while there is a connection, since the client is about to close.

        The caller gets its error like every other waiter, once the client is closed.
        """
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def _hang_up_all(self, now: float) -> None:
        """Hang up every leg, and for `LATE_LEGS` also the legs that appear late."""
        self._timer.cancel()
        self._timer = self._host.link_timers.after(LATE_LEGS, lambda _: self._close(), now)
        for leg in list(self._legs.values()):
            self._host.hang_up(leg, now, "cancel")
        self._host.work_ended()

    def _why(self, words: str, of_legs: str) -> str:
        states = ", ".join(sorted({str(getattr(leg, of_legs)) for leg in self._legs.values()} - {""}))
        return f"{words}; its legs: {states}" if states else words

    def _move(self, what: DialInput) -> bool:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        return self.state is not before

    def _close(self) -> None:
        if not self._sent:  # events of an earlier dial with the same tag ended this one
            self._reply.abandon()
        self._timer.cancel()
        self._on_over(self)
        self._host.work_ended()
