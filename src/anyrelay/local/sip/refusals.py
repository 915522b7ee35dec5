"""Log the calls that the SIP stack has refused by itself, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.trace import InviteRefused

__all__ = ["Refusals", "is_logged"]

logger = logger_of(__name__)

REFUSALS_LOGGED: Final = 100
"""How many refused calls are logged one by one."""

TOO_MANY: Final = 486
"""The SIP status with which the stack itself refuses a call over the limit."""

REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: "its Contact or a Record-Route cannot be read",
        404: "no user agent takes calls over its transport",
        481: "its Replaces header names no call of ours",
        488: "its offer has no audio codec in common with PCMU and PCMA, or another kind of address",
        500: "its offer cannot be read, or the SIP stack failed",
    }
)
"""Why the stack refuses a call by itself, by the status code."""


def is_logged(count: int) -> bool:
    """Return whether a refused call, the `count`-th, is logged: the first 100, then every 100th, or a log could fill a disk."""
    return count <= REFUSALS_LOGGED or count % REFUSALS_LOGGED == 0


class Refusals:
    """Counts the refused calls, and logs them at WARNING."""

    def __init__(self, max_calls: int) -> None:
        """Count refusals; `max_calls` is the limit that a log record names."""
        self._max_calls = max_calls
        self._count = 0

    def log(self, refused: InviteRefused) -> None:
        """Log a call that the stack has refused."""
        if refused.code == TOO_MANY:
            why = f"{self._max_calls} calls are up, which is the limit (--max-calls)"
        else:
            why = REASONS.get(refused.code, "the SIP stack would not have it")
        self._count += 1
        if is_logged(self._count):
            told = {"call_id": refused.call_id}
            logger.warning("a call from %s was refused with %d: %s", refused.from_uri, refused.code, why, extra=told)
