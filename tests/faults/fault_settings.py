"""Which faults happen in a run, how often, and the timeouts of its phones and its application."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["EVERY_FAULT", "LONG_STALLS", "FaultSettings"]


@frozen
class FaultSettings:
    """The settings of a run with faults."""

    faults: dict[str, int]
    """Each fault, and how often it happens in one round."""
    between_faults: tuple[float, float]
    """The least and the most seconds from one fault to the next."""
    stalls: tuple[float, float]
    """The least and the most seconds for which one direction stops."""
    outcome_time: float
    """The longest wait for an outcome, in seconds, with lost connections."""
    answer_time: float
    """The longest wait for the event that the call is answered, in seconds."""
    ring_time: float
    """Seconds after which an unanswered caller hangs up: the session with its offer was lost."""
    call_time: float
    """Seconds after which a caller always hangs up."""
    handshakes_break: bool = field(default=True)
    """Whether new connections break during the handshake."""


EVERY_FAULT = FaultSettings(
    faults={
        "cut": 9,
        "reset": 7,
        "stall up": 5,
        "stall down": 5,
        "delay": 5,
        "duplicate": 9,
        "disconnect": 3,
        "restart": 1,  # `restart` and `crash` end the session
        "crash": 1,
    },
    between_faults=(0.1, 0.35),
    stalls=(
        0.05,
        1.5,
    ),  # the client finds a dead connection within 0.65 s: some stalls end the connection, some do not
    outcome_time=4.0,
    answer_time=5.0,
    ring_time=2.0,
    call_time=12.0,
)
"""Every fault, with short pauses."""

LONG_STALLS = FaultSettings(
    faults={"stall down": 3, "stall up": 1, "cut": 1, "disconnect": 1},
    between_faults=(0.2, 2.5),
    stalls=(3.5, 7.0),
    outcome_time=20.0,
    answer_time=20.0,
    ring_time=20.0,
    call_time=45.0,
    handshakes_break=False,
)
"""Stalls longer than every grace time, without a lost session: every report of the server arrives in the end."""
