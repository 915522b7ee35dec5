"""The little of HTTP/1.1 that h11 leaves to us: where a head ends, and what a refusal says.

h11 limits a head only as long as it is incomplete, so the same 20 KB head passes in one piece and fails in two. Heads
are cut off here, under a limit that does not depend on how the bytes arrived, and handed to h11 whole.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import attrs

from anyrelay.protocol.transport.events import HandshakeRefused

__all__ = ["BadHead", "HeadCutter", "Refusal"]

MAX_HEAD_SIZE = 16_384
"""The most bytes of HTTP heads that one handshake may take, interim answers (1xx) included."""

QUOTED_BODY_SIZE = 200
"""How many bytes of a refusal's body are quoted."""

_BLANK_LINE = re.compile(rb"\n\r?\n")  # as lenient as h11 about a missing CR (RFC 9112 section 2.2)
_FIRST_PRINTABLE = 0x21
_SECONDS = re.compile(r"[0-9]{1,9}")


class BadHead(ValueError):
    """The bytes that arrived are not HTTP, or are too long.

    Attributes:
        status: The HTTP status with which a server answers such bytes.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class HeadCutter:
    """Cuts HTTP heads off the front of a stream.

    Args:
        prefix: What each head has to begin with; a TLS record, an SSH banner and the like are noticed at once that way,
            and not when a deadline passes.
    """

    def __init__(self, prefix: bytes = b"") -> None:
        self._prefix = prefix
        self._buffer = bytearray()
        self._searched = 0
        self._taken = 0

    def receive_data(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Take bytes; return a whole head, its blank line included, and what came after it, or None if more is needed.

        Raises:
            BadHead: The bytes cannot be a head, or the heads are longer than 16,384 bytes in all.
        """
        buffer = self._buffer
        buffer += data
        if buffer and (buffer[0] < _FIRST_PRINTABLE or not self._prefix.startswith(buffer[: len(self._prefix)])):
            raise BadHead("what came is not HTTP", 400)
        blank_line = _BLANK_LINE.search(buffer, self._searched)
        size = blank_line.end() if blank_line else len(buffer)
        if self._taken + size > MAX_HEAD_SIZE:
            raise BadHead(f"the HTTP head is longer than {MAX_HEAD_SIZE} bytes", 431)
        if blank_line is None:
            self._searched = max(0, size - 2)
            return None
        head, rest = bytes(buffer[:size]), bytes(buffer[size:])
        buffer.clear()
        self._searched = 0
        self._taken += size
        return head, rest


@attrs.define
class Refusal:
    """An HTTP answer other than the expected one, gathered as far as an error quotes it."""

    status: int
    """The HTTP status."""

    headers: tuple[tuple[str, str], ...]
    """The headers, names in lower case."""

    secrets: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    """The secrets that no message quotes, even if the answer repeats them."""

    _body: bytearray = attrs.field(factory=bytearray, init=False, repr=False)

    @classmethod
    def from_h11(cls, status: int, headers: list[tuple[bytes, bytes]], *, secrets: tuple[bytes, ...] = ()) -> Refusal:
        """Build a refusal from an h11 status and h11 headers."""
        text = tuple(
            (name.decode("latin-1").lower(), _hide(value, secrets).decode("latin-1")) for name, value in headers
        )
        return cls(status, text, secrets)

    @property
    def complete(self) -> bool:
        """Whether there is enough body to quote. A secret that begins within the quote is there to its end."""
        return len(self._body) >= QUOTED_BODY_SIZE + max(map(len, self.secrets), default=0)

    def add(self, body: bytes) -> None:
        """Take one more piece of the body."""
        if not self.complete:
            self._body += body

    def error(self, who: str, kind: type[HandshakeRefused]) -> HandshakeRefused:
        """Return the error to report.

        Args:
            who: Who refused what, the beginning of the message.
            kind: The class of the error.
        """
        quote = self._quote()
        location = self._header("location")
        message = f"{who}: HTTP {self.status}"
        if location is not None:
            message += f", it points to {location!r}"
        if quote:
            message += f", saying {quote!r}"
        return kind(message, self.status, self.retry_after, self.headers, quote)

    @property
    def retry_after(self) -> float | None:
        """How long the answer asks us to stay away, in seconds (RFC 9110 section 10.2.3), or None.

        A date is measured from the answer's own ``Date``: there is no clock here, and the server's clock counts.
        """
        value = (self._header("retry-after") or "").strip()
        if _SECONDS.fullmatch(value):
            return float(value)
        try:
            wait = parsedate_to_datetime(value) - parsedate_to_datetime(self._header("date") or "")
        except (TypeError, ValueError):  # no date, half a date, or one with a zone and one without
            return None
        return max(0.0, wait.total_seconds())

    def _header(self, wanted: str) -> str | None:
        return next((value for name, value in self.headers if name == wanted), None)

    def _quote(self) -> str:
        return _hide(bytes(self._body), self.secrets)[:QUOTED_BODY_SIZE].decode("utf-8", "replace")


def _hide(text: bytes, secrets: tuple[bytes, ...]) -> bytes:
    # As many asterisks as there were bytes: were the rest to move up, the beginning of a secret that is cut off at the
    # end might move into the quote.
    for secret in secrets:
        text = text.replace(secret, b"*" * len(secret))
    return text
