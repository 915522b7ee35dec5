"""Send DTMF digits, with pauses, on a call of the SIP stack."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from anyrelay.local.sip.native import NativeCall

__all__ = ["DIGITS", "PAUSES", "send_digits"]

DIGITS: Final = frozenset("0123456789*#ABCD")
"""The digits of DTMF."""

PAUSES: Final[Mapping[str, float]] = MappingProxyType({"w": 0.5, "W": 1.0})
"""The letters that stand for pauses, each with its length in seconds."""

GAP: Final = 0.12
"""Seconds of silence between two digits."""

_RUN: Final = re.compile(r"[wW]|[^wW]+")


async def send_digits(call: NativeCall, digits: str) -> None:
    """Send digits one after the other, each for 0.1 s.

    Args:
        call: The call, which is up.
        digits: 0-9, #, *, A-D; w is a pause of 0.5 s, W a pause of 1 s.

    Raises:
        BaresipError: The call is over, or the stack refused to send a digit.
    """
    for run in _RUN.findall(digits):
        if run in PAUSES:
            await asyncio.sleep(PAUSES[run])
        else:
            await call.send_dtmf(run, interdigit_ms=round(GAP * 1000))
            await asyncio.sleep(GAP)
