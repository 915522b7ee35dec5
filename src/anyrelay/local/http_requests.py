"""HTTP requests for commands: POSTs to a ``status_url``, and GETs of audio. Requests go only where `Reach` allows.

The host is looked up, its addresses are checked, and the connection is made to one that passed: a name that leads
elsewhere at a second look changes nothing. Each redirect is checked as the first URL was. No proxy is used, which would do
the looking up itself.
"""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import anyio
import anyio.to_thread
import h11
from anyio.abc import ByteStream
from anyio.lowlevel import RunVar
from attrs import frozen

from anyrelay.local.reach import NotToBeHad, Reach

__all__ = ["HttpAnswer", "connected", "get", "post"]

REDIRECTS: Final = 5
"""How many redirects of one GET are followed."""

REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})

CHUNK: Final = 65_536

_context: RunVar[ssl.SSLContext] = RunVar("tls")


@frozen
class HttpAnswer:
    """The answer of a server."""

    status: int
    """The HTTP status."""
    location: str
    """The URL of a redirect; "" for none."""
    body: bytes
    """The body, as far as it was asked for."""


async def post(url: str, content: bytes, reach: Reach) -> HttpAnswer:
    """POST JSON; the answer's body is not read.

    Args:
        url: An http or https URL.
        content: The JSON.
        reach: The addresses that the URL may lead to.

    Raises:
        NotToBeHad: The URL leads to another address, or nowhere.
        OSError: The connection failed.
        h11.RemoteProtocolError: The answer is not HTTP.
    """
    return await _request("POST", url, reach, content=content, limit=0)


async def get(url: str, reach: Reach, limit: int) -> bytes:
    """GET a body of up to `limit` bytes, redirects followed. It has no deadline of its own.

    Raises:
        NotToBeHad: The URL leads to another address or nowhere, the body is larger, or the status is no success.
        OSError: The connection failed.
        h11.RemoteProtocolError: The answer is not HTTP.
    """
    first = url
    for _ in range(REDIRECTS + 1):
        answer = await _request("GET", url, reach, limit=limit)
        if answer.status in REDIRECTED and answer.location:
            url = _redirected(url, answer.location)
        elif 200 <= answer.status < 300:
            return answer.body
        else:
            raise NotToBeHad(url, f"the answer is HTTP {answer.status}")
    raise NotToBeHad(first, f"it leads through more than {REDIRECTS} redirects")


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise NotToBeHad(location, str(error)) from None


async def _request(method: str, url: str, reach: Reach, *, limit: int, content: bytes = b"") -> HttpAnswer:
    parts, host, port = _taken_apart(url)
    addresses = await reach.addresses_of(url, host, port)
    http = h11.Connection(h11.CLIENT)
    message = _message(http, method, url, parts, content)
    async with await connected(addresses, port, host if parts.scheme == "https" else None) as stream:
        await stream.send(message)
        return await _answer(http, stream, url, limit)


def _taken_apart(url: str) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise NotToBeHad(url, str(error)) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotToBeHad(url, "a URL must begin with http:// or https:// and name a host")
    return parts, parts.hostname, port


def _message(http: h11.Connection, method: str, url: str, parts: SplitResult, content: bytes) -> bytes:
    """Return the bytes of a request."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc.rpartition("@")[2]),
        ("User-Agent", "anyrelay"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if content:
        headers += [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    try:
        request = http.send(h11.Request(method=method, target=target.encode(), headers=headers))
    except (h11.LocalProtocolError, UnicodeError) as error:
        raise NotToBeHad(url, f"it cannot be written in a request: {error}") from None
    assert request is not None  # only a closed connection sends nothing
    return (
        request + ((http.send(h11.Data(content)) or b"") if content else b"") + (http.send(h11.EndOfMessage()) or b"")
    )


async def connected(addresses: list[str], port: int, tls_name: str | None) -> ByteStream:
    """Connect to the first of the addresses that answers."""
    failure: OSError | None = None
    for address in addresses:
        try:
            if tls_name is None:
                return await anyio.connect_tcp(address, port)
            # Not every server takes the trouble to say close_notify after an answer that names its own length.
            return await anyio.connect_tcp(
                address, port, ssl_context=await _tls(), tls_hostname=tls_name, tls_standard_compatible=False
            )
        except OSError as error:
            failure = error
    assert failure is not None  # there is at least one address
    raise failure


async def _tls() -> ssl.SSLContext:
    """Return the TLS context, made once, in a thread: reading the authorities that this machine trusts takes long."""
    try:
        return _context.get()
    except LookupError:
        context = await anyio.to_thread.run_sync(ssl.create_default_context)
        _context.set(context)
        return context


async def _answer(http: h11.Connection, stream: ByteStream, url: str, limit: int) -> HttpAnswer:
    """Read an answer, with its body unless the answer is a redirect or no body is wanted."""
    status, location, body = 0, "", bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            try:
                http.receive_data(await stream.receive(CHUNK))
            except anyio.EndOfStream:
                http.receive_data(b"")
        elif isinstance(event, h11.Response):
            status = event.status_code
            location = next((value.decode("latin-1") for name, value in event.headers if name == b"location"), "")
            if not limit or status in REDIRECTED:
                return HttpAnswer(status, location, b"")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > limit:
                raise NotToBeHad(url, f"it has more than {limit} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return HttpAnswer(status, location, bytes(body))
