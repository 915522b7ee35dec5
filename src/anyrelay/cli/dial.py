"""``anyrelay dial``: an outbound call (``calling.dial``), from its first ring to its end."""

from __future__ import annotations

import contextlib
import math
import re
from typing import TYPE_CHECKING, Any, Final

from anyrelay.cli.account import explain, make_client
from anyrelay.cli.ending import DONE, FAILED, WRONG_USE, complain, say, terminable
from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol.call.refer_outcome import ReferStatus
from anyrelay.protocol.schema.fields import Named, is_text
from anyrelay.protocol.schema.sip_uri import check_sip_uri

if TYPE_CHECKING:
    from anyrelay.protocol.schema import RelayEvent
    from anyrelay.sync import Call, RelayClient

__all__ = ["device_for", "run_dial"]

REFER_TIMEOUT: Final = 60.0
"""The longest wait for the outcome of a transfer, in seconds, before the user reads that it is not known yet."""

_NUMBER: Final = re.compile(r"\+?[0-9]{2,}")


def device_for(to: str, from_: str) -> dict[str, Any]:
    """Return the device for a telephone number or a SIP URI of the command line.

    Raises:
        ValueError: `to` is something else, or `from_` is of another kind.
    """
    kinds = ["phone" if _NUMBER.fullmatch(each) else "sip" if _is_sip(each) else "" for each in (to, from_)]
    if "" in kinds or kinds[0] != kinds[1]:
        raise ValueError(
            "TO and --from must both be telephone numbers such as +15551234567, or both SIP URIs such as"
            f" sip:alice@example.com, not {to!r} and {from_!r}"
        )
    if kinds[0] == "phone":
        return {"type": "phone", "params": {"to_number": to, "from_number": from_}}
    return {"type": "sip", "params": {"to": check_sip_uri(to, "TO"), "from": check_sip_uri(from_, "--from")}}


def run_dial(to: str, *, from_: str, say_text: str | None, refer: str | None, timeout: float) -> int:
    """Call a phone, speak, transfer the call, hang up. With nothing to do, wait until the other side hangs up.

    Args:
        to: The phone to call: a telephone number, or a SIP URI.
        from_: The caller, of the same kind.
        say_text: The text to speak once the call is answered.
        refer: The SIP URI to transfer the call to after that.
        timeout: The longest ringing time, in seconds.

    Returns:
        The exit status: 0 when the call was answered and, with `refer`, the transfer succeeded; 1 when not; 2 when a
        wrong argument or variable kept the command from calling.
    """
    try:
        device = device_for(to, from_)
        _check(say_text, refer, timeout)
        client = make_client()
    except ValueError as error:
        complain(error)
        return WRONG_USE
    client.on_event(_show)
    try:
        with terminable(), client:
            status, verdict = _call(client, device, timeout, say_text, refer)
    except RelayError as error:
        complain(explain(error))
        return FAILED
    if verdict:  # last: by now the event handlers, which run in other threads, have printed every event
        say(verdict, bold=True)
    return status


def _check(say_text: str | None, refer: str | None, timeout: float) -> None:
    """Check the options for an answered call before the phone rings.

    Raises:
        ValueError: An option is wrong; the message names the option.
    """
    if say_text is not None:
        is_text(lines=True)(None, Named("--say"), say_text.strip())
    if refer is not None:
        check_sip_uri(refer, "--refer")
    if not math.isfinite(timeout):
        raise ValueError(f"--timeout must be a number of seconds, not {timeout}")


def _call(
    client: RelayClient, device: dict[str, Any], timeout: float, say_text: str | None, refer: str | None
) -> tuple[int, str]:
    """Return the exit status and the last line to print."""
    try:
        return _talk(client.dial([[device]], dial_timeout=timeout), say_text, refer)
    finally:
        # Ctrl-C may come before `dial` returns the answered call. The dial itself hangs up phones that still ring.
        for call in client.calls.values():
            try:
                call.hangup()
            except RelayError as error:
                complain(f"call {call.call_id} may still be up: hanging up failed: {explain(error)}")


def _talk(call: Call, say_text: str | None, refer: str | None) -> tuple[int, str]:
    try:
        if say_text is not None:
            call.play_tts(say_text).wait()
        if refer is not None:
            return _transfer(call, refer)
        if say_text is None:
            call.wait_for_ended()
    except CallGone:
        return DONE if refer is None else FAILED, "the other side has hung up"
    return DONE, ""


def _transfer(call: Call, refer: str) -> tuple[int, str]:
    outcome = call.refer_and_wait(refer, timeout=REFER_TIMEOUT)
    if outcome.status is ReferStatus.UNKNOWN:
        # Neither success nor failure: the caller may be talking to the target, so do not hang up.
        say(
            f"transfer: not known ({outcome.unknown_because}); the call stays up until it ends, or until Ctrl-C",
            bold=True,
        )
        with contextlib.suppress(RelayError):
            call.wait_for_ended()
        outcome = call.refers[-1].outcome or outcome
    return DONE if outcome.succeeded else FAILED, f"transfer: {outcome.status.name}"


def _show(event: RelayEvent) -> None:
    """Print a line for each state of the call. The call goes on when standard output is closed."""
    word = next((event.params[key] for key in ("call_state", "dial_state", "state") if key in event.params), None)
    if event.event_type.startswith("calling.") and word is not None:
        reason = event.params.get("end_reason")
        say(" ".join([event.event_type.rpartition(".")[2], str(word), *([f"({reason})"] if reason else [])]))


def _is_sip(uri: str) -> bool:
    return uri.lower().startswith(("sip:", "sips:"))
