"""The REFERs that a simulated phone is sent, and the steps that the phone then takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from anyrelay.local.exchange.reports import PhoneReport, ReferAnswered, ReferNotified
from anyrelay.local.simulated.scripts import AnswerRefer, Behaviour, HangUp, Notify, Step, Target

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timer

__all__ = ["ReferredPhone", "SimulatedRefers"]


class ReferredPhone(Protocol):
    """The members of the phone that its REFERs use."""

    def is_over(self) -> bool:
        """Return whether the phone's call is over."""
        ...

    def behaviour(self, target: Target) -> Behaviour:
        """Return how the phone treats a REFER to this target."""
        ...

    def transferred(self, target: str) -> None:
        """Take in that the phone talks to the target now."""

    def note(self, words: str) -> None:
        """Tell the observers what the phone does."""

    def tell(self, now: float, report: PhoneReport) -> None:
        """Report something that happened on the call to the exchange."""

    def end(self, now: float, reason: str) -> None:
        """End the phone's call."""

    def later(self, delay: float, action: Callable[[float], None]) -> Timer:
        """Call `action` with the time, `delay` scripted seconds from now."""
        ...


class SimulatedRefers:
    """The REFERs of one call. A new REFER drops the steps of an earlier REFER that are still to come."""

    def __init__(self, phone: ReferredPhone) -> None:
        """Make the REFERs of this phone, which was sent none yet."""
        self._phone = phone
        self._count = 0

    def send(self, uri: str, target: Target) -> None:
        """Send the phone a REFER to a target, and schedule the phone's steps."""
        self._count += 1
        self._phone.note(f"is sent a REFER to {uri}")
        steps = self._phone.behaviour(target).steps(target.progress())
        for step in sorted(steps, key=lambda step: step.after):
            self._phone.later(step.after, partial(self._do, step, self._count, uri))

    def _do(self, step: Step, number: int, uri: str, now: float) -> None:
        if number != self._count:
            return
        phone = self._phone
        match step:
            case AnswerRefer(code=code):
                if not phone.is_over():
                    phone.note(f"answers the REFER {code}")
                    phone.tell(now, ReferAnswered(code))
            case HangUp():
                phone.end(now, "hangup")
            case Notify(code=code, terminated=terminated, expires=expires):
                if code is not None and 200 <= code < 300 and code != 202:
                    phone.transferred(uri)
                body = "without a status" if code is None else str(code)
                phone.note(f"sends NOTIFY {body}{', terminated' if terminated else ''}")
                phone.tell(now, ReferNotified(code=code, terminated=terminated, expires=expires))
