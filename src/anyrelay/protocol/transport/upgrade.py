"""The upgrade from HTTP to WebSocket (RFC 6455 section 4), for both ends, with wsproto's `H11Handshake`.

Heads are cut off and limited here, a server's refusal is sent and a client's refusal is read here, and nothing that the peer
sends raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeAlias

import h11
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from anyrelay.protocol.transport.events import HandshakeRefused, ProtocolViolation
from anyrelay.protocol.transport.http_head import BadHead, HeadCutter, Refusal

__all__ = ["Headers", "Upgrade", "UpgradeCheck"]

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""The headers of a request, names in lower case."""

UpgradeCheck: TypeAlias = Callable[[Headers], tuple[int, str] | None]
"""Given the headers of a client's upgrade, returns the HTTP status and the text of a refusal; None accepts the upgrade."""

_UPGRADE_HEADER = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
_PEER_FAULTS = (RemoteProtocolError, ValueError)  # ValueError: a header that is not ASCII, a Host that is not IDNA


class Upgrade:
    """One end of a WebSocket handshake; `client` and `server` make it."""

    def __init__(self, handshake: H11Handshake, request: bytes, check: UpgradeCheck | None = None) -> None:
        self.is_client = handshake.client
        """Whether this is the client's end."""
        self.to_send = request
        """The bytes to send: the client's request, or the server's answer."""
        self.accepted = False
        """Whether the WebSocket connection is open."""
        self.error: Exception | None = None
        """Why there is no WebSocket connection; None as long as there may be one."""
        self._handshake = handshake
        self._check = check
        self._heads = HeadCutter(b"HTTP/1.") if self.is_client else HeadCutter()
        self._refusal: Refusal | None = None

    @classmethod
    def client(cls, host: str, path: str, user_agent: str) -> Upgrade:
        """Build the client's end.

        Raises:
            ValueError: One of the three cannot be written in a request.
        """
        handshake = H11Handshake(ConnectionType.CLIENT)
        try:
            extra = [(b"User-Agent", user_agent.encode("latin-1"))] if user_agent else []
            return cls(handshake, handshake.send(Request(host=host, target=path, extra_headers=extra)))
        except (h11.LocalProtocolError, UnicodeError) as error:
            raise ValueError(f"host, path or user_agent cannot be written in an HTTP request: {error}") from error

    @classmethod
    def server(cls, check: UpgradeCheck | None) -> Upgrade:
        """Build the server's end; `check` says which upgrades are refused."""
        return cls(H11Handshake(ConnectionType.SERVER), b"", check)

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes until the end of the handshake; return the bytes behind the end."""
        while not self.accepted and self.error is None:
            if self._refusal is not None:
                if data:  # to wsproto, no bytes are the end of the stream
                    self._read(data)
                return b""
            try:  # more than once for a client that is told 100 or 103 first
                cut = self._heads.receive_data(data)
            except BadHead as fault:
                self._broken(fault, fault.status)
                return b""
            if cut is None:
                return b""
            head, data = cut
            self._read(head)
        return data

    def interrupted(self, error: Exception) -> Exception:
        """Return the error to report when the connection ends now: a refusal that was being read, or else `error`."""
        return error if self._refusal is None else self._refused(self._refusal)

    @property
    def is_refused(self) -> bool:
        """Whether the server's refusal is being read."""
        return self._refusal is not None

    def _read(self, data: bytes) -> None:
        """Let wsproto read a whole head, or a piece of a refusal's body."""
        fault: Exception | None = None
        try:
            self._handshake.receive_data(data)
        except _PEER_FAULTS as error:
            fault = error
        for event in self._handshake.events():  # what came before the fault counts
            if isinstance(event, AcceptConnection):
                self.accepted = True
            elif isinstance(event, Request):
                self._receive_request(event)
            elif isinstance(event, RejectConnection) and event.has_body:
                self._refusal = Refusal.from_h11(event.status_code, event.headers)
            elif isinstance(event, RejectData) and self._refusal is not None:
                self._refusal.add(bytes(event.data))
                if event.body_finished or self._refusal.complete:
                    self.error = self._refused(self._refusal)
        if fault is not None:
            self._broken(fault, self._status_for(fault, data))

    def _receive_request(self, request: Request) -> None:
        host = [("host", request.host)]
        extra = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.extra_headers]
        refused = None if self._check is None else self._check(tuple(host + extra))
        if refused is not None:
            self.error = self._refuse(*refused)
        else:
            self.to_send = self._handshake.send(AcceptConnection())
            self.accepted = True

    def _refuse(self, status: int, words: str) -> ProtocolViolation:
        """Answer the client's request with an HTTP error, and return the error that ends the connection."""
        self.to_send = _http_error(status, words)
        return ProtocolViolation(f"no WebSocket upgrade, refused with HTTP {status}: {words}")

    @staticmethod
    def _status_for(fault: Exception, head: bytes) -> int:
        """Return the HTTP status with which a server answers a request that is no good upgrade."""
        if isinstance(fault.__context__, h11.RemoteProtocolError):
            return 400
        if not _UPGRADE_HEADER.search(head):  # a browser or a health check; told what this place is
            return 426
        hint = fault.event_hint if isinstance(fault, RemoteProtocolError) else None
        return hint.status_code if isinstance(hint, RejectConnection) else 400

    def _broken(self, fault: Exception, status: int) -> None:
        """End a handshake that the peer broke: a server answers with an HTTP error, a client with nothing."""
        if self._refusal is not None:  # only its text is broken, or too long
            self.error = self._refused(self._refusal)
            return
        words = str(fault) if isinstance(fault, (BadHead, RemoteProtocolError)) else "a header cannot be read"
        if self.is_client:
            self.error = ProtocolViolation(f"the server's answer to the WebSocket upgrade is no good: {words}")
        else:
            self.error = self._refuse(status, words)
        self.error.__cause__ = fault

    def _refused(self, refusal: Refusal) -> HandshakeRefused:
        self._refusal = None
        return refusal.error("the server refused the WebSocket upgrade", HandshakeRefused)


def _http_error(status: int, words: str) -> bytes:
    """Build the server's HTTP answer to what is no upgrade. By hand: h11 does not answer just any broken request."""
    body = f"This is a WebSocket server (RFC 6455, version 13): {words}.\n".encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        *(["Upgrade: websocket", "Sec-WebSocket-Version: 13"] if status == HTTPStatus.UPGRADE_REQUIRED else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
