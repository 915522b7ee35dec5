"""Fuzz the answers to a client before its sign-in: of a proxy to CONNECT, and of the server to the WebSocket upgrade.

``{accept}`` in the input stands for the right Sec-WebSocket-Accept, which a fuzzer cannot guess (RFC 6455 section 4.1). The
first byte chooses whether there is a proxy.
"""

from __future__ import annotations

import base64
import hashlib
import re

from anyrelay.protocol.session.session import ClientState
from anyrelay.protocol.transport.proxy import ProxyAddress
from tests.support.joined import Joined

DICTIONARY = [
    *(
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 407 \r\n",
        b"HTTP/1.1 503 \r\n",
        b"\r\n\r\n",
    ),
    *(
        b"Upgrade: websocket\r\n",
        b"Connection: Upgrade\r\n",
        b"Sec-WebSocket-Accept: {accept}\r\n",
        b"Retry-After: 5\r\n",
    ),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    *(b"Sec-WebSocket-Protocol: x\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 \r\n\r\n", b"\x81\x02{}"),
]
"""The tokens of such answers."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def one_input(data: bytes) -> None:
    """Feed the bytes as the answers to CONNECT and to the upgrade.

    Raises:
        Exception: The fuzzer found a fault of the session.
    """
    proxy = ProxyAddress("proxy.example", 3128) if data[:1] == b"p" else None
    pair = Joined(proxy=proxy)
    connected = pair.session.connect(0.0)
    pair.session.transport_opened(0.0)
    sent = pair.session.data_to_send()
    for piece in data[1:].partition(b"\r\n\r\n"):
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", sent)
        accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest()) if key else b""
        pair.session.receive_data(piece.replace(b"{accept}", accept), 0.0)
        sent += pair.session.data_to_send()
    pair.session.receive_eof(0.0)
    assert pair.session.state is ClientState.WAITING, pair.session.state
    pair.session.handle_timeout(10.0)
    assert connected.done
    if connected.error is None:  # the sign-in was answered too
        pair.session.disconnect(10.0)
    assert pair.session.state is ClientState.CLOSED
    assert pair.session.next_deadline() is None
