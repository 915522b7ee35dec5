"""Hand a call to another application (``calling.transfer``)."""

from __future__ import annotations

from typing import Any

from anyrelay.errors import RelayError
from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import CommandObserver, Reply

__all__ = ["TransferMethods"]


class _TransferObserver(CommandObserver):
    """Follows the ``calling.transfer`` of a call: once the server accepts it, the call belongs to another application.

    A handler that still runs may finish; the server says what the handler may do.
    """

    def __init__(self, call: TransferMethods) -> None:
        self._call = call

    def sent(self, now: float) -> None:
        self._call.is_leaving = True

    def accepted(self, reply: Reply, now: float) -> None:
        self._call.was_handed_over = True
        if not self._call.host.has_handler_at(self._call):
            self._call.handed_over(now)

    def rejected(self, error: RelayError) -> None:
        self._call.is_leaving = False


class TransferMethods(CallMethods):
    """Hand a call to another application."""

    is_leaving = False
    """Whether ``calling.transfer`` was sent, and not refused."""
    was_handed_over = False
    """Whether the server has accepted ``calling.transfer``."""

    @command_doc
    def transfer(self, now: float, /, dest: str, **extra: Any) -> Promise[Reply]:
        """Hand the call to another RELAY application or a SWML script (``calling.transfer``); this client loses the call.

        Once the call's handler has returned too, methods that still wait on the call raise `CallGone`, and its transfers by
        REFER are UNKNOWN.

        Args:
            dest: A context, the URL of a SWML script, or inline SWML.

        Raises:
            ValueError: `dest` is empty.
        """
        return self.send_command(now, schema.Transfer, dest=dest, extra=extra, command_observer=_TransferObserver(self))
