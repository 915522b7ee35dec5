"""Faults made on purpose: the server refuses, delays or does not answer the next commands of its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from anyrelay.protocol.schema.fields import is_integer, is_number, is_text, one_of, optional

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.protocol.server import CommandReceived

__all__ = ["COMMAND_FAULTS", "CommandFault", "ServerFaults"]

COMMAND_FAULTS: Final = ("drop", "delay", "refuse")
"""The kinds of faults: the connection drops, the server takes the command late, or the server refuses the command."""

FAULTS_LIMIT: Final = 100
"""How many faults may wait for their commands."""


@frozen(kw_only=True)
class CommandFault:
    """A fault that the next commands meet."""

    fault: str = field(validator=one_of(*COMMAND_FAULTS))
    """drop, delay or refuse."""
    method: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The method of the commands; None for any but ``signalwire.connect``."""
    count: int = field(default=1, validator=is_integer(1, 1_000_000))
    """How many commands it happens to."""
    seconds: float = field(default=1.0, validator=is_number(0, 3_600, unit="seconds"))
    """How late the server takes a delayed command in, in seconds."""
    code: int = field(default=500, validator=is_integer(400, 599))
    """The code of the refusal."""

    def fits(self, method: str) -> bool:
        """Return whether it happens to a command of this method."""
        return method == self.method if self.method is not None else method != "signalwire.connect"


class ServerFaults:
    """The faults of one server; see `CommandFaults`."""

    def __init__(self, exchange: Exchange) -> None:
        """Let nothing fail yet."""
        self._exchange = exchange
        self._waiting: list[tuple[CommandFault, int]] = []

    def add(self, fault: CommandFault) -> None:
        """Let the next commands fail.

        Raises:
            ValueError: Too many faults wait already.
        """
        if len(self._waiting) >= FAULTS_LIMIT:
            raise ValueError(f"{FAULTS_LIMIT} faults wait for their commands already")
        self._waiting.append((fault, fault.count))
        self._exchange.faults = self

    def clear(self) -> None:
        """Let nothing fail any more."""
        self._waiting.clear()
        self._exchange.faults = None

    def hit(self, now: float, connection: ClientConnection, received: CommandReceived) -> bool:
        """Take in a command; return whether a fault took it."""
        number = next((number for number, (one, _) in enumerate(self._waiting) if one.fits(received.method)), None)
        if number is None:
            return False
        fault, left = self._waiting[number]
        self._waiting[number : number + 1] = [(fault, left - 1)] if left > 1 else []
        if not self._waiting:
            self._exchange.faults = None
        match fault.fault:
            case "refuse":
                words = f"{received.method} is refused by a fault"
                connection.reply(received.id, {"code": str(fault.code), "message": words})
            case "drop":
                connection.drop(now)
            case _:
                self._exchange.timers.at(now + fault.seconds, lambda at: self._take_late(at, connection, received))
        return True

    def _take_late(self, now: float, connection: ClientConnection, received: CommandReceived) -> None:
        if not connection.is_over:
            waiting, self._exchange.faults = self._exchange.faults, None  # no other fault takes it again
            self._exchange.command_received(now, connection, received)
            self._exchange.faults = waiting
