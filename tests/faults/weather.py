"""What blows in a storm, how often, and how long everybody waits meanwhile."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["LONG_STALLS", "STORM", "Weather"]


@frozen
class Weather:
    """One kind of storm."""

    deck: dict[str, int]
    """Each fault, and how often it comes in one round."""
    between_faults: tuple[float, float]
    """The fewest and the most seconds from one fault to the next."""
    stalls: tuple[float, float]
    """For how many seconds one direction stands still, the fewest and the most."""
    enough: float
    """Seconds in which an outcome is to come, lost connections included."""
    answered_within: float
    """Seconds that a call which was answered may take to say so."""
    rings_for: float
    """Seconds after which a caller whom nobody answers gives up: its offer went to a session that was lost."""
    lasts_for: float
    """Seconds after which a caller hangs up in any case."""
    handshakes_break: bool = field(default=True)
    """Whether new connections break too."""


STORM = Weather(
    deck={
        "cut": 9,
        "reset": 7,
        "stall up": 5,
        "stall down": 5,
        "delay": 5,
        "duplicate": 9,
        "goodbye": 3,
        "restart": 1,  # this one and the next are the server's, and cost the session
        "crash": 1,
    },
    between_faults=(0.1, 0.35),
    stalls=(
        0.05,
        1.5,
    ),  # a client under test finds a connection dead within 0.65 s: some stalls end it, and some do not
    enough=4.0,
    answered_within=5.0,
    rings_for=2.0,
    lasts_for=12.0,
)
"""Everything that can happen, all the time."""

LONG_STALLS = Weather(
    deck={"stall down": 3, "stall up": 1, "cut": 1, "goodbye": 1},
    between_faults=(0.2, 2.5),
    stalls=(3.5, 7.0),
    enough=20.0,
    answered_within=20.0,
    rings_for=20.0,
    lasts_for=45.0,
    handshakes_break=False,
)
"""Stalls longer than every grace time, and no session is lost: whatever the server said is to be known in the end."""
