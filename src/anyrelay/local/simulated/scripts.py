"""What simulated phones do: targets that answer a call in some way, and callers that treat a REFER in some way.

A behaviour turns what the target's INVITE brings into a list of steps: facts of SIP with the time at which each happens,
in seconds after the REFER. Whatever RFC 3515 and 6665 allow, and what phones do all the same, can be played so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeAlias

import attrs
from attrs import field, frozen

from anyrelay.protocol.schema.fields import is_flag, is_integer, is_number, one_of, optional

__all__ = [
    "ANSWERS",
    "BEHAVIOURS",
    "AcceptOnly",
    "AnswerRefer",
    "Behaviour",
    "EndSubscription",
    "Follow",
    "HangUp",
    "HangUpEarly",
    "Ignore",
    "Notify",
    "NotifyFirst",
    "Refuse",
    "ReportTwice",
    "Script",
    "Step",
    "Target",
    "describe_behaviour",
    "read_behaviour",
]

ANSWERS: Final[dict[str, int | None]] = {
    "answer": 200,
    "busy": 486,
    "no-answer": 480,
    "decline": 603,
    "silent": None,
    "reject": None,
}
"""The final SIP status of a target that answers so; None for one that rings for ever, or that nobody ever calls."""

REJECTION: Final = 403
"""What a phone answers to a REFER to a target that rejects it, unless told otherwise."""

NOT_FOUND: Final = 404
"""What calling a target that was never described brings."""

_seconds = is_number(0, 1e6, "seconds")
_status = is_integer(200, 699)


@frozen(kw_only=True)
class Target:
    """A phone that others are referred to."""

    uri: str
    """Its SIP URI."""
    answers: str = field(default="answer", validator=one_of(*ANSWERS))
    """answer, busy, no-answer, decline, silent (rings for ever) or reject (a REFER to it is refused)."""
    ring_time: float = field(default=0.2, validator=_seconds)
    """Seconds for which it rings before it answers so."""
    code: int | None = field(default=None, validator=optional(_status))
    """The SIP status to answer with instead: the REFER for reject, the call for the others."""

    def progress(self) -> list[tuple[float, int]]:
        """Return what calling it brings: seconds after the INVITE, and the SIP status."""
        if self.answers == "reject":
            return []
        final = ANSWERS[self.answers] if self.code is None else self.code
        if self.answers == "silent" or final is None:
            return [(0.0, 100), (0.0, 180)]
        ringing = [(0.0, 180)] if self.answers in ("answer", "no-answer") else []
        return [(0.0, 100), *ringing, (self.ring_time, final)]


@frozen
class AnswerRefer:
    """The phone answers the REFER."""

    after: float = field(validator=_seconds)
    """Seconds after the REFER."""
    code: int = field(default=202, validator=_status)
    """The final SIP status."""


@frozen
class Notify:
    """The phone sends a NOTIFY of the refer subscription."""

    after: float = field(validator=_seconds)
    """Seconds after the REFER."""
    code: int | None = field(default=None, validator=optional(is_integer(100, 699)))
    """The status in its body; None for a body that cannot be read, or none."""
    terminated: bool = field(default=False, validator=is_flag)
    """Whether it ends the subscription."""
    expires: float | None = field(default=None, validator=optional(_seconds))
    """The subscription's remaining life in seconds; None to name none."""


@frozen
class HangUp:
    """The phone sends a BYE."""

    after: float = field(validator=_seconds)
    """Seconds after the REFER."""


Step: TypeAlias = AnswerRefer | Notify | HangUp
"""One thing that a phone does about a REFER."""


class Behaviour(ABC):
    """How a phone treats a REFER."""

    name: ClassVar[str]
    """The word for it where a word is given instead."""

    @abstractmethod
    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return what the phone does, given what its INVITE to the target brings."""


@frozen
class Follow(Behaviour):
    """Do it properly: answer 202, call the target, report each step, end the subscription with the final one."""

    name: ClassVar[str] = "follow"
    expires: float | None = field(default=None, validator=optional(_seconds))
    """The subscription's life in seconds, as the first NOTIFY names it."""
    code: int = field(default=202, validator=is_integer(200, 299))
    """The answer to the REFER."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of a phone that does as it is told."""
        return [AnswerRefer(0.0, self.code), *_notifies(progress, self.expires)]


@frozen
class Refuse(Behaviour):
    """Refuse the REFER."""

    name: ClassVar[str] = "refuse"
    code: int = field(default=REJECTION, validator=is_integer(300, 699))
    """The answer to it; 401 and 407 ask for credentials, which the exchange has none of."""
    after: float = field(default=0.0, validator=_seconds)
    """Seconds until it is sent."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the refusal."""
        return [AnswerRefer(self.after, self.code)]


@frozen
class Ignore(Behaviour):
    """Never answer the REFER."""

    name: ClassVar[str] = "ignore"

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return nothing."""
        return []


@frozen
class AcceptOnly(Behaviour):
    """Answer 202, and never send a NOTIFY."""

    name: ClassVar[str] = "accept-only"

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the answer alone."""
        return [AnswerRefer(0.0)]


@frozen
class HangUpEarly(Behaviour):
    """Follow, but hang up as soon as the target's final answer is there, before it is reported, if it is at all."""

    name: ClassVar[str] = "hang-up-early"
    last_notify: bool = field(default=True, validator=is_flag)
    """Whether the final NOTIFY comes after all."""
    gap: float = field(default=0.05, validator=_seconds)
    """Seconds from the BYE to that NOTIFY."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of a phone whose BYE overtakes its last NOTIFY."""
        early = [(at, code) for at, code in progress if code < 200]
        late = [(at, code) for at, code in progress if code >= 200]
        end = late[0][0] if late else early[-1][0]
        steps: list[Step] = [AnswerRefer(0.0), *_notifies(early), HangUp(end)]
        if self.last_notify:
            steps += [Notify(at + self.gap, code, terminated=True) for at, code in late]
        return steps


@frozen
class ReportTwice(Behaviour):
    """Follow, and send the final NOTIFY again."""

    name: ClassVar[str] = "report-twice"
    gap: float = field(default=0.05, validator=_seconds)
    """Seconds between the two."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of a phone that does not trust its first NOTIFY to have arrived."""
        again = [Notify(at + self.gap, code, terminated=True) for at, code in progress if code >= 200]
        return [*Follow().steps(progress), *again]


@frozen
class NotifyFirst(Behaviour):
    """Follow, but the NOTIFYs overtake the answer to the REFER (RFC 6665 section 4.1.2.4)."""

    name: ClassVar[str] = "notify-first"
    lead: float = field(default=0.05, validator=_seconds)
    """Seconds after which the answer to the REFER comes."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps, the answer late."""
        return [*_notifies(progress), AnswerRefer(self.lead)]


@frozen
class EndSubscription(Behaviour):
    """Answer 202, then end the subscription without a final status."""

    name: ClassVar[str] = "end-subscription"
    code: int | None = field(default=None, validator=optional(is_integer(100, 199)))
    """The provisional status in the body; None for no body."""
    after: float = field(default=0.1, validator=_seconds)
    """Seconds after the REFER."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the answer and the subscription's end."""
        return [AnswerRefer(0.0), Notify(self.after, self.code, terminated=True)]


@frozen
class Script(Behaviour):
    """Do these steps, whatever the target does."""

    name: ClassVar[str] = "script"
    given: tuple[Step, ...] = field(converter=tuple)
    """The steps."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps as given."""
        return list(self.given)


def _notifies(progress: Sequence[tuple[float, int]], expires: float | None = None) -> list[Step]:
    """Report each status; the first NOTIFY names the subscription's life, a final one ends it."""
    return [
        Notify(at, code, terminated=code >= 200, expires=expires if index == 0 else None)
        for index, (at, code) in enumerate(progress)
    ]


BEHAVIOURS: Final[dict[str, type[Behaviour]]] = {
    kind.name: kind
    for kind in (Follow, Refuse, Ignore, AcceptOnly, HangUpEarly, ReportTwice, NotifyFirst, EndSubscription)
}
"""The behaviours that have a word for them."""


def read_behaviour(given: Behaviour | str | dict[str, Any]) -> Behaviour:
    """Read a behaviour: itself, its word, or its word and parameters as ``{"name": "refuse", "code": 403}``.

    Raises:
        ValueError: There is no such behaviour, or a parameter is not allowed.
        TypeError: It is something else, or a parameter is not known or of a wrong type.
    """
    if isinstance(given, Behaviour):
        return given
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, dict):
        raise TypeError(f"on_refer must be a Behaviour, a word or a dict, not {type(given).__name__}")
    name = given.get("name")
    kind = BEHAVIOURS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"on_refer must be one of {', '.join(BEHAVIOURS)}, not {name!r}")
    return kind(**{key: value for key, value in given.items() if key != "name"})


def describe_behaviour(behaviour: Behaviour) -> dict[str, Any]:
    """Write a behaviour as a dict that `read_behaviour` reads, fit for JSON.

    Raises:
        ValueError: It has no word.
    """
    kind: Any = type(behaviour)  # attrs' own types do not know that every behaviour is one of its classes
    if kind not in BEHAVIOURS.values():
        raise ValueError(f"a {kind.__name__} cannot be sent to another process")
    names = [each.name for each in attrs.fields(kind)]
    return {"name": behaviour.name, **{name: getattr(behaviour, name) for name in names}}
