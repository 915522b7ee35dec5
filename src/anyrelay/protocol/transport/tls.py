"""TLS over memory: ciphertext in, plaintext out, and back (architecture, decision 1).

The `ssl` module does the work on two `ssl.MemoryBIO`. Its traps stay in this file: output that waits after a
failure, an end that is `b""` for ever, an end that is cut off, and a peer whose close_notify never comes.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

__all__ = ["TlsLayer"]

RECORD_SIZE = 16_384
"""The most plaintext that one TLS record carries (RFC 8446 section 5.1), and so the most that one read returns."""


class TlsLayer:
    """One end of a TLS connection, without the socket.

    Nothing the peer does raises: a failed handshake, a certificate not to be trusted, a broken record and an end
    without close_notify all become `error`. Call `data_to_send` after every call, failed ones included: the alert
    waits there.

    Args:
        context: Built by the front end, since that reads files. It should set `ssl.OP_NO_RENEGOTIATION`; a peer that
            renegotiates all the same breaks the connection.
        server_hostname: The name that the peer's certificate has to carry; None on the server's side.
        server_side: Which end this is.

    Raises:
        ValueError: `server_hostname` is no host name, or is missing though the context checks it.
    """

    def __init__(self, context: ssl.SSLContext, *, server_hostname: str | None, server_side: bool) -> None:
        if context.check_hostname and not server_hostname and not server_side:
            # Over memory ssl does not insist, as it does on sockets: any name on a trusted certificate would pass.
            raise ValueError("server_hostname: the context checks host names, so one is needed")
        self._incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        """Holds the ciphertext that waits, some of it TLS's own answers to what came in."""
        self.data_to_send: Callable[[], bytes] = self.outgoing.read
        """Returns the ciphertext that waits, and removes it."""
        self._tls = context.wrap_bio(
            self._incoming, self.outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._held: list[bytes] = []
        self._closed = False
        self.established = False
        """Whether the handshake is done."""
        self.ended = False
        """Whether the peer sent close_notify: the stream is whole, and no bytes follow."""
        self.error: ssl.SSLError | None = None
        """The error that ended the connection: `SSLCertVerificationError` for a certificate, `SSLEOFError` for a cut."""

    def start(self) -> None:
        """Begin the handshake. A client speaks first; a server need not call this."""
        self._shake_hands()

    def receive_data(self, ciphertext: bytes) -> bytes:
        """Take the transport's bytes, and return all the plaintext in them, which may be none.

        Nothing is taken any more once there is an `error`, an end, or a `close` of ours.
        """
        if self.error is not None or self.ended or self._closed:
            return b""
        if ciphertext:
            self._incoming.write(ciphertext)
        if not self.established:
            self._shake_hands()
            if not self.established:
                return b""
        read, undecrypted = self._tls.read, self._incoming
        parts: list[bytes] = []
        try:
            while part := read(RECORD_SIZE):  # a whole record, of which nothing is left
                parts.append(part)
                # Asking is cheap; one read too many costs as much as decrypting an event, for its exception.
                if not undecrypted.pending:
                    break
            else:
                self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def receive_eof(self) -> None:
        """Note the end of the transport: `error` becomes an `ssl.SSLEOFError`, unless the peer had sent close_notify."""
        if self.error is not None or self.ended or self._closed:
            return
        self._incoming.write_eof()
        self.receive_data(b"")

    def send(self, plaintext: bytes) -> None:
        """Encrypt; before the handshake is done, hold. After an `error` or a `close` nothing is sent."""
        if self.error is not None or self._closed:
            return
        if not self.established:
            self._held.append(plaintext)
            return
        rest = memoryview(plaintext)
        try:
            while rest:  # one call writes one record at most
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError as error:
            self.error = error

    def close(self) -> None:
        """Send close_notify if there was a handshake. That of the peer is not waited for."""
        if self._closed:
            return
        self._closed = True
        self._held.clear()
        if self.established and self.error is None:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                # Ours is written; that the peer's has not come, or that it still sent data, changes nothing.
                return

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.error = error
            self._held.clear()
            return
        self.established = True
        held, self._held = b"".join(self._held), []
        self.send(held)
