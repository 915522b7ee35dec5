"""The states of a call, and the transitions between them (RELAY facts, section 3)."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final

__all__ = ["TRANSITIONS", "CallState"]


class CallState(StrEnum):
    """The state of a call (RELAY facts, section 3)."""

    CREATED = auto()
    RINGING = auto()
    ANSWERED = auto()
    ENDING = auto()
    ENDED = auto()


_ORDER: Final = tuple(CallState)

TRANSITIONS: Final[dict[tuple[CallState, CallState], CallState]] = {
    (before, word): word for index, before in enumerate(_ORDER) for word in _ORDER[index + 1 :]
}
"""A call only moves forward, and may skip states. A late or repeated report changes nothing."""
