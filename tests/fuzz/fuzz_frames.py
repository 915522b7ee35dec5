"""Fuzz a signed-in session with bytes of the transport: WebSocket frames, whole, broken, and in any pieces.

The same bytes must have the same effect in one piece and in small ones.
"""

from __future__ import annotations

from attrs import evolve

from anyrelay.protocol.session.statistics import Statistics
from tests.fuzz.attacked import Attacked

DICTIONARY = [b"\x81", b"\x82", b"\x88", b"\x89", b"\x8a", b"\x01", b"\x80", b"\xc1", b"\x7e", b"\x7f", b"\x03\xe8"]
"""The tokens of frames."""

PIECE = 3
"""The length of the small pieces, in bytes: shorter than most headers."""


def heard(attacked: Attacked) -> Statistics:
    """Return the counters of a session that count received data.

    Counters of sent data are left out: an event that arrives in one read with the end cannot be acknowledged.
    """
    return evolve(attacked.session.statistics, frames_sent=0)


def one_input(data: bytes) -> None:
    """Feed the bytes to two sessions: to one as a whole, to the other in pieces.

    Raises:
        Exception: The fuzzer found a fault of the session.
    """
    whole, piecewise = Attacked(), Attacked()
    whole.session.receive_data(data, 0.0)
    for start in range(0, len(data), PIECE):
        piecewise.session.receive_data(data[start : start + PIECE], 0.0)
    assert heard(whole) == heard(piecewise)
    assert whole.session.state is piecewise.session.state
    whole.check()
    piecewise.check()
