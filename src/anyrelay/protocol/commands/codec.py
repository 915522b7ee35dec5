"""How commands become JSON-RPC params and back. Imported with the first one, for the sake of cattrs, which takes its time."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol.commands.base import Command
from anyrelay.protocol.commands.table import COMMANDS
from anyrelay.protocol.converter import from_wire, to_wire

__all__ = ["decode_command", "encode_command"]


def encode_command(command: Command) -> dict[str, Any]:
    """Return the JSON-RPC params of a command."""
    return to_wire(command)


def decode_command(method: str, params: dict[str, Any]) -> Command:
    """Read a client's request.

    Raises:
        LookupError: No such method is known.
        ValueError: A parameter is missing or not allowed.
        TypeError: A parameter has a wrong type.
    """
    if method not in COMMANDS:
        raise LookupError(f"unknown method {method}")
    return from_wire(COMMANDS[method], params)
