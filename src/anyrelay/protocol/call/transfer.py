"""Hand a call to another application (``calling.transfer``)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import CommandObserver, Reply

__all__ = ["TransferMethods"]


class TransferMethods(CallMethods):
    """Hand a call to another application."""

    @property
    @abstractmethod
    def handing_over(self) -> CommandObserver:
        """The observer of ``calling.transfer``, which ends the call for this client."""

    def transfer(self, now: float, /, dest: str, **extra: Any) -> Promise[Reply]:
        """Hand the call to another RELAY application or a SWML script (``calling.transfer``); this client loses the call.

        Once the call's handler has returned too, methods that still wait on the call raise `CallGone`, and its transfers by
        REFER are UNKNOWN.

        Args:
            now: The time, in seconds.
            dest: A context, the URL of a SWML script, or inline SWML.
            extra: Further parameters, sent as given.

        Returns:
            The server's reply.

        Raises:
            ValueError: `dest` is empty.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.send_command(now, schema.Transfer, dest=dest, extra=extra, command_observer=self.handing_over)
