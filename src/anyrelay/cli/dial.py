"""``anyrelay dial``: one outbound call, from its first ring to its end."""

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
"""How long the outcome of a transfer is waited for before the user is told that it is not known yet, in seconds."""

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
    return {"type": "sip", "params": {"to": check_sip_uri(to, "TO"), "from": check_sip_uri(from_, "--from")}}


def run_dial(to: str, *, from_: str, say_text: str | None, refer: str | None, timeout: float) -> int:
    """Call somebody, say something, transfer the call, hang up; with nothing to do, stay until the other side does.

    Args:
        to: Whom to call: a telephone number, or a SIP URI.
        from_: Who calls, of the same kind.
        say_text: What to say once the call is answered.
        refer: The SIP URI to transfer the call to after that.
        timeout: How long it may ring, in seconds.

    Returns:
        The exit status: 0 when the call was answered and, with `refer`, the transfer succeeded; 1 when not; 2 when nobody
        was called, since an argument or the environment is wrong.
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
    if verdict:  # the last word: by now every event has been told, which happens in threads of their own
        say(verdict, bold=True)
    return status


def _check(say_text: str | None, refer: str | None, timeout: float) -> None:
    """Check what is wanted only once somebody has answered, before anybody's phone rings.

    Raises:
        ValueError: It could not be done; the message names the option.
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
    """Return the exit status, and what there is to say at the end."""
    try:
        return _talk(client.dial([[device]], dial_timeout=timeout), say_text, refer)
    finally:
        # Ctrl-C may strike before anybody has the call that was answered. What still rings is hung up by its dial.
        for call in client.calls.values():
            try:
                call.hangup()
            except RelayError as error:
                complain(f"call {call.call_id} may still be up, since it could not be hung up: {explain(error)}")


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
        # Neither success nor failure: who may be talking to the target is not hung up on.
        say(
            f"transfer: not known ({outcome.unknown_because}); the call is left alone until it ends, or Ctrl-C",
            bold=True,
        )
        with contextlib.suppress(RelayError):
            call.wait_for_ended()
        outcome = call.refers[-1].outcome or outcome
    return DONE if outcome.succeeded else FAILED, f"transfer: {outcome.status.name}"


def _show(event: RelayEvent) -> None:
    """Print what becomes of the call, a line for each state. When nobody reads any more the call goes on all the same."""
    word = next((event.params[key] for key in ("call_state", "dial_state", "state") if key in event.params), None)
    if event.event_type.startswith("calling.") and word is not None:
        reason = event.params.get("end_reason")
        say(" ".join([event.event_type.rpartition(".")[2], str(word), *([f"({reason})"] if reason else [])]))


def _is_sip(uri: str) -> bool:
    return uri.lower().startswith(("sip:", "sips:"))
