"""``anyrelay call`` and ``anyrelay calls``: place a call, and list calls or watch them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from anyrelay.cli.drive.phone_call import phone_call
from anyrelay.cli.ending import DONE, FAILED, terminable

if TYPE_CHECKING:
    from anyrelay.cli.drive.control_api import CallSnapshot, ControlApi
    from anyrelay.cli.drive.output import Output

__all__ = ["list_calls", "run_call", "watch_calls"]

ID_LENGTH: Final = 8
"""How many characters of a call's id are shown, by which `ControlApi.find_call` finds the call."""


def run_call(api: ControlApi, to: str, output: Output, *, wait: bool, **settings: Any) -> int:
    """Place a call; print its id, or wait until it has ended and print what happens on it.

    Args:
        api: The server.
        to: The context, or the SIP URI, that is called.
        output: Prints the lines.
        wait: Whether to wait for the end.
        settings: Further arguments of `ControlApi.place_call`.

    Returns:
        The exit status: 0 when the call was placed and, with `wait`, answered; else 1.
    """
    if not wait:
        call = api.place_call(to, **settings)
        output.result(call["id"], call)
        return FAILED if call["state"] == "ended" else DONE
    with terminable(), phone_call(api, to, output.happening, **settings) as followed:
        while not followed.ended:
            followed.receive()
        return DONE if followed.answered else FAILED


def list_calls(api: ControlApi, output: Output, *, state: str | None, context: str | None) -> int:
    """Print the calls that the server knows, oldest first, and return the exit status 0."""
    calls = api.calls(state=state, context=context)
    if not calls:
        output.words(_no_calls(state, context))
    for call in calls:
        if not output.result(_row(call), call):
            break
    return DONE


def watch_calls(api: ControlApi, output: Output, *, state: str | None, context: str | None) -> int:
    """Print the calls that the server knows, then each change of a call, until Ctrl-C; return the exit status 0."""
    rows: dict[str, str] = {}

    def show(call: CallSnapshot) -> bool:
        """Print a call, for people only if its row has changed; return False when standard output is closed."""
        before, row = rows.get(call["id"]), _row(call)
        rows[call["id"]] = row
        if call["state"] == "ended":
            del rows[call["id"]]
        return (row == before and not output.as_json) or output.result(row, call)

    try:
        with terminable(), api.events() as stream:
            calls = api.calls(state=state, context=context)
            if not calls:
                output.words(f"{_no_calls(state, context)} yet")
            while all(map(show, calls)):
                changed = [event.data for event in stream.receive() if event.kind == "call"]
                calls = [
                    call for call in changed if state in (None, call["state"]) and context in (None, call["context"])
                ]
    except KeyboardInterrupt:
        pass
    return DONE


def _no_calls(state: str | None, context: str | None) -> str:
    """Return the words for an empty list of calls."""
    return "no" + (f" {state}" if state else "") + " calls" + (f" of the context {context}" if context else "")


def _row(call: CallSnapshot) -> str:
    """Return a call as one line: id, time, state, caller, called, length, and why it ended."""
    called = call["context"] or call["to"]
    begun = time.strftime("%H:%M:%S", time.localtime(call["created_at"]))
    length = _length(call)
    columns = f"{call['id'][:ID_LENGTH]}  {begun}  {call['state']:<9} {call['from']} -> {called}"
    return " ".join([columns, *([f"{length:.1f}s"] if length is not None else []), call["end_reason"] or ""]).rstrip()


def _length(call: CallSnapshot) -> float | None:
    """Return how long an answered call lasted, in seconds; None for a call that is up, or was not answered."""
    if call["answered_at"] is None or call["ended_at"] is None:
        return None
    return call["ended_at"] - call["answered_at"]
