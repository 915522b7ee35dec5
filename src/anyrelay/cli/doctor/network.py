"""The network checks of ``anyrelay doctor``, from the name look-up to the server's clock. Each uses what the last one left."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar

from anyrelay.cli.doctor.findings import Finding, failed, passed, warned
from anyrelay.frontend.dialer import Address, connect_to_any, look_up
from anyrelay.protocol.transport.proxy import ProxyTunnel

if TYPE_CHECKING:
    from anyrelay.protocol.session.settings import ClientSettings

__all__ = ["Network"]

T = TypeVar("T")

EXPIRY_WARNING: Final = 14 * 86_400
"""The rest of a certificate's life that is worth a warning, in seconds."""

CLOCK_WARNING: Final = 60.0
"""The difference between the two clocks that is worth a warning, in seconds."""

HEAD_LIMIT: Final = 65_536
"""The longest HTTP head that is read, in bytes."""


class Network:
    """A connection to the server, made step by step."""

    def __init__(self, settings: ClientSettings, timeout: float) -> None:
        """Prepare a connection.

        Args:
            settings: The client's settings.
            timeout: The longest time for each step, in seconds.
        """
        self._settings = settings
        self._timeout = timeout
        self._addresses: list[Address] = []
        self._socket: socket.socket | None = None
        proxy = settings.proxy
        self._host, self._port = (proxy.host, proxy.port) if proxy else (settings.server.host, settings.server.port)
        self._who = "the proxy" if proxy else "the server"
        self._variable = "HTTPS_PROXY" if proxy else "SIGNALWIRE_SPACE"

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()

    def look_up_name(self) -> Finding:
        """Look the host name up (DNS)."""
        try:
            self._addresses = _within(self._timeout, lambda: look_up(self._host, self._port))
        except (OSError, UnicodeError) as error:
            return failed(
                "name look-up",
                f"{self._host} is not known: {error}",
                f"correct the host in {self._variable}, or check this machine's DNS: getent hosts {self._host}",
            )
        found = sorted({str(where[0]) for _, where in self._addresses})
        return passed("name look-up", f"{self._host} is {', '.join(found)}")

    def connect(self) -> Finding:
        """Open a TCP connection to the server or the proxy."""
        began = time.monotonic()
        try:
            self._socket = connect_to_any(self._addresses, self._timeout)
        except OSError as error:
            return failed(
                "TCP",
                f"{self._who} at {self._host} port {self._port} does not accept connections: {error}",
                f"check the port in {self._variable}, and that a firewall lets TCP to port {self._port} pass",
            )
        self._socket.setblocking(True)
        self._socket.settimeout(self._timeout)
        return passed("TCP", f"{self._who} accepts connections on port {self._port} ({_milliseconds(began)})")

    def open_tunnel(self) -> Finding | None:
        """Have the proxy connect to the server (HTTP CONNECT); None without a proxy."""
        proxy, server = self._settings.proxy, self._settings.server
        if proxy is None:
            return None
        assert self._socket is not None
        tunnel = ProxyTunnel(server.host, server.port, authorization=proxy.authorization)
        try:
            self._socket.sendall(tunnel.data_to_send())
            while not tunnel.opened and tunnel.error is None:
                if data := self._socket.recv(HEAD_LIMIT):
                    tunnel.receive_data(data)
                else:
                    tunnel.receive_eof()
        except OSError as error:
            tunnel.error = ConnectionError(str(error))
        if tunnel.error is not None:
            return failed(
                "proxy",
                f"{proxy.host} port {proxy.port}: {tunnel.error}",
                "check user name and password in HTTPS_PROXY, or name the server in NO_PROXY to go without the proxy",
            )
        return passed("proxy", f"{proxy.host} connects to {server.host} port {server.port}")

    def shake_hands(self) -> Finding:
        """Verify the server's certificate chain (TLS)."""
        server, context = self._settings.server, self._settings.tls
        assert self._socket is not None
        if context is None:
            return warned(
                "TLS", f"ws:// to {server.host} is not encrypted", "use wss:// for a server that is not on this machine"
            )
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=server.host)
        except ssl.SSLCertVerificationError as error:
            return failed("TLS", f"the server's certificate is not trusted: {error.verify_message}", _tls_remedy(error))
        except OSError as error:
            return failed(
                "TLS",
                f"the server does not speak TLS on port {server.port}: {error}",
                "check the port in SIGNALWIRE_SPACE; a local server without --tls-dir needs ws://HOST:PORT",
            )
        return self._judge_certificate(self._socket)

    def _judge_certificate(self, encrypted: ssl.SSLSocket) -> Finding:
        certificate = encrypted.getpeercert() or {}
        left = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
        days = int(left // 86_400)
        if left < EXPIRY_WARNING:
            return warned("TLS", f"the server's certificate runs out in {days} days", "renew the server's certificate")
        return passed("TLS", f"{encrypted.version()}, certificate valid for {days} more days")

    def compare_clocks(self) -> Finding:
        """Compare this machine's clock with the Date header of the server's HTTP response."""
        assert self._socket is not None
        request = f"GET / HTTP/1.1\r\nHost: {self._settings.server.host}\r\nConnection: close\r\n\r\n"
        head = b""
        with contextlib.suppress(OSError):
            self._socket.sendall(request.encode("ascii", "replace"))
            while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT and (data := self._socket.recv(HEAD_LIMIT)):
                head += data
        dates = [line[5:].strip() for line in head.decode("latin-1").split("\r\n") if line.lower().startswith("date:")]
        try:
            difference = time.time() - parsedate_to_datetime(dates[0]).timestamp()
        except (IndexError, ValueError, TypeError):
            return passed("clock", "the server names no time to compare with")
        if abs(difference) > CLOCK_WARNING:
            direction = "ahead of" if difference > 0 else "behind"
            return warned(
                "clock",
                f"this machine's clock is {abs(difference):.0f} s {direction} the server's",
                "set the clock: timedatectl set-ntp true; a JWT and a certificate are valid by the clock",
            )
        return passed("clock", f"within {max(1.0, abs(difference)):.0f} s of the server's")


def _tls_remedy(error: ssl.SSLCertVerificationError) -> str:
    if "mismatch" in error.verify_message:
        return "name the host in SIGNALWIRE_SPACE as the certificate does"
    if "expired" in error.verify_message or "not yet valid" in error.verify_message:
        return "check this machine's clock, then renew the server's certificate"
    return "name the CA's file in SIGNALWIRE_RELAY_CA_FILE (anyrelay serve prints it)"


def _milliseconds(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"


def _within(seconds: float, function: Callable[[], T]) -> T:
    """Return what a function that may hang returns.

    Raises:
        TimeoutError: The function did not return in time.
        Exception: The error of the function.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:g} s")
    return results[0]
