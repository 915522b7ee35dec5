"""``anyrelay refer``, ``anyrelay text`` and ``anyrelay reset``: one request each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.cli.ending import DONE
from anyrelay.protocol.schema.sip_uri import check_sip_uri

if TYPE_CHECKING:
    from anyrelay.cli.drive.control_api import ControlApi
    from anyrelay.cli.drive.output import Output

__all__ = ["run_refer", "run_reset", "run_text"]


def run_refer(api: ControlApi, call: str, uri: str, output: Output) -> int:
    """Send the phone of a call a SIP REFER, and return the exit status 0.

    Raises:
        ValueError: There is no such call, or the URI is none.
    """
    check_sip_uri(uri, "URI")
    call_id = api.find_call(call)
    output.result(f"{call_id} is referred to {uri}", api.refer(call_id, uri))
    return DONE


def run_text(api: ControlApi, to: str, body: str, output: Output, *, from_number: str | None) -> int:
    """Let a text message arrive, print its id, and return the exit status 0."""
    message = api.send_text(to, body, from_number=from_number)
    output.result(str(message["id"]), message)
    return DONE


def run_reset(api: ControlApi, output: Output) -> int:
    """Reset the server, and return the exit status 0."""
    api.reset()
    output.result("the server is reset", {"event": "reset"})
    return DONE
