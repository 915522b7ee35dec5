"""Unique identifiers: UUIDs of version 4 (RFC 9562 section 5.4), drawn many at a time.

One call of the operating system draws 64 of them. During such a call the interpreter may switch to another thread, which then
waits for the core's lock, because an identifier is asked for with that lock held.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["new_id"]

AT_ONCE: Final = 64
"""The number of identifiers drawn at once."""

_drawn: Final[list[str]] = []
"""The identifiers that were drawn and not returned yet."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)  # the parent returns these


def new_id() -> str:
    """Return an identifier that was never returned before, in this process or any other."""
    try:
        return _drawn.pop()
    except IndexError:
        octets = os.urandom(16 * AT_ONCE).hex()
        # Two places of a UUID tell its version and its variant; the other digits are random.
        first, *others = [
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
            for digits in [octets[place : place + 32] for place in range(0, len(octets), 32)]
        ]
        _drawn.extend(others)
        return first
