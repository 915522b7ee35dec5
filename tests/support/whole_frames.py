"""Split one direction of a WebSocket connection into its HTTP head and its frames (RFC 6455 section 5.2)."""

from __future__ import annotations

END_OF_HEAD = b"\r\n\r\n"

TEXT = 0x81
"""The first byte of a text frame with a whole message."""


class WholeFrames:
    """Bytes in, pieces out: first the HTTP head, then one frame after the other, unchanged."""

    def __init__(self) -> None:
        self.upgraded = False
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the complete pieces."""
        self._buffer += data
        pieces = []
        while length := self._length_of_next():
            pieces.append(self._buffer[:length])
            self._buffer = self._buffer[length:]
            self.upgraded = True
        return pieces

    def _length_of_next(self) -> int:
        """Return the length of the next piece; 0 if it is not complete."""
        if not self.upgraded:
            head, end, _ = self._buffer.partition(END_OF_HEAD)
            return len(head) + len(end) if end else 0
        length = frame_length(self._buffer)
        return length if length <= len(self._buffer) else 0


def frame_length(buffer: bytes) -> int:
    """Return the length of the frame at the beginning of a buffer; 0 if its header is not complete."""
    if len(buffer) < 2:
        return 0
    masked, short = buffer[1] & 0x80, buffer[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(buffer) < 2 + extended:
        return 0
    payload = int.from_bytes(buffer[2 : 2 + extended], "big") if extended else short
    return 2 + extended + (4 if masked else 0) + payload
