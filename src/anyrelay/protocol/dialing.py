"""An outbound dial: several legs under one tag, the first that answers wins (RELAY facts, section 3).

The reply to ``calling.dial`` names no call. Events do, by the tag, and they can overtake the reply; so the tag is known
before the command leaves, and stays known while a leg could still turn up after its caller gave up.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import TYPE_CHECKING, Final

from anyrelay.errors import DialFailed, DialTimeout, RelayError
from anyrelay.protocol.call import CallMachine, CallState
from anyrelay.protocol.events import CallStateEvent, RelayEvent
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Follower
from anyrelay.protocol.timers import Timer

if TYPE_CHECKING:
    from anyrelay.protocol.session import Session

__all__ = ["TRANSITIONS", "Dialing", "Input", "State"]

LATE_LEGS: Final = 120.0
"""How long after its caller gave up a dial's legs are still hung up when they turn up, in seconds."""


class State(StrEnum):
    """Where a dial is."""

    DIALING = auto()
    """Legs ring."""
    ANSWERED = auto()
    """There is a winner."""
    FAILED = auto()
    """Nobody answered."""
    GIVEN_UP = auto()
    """Its caller waits no more: every leg is hung up, a late winner too."""


class Input(StrEnum):
    """What a dial can be told."""

    WON = auto()
    """A leg has answered."""
    LOST = auto()
    """Nobody answered, or the server refused the command."""
    GIVE_UP = auto()
    """Its time is over, or its caller was cancelled."""


TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (State.DIALING, Input.WON): State.ANSWERED,
    (State.DIALING, Input.LOST): State.FAILED,
    (State.DIALING, Input.GIVE_UP): State.GIVEN_UP,
    (State.GIVEN_UP, Input.LOST): State.FAILED,
}
"""Where a dial goes; a pair that is not here changes nothing."""


class Dialing(Follower):
    """One dial, from its command to its winner."""

    def __init__(self, session: Session, tag: str, now: float, timeout: float) -> None:
        """Know the tag before the command leaves.

        Args:
            session: Whose dial it is.
            tag: What its events carry.
            now: The time, in seconds.
            timeout: How long anybody may take to answer, in seconds.
        """
        self.tag = tag
        self.state = State.DIALING
        self.promise: Promise[CallMachine] = Promise(self._abandoned)
        self._session = session
        self._legs: dict[str, CallMachine] = {}
        self._timeout = timeout
        self._timer: Timer = session.timers.at(now + timeout, self._expired)

    def refused(self, error: RelayError) -> None:
        """The server refused the command, or it was withdrawn."""
        self._fail(error)

    def withdraw(self) -> None:
        """The command could not be sent at all."""
        self._close()

    def leg(self, event: CallStateEvent, now: float) -> None:
        """A leg has turned up, or has come on."""
        call = self._know(event)
        call.receive(event, now)
        if self.state is State.GIVEN_UP:
            self._hang_up(call, now)

    def told(self, event: RelayEvent, now: float) -> None:
        """The server tells how the dial goes; its call_id is nested in ``call``."""
        word = event.params.get("dial_state")
        inner = event.params.get("call")
        if word == "answered" and isinstance(inner, dict) and isinstance(inner.get("call_id"), str):
            self._won(inner, now)
        elif word == "failed":
            reasons = ", ".join(sorted({leg.end_reason for leg in self._legs.values() if leg.end_reason}))
            self._fail(DialFailed(f"nobody answered the dial{f': {reasons}' if reasons else ''}"))

    def _won(self, inner: dict[str, object], now: float) -> None:
        call_id = str(inner["call_id"])
        known = RelayEvent(call_id=call_id, params={**inner, "direction": "outbound"})
        call = self._know(known)
        # The dial's event may overtake the call's own, and whoever gets the call is to find it answered.
        answered = CallStateEvent(call_id=call_id, call_state=CallState.ANSWERED, params={"call_state": "answered"})
        if call.state in (CallState.CREATED, CallState.RINGING):
            call.receive(answered, now)
        if self.state is State.GIVEN_UP:
            self._hang_up(call, now)
        elif self._move(Input.WON):
            self._close()
            self.promise.resolve(call)

    def _know(self, event: RelayEvent) -> CallMachine:
        call = self._session.calls.get(event.call_id)
        if call is None:
            call = self._session.add_call(event)
        self._legs[event.call_id] = call
        return call

    def _fail(self, error: RelayError) -> None:
        if self._move(Input.LOST):
            self._close()
            self.promise.fail(error)

    def session_lost(self, error: RelayError) -> None:
        """The session is gone for good."""
        self._fail(error)

    def _expired(self, now: float) -> None:
        if self.state is State.GIVEN_UP:
            self._session.outbound.forget_dial(self)
            return
        self._give_up(now)
        reasons = ", ".join(sorted({leg.state for leg in self._legs.values()}))
        legs = f"; its legs are {reasons}" if reasons else ""
        self.promise.fail(DialTimeout(f"nobody answered the dial within {self._timeout:g} s{legs}"))

    def _abandoned(self) -> None:
        # Whoever gives up has no time to tell; the next turn has.
        self._session.timers.at(float("-inf"), self._give_up)

    def _give_up(self, now: float) -> None:
        """Hang up every leg, and those that turn up late."""
        if not self._move(Input.GIVE_UP):
            return
        self._timer.cancel()
        self._timer = self._session.timers.at(now + LATE_LEGS, self._expired)
        for leg in list(self._legs.values()):
            self._hang_up(leg, now)

    def _hang_up(self, leg: CallMachine, now: float) -> None:
        if leg.state not in (CallState.ENDING, CallState.ENDED):
            self._session.hang_up_quietly(leg, now, "cancel")

    def _move(self, what: Input) -> bool:
        before = self.state
        self.state = TRANSITIONS.get((before, what), before)
        return self.state is not before

    def _close(self) -> None:
        self._timer.cancel()
        self._session.outbound.forget_dial(self)
