"""A call between two clients of the server: each side is a leg, and what one side does happens to the other.

A call between clients carries digits and no sound: a playback is over as soon as it has begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    DigitsSent,
    PhoneReport,
    PlayChanged,
    ReferAnswered,
)

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timers
    from anyrelay.protocol.schema import Media

__all__ = ["ClientLeg", "pair_of_legs"]

NOT_IMPLEMENTED: Final = 501
"""The SIP status of a REFER to a client: a client takes none."""

REASONS: Final = {486: "busy", 480: "noAnswer", 603: "decline"}
"""RELAY's end reasons for the SIP statuses that a client refuses a call with; any other is an error."""

Report = Callable[[float, Leg, PhoneReport], None]


class ClientLeg(Leg):
    """A side of a call between two clients."""

    other: ClientLeg
    """The other side."""

    def __init__(self, timers: Timers, report: Report) -> None:
        """Belong to no call yet.

        Args:
            timers: The deadlines of the exchange, by which reports come after the order has returned.
            report: Takes the reports: the time, the leg and what happened.
        """
        self._timers = timers
        self._report = report
        self._answered = False
        self.ended = False
        """Whether the call is over, for both sides."""
        self._endless: set[str] = set()

    def answer(self) -> None:
        """Answer the call, for both sides."""
        for side in (self, self.other):
            side._answered = True
            side._tell(CallAnswered())

    def refuse(self, code: int) -> None:
        """Refuse the call, for both sides."""
        reason = REASONS.get(code, "error")
        self._end(reason, reason)

    def hang_up(self) -> None:
        """End the call, for both sides."""
        self._end("hangup", "hangup" if self._answered else "cancel")

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Begin a playback, which is over at once, unless it plays until it is stopped."""
        self._tell(PlayChanged(control_id, "playing"))
        if loop:
            self._tell(PlayChanged(control_id, "finished"))
        else:
            self._endless.add(control_id)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        if control_id in self._endless:
            self._endless.remove(control_id)
            self._tell(PlayChanged(control_id, "finished"))

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        if control_id in self._endless:
            self._tell(PlayChanged(control_id, "paused"))

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback."""
        if control_id in self._endless:
            self._tell(PlayChanged(control_id, "playing"))

    def set_volume(self, control_id: str, volume: float) -> None:
        """Change nothing: there is no sound."""

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Report that the other client takes no REFER."""
        self._tell(ReferAnswered(NOT_IMPLEMENTED))

    def listen(self) -> None:
        """Do nothing: the digits of the other client are always reported."""

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send digits to the other client."""
        for digit in digits:
            if digit not in "wW":
                self.other._tell(DigitHeard(digit))
        self._tell(DigitsSent(control_id))

    def _end(self, reason: str, reason_there: str) -> None:
        if not self.ended:
            self.ended = self.other.ended = True
            self._tell(CallEnded(reason))
            self.other._tell(CallEnded(reason_there))

    def _tell(self, report: PhoneReport) -> None:
        self._timers.soon(lambda now: self._report(now, self, report))


def pair_of_legs(timers: Timers, report: Report) -> tuple[ClientLeg, ClientLeg]:
    """Return both sides of a new call: the leg of the client that calls, and the leg of the client that is called."""
    calling, called = ClientLeg(timers, report), ClientLeg(timers, report)
    calling.other, called.other = called, calling
    return calling, called
