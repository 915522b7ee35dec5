"""An outbound dial: several legs under one tag, the first that answers wins (RELAY facts, section 3).

The reply to ``calling.dial`` names no call. Events do, by the tag, and they can overtake the reply; so a dial is known from
its command on, and stays known while a leg could still turn up after its caller gave up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import ConnectionLost, DialFailed, DialTimeout, LocalError, RelayError
from anyrelay.protocol.call.call import CallMachine, CallState
from anyrelay.protocol.core.link_timers import LinkTimer
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer
from anyrelay.protocol.outbound.host import OutboundHost
from anyrelay.protocol.rpc.pending import CommandObserver, CommandOptions, Reply
from anyrelay.protocol.rpc.rejections import is_rejection
from anyrelay.protocol.schema import CallStateEvent, RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema import Dial

__all__ = ["TRANSITIONS", "DialInput", "DialMachine", "DialState"]

LATE_LEGS: Final = 120.0
"""How long after its caller gave up a dial's legs are still hung up when they turn up, in seconds. Time in which the server
cannot be heard does not count."""

HANG_UP_AGAIN: Final = 5.0
"""How long after an error reply a leg is hung up again, in seconds, where the reply does not say that there is no leg."""

HANG_UPS: Final = 5
"""How often a server that answers with such errors is asked to hang up a leg."""


class DialState(StrEnum):
    """Where a dial is."""

    DIALING = auto()
    """Legs ring."""
    ANSWERED = auto()
    """There is a winner."""
    FAILED = auto()
    """Nobody answered."""
    ABANDONED = auto()
    """Its caller waits no more: every leg is hung up, a late winner too."""


class DialInput(StrEnum):
    """What a dial can be told."""

    WON = auto()
    """A leg has answered."""
    LOST = auto()
    """Nobody answered, the server refused the command, or the session is gone."""
    ABANDON = auto()
    """Its time is over, its caller was cancelled, or the server answered with an error that leaves open what it does."""


TRANSITIONS: Final[dict[tuple[DialState, DialInput], DialState]] = {
    (DialState.DIALING, DialInput.WON): DialState.ANSWERED,
    (DialState.DIALING, DialInput.LOST): DialState.FAILED,
    (DialState.DIALING, DialInput.ABANDON): DialState.ABANDONED,
    (DialState.ABANDONED, DialInput.LOST): DialState.FAILED,
}
"""Where a dial goes; a pair that is not here changes nothing."""


_UNTIL_SENT: Final = CommandOptions(timeout_until_sent=True)
"""The options of the command: its reply says nothing, and the dial has a time-out of its own."""


class _Winner(Promise[CallMachine]):
    """The promise of a call. Its waiter may be cancelled when the call is there already: then nobody holds the call."""

    __slots__ = ("_dialing",)

    def __init__(self, dialing: DialMachine) -> None:
        super().__init__(dialing.caller_left)
        self._dialing = dialing

    def abandon(self) -> None:
        """Say that nobody waits any more: whatever rings, or has been answered, is hung up."""
        if self.done:
            self._dialing.result_unclaimed()
        super().abandon()


class DialMachine(CommandObserver):
    """One dial, from its command to its winner."""

    def __init__(
        self, host: OutboundHost, command: Dial, now: float, timeout: float, on_over: Callable[[DialMachine], None]
    ) -> None:
        """Send the command.

        Args:
            host: The session.
            command: The command; its tag is what the dial's events carry.
            now: The time, in seconds.
            timeout: How long anybody may take to answer, in seconds.
            on_over: Called when no more legs are expected.

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
        self._is_told_of = False
        self._timeout = timeout
        # The reply says nothing: once the command has left, only `timeout` counts.
        self._reply = host.submit(now, command, command_observer=self, options=_UNTIL_SENT)
        self._timer: Timer | LinkTimer = host.timers.at(now + timeout, self._expired)

    # --- what is heard of it ----------------------------------------------------------------------------------------

    @property
    def is_under_way(self) -> bool:
        """Whether an event of it has come."""
        return self._is_told_of

    def sent(self, now: float) -> None:
        """The command has left."""
        self._sent = True

    def rejected(self, error: RelayError) -> None:
        """The server refused the command, or it was withdrawn."""
        self._fail(error)

    def in_doubt(self, error: RelayError, now: float) -> None:
        """The server answered with an error, and may dial all the same: nobody waits for whatever turns up."""
        self.promise.fail(error)
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def session_lost(self, error: RelayError) -> None:
        """The session is gone for good; a command that still waits for the line is the next session's."""
        if self._sent:
            self._fail(error)

    def leg(self, event: CallStateEvent, now: float) -> None:
        """A leg has turned up."""
        self._is_told_of = True
        call = self._know(event.call_id, event.params)
        call.receive(event, now)
        if self.state is DialState.ABANDONED:
            self._hang_up(call, now)

    def told(self, event: RelayEvent, now: float) -> None:
        """The server tells how the dial goes; its call_id is nested in ``call``."""
        self._is_told_of = True
        word = event.params.get("dial_state")
        inner = event.params.get("call")
        if word == "answered" and isinstance(inner, dict):
            call_id = inner.get("call_id")
            if isinstance(call_id, str) and call_id:
                self._won(self._know(call_id, inner), now)
        elif word == "failed":
            why = self._why("nobody answered the dial", "end_reason")
            reason = event.params.get("failed_reason")  # which the local server gives where it knows one
            self._fail(DialFailed(f"{why}: {reason[:1_000]}" if isinstance(reason, str) and reason else why))

    def _won(self, call: CallMachine, now: float) -> None:
        # The dial's event may overtake the call's own, and whoever gets the call is to find it answered.
        if call.state in (CallState.CREATED, CallState.RINGING):
            params = {"call_id": call.call_id, "call_state": str(CallState.ANSWERED)}
            answered = CallStateEvent(call_id=call.call_id, call_state=CallState.ANSWERED, params=params)
            call.receive(answered, now)
        if not self._move(DialInput.WON):  # its caller has given up
            self._hang_up(call, now)
            return
        self._winner = call
        self.promise.resolve(call)  # first, as in `_fail`
        self._close()

    def _know(self, call_id: str, params: dict[str, Any]) -> CallMachine:
        """Return a leg; it starts at the beginning, since its state is to be told to it like any other call's."""
        call = self._legs.get(call_id) or self._host.calls.get(call_id)
        if call is None:
            known = {"tag": self.tag, **params, "direction": "outbound", "call_state": str(CallState.CREATED)}
            call = self._host.add_call(RelayEvent(call_id=call_id, params=known))
        node_id = params.get("node_id")
        if isinstance(node_id, str):
            call.node_id = call.node_id or node_id
        self._legs[call_id] = call
        return call

    # --- how it ends ------------------------------------------------------------------------------------------------

    def _fail(self, error: RelayError) -> None:
        self._move(DialInput.LOST)
        self.promise.fail(error)  # first: closing may withdraw the command, which would fail the dial as well
        self._close()

    def _expired(self, now: float) -> None:
        why = f"nobody answered the dial within {self._timeout:g} s"
        self.promise.fail(DialTimeout(self._why(why, "state")))
        self._reply.abandon()  # withdraws the command if it still waits for the line
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def caller_left(self) -> None:
        """Its caller waits no more."""
        self._reply.abandon()
        if self._move(DialInput.ABANDON):  # at once: a winner that comes before the next turn is nobody's either
            # Whoever gives up has no time to tell; the next turn has.
            self._timer.cancel()
            self._timer = self._host.timers.soon(self._hang_up_all)

    def result_unclaimed(self) -> None:
        """Its caller went away without its result: a winner is nobody's."""
        winner = self._winner
        if winner is not None:
            self._host.timers.soon(lambda now: self._hang_up(winner, now))

    def client_closes(self, now: float) -> None:
        """The client is about to close, and the line is up: what rings is hung up while that can be said.

        Its caller is told like everybody else, once the client is closed.
        """
        if self._move(DialInput.ABANDON):
            self._hang_up_all(now)

    def _hang_up_all(self, now: float) -> None:
        """Hang up every leg, and for a while those that turn up late."""
        self._timer.cancel()
        self._timer = self._host.link_timers.after(LATE_LEGS, lambda _: self._close(), now)
        for leg in list(self._legs.values()):
            self._hang_up(leg, now)
        self._host.work_ended()

    def _hang_up(self, leg: CallMachine, now: float, tries: int = HANG_UPS) -> None:
        # A leg that the session knows no more is gone with it, or is told to have ended.
        if leg.state in (CallState.ENDING, CallState.ENDED) or self._host.calls.get(leg.call_id) is not leg:
            return
        # However long the line is down: the command waits for it.
        reply = self._host.hang_up_quietly(leg, now, "cancel", timeout=math.inf)
        if reply is not None:
            reply.on_ready(lambda: self._hang_up_again(leg, reply, tries - 1))

    def _hang_up_again(self, leg: CallMachine, reply: Promise[Reply], tries: int) -> None:
        """Hang up a leg that may ring on: hanging up twice does no harm, ringing on does.

        A command that was lost with its connection may not have got there. An error reply may say only that the server is busy.
        """
        error, timers = reply.error, self._host.timers
        if isinstance(error, ConnectionLost):
            # The next turn knows the time, and whether the session is over too.
            timers.soon(lambda now: self._hang_up(leg, now, tries + 1))
        elif (
            isinstance(error, RelayError) and not (isinstance(error, LocalError) or is_rejection(error.code)) and tries
        ):

            def wait(now: float) -> None:
                timers.at(now + HANG_UP_AGAIN, lambda at: self._hang_up(leg, at, tries))

            timers.soon(wait)

    def _why(self, words: str, of_legs: str) -> str:
        told = ", ".join(sorted({str(getattr(leg, of_legs)) for leg in self._legs.values()} - {""}))
        return f"{words}; its legs: {told}" if told else words

    def _move(self, what: DialInput) -> bool:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        return self.state is not before

    def _close(self) -> None:
        if not self._sent:  # events of an earlier dial with its tag have told its end
            self._reply.abandon()
        self._timer.cancel()
        self._on_over(self)
        self._host.work_ended()
