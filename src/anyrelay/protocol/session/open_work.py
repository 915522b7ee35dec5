"""Describe the open work that a drain waits for, for a log record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from anyrelay.protocol.call.call import CallMachine

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.message import MessageMachine

__all__ = ["describe_open_work"]

CALLS_NAMED: Final = 5
"""How many calls a log record names; the others are counted."""


def describe_open_work(
    handled: Iterable[CallMachine | MessageMachine], calls: Iterable[CallMachine], dials: int
) -> str:
    """Name the handlers, operations, transfers and dials that have not ended, each with its call_id.

    Args:
        handled: The calls and messages whose handlers run.
        calls: The calls of the session.
        dials: The number of open dials.
    """
    handled = set(handled)
    work = {call.call_id: _of_call(call, call in handled) for call in calls}
    left_calls = {call.call_id: ["handler"] for call in handled if isinstance(call, CallMachine)}
    work = {call_id: what for call_id, what in sorted((left_calls | work).items()) if what}
    named = [f"call {call_id} ({', '.join(what)})" for call_id, what in list(work.items())[:CALLS_NAMED]]
    counted = {
        "more call": len(work) - len(named),
        "on_message handler": sum(not isinstance(subject, CallMachine) for subject in handled),
        "dial": dials,
    }
    return ", ".join(named + [_count(number, noun) for noun, number in counted.items() if number])


def _of_call(call: CallMachine, is_handled: bool) -> list[str]:
    counted = {"operation": call.open_operations, "transfer": call.open_transfers}
    return ["handler"] * is_handled + [_count(number, noun) for noun, number in counted.items() if number]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
