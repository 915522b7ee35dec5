"""How the exchange serves each command with a kind of phone: done, acted or refused. The reference has the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.local.exchange.acted import ACTED_METHODS
from anyrelay.local.exchange.exchange import Exchange
from anyrelay.protocol.schema import COMMANDS, Begin, CallCommand, Command, Dial, SendMessage

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg

__all__ = ["how_served"]


def how_served(leg: type[Leg], *, dials: bool) -> dict[str, str]:
    """Return how each calling and messaging command is served on calls with a kind of phone.

    Args:
        leg: The class of the phones' legs.
        dials: Whether such phones can be called.

    Returns:
        ``done``, ``acted`` or ``refused`` by the command's method, in the order of the schema. Done means: the command
        happens. Acted means: a script gives the reply and the events. Refused means: code 501.
    """
    exchange = Exchange(new_id=lambda: "", acts=False)
    found: dict[str, str] = {}
    for method in COMMANDS:
        if method.startswith("signalwire."):
            continue
        found[method] = _how(COMMANDS[method], exchange, leg, dials=dials)
    return found


def _how(kind: type[Command], exchange: Exchange, leg: type[Leg], *, dials: bool) -> str:
    if kind is SendMessage or (dials and kind in (Dial, Begin)):
        return "done"
    served = issubclass(kind, CallCommand) and exchange.call_control.serves(kind, leg)
    if served:
        return "done"
    return "acted" if kind.method in ACTED_METHODS else "refused"
