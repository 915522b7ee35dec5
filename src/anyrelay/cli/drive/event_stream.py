"""Server-sent events, read from a socket that a command can wait for together with its standard input."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Mapping
from typing import Any, Final

import h11
from attrs import frozen

__all__ = ["EventStream", "ServerEvent", "StreamEnded", "StreamRefused"]

CHUNK: Final = 65_536


class StreamEnded(Exception):
    """The server ended the stream."""


class StreamRefused(Exception):
    """The server sends no events."""

    def __init__(self, status: int, body: bytes) -> None:
        """Hold the HTTP status, 0 for no HTTP, and the body."""
        super().__init__(f"the server sends no events; its HTTP status is {status}")
        self.status = status
        self.body = body


@frozen
class ServerEvent:
    """An event of ``GET /v1/events``."""

    kind: str
    """``call``, ``frame``, ``session``, ``message``, ``reset`` or ``dropped``."""
    data: Any
    """The JSON value of the event."""


class EventStream:
    """A stream of server-sent events."""

    def __init__(self, host: str, port: int, path: str, headers: Mapping[str, str], *, timeout: float) -> None:
        """Send the request, and wait until the server has accepted it: no event after that is missed.

        Raises:
            OSError: There is no connection, or no reply within `timeout` seconds.
            StreamRefused: The server sends no events.
        """
        self._socket = socket.create_connection((host, port), timeout)
        self._http = h11.Connection(h11.CLIENT)
        self._parser = _Parser()
        self._unread = True  # events may come together with the head of the response
        shown = f"[{host}]" if ":" in host else host
        wanted = {**headers, "Host": f"{shown}:{port}", "Accept": "text/event-stream"}
        request = h11.Request(method="GET", target=path, headers=list(wanted.items()))
        try:
            self._socket.sendall((self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b""))
            self._begin()
        except BaseException:
            self._socket.close()
            raise

    def poll(self, timeout: float | None, *descriptors: int) -> set[int] | None:
        """Wait until `receive` does not block, or until one of the descriptors can be read.

        Args:
            timeout: The longest wait, in seconds; None for any time.
            descriptors: Further descriptors.

        Returns:
            The further descriptors that can be read; None when the time is over.
        """
        if self._unread:
            return set()
        readable, _, _ = select.select([self._socket.fileno(), *descriptors], [], [], timeout)
        return set(descriptors) & set(readable) if readable else None

    def receive(self) -> list[ServerEvent]:
        """Return the events that the next bytes from the server complete, maybe none; blocks until there are bytes.

        Raises:
            StreamEnded: The server ended the stream.
        """
        if not self._unread:
            try:
                self._http.receive_data(self._socket.recv(CHUNK))
            except OSError as error:
                raise StreamEnded(f"the connection to the server is lost: {error.strerror or error}") from None
        self._unread = False
        return self._read()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._socket.close()

    def _begin(self) -> None:
        """Read the head of the response."""
        response = self._next()
        if isinstance(response, h11.Response) and response.status_code == 200:
            return
        body = b""
        while isinstance(part := self._next(), h11.Data):
            body += bytes(part.data)
        raise StreamRefused(getattr(response, "status_code", 0), body)

    def _next(self) -> object:
        """Return the next part of the response; None for a response that breaks off or is not HTTP."""
        try:
            while (part := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(self._socket.recv(CHUNK))
        except h11.RemoteProtocolError:
            return None
        return part

    def _read(self) -> list[ServerEvent]:
        events = []
        with contextlib.suppress(h11.RemoteProtocolError, ValueError):  # no HTTP, or no JSON
            while isinstance(part := self._http.next_event(), h11.Data):
                events += self._parser.feed(bytes(part.data))
            if part is h11.NEED_DATA:
                return events
        if events:
            return events
        raise StreamEnded("the server ended the stream of events")


class _Parser:
    """Parses the server's part of the format of server-sent events (WHATWG HTML, section 9.2.6)."""

    def __init__(self) -> None:
        self._rest = b""
        self._kind = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Return the events that are complete after these bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            name, _, value = line.rstrip(b"\r").decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._kind = value
            elif name == "data":
                self._data.append(value)
            elif not name and not value and self._data:
                events.append(ServerEvent(self._kind, json.loads("\n".join(self._data))))
                self._kind, self._data = "", []
        return events
