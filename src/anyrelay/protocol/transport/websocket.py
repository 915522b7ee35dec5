"""WebSocket (RFC 6455) for both ends: bytes in, text messages out, and back. The one file that knows wsproto.

The upgrade is wsproto's `H11Handshake`, the frames are its `FrameProtocol`. Its `Connection` is not used, because that makes a
bad frame look like a polite close. What wsproto leaves to us is done here: heads are cut off and limited, messages are joined
and limited, pings and closes are answered, and nothing the peer sends raises. `fast_frames.py` reads and writes short text
frames. No extension is offered or agreed to, so a compressed frame is a violation.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import TypeAlias

import h11
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed
from wsproto.handshake import H11Handshake
from wsproto.utilities import RemoteProtocolError

from anyrelay.protocol.transport.events import (
    BrokenMessage,
    ConnectionClosed,
    ConnectionEvent,
    HandshakeRefused,
    Opened,
    PongReceived,
    ProtocolViolation,
    TextReceived,
)
from anyrelay.protocol.transport.fast_frames import FrameSplitter, MessageTooBig, text_frames
from anyrelay.protocol.transport.http_head import BadHead, HeadCutter, Refusal

__all__ = ["DEFAULT_MAX_MESSAGE_SIZE", "OUTBOX_LIMIT", "Phase", "UpgradeCheck", "WebSocketLayer"]

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""The headers of a request, names in lower case."""

UpgradeCheck: TypeAlias = Callable[[Headers], tuple[int, str] | None]
"""Given the headers of a client's upgrade, returns the HTTP status and the text of a refusal; None accepts the upgrade."""

DEFAULT_MAX_MESSAGE_SIZE = 10 * 1024 * 1024
"""The largest message that is taken, in bytes."""

OUTBOX_LIMIT = 16 * 1024 * 1024
"""How many bytes may wait for a peer that does not read; a message that finds more of them ends the connection.

A peer that reads never comes near the limit: 16 MiB hold the acknowledgements of nearly 200,000 events, or all commands that
may be open at a time. What counts is what waits before a message, so that a large one of ours leaves whatever its size.
"""

LONGEST_CONTROL_PAYLOAD = 125
"""RFC 6455 section 5.5."""

LONGEST_HEADER = 14
"""With it each text counts towards `OUTBOX_LIMIT` before its frame is built, in bytes (section 5.2)."""

_MAY_BE_SENT = frozenset({1000, 1001, 1002, 1003, *range(1007, 1014), *range(3000, 5000)})
_UPGRADE_HEADER = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
_PEER_FAULTS = (RemoteProtocolError, ValueError)  # ValueError: a header that is not ASCII, a Host that is not IDNA


class Phase(Enum):
    """Where a WebSocket connection stands."""

    IDLE = auto()
    """A client that has not been started."""
    HANDSHAKE = auto()
    """The upgrade is under way."""
    REFUSED = auto()
    """The upgrade was refused; the text of the refusal is still coming."""
    OPEN = auto()
    """Text flows both ways."""
    CLOSING = auto()
    """We sent a close frame; text may still come, until the peer's."""
    CLOSED = auto()
    """Over."""


class WebSocketLayer:
    """One end of a WebSocket connection, without the connection. Made by `client` or `server`."""

    def __init__(
        self,
        handshake: H11Handshake,
        request: bytes,
        max_message_size: int,
        check_upgrade: UpgradeCheck | None = None,
    ) -> None:
        self._handshake = handshake
        self._check_upgrade = check_upgrade
        self._client = handshake.client
        self.events: deque[str | ConnectionEvent] = deque()
        """What happened, the oldest first; a text message is its text alone."""
        self._outgoing: list[bytes | bytearray] = []
        self._texts: list[bytes] = []  # which follow it, without their frames
        self._waiting = 0  # how many bytes are in the two
        self._request = request
        self._heads = HeadCutter(b"HTTP/1.") if self._client else HeadCutter()
        self._refusal: Refusal | None = None
        self._frames = FrameProtocol(self._client, [])
        self._splitter = FrameSplitter(masked=not self._client, max_message_size=max_message_size)
        self._text = bytearray()  # the message so far, in UTF-8 again: a string for each fragment takes 84 bytes
        self._pong: bytes | None = None
        self._pinged: bytes | None = None
        self.phase = Phase.IDLE if self._client else Phase.HANDSHAKE
        """Where the connection stands."""
        self.target = ""
        """Server: the path and query that the client asked for."""
        self.headers: Headers = ()
        """Server: the headers of the client's request, names in lower case."""

    @classmethod
    def client(
        cls,
        host: str,
        *,
        path: str = "/",
        user_agent: str = "",
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
    ) -> WebSocketLayer:
        """Build a client; it says nothing before `start`.

        Args:
            host: The Host header: a name or an address, with ``:port`` unless it is the scheme's own.
            path: The path and query to ask for.
            user_agent: The User-Agent header, left out if empty.
            max_message_size: The largest message to take, in bytes.

        Raises:
            ValueError: One of the three cannot be written in a request.
        """
        handshake = H11Handshake(ConnectionType.CLIENT)
        try:
            extra = [(b"User-Agent", user_agent.encode("latin-1"))] if user_agent else []
            request = handshake.send(Request(host=host, target=path, extra_headers=extra))
        except (h11.LocalProtocolError, UnicodeError) as error:
            raise ValueError(f"host, path or user_agent cannot be written in an HTTP request: {error}") from error
        return cls(handshake, request, max_message_size)

    @classmethod
    def server(
        cls, *, max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE, check_upgrade: UpgradeCheck | None = None
    ) -> WebSocketLayer:
        """Build a server, which accepts an upgrade at any path.

        Args:
            max_message_size: The largest message to take, in bytes.
            check_upgrade: Says which upgrades are refused; None accepts each.
        """
        return cls(H11Handshake(ConnectionType.SERVER), b"", max_message_size, check_upgrade)

    @property
    def closed(self) -> bool:
        """Whether `ConnectionClosed` has been queued: nothing more is read, and nothing more may be sent."""
        return self.phase is Phase.CLOSED

    def start(self) -> None:
        """Queue the client's request."""
        self._outgoing.append(self._request)
        self.phase = Phase.HANDSHAKE

    def next_event(self) -> ConnectionEvent | None:
        """Return the next event, or None until more is received."""
        if not self.events:
            return None
        event = self.events.popleft()
        return TextReceived(event) if isinstance(event, str) else event

    def data_to_send(self) -> bytes:
        """Return everything that waits to be sent, as one piece, and forget it."""
        if self._pong is not None:
            self._queue_pong()
        if self._texts:
            self._outgoing += text_frames(self._texts, mask=self._client, long_frame=self._long_frame)
            self._texts.clear()
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self._waiting = 0
        return data

    def _frame_texts(self) -> None:
        """Build the frames of the texts that wait."""
        self._outgoing += text_frames(self._texts, mask=self._client, long_frame=self._long_frame)
        self._texts.clear()

    def _long_frame(self, payload: bytes) -> bytes | bytearray:
        return self._frames.send_data(payload.decode())

    # What we say

    def send(self, payload: bytes) -> bool:
        """Queue a text message, unless the connection is not open.

        Args:
            payload: The message in UTF-8.

        Returns:
            Whether it is queued. If more than `OUTBOX_LIMIT` bytes wait before it, everything is dropped and it is over.
        """
        if self.phase is not Phase.OPEN:
            return False
        if self._waiting > OUTBOX_LIMIT:
            self.fail_unread()
            return False
        self._texts.append(payload)
        self._waiting += LONGEST_HEADER + len(payload)
        return True

    def send_text(self, text: str) -> None:
        """Queue a text message, as `send` does.

        Raises:
            RuntimeError: The connection is not open.
            UnicodeEncodeError: The text has lone surrogates.
        """
        if self.phase is not Phase.OPEN:
            raise self._not_open("send text")
        self.send(text.encode())

    def ping(self, payload: bytes = b"") -> None:
        """Queue a ping; the answer to the latest one is reported as `PongReceived`.

        Raises:
            RuntimeError: The connection is not open.
            ValueError: The payload is longer than 125 bytes (RFC 6455 section 5.5).
        """
        if len(payload) > LONGEST_CONTROL_PAYLOAD:
            raise ValueError(f"payload: a ping carries {LONGEST_CONTROL_PAYLOAD} bytes at most, not {len(payload)}")
        if self.phase is not Phase.OPEN:
            raise self._not_open("ping")
        self._pinged = bytes(payload)
        self._queue(self._frames.ping(payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin the end: queue a close frame and go on reading until the peer's; before it is open, end at once.

        A second call does nothing.

        Args:
            code: The close code, one that may be sent (RFC 6455 section 7.4).
            reason: The reason for the peer; cut to 123 bytes.

        Raises:
            ValueError: The code may not be sent.
        """
        if code not in _MAY_BE_SENT:
            raise ValueError(
                f"code: {code} is no close code that may be sent; 1000 is a normal end, 3000 to 4999 are free"
            )
        if self.phase is Phase.OPEN:
            self._queue_close(code, reason)
            self.phase = Phase.CLOSING
        elif self._refusal is not None:
            self._report_refusal(self._refusal)
        elif self.phase in (Phase.IDLE, Phase.HANDSHAKE):
            self._outgoing.clear()
            self._finish(ConnectionClosed(reason="we closed it before it was open"))

    def fail(self, error: Exception) -> None:
        """End at once, because the layer below broke. A refusal that was on its way is what gets reported."""
        if self._refusal is not None:
            self._report_refusal(self._refusal)
        else:
            retry_after = error.retry_after if isinstance(error, HandshakeRefused) else None
            self._finish(ConnectionClosed(reason=str(error), error=error, retry_after=retry_after))

    def fail_unread(self) -> None:
        """End at once, because the peer does not read; what waits for it is dropped, for it would not read that either."""
        self._texts.clear()
        self._outgoing.clear()
        peer = "server" if self._client else "client"
        self.fail(ConnectionError(f"the {peer} does not read: more than {OUTBOX_LIMIT // 1024**2} MiB wait to be sent"))

    # What we hear

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer; then look at `next_event` and `data_to_send`. After the end, they are dropped."""
        if self.phase is Phase.OPEN or self.phase is Phase.CLOSING:
            try:
                while data:
                    piece, data = self._splitter.take(data, self.events.append)
                    if piece:
                        self._receive_slowly(piece)
                        if self.closed:
                            return
            except UnicodeDecodeError as fault:
                self._violated(CloseReason.INVALID_FRAME_PAYLOAD_DATA, fault)
            except MessageTooBig as fault:
                self._violated(CloseReason.MESSAGE_TOO_BIG, fault)
            except ParseFailed as fault:
                self._violated(fault.code, fault)
        elif self.phase is Phase.HANDSHAKE:
            self._receive_heads(data)
        elif self.phase is Phase.REFUSED and data:  # to wsproto, no bytes are the end of the stream
            self._receive_handshake(data)

    def receive_eof(self) -> None:
        """Note that the peer will send no more bytes. Without a close frame before, that is no clean end (1006)."""
        if self.phase is Phase.CLOSING:
            self._finish(ConnectionClosed(reason="the peer left without answering our close frame"))
        elif self.phase is Phase.OPEN:
            self.fail(ConnectionError("the peer ended the connection without a WebSocket close frame"))
        else:
            self.fail(ConnectionError("the peer ended the connection before the WebSocket handshake was done"))

    # The handshake (RFC 6455 section 4)

    def _receive_heads(self, data: bytes) -> None:
        while self.phase is Phase.HANDSHAKE:  # more than once for a client that is told 100 or 103 first
            try:
                cut = self._heads.receive_data(data)
            except BadHead as fault:
                self._bad_handshake(fault, fault.status)
                return
            if cut is None:
                return
            head, data = cut
            self._receive_handshake(head)
        self.receive_data(data)

    def _receive_handshake(self, data: bytes) -> None:
        """Let wsproto read a whole head, or a piece of a refusal's body."""
        fault: Exception | None = None
        try:
            self._handshake.receive_data(data)
        except _PEER_FAULTS as error:
            fault = error
        for event in self._handshake.events():  # what came before the fault counts
            if isinstance(event, AcceptConnection):
                self._open()
            elif isinstance(event, Request):
                self._accept(event)
            elif isinstance(event, RejectConnection) and event.has_body:
                self._refusal = Refusal.from_h11(event.status_code, event.headers)
                self.phase = Phase.REFUSED
            elif isinstance(event, RejectData) and self._refusal is not None:
                self._refusal.add(bytes(event.data))
                if event.body_finished or self._refusal.complete:
                    self._report_refusal(self._refusal)
        if fault is not None:
            self._bad_handshake(fault, self._status_for(fault, data))

    def _accept(self, request: Request) -> None:
        self.target = request.target
        host = [("host", request.host)]
        extra = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.extra_headers]
        self.headers = tuple(host + extra)
        refused = None if self._check_upgrade is None else self._check_upgrade(self.headers)
        if refused is not None:
            self.fail(self._refuse(*refused))
            return
        self._outgoing.append(self._handshake.send(AcceptConnection()))
        self._open()

    def _refuse(self, status: int, words: str) -> ProtocolViolation:
        """Answer the client's request with an HTTP error, and return the error that ends the connection."""
        self._outgoing.append(_refusal(status, words))
        return ProtocolViolation(f"no WebSocket upgrade, refused with HTTP {status}: {words}")

    def _open(self) -> None:
        self.phase = Phase.OPEN
        self.events.append(Opened())

    @staticmethod
    def _status_for(fault: Exception, head: bytes) -> int:
        """Return the HTTP status with which a server answers a request that is no good upgrade."""
        if isinstance(fault.__context__, h11.RemoteProtocolError):
            return 400
        if not _UPGRADE_HEADER.search(head):  # a browser or a health check; told what this place is
            return 426
        hint = fault.event_hint if isinstance(fault, RemoteProtocolError) else None
        return hint.status_code if isinstance(hint, RejectConnection) else 400

    def _bad_handshake(self, fault: Exception, status: int) -> None:
        """End a handshake that the peer broke: a server answers with an HTTP error, a client with nothing."""
        if self._refusal is not None:  # only its text is broken, or too long
            self._report_refusal(self._refusal)
            return
        words = str(fault) if isinstance(fault, (BadHead, RemoteProtocolError)) else "a header cannot be read"
        if self._client:
            error = ProtocolViolation(f"the server's answer to the WebSocket upgrade is no good: {words}")
        else:
            error = self._refuse(status, words)
        error.__cause__ = fault
        self.fail(error)

    def _report_refusal(self, refusal: Refusal) -> None:
        self._refusal = None
        self.fail(refusal.error("the server refused the WebSocket upgrade", HandshakeRefused))

    # Frames (RFC 6455 section 5)

    def _receive_slowly(self, piece: bytes) -> None:
        """Let wsproto read a frame or a piece of one."""
        self._frames.receive_bytes(piece)
        for frame in self._frames.received_frames():
            self._receive_frame(frame)

    def _receive_frame(self, frame: Frame) -> None:
        payload = frame.payload
        if isinstance(payload, str):
            self._text += payload.encode()
            if frame.message_finished:
                self.events.append(self._text.decode())
                self._text = bytearray()
        elif isinstance(payload, tuple):
            self._peer_closed(*payload)
        elif frame.opcode is Opcode.PING:
            # Of pings that come faster than we send, the latest is the one to answer (section 5.5.3): one pong waits.
            self._pong = payload
        elif frame.opcode is Opcode.PONG:
            if payload == self._pinged:
                self._pinged = None
                self.events.append(PongReceived(payload))
        elif frame.message_finished:
            self.events.append(
                BrokenMessage(f"a binary message of {self._splitter.message_size} bytes; RELAY speaks text")
            )

    def _peer_closed(self, code: int, reason: str) -> None:
        if self.phase is Phase.OPEN:
            self._queue_close(code, "")
        given = None if code == CloseReason.NO_STATUS_RCVD else int(code)
        self._finish(ConnectionClosed(code=given, reason=reason, clean=True))

    # The end (RFC 6455 section 7)

    def _violated(self, code: CloseReason, fault: Exception) -> None:
        # Python's message tells a position, which depends on how the bytes were cut.
        bad_text = code is CloseReason.INVALID_FRAME_PAYLOAD_DATA
        words = "text that is not UTF-8" if bad_text else str(fault)
        if self.phase is Phase.OPEN:
            self._queue_close(code, words)
        error = ProtocolViolation(f"the peer broke the WebSocket protocol: {words}")
        error.__cause__ = fault
        self._finish(ConnectionClosed(code=int(code), reason=words, error=error))

    def _queue(self, frame: bytes | bytearray) -> None:
        """Queue a frame behind the texts that wait."""
        self._frame_texts()
        if self._waiting > OUTBOX_LIMIT:
            self.fail_unread()
            return
        self._outgoing.append(frame)
        self._waiting += len(frame)

    def _queue_pong(self) -> None:
        if self._pong is not None and self.phase is Phase.OPEN:
            self._frame_texts()
            self._outgoing.append(self._frames.pong(self._pong))
        self._pong = None

    def _queue_close(self, code: int, reason: str) -> None:
        self._queue_pong()  # nothing may follow a close frame (section 5.5.1)
        self._frame_texts()
        self._outgoing.append(self._frames.close(code, reason))

    def _finish(self, event: ConnectionClosed) -> None:
        if self.phase is Phase.CLOSED:
            return
        self.phase = Phase.CLOSED
        self.events.append(event)
        self._text = bytearray()

    def _not_open(self, what: str) -> RuntimeError:
        return RuntimeError(f"cannot {what}: the WebSocket connection is not open (it is {self.phase.name})")


def _refusal(status: int, words: str) -> bytes:
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
