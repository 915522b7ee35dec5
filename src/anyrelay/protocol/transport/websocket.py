"""WebSocket (RFC 6455) for both ends: bytes in, text messages out, and back.

The frames are wsproto's `FrameProtocol`. Its `Connection` is not used, because that makes a bad frame look like a polite
close. What wsproto leaves to us is done here: messages are joined and limited, pings and closes are answered, and nothing the
peer sends raises. The handshake is in `upgrade.py`; `fast_frames.py` reads and writes short text frames. No extension is
offered or agreed to, so a compressed frame is a violation.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from anyrelay.protocol.transport.events import (
    BrokenMessage,
    ConnectionClosed,
    ConnectionEvent,
    HandshakeRefused,
    Opened,
    ProtocolViolation,
    TextReceived,
)
from anyrelay.protocol.transport.fast_frames import FrameSplitter, MessageTooBig, text_frames
from anyrelay.protocol.transport.upgrade import Upgrade, UpgradeCheck

__all__ = ["DEFAULT_MAX_MESSAGE_SIZE", "OUTBOX_LIMIT", "Phase", "UpgradeCheck", "WebSocketLayer"]

DEFAULT_MAX_MESSAGE_SIZE = 10 * 1024 * 1024
"""The largest message that is taken, in bytes."""

OUTBOX_LIMIT = 16 * 1024 * 1024
"""How many bytes may wait for a peer that does not read; a message that finds more of them ends the connection.

A peer that reads never comes near the limit: 16 MiB hold the acknowledgements of nearly 200,000 events, or all commands that
may be open at a time. What counts is what waits before a message, so that a large one of ours leaves whatever its size.
"""

LONGEST_HEADER = 14
"""With it each text counts towards `OUTBOX_LIMIT` before its frame is built, in bytes (section 5.2)."""

_MAY_BE_SENT = frozenset({1000, 1001, 1002, 1003, *range(1007, 1014), *range(3000, 5000)})


class Phase(Enum):
    """The phases of a WebSocket connection."""

    IDLE = auto()
    """A client that has not been started."""
    HANDSHAKE = auto()
    """The upgrade is under way."""
    OPEN = auto()
    """Text flows both ways."""
    CLOSING = auto()
    """We sent a close frame; text may still come, until the peer's."""
    CLOSED = auto()
    """Over."""


class WebSocketLayer:
    """One end of a WebSocket connection, without the socket; `client` and `server` make it."""

    def __init__(self, upgrade: Upgrade, max_message_size: int) -> None:
        self._upgrade = upgrade
        self._client = upgrade.is_client
        self.events: deque[str | ConnectionEvent] = deque()
        """The events, the oldest first; a text message is its text alone."""
        self._outgoing: list[bytes | bytearray] = []
        self._texts: list[bytes] = []  # which follow it, without their frames
        self._waiting = 0  # how many bytes are in the two
        self._frames = FrameProtocol(self._client, [])
        self._splitter = FrameSplitter(masked=not self._client, max_message_size=max_message_size)
        self._text = bytearray()  # the message so far, in UTF-8 again: a string for each fragment takes 84 bytes
        self._pong: bytes | None = None
        self.phase = Phase.IDLE if self._client else Phase.HANDSHAKE
        """The phase of the connection."""

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
        return cls(Upgrade.client(host, path, user_agent), max_message_size)

    @classmethod
    def server(
        cls, *, max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE, check_upgrade: UpgradeCheck | None = None
    ) -> WebSocketLayer:
        """Build a server, which accepts an upgrade at any path.

        Args:
            max_message_size: The largest message to take, in bytes.
            check_upgrade: Says which upgrades are refused; None accepts each.
        """
        return cls(Upgrade.server(check_upgrade), max_message_size)

    @property
    def closed(self) -> bool:
        """Whether `ConnectionClosed` has been queued: nothing more is read, and nothing more may be sent."""
        return self.phase is Phase.CLOSED

    def start(self) -> None:
        """Queue the client's request."""
        self._outgoing.append(self._upgrade.to_send)
        self.phase = Phase.HANDSHAKE

    def next_event(self) -> ConnectionEvent | None:
        """Return the next event, or None until more is received."""
        if not self.events:
            return None
        event = self.events.popleft()
        return TextReceived(event) if isinstance(event, str) else event

    def data_to_send(self) -> bytes:
        """Return all bytes that wait to be sent, as one piece, and remove them."""
        if self._pong is not None:
            self._queue_pong()
        if self._texts:  # as `_frame_texts` does, without one more call for each write
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

    # Our side

    def send(self, *payloads: bytes) -> bool:
        """Queue text messages, unless the connection is not open.

        Args:
            payloads: The messages in UTF-8.

        Returns:
            Whether they are queued. If more than `OUTBOX_LIMIT` bytes wait before them, everything is dropped and the
            connection is over.
        """
        if self.phase is not Phase.OPEN:
            return False
        if self._waiting > OUTBOX_LIMIT:
            self.fail_unread()
            return False
        self._texts += payloads
        self._waiting += LONGEST_HEADER * len(payloads) + sum(map(len, payloads))
        return True

    def send_text(self, text: str) -> None:
        """Queue a text message, as `send` does.

        Raises:
            RuntimeError: The connection is not open.
            UnicodeEncodeError: The text has lone surrogates.
        """
        if self.phase is not Phase.OPEN:
            raise RuntimeError(f"cannot send text: the WebSocket connection is not open (it is {self.phase.name})")
        self.send(text.encode())

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
        elif self.phase in (Phase.IDLE, Phase.HANDSHAKE):
            self._outgoing.clear()
            if self._upgrade.is_refused:
                self.fail(ConnectionError("the connection was closed"))
            else:
                self._finish(ConnectionClosed(reason="we closed it before it was open"))

    def fail(self, error: Exception) -> None:
        """End at once, because the layer below broke. A refusal that was on its way is what gets reported."""
        error = self._upgrade.interrupted(error)
        retry_after = error.retry_after if isinstance(error, HandshakeRefused) else None
        self._finish(ConnectionClosed(reason=str(error), error=error, retry_after=retry_after))

    def fail_unread(self) -> None:
        """End at once, because the peer does not read; the bytes that wait for the peer are dropped."""
        self._texts.clear()
        self._outgoing.clear()
        peer = "server" if self._client else "client"
        self.fail(ConnectionError(f"the {peer} does not read: more than {OUTBOX_LIMIT // 1024**2} MiB wait to be sent"))

    # The peer's side

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
            self._receive_handshake(data)

    def _receive_handshake(self, data: bytes) -> None:
        upgrade = self._upgrade
        data = upgrade.receive_data(data)
        if not self._client and upgrade.to_send:
            self._outgoing.append(upgrade.to_send)
        if upgrade.accepted:
            self.phase = Phase.OPEN
            self.events.append(Opened())
        if upgrade.error is not None:
            self.fail(upgrade.error)
        elif upgrade.accepted:
            self.receive_data(data)

    def receive_eof(self) -> None:
        """Note that the peer will send no more bytes. Without a close frame before, that is no clean end (1006)."""
        if self.phase is Phase.CLOSING:
            self._finish(ConnectionClosed(reason="the peer left without answering our close frame"))
        elif self.phase is Phase.OPEN:
            self.fail(ConnectionError("the peer ended the connection without a WebSocket close frame"))
        else:
            self.fail(ConnectionError("the peer ended the connection before the WebSocket handshake was done"))

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
        elif frame.opcode is not Opcode.PONG and frame.message_finished:
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
