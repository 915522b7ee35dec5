"""Scripts of simulated phones: how a target answers a call, and how a caller treats a REFER.

A behaviour turns the statuses that the INVITE to the target brings into a list of steps: facts of SIP with the time at which
each happens, in seconds after the REFER. A script can play all that RFC 3515 and 6665 allow, and what phones do against them.
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
"""The final SIP status of a target, by its way to answer; None for a target that rings for ever, or is never called."""

REJECTION: Final = 403
"""The SIP status that refuses a REFER to a target with ``reject``, unless the target names another."""

NOT_FOUND: Final = 404
"""The SIP status of a call to a target that was never described."""

_seconds = is_number(0, 1e6, "seconds")
_status = is_integer(200, 699)


@frozen(kw_only=True)
class Target:
    """A phone that callers are referred to."""

    uri: str
    """The SIP URI of the phone."""
    answers: str = field(default="answer", validator=one_of(*ANSWERS))
    """answer, busy, no-answer, decline, silent (rings for ever) or reject (a REFER to it is refused)."""
    ring_time: float = field(default=0.2, validator=_seconds)
    """Seconds for which the phone rings before it answers so."""
    code: int | None = field(default=None, validator=optional(_status))
    """The SIP status to answer with instead: the REFER for reject, the call for the others."""

    def progress(self) -> list[tuple[float, int]]:
        """Return the SIP statuses that a call to the target brings, each with the seconds after the INVITE."""
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
    """The SIP status in the body; None for no body, or for a body that cannot be read."""
    terminated: bool = field(default=False, validator=is_flag)
    """Whether the NOTIFY ends the subscription."""
    expires: float | None = field(default=None, validator=optional(_seconds))
    """The subscription's remaining life in seconds; None for a NOTIFY that does not name the life."""


@frozen
class HangUp:
    """The phone sends a BYE."""

    after: float = field(validator=_seconds)
    """Seconds after the REFER."""


Step: TypeAlias = AnswerRefer | Notify | HangUp
"""A step of a phone that was sent a REFER."""


class Behaviour(ABC):
    """How a phone treats a REFER."""

    name: ClassVar[str]
    """The word for the behaviour, for callers that give a word instead."""

    @abstractmethod
    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of the phone, given the statuses that its INVITE to the target brings."""


@frozen
class Follow(Behaviour):
    """Answer 202, call the target, send a NOTIFY for each status, and end the subscription with the final status."""

    name: ClassVar[str] = "follow"
    expires: float | None = field(default=None, validator=optional(_seconds))
    """The subscription's life in seconds, for the first NOTIFY."""
    code: int = field(default=202, validator=is_integer(200, 299))
    """The SIP status that answers the REFER."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the answer and one NOTIFY for each status."""
        return [AnswerRefer(0.0, self.code), *_notifies(progress, self.expires)]


@frozen
class Refuse(Behaviour):
    """Refuse the REFER."""

    name: ClassVar[str] = "refuse"
    code: int = field(default=REJECTION, validator=is_integer(300, 699))
    """The SIP status that refuses the REFER; 401 and 407 ask for credentials, and the exchange has none."""
    after: float = field(default=0.0, validator=_seconds)
    """Seconds until the refusal is sent."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the refusal."""
        return [AnswerRefer(self.after, self.code)]


@frozen
class Ignore(Behaviour):
    """Never answer the REFER."""

    name: ClassVar[str] = "ignore"

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return no steps."""
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
    """Follow, but hang up once the target has answered, before the final NOTIFY, or without a final NOTIFY."""

    name: ClassVar[str] = "hang-up-early"
    last_notify: bool = field(default=True, validator=is_flag)
    """Whether the final NOTIFY is sent."""
    gap: float = field(default=0.05, validator=_seconds)
    """Seconds from the BYE to the final NOTIFY."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of a phone whose BYE comes before its final NOTIFY."""
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
    """Seconds between the two final NOTIFYs."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps of a phone that repeats its final NOTIFY."""
        again = [Notify(at + self.gap, code, terminated=True) for at, code in progress if code >= 200]
        return [*Follow().steps(progress), *again]


@frozen
class NotifyFirst(Behaviour):
    """Follow, but send the first NOTIFYs before the answer to the REFER (RFC 6665 section 4.1.2.4)."""

    name: ClassVar[str] = "notify-first"
    lead: float = field(default=0.05, validator=_seconds)
    """Seconds until the answer to the REFER."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps, with the answer to the REFER late."""
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
    """Take the steps that are given, no matter what the target does."""

    name: ClassVar[str] = "script"
    given: tuple[Step, ...] = field(converter=tuple)
    """The steps."""

    def steps(self, progress: Sequence[tuple[float, int]]) -> list[Step]:
        """Return the steps as given."""
        return list(self.given)


def _notifies(progress: Sequence[tuple[float, int]], expires: float | None = None) -> list[Step]:
    """Return a NOTIFY for each status: the first names the subscription's life, a final status ends the subscription."""
    return [
        Notify(at, code, terminated=code >= 200, expires=expires if index == 0 else None)
        for index, (at, code) in enumerate(progress)
    ]


BEHAVIOURS: Final[dict[str, type[Behaviour]]] = {
    kind.name: kind
    for kind in (Follow, Refuse, Ignore, AcceptOnly, HangUpEarly, ReportTwice, NotifyFirst, EndSubscription)
}
"""The behaviours, by their words."""


def read_behaviour(given: Behaviour | str | dict[str, Any]) -> Behaviour:
    """Read a behaviour: a `Behaviour`, a word, or a word with parameters as ``{"name": "refuse", "code": 403}``.

    Raises:
        ValueError: There is no such behaviour, or a parameter is not allowed.
        TypeError: The value is something else, or a parameter is not known or of a wrong type.
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
    """Return a behaviour as a dict for JSON, which `read_behaviour` reads.

    Raises:
        ValueError: The behaviour has no word.
    """
    kind: Any = type(behaviour)  # the types of attrs do not know that every behaviour is an attrs class
    if kind not in BEHAVIOURS.values():
        raise ValueError(f"a {kind.__name__} cannot be sent to another process")
    names = [each.name for each in attrs.fields(kind)]
    return {"name": behaviour.name, **{name: getattr(behaviour, name) for name in names}}
