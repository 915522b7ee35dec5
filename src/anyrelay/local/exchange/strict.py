"""Refuse commands as RELAY's own schema does: names, types and forms of parameters that the exchange accepts by default.

The schema comes from SignalWire's client for Python (RELAY facts, section 7). Parameters that SignalWire's
reference documents are accepted, although the schema does not name all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import fields

from anyrelay.protocol.schema import (
    AiHold,
    Answer,
    Begin,
    Collect,
    Command,
    Connect,
    ConnectCall,
    JoinConference,
    JoinRoom,
    Pay,
    QueueEnter,
    Reauthenticate,
    Receive,
)

__all__ = ["why_refused"]

_EVERYWHERE: Final = frozenset({"async", "swml", "status_url", "node_id"})

_FURTHER: Final[dict[type[Command], frozenset[str]]] = {
    Begin: frozenset({"max_duration"}),
    Collect: frozenset({"continue"}),
    Connect: frozenset({"host", "identity", "params", "protocols"}),
    JoinConference: frozenset({"acl"}),
    JoinRoom: frozenset({"hagrid_json_api_url", "hagrid_node_id"}),
    Pay: frozenset({"bank_account_type"}),
    QueueEnter: frozenset({"wait_url"}),
    Reauthenticate: frozenset({"dpop_token"}),
    Receive: frozenset({"context"}),
}
"""Parameters of RELAY that the classes of the schema do not name."""

_STRINGS: Final[dict[type[Command], frozenset[str]]] = {
    AiHold: frozenset({"timeout"}),
    Pay: frozenset(
        {"charge_amount", "max_attempts", "min_postal_code_length", "postal_code", "security_code", "timeout"}
    ),
}
"""Parameters that are strings for RELAY, and here numbers or flags too."""

_WHOLE: Final[dict[type[Command], frozenset[str]]] = {
    Answer: frozenset({"max_duration"}),
    Begin: frozenset({"max_duration"}),
    ConnectCall: frozenset({"max_duration"}),
}
"""Parameters that are whole numbers for RELAY, and here any numbers."""


def why_refused(command: Command, params: Mapping[str, Any]) -> str:
    """Return why RELAY's own schema refuses a command that was read; "" when it does not.

    Args:
        command: The command.
        params: The command's parameters as they came.
    """
    kind = type(command)
    unknown = params.keys() - _names_of(kind) - _FURTHER.get(kind, frozenset()) - _EVERYWHERE
    if unknown:
        return f"{min(unknown)[:100]} is no parameter of RELAY"
    for name in sorted(params.keys() & _STRINGS.get(kind, frozenset())):
        if params[name] is not None and not isinstance(params[name], str):
            return f"{name} must be a string"
    for name in sorted(params.keys() & _WHOLE.get(kind, frozenset())):
        if params[name] is not None and not isinstance(params[name], int):
            return f"{name} must be a whole number"
    return next((reason for name in ("play", "ringback") if (reason := _why_no_media(name, params.get(name)))), "")


def _names_of(kind: type[Command]) -> frozenset[str]:
    return frozenset(each.metadata.get("wire", each.name) for each in fields(kind) if each.name != "extra")


def _why_no_media(name: str, media: Any) -> str:
    """Return why media have a wrong form: RELAY wants the parameters of each under ``params``."""
    if not isinstance(media, list):
        return ""
    for index, medium in enumerate(media):
        if isinstance(medium, dict) and medium.keys() - {"type", "params"}:
            return f"{name}[{index}] must have the keys type and params alone"
    return ""
