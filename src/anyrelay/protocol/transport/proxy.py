"""Through an HTTP proxy: CONNECT, by way of h11 (RFC 9110 section 9.3.6).

Only ``http://`` proxies, whose own hop is not encrypted; what goes through the tunnel is TLS all the same.
"""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

import attrs
import h11

from anyrelay.protocol.transport.events import ProtocolViolation, ProxyRefused
from anyrelay.protocol.transport.http_head import BadHead, HeadCutter, Refusal

__all__ = ["ProxyAddress", "ProxyTunnel", "parse_proxy_url"]

DEFAULT_PORT = 80


@attrs.frozen
class ProxyAddress:
    """The address of an HTTP proxy, and the credentials for it."""

    host: str
    """Host name or IP address, an IPv6 address without brackets."""

    port: int
    """TCP port."""

    username: str | None = attrs.field(default=None, repr=False)
    """User name; None if the proxy wants none."""

    password: str | None = attrs.field(default=None, repr=False)
    """Password, never in a repr."""

    @property
    def authorization(self) -> tuple[str, str] | None:
        """User name and password as `ProxyTunnel` wants them, or None."""
        if self.username is None:
            return None
        return self.username, self.password or ""


def parse_proxy_url(url: str, name: str = "proxy") -> ProxyAddress:
    """Read a proxy's address from a URL such as ``http://user:password@proxy.example:3128``.

    Args:
        url: The scheme has to be http, and is when there is none; without a port, 80 is meant. User name and password may be
            percent-encoded.
        name: What errors call the URL: the argument or the environment variable that it comes from.

    Raises:
        ValueError: The text is no such URL. The error names the part at fault and never quotes the URL, which has a password.
        TypeError: The URL is no string.
    """
    if not isinstance(url, str):
        raise TypeError(
            f"{name} must be a URL such as http://HOST:PORT, or False for no proxy, not {type(url).__name__}"
        )
    url = url.strip()
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        # Neither quoted nor chained: what urlsplit complains about may be a piece of a password with a "/" in it.
        raise ValueError(
            f"{name}: the host or the port cannot be read; write http://HOST:PORT, special characters of "
            "user name and password percent-encoded"
        ) from None
    if parts.scheme != "http":
        raise ValueError(
            f"{name}: the scheme must be http; write http://HOST:PORT (https and socks proxies do not work), "
            "or let NO_PROXY name the server, or say proxy=False, to connect without a proxy"
        )
    if not host or any(not character.isprintable() or character.isspace() for character in host):
        raise ValueError(f"{name}: the host is missing or is no host name; write http://HOST:PORT")
    if port == 0:
        raise ValueError(f"{name}: the port must be 1 to 65535; write http://HOST:PORT")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{name}: a path, a query or a fragment means nothing to a proxy; write http://HOST:PORT")
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    if username is not None:
        _check_credentials(username, password or "", name)
    return ProxyAddress(host, port or DEFAULT_PORT, username, password)


def _check_credentials(username: str, password: str, name: str = "proxy") -> None:
    """Raise a ValueError, without the credentials in it, for what Basic cannot carry (RFC 7617 section 2)."""
    if ":" in username:
        raise ValueError(f"{name}: the user name must not contain a colon (RFC 7617); ask the proxy for another")
    if not (username + password).isprintable():
        raise ValueError(f"{name}: user name and password must not contain control characters; check their encoding")


def authority(host: str, port: int) -> str:
    """Return ``host:port``, in ASCII, an IPv6 address in brackets (RFC 3986 section 3.2).

    Raises:
        ValueError: The host is no host name.
    """
    if ":" in host:
        return f"[{host.strip('[]')}]:{port}"
    return f"{host.encode('idna').decode('ascii')}:{port}"


class ProxyTunnel:
    """The client's side of one CONNECT: bytes in, bytes out, and then either `opened` or an `error`.

    Nothing the proxy does raises.

    Args:
        host: Where the tunnel has to lead, for the proxy to resolve.
        port: The TCP port there.
        authorization: User name and password for Basic (RFC 7617), or None.

    Raises:
        ValueError: The host cannot be written in a request, or Basic cannot carry the credentials.
    """

    def __init__(self, host: str, port: int, *, authorization: tuple[str, str] | None) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._heads = HeadCutter(b"HTTP/1.")
        self._refusal: Refusal | None = None
        self._secrets: tuple[bytes, ...] = ()
        target = authority(host, port)
        headers = [("Host", target)]
        if authorization is not None:
            _check_credentials(*authorization)
            token = base64.b64encode(":".join(authorization).encode())
            self._secrets = tuple(secret for secret in (token, authorization[1].encode()) if secret)
            headers.append(("Proxy-Authorization", f"Basic {token.decode()}"))
        try:
            request = self._http.send(h11.Request(method="CONNECT", target=target, headers=headers))
            end = self._http.send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            raise ValueError("host: it has characters that no host name has") from None
        self._outgoing = (request or b"") + (end or b"")
        self.opened = False
        """Whether the tunnel leads to its target; bytes belong to the layer above from here on."""
        self.trailing_data = b""
        """The bytes behind the proxy's answer: the first bytes from the target."""
        self.error: ConnectionError | None = None
        """Why there is no tunnel: `ProxyRefused`, `ProtocolViolation`, or the end of the connection."""

    def __repr__(self) -> str:
        return f"<ProxyTunnel opened={self.opened} error={self.error!r}>"

    @property
    def refused(self) -> bool:
        """Whether the proxy refused the tunnel, be its answer complete or not."""
        return self._refusal is not None

    def data_to_send(self) -> bytes:
        """Return the bytes that wait for the proxy, and remove them."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the proxy; then look at `opened`, `trailing_data` and `error`."""
        try:
            while self._refusal is None and not self.opened and self.error is None:
                cut = self._heads.receive_data(data)
                if cut is None:
                    return
                head, data = cut
                self._receive_head(head)
            if self.opened:
                self.trailing_data += data
            elif self._refusal is not None and self.error is None:
                self._receive_body(self._refusal, data)
        except (BadHead, h11.RemoteProtocolError) as fault:
            if self._refusal is None:
                # h11's words quote the answer, and an answer may echo the credentials; ours do not.
                words = fault if isinstance(fault, BadHead) else "h11 cannot read its head"
                self.error = ProtocolViolation(f"the proxy's answer breaks HTTP: {words}")
            else:  # only the text of the refusal is broken; the refusal counts
                self._refuse(self._refusal)

    def receive_eof(self) -> None:
        """Note the end of the connection: a refusal is complete then, anything else is cut off."""
        if self.opened or self.error is not None:
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self.error = ConnectionError("the proxy closed the connection before it answered CONNECT")

    def _receive_head(self, head: bytes) -> None:
        self._http.receive_data(head)
        event = self._http.next_event()
        if isinstance(event, h11.InformationalResponse):
            return
        assert isinstance(event, h11.Response)  # a whole head gives a response or an error
        if 200 <= event.status_code < 300:
            self.opened = True
        else:
            self._refusal = Refusal.from_h11(event.status_code, list(event.headers), secrets=self._secrets)

    def _receive_body(self, refusal: Refusal, data: bytes) -> None:
        if data:  # to h11, no bytes are the end of the stream
            self._http.receive_data(data)
        while isinstance(event := self._http.next_event(), h11.Data):
            refusal.add(event.data)
        if refusal.complete or isinstance(event, h11.EndOfMessage):
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self.error = refusal.error("the proxy refused to connect", ProxyRefused)
