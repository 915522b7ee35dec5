"""``anyrelay dial``: one outbound call, from its first ring to its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from anyrelay.errors import CallGone, RelayError
from anyrelay.sync import RelayClient

if TYPE_CHECKING:
    from anyrelay.protocol.events import RelayEvent
    from anyrelay.sync import Call

__all__ = ["device_for", "run_dial"]

REFER_PATIENCE: Final = 60.0
"""How long the outcome of a transfer is waited for, in seconds."""

_NUMBER: Final = re.compile(r"\+?[0-9]{2,}")


def device_for(to: str, from_: str) -> dict[str, Any]:
    """Return the device that a target on the command line means: a telephone number, or a SIP URI.

    Raises:
        ValueError: It is neither, or the caller is not of its kind.
    """
    kinds = ["phone" if _NUMBER.fullmatch(each) else "sip" if _is_sip(each) else "" for each in (to, from_)]
    if "" in kinds or kinds[0] != kinds[1]:
        raise ValueError(
            "TO and --from must both be telephone numbers such as +15551234567, or both SIP URIs such as"
            f" sip:alice@example.com, not {to!r} and {from_!r}"
        )
    if kinds[0] == "phone":
        return {"type": "phone", "params": {"to_number": to, "from_number": from_}}
    return {"type": "sip", "params": {"to": to, "from": from_}}


def run_dial(to: str, *, from_: str, say: str | None, refer: str | None, timeout: float) -> int:
    """Call somebody, say something, transfer the call, hang up; with nothing to do, stay until the other side does.

    Args:
        to: Whom to call: a telephone number, or a SIP URI.
        from_: Who calls, of the same kind.
        say: What to say once the call is answered.
        refer: The SIP URI to transfer the call to after that.
        timeout: How long it may ring, in seconds.

    Returns:
        The exit status: 0 when the call was answered and, with `refer`, the transfer succeeded; else 1. 130 after Ctrl-C.
    """
    console = Console(highlight=False, markup=False)
    try:
        device = device_for(to, from_)
        with RelayClient(contexts=()) as client:
            client.on_event(lambda event: _show(console, event))
            call = client.dial([[device]], dial_timeout=timeout)
            try:
                status, verdict = _talk(call, say, refer)
            finally:
                call.hangup()
    except (ValueError, RelayError) as error:
        console.print(str(error), style="bold red")
        return 1
    except KeyboardInterrupt:  # what rings is hung up when the client closes, and so is what was answered
        return 130
    if verdict:  # the last word: by now every event has been told, which happens in threads of their own
        console.print(verdict, style="bold")
    return status


def _talk(call: Call, say: str | None, refer: str | None) -> tuple[int, str]:
    """Return the exit status, and what there is to say at the end."""
    try:
        if say is not None:
            call.play_tts(say).wait()
        if refer is not None:
            outcome = call.refer_and_wait(refer, timeout=REFER_PATIENCE)
            return 0 if outcome.succeeded else 1, f"transfer: {outcome.status.name}"
        if say is None:
            call.wait_for_ended()
    except CallGone:
        return 0 if refer is None else 1, "the other side has hung up"
    return 0, ""


def _show(console: Console, event: RelayEvent) -> None:
    """Print what becomes of the call, a line for each state."""
    word = next((event.params[key] for key in ("call_state", "dial_state", "state") if key in event.params), None)
    if event.event_type.startswith("calling.") and word is not None:
        reason = event.params.get("end_reason")
        console.print(" ".join([event.event_type.rpartition(".")[2], str(word), *([f"({reason})"] if reason else [])]))


def _is_sip(uri: str) -> bool:
    return uri.lower().startswith(("sip:", "sips:"))
