"""How the exchange serves each command with a kind of phone: done or refused. The table of the reference comes from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.local.exchange.exchange import Exchange
from anyrelay.protocol.schema import COMMANDS, Begin, CallCommand, Dial

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg

__all__ = ["how_served"]


def how_served(leg: type[Leg], *, dials: bool) -> dict[str, str]:
    """Return how each calling and messaging command is served on calls with a kind of phone.

    Args:
        leg: The class of the phones' legs.
        dials: Whether such phones can be called.

    Returns:
        ``done`` or ``refused`` by the command's method, in the order of the schema. Done means: the command happens.
        Refused means: code 501.
    """
    exchange = Exchange(new_id=lambda: "")
    found: dict[str, str] = {}
    for method in COMMANDS:
        if method.startswith("signalwire."):
            continue
        kind = COMMANDS[method]
        done = (
            dials
            if kind in (Dial, Begin)
            else issubclass(kind, CallCommand) and exchange.call_control.serves(kind, leg)
        )
        found[method] = "done" if done else "refused"
    return found
