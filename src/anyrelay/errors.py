"""Every exception that anyrelay raises, one tree under `RelayError`. Imports nothing, so that every layer can use it.

All exceptions pickle. An exception that is raised without an error reply from the server has the code -1.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AuthenticationError",
    "CallGone",
    "ClientClosed",
    "ConnectFailed",
    "ConnectionLost",
    "DialFailed",
    "DialTimeout",
    "QueueOverflow",
    "ReferFailed",
    "ReferInProgress",
    "RelayError",
    "RequestTimeout",
]

LOCAL_CODE = -1
"""The code of an error that was raised without an error reply from the server."""


class RelayError(Exception):
    """The RELAY server refused a command, or the command could not be carried out.

    Attributes:
        code: The code of the server's answer (an HTTP-like status or a JSON-RPC error code), -1 without an error reply.
        message: The text of the error.
    """

    code: int
    message: str

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"RELAY error {self.code}: {self.message}"

    def renewed(self) -> RelayError:
        """Return a copy to raise again: an exception raised twice would grow its traceback and share its context."""
        copy = self.__class__.__new__(self.__class__, *self.args)
        copy.args = self.args
        copy.__dict__.update(self.__dict__)
        copy.__dict__.pop("__notes__", None)  # notes are kept in a list, and belong to one raise
        copy.__cause__ = self.__cause__
        copy.__suppress_context__ = self.__suppress_context__
        return copy


class LocalError(RelayError):
    """An error without an error reply from the server: its code is always -1."""

    def __init__(self, message: str) -> None:
        super().__init__(LOCAL_CODE, message)
        self.args = (message,)


class AuthenticationError(RelayError):
    """The server refused the credentials (``signalwire.connect``) three times in a row, before any success."""


class CallGone(RelayError):
    """The call of the command does not exist any more: code 410, or 404 to a command on the call itself.

    Attributes:
        call_id: The identifier of the call.
    """

    def __init__(self, code: int, message: str, call_id: str = "") -> None:
        super().__init__(code, message)
        self.args: tuple[Any, ...] = (code, message, call_id)
        self.call_id = call_id


class ConnectFailed(LocalError):
    """No first connection within `connect_timeout`; ``__cause__`` is the error of the last attempt."""


class ConnectionLost(LocalError):
    """The connection dropped while the command was under way, or the session could not be resumed."""


class RequestTimeout(LocalError, TimeoutError):
    """The reply to the command did not come within `request_timeout` seconds."""


class DialFailed(LocalError):
    """No device answered an outbound dial (``calling.dial``); the message says how the legs ended."""


class DialTimeout(DialFailed, TimeoutError):
    """No device answered an outbound dial (``calling.dial``) within `dial_timeout` seconds."""


class ReferFailed(LocalError):
    """A transfer by SIP REFER did not succeed; raised only by `ReferOutcome.raise_for_status`.

    Attributes:
        outcome: The `ReferOutcome`, with any status but SUCCEEDED.
    """

    def __init__(self, message: str, outcome: Any = None) -> None:
        super().__init__(message)
        self.args: tuple[Any, ...] = (message, outcome)
        self.outcome = outcome


class ReferInProgress(LocalError):
    """Another transfer by SIP REFER of this call has a waiter. Nothing was sent."""


class ClientClosed(LocalError):
    """The client is closed, or was never connected."""


class QueueOverflow(LocalError):
    """A reader of `events()` was too slow: its queue of events was full. Other readers are not affected."""
