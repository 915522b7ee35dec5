"""WebSocket at both ends, with bytes written by hand: in one piece, byte by byte, with more bytes behind, and cut anywhere."""

from __future__ import annotations

import base64
import hashlib
import struct
import tracemalloc
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.protocol.transport import fast_frames
from anyrelay.protocol.transport.events import (
    BrokenMessage,
    ConnectionClosed,
    ConnectionEvent,
    HandshakeRefused,
    Opened,
    ProtocolViolation,
    TextReceived,
)
from anyrelay.protocol.transport.fast_frames import LONGEST_FAST_MASK, forget_keys, text_frames
from anyrelay.protocol.transport.http_head import MAX_HEAD_SIZE
from anyrelay.protocol.transport.websocket import OUTBOX_LIMIT, Phase, WebSocketLayer

LIMIT = 70_000
KEY = b"\x01\x80\xfe\x3c"
FIN, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x80, 1, 2, 0, 8, 9, 10
REQUEST = (
    b"GET /api/relay/ws?x=1 HTTP/1.1\r\nHost: relay.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Extra: \xe9\r\n\r\n"
)
WAYS = ["whole", "bytewise"]
ways = pytest.mark.parametrize("way", WAYS)
roles = pytest.mark.parametrize("role", ["client", "server"])


def frame(first: int, payload: bytes = b"", *, key: bytes = b"", size_bytes: int | None = None) -> bytes:
    """Write a frame (RFC 6455 section 5.2), also with a size in more bytes than needed."""
    size = len(payload)
    wanted = (0 if size < 126 else 2 if size < 65_536 else 8) if size_bytes is None else size_bytes
    short = {0: size, 2: 126, 8: 127}[wanted]
    header = bytes([first, short | (0x80 if key else 0)]) + size.to_bytes(8, "big")[8 - wanted :]
    return header + key + bytes(byte ^ key[index % 4] if key else byte for index, byte in enumerate(payload))


def read_frames(data: bytes) -> list[tuple[int, bytes]]:
    """Read frames: the first byte of each, and its unmasked payload."""
    frames = []
    while data:
        first, second, data = data[0], data[1], data[2:]
        size = second & 0x7F
        if size >= 126:
            width = 2 if size == 126 else 8
            size, data = int.from_bytes(data[:width], "big"), data[width:]
        key, data = (data[:4], data[4:]) if second & 0x80 else (b"\0\0\0\0", data)
        frames.append((first, bytes(byte ^ key[index % 4] for index, byte in enumerate(data[:size]))))
        data = data[size:]
    return frames


def pieces_of(data: bytes, way: str) -> Iterable[bytes]:
    if way == "whole":
        return [data]
    step = 1 if len(data) < 4_000 else 499  # byte by byte where that takes milliseconds
    return [data[start : start + step] for start in range(0, len(data), step)]


def accepting(request: bytes) -> bytes:
    key = next(line.partition(b": ")[2] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def new_client(**options: Any) -> WebSocketLayer:
    client = WebSocketLayer.client("relay.example", **options)
    client.start()
    return client


def new_open(role: str, limit: int = LIMIT) -> WebSocketLayer:
    if role == "client":
        layer = new_client(max_message_size=limit)
        layer.receive_data(accepting(layer.data_to_send()))
    else:
        layer = WebSocketLayer.server(max_message_size=limit)
        layer.receive_data(REQUEST)
        layer.data_to_send()
    assert layer.next_event() == Opened()
    return layer


def sent_to(role: str, first: int, payload: bytes = b"", **options: Any) -> bytes:
    """Write a frame as the peer of `role` has to: a client's are masked."""
    return frame(first, payload, key=KEY if role == "server" else b"", **options)


def events_of(layer: WebSocketLayer) -> list[ConnectionEvent]:
    events = []
    while (event := layer.next_event()) is not None:
        events.append(event)
    return events


def comparable(events: list[ConnectionEvent]) -> list[Any]:
    """Make events comparable: errors by class and words."""
    return [
        (event.code, event.reason, type(event.error), str(event.error), event.retry_after, event.clean)
        if isinstance(event, ConnectionClosed)
        else event
        for event in events
    ]


def the_end(layer: WebSocketLayer) -> ConnectionClosed:
    events = events_of(layer)
    assert layer.closed
    assert len(events) == 1
    assert isinstance(events[0], ConnectionClosed)
    return events[0]


# The handshake


def test_the_clients_request() -> None:
    client = WebSocketLayer.client("relay.example:8443", path="/api/relay/ws", user_agent="anyrelay/1")
    assert client.data_to_send() == b""
    client.start()
    lines = client.data_to_send().split(b"\r\n")
    assert lines[0] == b"GET /api/relay/ws HTTP/1.1"
    assert {b"Host: relay.example:8443", b"User-Agent: anyrelay/1", b"Sec-WebSocket-Version: 13"} < set(lines)
    assert not [line for line in lines if b"Extensions" in line]


@pytest.mark.parametrize(
    "options",
    [
        {"path": "no spaces"},
        {"path": "/é"},
        {"user_agent": "a\r\nb"},
        {"user_agent": "☎"},
        {"host": "a..b"},
        {"path": ""},
    ],
)
def test_an_invalid_request_raises(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="host, path or user_agent"):
        WebSocketLayer.client(**{"host": "relay.example"} | options)


@ways
@pytest.mark.parametrize(
    "interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]
)
@pytest.mark.parametrize("trailing", [b"", frame(FIN | TEXT, b"first")])
def test_a_client_opens(way: str, interim: bytes, trailing: bytes) -> None:
    client = new_client()
    for piece in pieces_of(interim + accepting(client.data_to_send()) + trailing, way):
        client.receive_data(piece)
    assert events_of(client) == [Opened(), *([TextReceived("first")] if trailing else [])]
    assert client.phase is Phase.OPEN
    assert client.data_to_send() == b""


@ways
@pytest.mark.parametrize("trailing", [b"", frame(FIN | TEXT, b"first", key=KEY)])
def test_a_server_opens(way: str, trailing: bytes) -> None:
    requests: list[tuple[tuple[str, str], ...]] = []
    server = WebSocketLayer.server(check_upgrade=requests.append)
    for piece in pieces_of(REQUEST + trailing, way):
        server.receive_data(piece)
    assert events_of(server) == [Opened(), *([TextReceived("first")] if trailing else [])]
    assert server.data_to_send() == accepting(REQUEST)
    headers = dict(requests[0])
    assert headers["host"] == "relay.example"
    assert headers["x-extra"] == "é"


@ways
@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        (b"503 Busy\r\nRetry-After: 30\r\nContent-Length: 4", b"busy", "HTTP 503, saying 'busy'"),
        (b"503 Busy\r\nRetry-After: 30\r\nContent-Length: 0", b"", "HTTP 503"),
        (
            b"503 Busy\r\nRetry-After: 30\r\nTransfer-Encoding: chunked",
            b"4\r\nbusy\r\n0\r\n\r\n",
            "HTTP 503, saying 'busy'",
        ),
        (b"503 Busy\r\nRetry-After: 30", b"\x1b[31m" + b"z" * 400, "HTTP 503, saying '\\x1b[31m" + "z" * 195 + "'"),
    ],
    ids=["sized", "empty", "chunked", "endless"],
)
@pytest.mark.parametrize("trailing", [b"", b"\r\n\r\nHTTP/1.1 101 junk\r\n\r\n"])
def test_a_refusal(way: str, head: bytes, body: bytes, words: str, trailing: bytes) -> None:
    client = new_client()
    for piece in pieces_of(b"HTTP/1.1 " + head + b"\r\n\r\n" + body + trailing, way):
        client.receive_data(piece)
    end = the_end(client)
    assert isinstance(end.error, HandshakeRefused)
    assert end.reason == str(end.error) == f"the server refused the WebSocket upgrade: {words}"
    assert (end.code, end.clean, end.retry_after, end.error.status) == (None, False, 30.0, 503)
    assert ("retry-after", "30") in end.error.headers


@ways
def test_a_redirect_is_a_refusal_with_its_location(way: str) -> None:
    client = new_client()
    for piece in pieces_of(b"HTTP/1.1 302 x\r\nLocation: wss://b.example/\r\nContent-Length: 0\r\n\r\n", way):
        client.receive_data(piece)
    assert str(the_end(client).error).endswith("HTTP 302, it points to 'wss://b.example/'")


UNFINISHED = b"HTTP/1.1 429 Slow down\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nslow\r\n"


@ways
@pytest.mark.parametrize("how", ["eof", "close", "failure below", "broken chunk"])
def test_an_unfinished_refusal_is_reported_however_it_ends(way: str, how: str) -> None:
    client = new_client()
    for piece in pieces_of(UNFINISHED + (b"zz\r\n" if how == "broken chunk" else b""), way):
        client.receive_data(piece)
    client.receive_data(b"")
    if how == "eof":
        client.receive_eof()
    elif how == "close":
        client.close()
    elif how == "failure below":
        client.fail(OSError("unplugged"))
    end = the_end(client)
    assert isinstance(end.error, HandshakeRefused)
    assert (end.error.status, end.error.body) == (429, "slow")


@ways
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((b"HTTP/1.1 101", b"SSH-2.0 101"), "not HTTP"),
        ((b"HTTP/1.1 101", b"HTTP/1.1 nonsense"), "Bad HTTP message"),
        ((b"Accept: ", b"Accept: x"), "accept token"),
        ((b"Upgrade: websocket", b"Upgrade: h2c"), "Upgrade: websocket"),
        ((b"Connection: Upgrade\r\n", b""), "Connection: Upgrade"),
        ((b"Connection: Upgrade", b"Connection: Upgrade\xff"), "a header cannot be read"),
        ((b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), "extension permessage-deflate"),
        ((b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: chat\r\n\r\n"), "subprotocol chat"),
        ((b"\r\n\r\n", b"\r\nX: " + b"x" * MAX_HEAD_SIZE + b"\r\n\r\n"), "longer than 16384 bytes"),
    ],
)
def test_a_bad_answer_to_the_upgrade(way: str, change: tuple[bytes, bytes], words: str) -> None:
    client = new_client()
    answer = accepting(client.data_to_send()).replace(*change)
    for piece in pieces_of(answer + b"trailing", way):
        client.receive_data(piece)
    end = the_end(client)
    assert isinstance(end.error, ProtocolViolation)
    assert end.error.__cause__ is not None
    assert words in end.reason
    assert client.data_to_send() == b""


@ways
@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"426 Upgrade Required", b"Connection: Upgrade"),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", b"426 Upgrade Required", b"must be GET"),
        (REQUEST.replace(b"GET", b"POST"), b"400 Bad Request", b"must be GET"),
        (REQUEST.replace(b": 13", b": 12"), b"426 Upgrade Required", b"Sec-WebSocket-Version"),
        (REQUEST.replace(b"Sec-WebSocket-Version: 13\r\n", b""), b"400 Bad Request", b"Sec-WebSocket-Version"),
        (REQUEST.replace(b"Host: relay.example", b"Host: \xff"), b"400 Bad Request", b"cannot be read"),
        (REQUEST.replace(b"Host: relay.example\r\n", b""), b"400 Bad Request", b"Bad HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400 Bad Request", b"not HTTP"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_SIZE, b"431 Request Header Fields Too Large", b"longer than"),
    ],
    ids=["plain GET", "HEAD", "POST", "old version", "no version", "bad host", "no host", "TLS", "long"],
)
def test_a_request_without_an_upgrade_gets_an_http_error(
    way: str, request_bytes: bytes, status: bytes, words: bytes
) -> None:
    server = WebSocketLayer.server()
    for piece in pieces_of(request_bytes + b"trailing", way):
        server.receive_data(piece)
    head, _, body = server.data_to_send().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n")
    assert b"Content-Length: %d" % len(body) in head
    assert words in body
    assert (b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13" in head) == (status[:3] == b"426")
    assert isinstance(the_end(server).error, ProtocolViolation)


@ways
def test_an_upgrade_that_is_not_wanted_is_refused_before_anything_else(way: str) -> None:
    seen: list[tuple[tuple[str, str], ...]] = []

    def refuse(headers: tuple[tuple[str, str], ...]) -> tuple[int, str]:
        seen.append(headers)
        return 403, "not from a web page"

    server = WebSocketLayer.server(check_upgrade=refuse)
    request = REQUEST.replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.example\r\n\r\n")
    for piece in pieces_of(request + b"trailing", way):
        server.receive_data(piece)
    head, _, body = server.data_to_send().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n")
    assert b"not from a web page" in body
    assert [dict(headers)["origin"] for headers in seen] == ["https://evil.example"]
    assert isinstance(the_end(server).error, ProtocolViolation)


def test_an_upgrade_that_passes_the_check_is_accepted() -> None:
    server = WebSocketLayer.server(check_upgrade=lambda headers: None)
    server.receive_data(REQUEST)
    assert server.data_to_send().startswith(b"HTTP/1.1 101 ")
    assert server.phase is Phase.OPEN


@roles
def test_an_end_during_the_handshake(role: str) -> None:
    layer = new_client() if role == "client" else WebSocketLayer.server()
    layer.receive_data(b"HTTP/1.1 101 Sw" if role == "client" else REQUEST[:-1])
    layer.receive_eof()
    end = the_end(layer)
    assert type(end.error) is ConnectionError
    assert "before the WebSocket handshake was done" in end.reason


@pytest.mark.parametrize("started", [False, True])
def test_closing_before_it_is_open(started: bool) -> None:
    client = WebSocketLayer.client("relay.example")
    if started:
        client.start()
    client.close()
    assert client.data_to_send() == b""
    end = the_end(client)
    assert (end.code, end.error, end.clean) == (None, None, False)
    client.close()
    client.receive_data(b"late")
    client.receive_eof()
    assert events_of(client) == []


# Messages


SIZES = [0, 1, 125, 126, 1_000, LONGEST_FAST_MASK, LONGEST_FAST_MASK + 1, 65_535, 65_536, LIMIT]


@roles
@pytest.mark.parametrize("size", SIZES)
def test_sending_text(role: str, size: int) -> None:
    layer = new_open(role)
    text = ("é" + "x" * size)[: size - 1] + "y" if size else ""
    layer.send_text(text)
    layer.send_text("second")
    data = layer.data_to_send()
    assert bool(data[1] & 0x80) == (role == "client")
    assert read_frames(data) == [(FIN | TEXT, text.encode()), (FIN | TEXT, b"second")]
    assert layer.data_to_send() == b""


def test_every_frame_of_a_client_has_a_key_of_its_own() -> None:
    client = new_open("client")
    frames = set()
    for _ in range(20):
        client.send_text("same")
        frames.add(client.data_to_send())
    assert len(frames) == 20


@roles
@ways
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("trailing", [False, True])
def test_receiving_text(role: str, way: str, size: int, trailing: bool) -> None:
    layer = new_open(role)
    data = sent_to(role, FIN | TEXT, b"x" * size) + (sent_to(role, FIN | TEXT, "ünd".encode()) if trailing else b"")
    for piece in pieces_of(data, way):
        layer.receive_data(piece)
    assert events_of(layer) == [TextReceived("x" * size), *([TextReceived("ünd")] if trailing else [])]


@roles
@ways
def test_fragments_are_joined_around_control_frames(role: str, way: str) -> None:
    layer = new_open(role)
    telephone = "☎".encode()
    data = (
        sent_to(role, TEXT, b"one " + telephone[:1])
        + sent_to(role, FIN | PING, b"still there?")
        + sent_to(role, CONTINUATION)
        + sent_to(role, CONTINUATION, telephone[1:])
        + sent_to(role, FIN | CONTINUATION, b" two")
        + sent_to(role, FIN | TEXT, b"whole")
    )
    for piece in pieces_of(data, way):
        layer.receive_data(piece)
    assert events_of(layer) == [TextReceived("one ☎ two"), TextReceived("whole")]
    assert read_frames(layer.data_to_send()) == [(FIN | PONG, b"still there?")]


@roles
@ways
def test_a_binary_message_is_dropped_and_reported(role: str, way: str) -> None:
    layer = new_open(role)
    data = (
        sent_to(role, FIN | BINARY, b"\xff\xfe")
        + sent_to(role, BINARY, b"abc")
        + sent_to(role, FIN | CONTINUATION, b"def")
        + sent_to(role, FIN | TEXT, b"text")
    )
    for piece in pieces_of(data, way):
        layer.receive_data(piece)
    assert events_of(layer) == [
        BrokenMessage("a binary message of 2 bytes; RELAY speaks text"),
        BrokenMessage("a binary message of 6 bytes; RELAY speaks text"),
        TextReceived("text"),
    ]
    assert layer.phase is Phase.OPEN


def test_a_text_shows_only_its_length() -> None:
    assert repr(TextReceived("secret")) == "TextReceived(text=<6 characters>)"


def test_lone_surrogates_raise_and_change_nothing() -> None:
    layer = new_open("client")
    with pytest.raises(UnicodeEncodeError):
        layer.send_text("\ud800")
    layer.send_text("fine")
    assert read_frames(layer.data_to_send()) == [(FIN | TEXT, b"fine")]


# Pings


@roles
def test_the_latest_of_many_pings_is_answered(role: str) -> None:
    layer = new_open(role)
    for number in range(1_000):
        layer.receive_data(sent_to(role, FIN | PING, b"%d" % number))
    assert read_frames(layer.data_to_send()) == [(FIN | PONG, b"999")]
    assert layer.data_to_send() == b""


@roles
@ways
def test_pongs_that_nobody_asked_for_are_passed_over(role: str, way: str) -> None:
    layer = new_open(role)
    for payload in [b"", b"one"]:
        for piece in pieces_of(sent_to(role, FIN | PONG, payload), way):
            layer.receive_data(piece)
    layer.receive_data(sent_to(role, FIN | TEXT, b"text"))
    assert events_of(layer) == [TextReceived("text")]
    assert layer.data_to_send() == b""


# The end


@roles
@ways
@pytest.mark.parametrize(
    ("payload", "code", "reason", "answer"),
    [
        (b"", None, "", b""),
        (b"\x03\xe8", 1000, "", b"\x03\xe8"),
        (b"\x03\xf3bye \xe2\x98\x8e", 1011, "bye ☎", b"\x03\xf3"),
        (struct.pack("!H", 4999), 4999, "", struct.pack("!H", 4999)),
    ],
)
def test_the_peer_closes(role: str, way: str, payload: bytes, code: int | None, reason: str, answer: bytes) -> None:
    layer = new_open(role)
    data = sent_to(role, FIN | PING, b"?") + sent_to(role, FIN | CLOSE, payload) + sent_to(role, FIN | TEXT, b"late")
    for piece in pieces_of(data, way):
        layer.receive_data(piece)
    assert read_frames(layer.data_to_send()) == [(FIN | PONG, b"?"), (FIN | CLOSE, answer)]
    end = the_end(layer)
    assert (end.code, end.reason, end.error, end.clean) == (code, reason, None, True)


@roles
@ways
def test_messages_after_our_close_frame_are_still_received(role: str, way: str) -> None:
    layer = new_open(role)
    layer.send_text("before")
    layer.close(1001, "going away")
    layer.close()
    assert layer.phase is Phase.CLOSING
    assert read_frames(layer.data_to_send()) == [(FIN | TEXT, b"before"), (FIN | CLOSE, b"\x03\xe9going away")]
    data = sent_to(role, FIN | TEXT, b"late") + sent_to(role, FIN | PING) + sent_to(role, FIN | CLOSE, b"\x03\xe9")
    for piece in pieces_of(data, way):
        layer.receive_data(piece)
    assert events_of(layer) == [TextReceived("late"), ConnectionClosed(code=1001, clean=True)]
    assert layer.data_to_send() == b""
    assert layer.closed


def test_a_close_frame_of_ours_with_a_long_reason_is_cut_at_a_character() -> None:
    layer = new_open("server")
    layer.close(3000, "é" * 100)
    ((first, payload),) = read_frames(layer.data_to_send())
    assert (first, payload) == (FIN | CLOSE, struct.pack("!H", 3000) + ("é" * 61).encode())


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_an_invalid_close_code_raises(code: int) -> None:
    layer = new_open("client")
    with pytest.raises(ValueError, match="code"):
        layer.close(code)
    assert layer.phase is Phase.OPEN


@roles
def test_an_end_without_a_close_frame(role: str) -> None:
    layer = new_open(role)
    layer.receive_data(sent_to(role, FIN | TEXT, b"cut off")[:-1])
    layer.receive_eof()
    end = the_end(layer)
    assert type(end.error) is ConnectionError
    assert end.reason == "the peer ended the connection without a WebSocket close frame"
    assert (end.code, end.clean) == (None, False)


def test_an_end_without_an_answer_to_our_close_frame() -> None:
    layer = new_open("client")
    layer.close()
    layer.receive_eof()
    end = the_end(layer)
    assert (end.code, end.error, end.clean) == (None, None, False)
    assert "without answering" in end.reason


def test_the_layer_below_breaks() -> None:
    layer = new_open("client")
    error = OSError("unplugged")
    layer.fail(error)
    layer.fail(OSError("again"))
    assert the_end(layer) == ConnectionClosed(reason="unplugged", error=error)
    below = HandshakeRefused("no", 503, 7.0)
    layer = new_client()
    layer.fail(below)
    assert the_end(layer).retry_after == 7.0


@pytest.mark.parametrize("phase", ["idle", "handshake", "closing", "closed"])
def test_sending_when_not_open_raises(phase: str) -> None:
    layer = {"idle": WebSocketLayer.client, "handshake": WebSocketLayer.client}.get(
        phase, lambda _: new_open("client")
    )("x")
    if phase == "handshake":
        layer.start()
    elif phase != "idle":
        layer.close()
    if phase == "closed":
        layer.receive_eof()
    layer.data_to_send()
    with pytest.raises(RuntimeError, match=f"cannot send text: .* {phase.upper()}"):
        layer.send_text("x")
    assert layer.data_to_send() == b""


# Violations


@cache
def violations(role: str) -> dict[str, tuple[bytes, int, str]]:
    def good(first: int, payload: bytes = b"", **options: Any) -> bytes:
        return sent_to(role, first, payload, **options)

    wrong_key = b"" if role == "server" else KEY
    not_utf8, protocol, too_big = 1007, 1002, 1009
    return {
        "short text": (good(FIN | TEXT, b"ok\xff"), not_utf8, "text that is not UTF-8"),
        "long text": (good(FIN | TEXT, b"x" * 2_000 + b"\xff"), not_utf8, "text that is not UTF-8"),
        "cut character": (good(FIN | TEXT, b"\xe2\x98"), not_utf8, "text that is not UTF-8"),
        "fragments": (good(TEXT, b"\xe2") + good(FIN | CONTINUATION, b"("), not_utf8, "text that is not UTF-8"),
        "surrogate": (good(FIN | TEXT, b"\xed\xa0\x80"), not_utf8, "text that is not UTF-8"),
        "close reason": (good(FIN | CLOSE, b"\x03\xe8\xff"), not_utf8, "text that is not UTF-8"),
        "mask": (frame(FIN | TEXT, b"x", key=wrong_key), protocol, "masked frame"),
        "compressed": (good(FIN | 0x40 | TEXT, b"x"), protocol, "Reserved bit"),
        "opcode": (good(FIN | 3, b"x"), protocol, "Invalid opcode 0x3"),
        "control opcode": (good(FIN | 11), protocol, "Invalid opcode 0xb"),
        "wide size": (good(FIN | TEXT, b"x", size_bytes=2), protocol, "2 bytes when 1"),
        "very wide size": (good(FIN | TEXT, b"x" * 300, size_bytes=8), protocol, "8 bytes when 2"),
        "continuation": (good(FIN | CONTINUATION, b"x"), protocol, "unexpected CONTINUATION"),
        "interrupted": (good(TEXT, b"x") + good(FIN | TEXT, b"y"), protocol, "expected CONTINUATION"),
        "cut control": (good(PING, b"x"), protocol, "fragment control frame"),
        "long control": (good(FIN | PING, b"x" * 126), protocol, "Control frame"),
        "close of one byte": (good(FIN | CLOSE, b"x"), protocol, "1 byte payload"),
        "close code": (good(FIN | CLOSE, struct.pack("!H", 1006)), protocol, "local-only"),
        "big": (good(FIN | TEXT, b"x" * (LIMIT + 1)), too_big, "larger than 70000 bytes"),
        "big binary": (good(FIN | BINARY, b"x" * (LIMIT + 1)), too_big, "larger than 70000 bytes"),
        "big in sum": (
            good(TEXT, b"x" * 40_000) + good(FIN | PING) + good(FIN | CONTINUATION, b"x" * 40_000),
            too_big,
            "larger than 70000 bytes",
        ),
        "huge": (bytes([FIN | TEXT, 0xFF]) + b"\xff" * 12, too_big, "larger than 70000 bytes"),
    }


@roles
@ways
@pytest.mark.parametrize("name", list(violations("client")))
@pytest.mark.parametrize("trailing", [False, True])
def test_a_violation_closes_with_its_code_and_is_no_polite_end(role: str, way: str, name: str, trailing: bool) -> None:
    data, code, words = violations(role)[name]
    layer = new_open(role)
    before = sent_to(role, FIN | TEXT, b"before")
    for piece in pieces_of(before + data + (before if trailing else b""), way):
        layer.receive_data(piece)
    assert layer.next_event() == TextReceived("before")
    closing = [payload for first, payload in read_frames(layer.data_to_send()) if first == FIN | CLOSE]
    assert [payload[:2] for payload in closing] == [struct.pack("!H", code)]
    end = the_end(layer)
    assert (end.code, end.clean) == (code, False)
    assert words in end.reason
    assert isinstance(end.error, ProtocolViolation)
    assert end.error.__cause__ is not None


def test_a_violation_after_our_close_frame_sends_no_second_close_frame() -> None:
    layer = new_open("client")
    layer.close()
    layer.data_to_send()
    layer.receive_data(frame(FIN | 3))
    assert layer.data_to_send() == b""
    assert isinstance(the_end(layer).error, ProtocolViolation)


def test_a_message_in_tiny_pieces_takes_little_memory() -> None:
    layer = new_open("client")
    layer.receive_data(frame(TEXT, "☎".encode()))
    fragments = frame(CONTINUATION, "☎".encode()) * 1_000
    tracemalloc.start()
    try:
        for _ in range(20):
            layer.receive_data(fragments)
        assert tracemalloc.get_traced_memory()[0] < 400_000  # a list of the pieces would take 1,700,000
    finally:
        tracemalloc.stop()
    layer.receive_data(frame(FIN | CONTINUATION))
    assert events_of(layer) == [TextReceived("☎" * 20_001)]


# A peer that does not read

MEBIBYTE = "x" * 2**20


@pytest.mark.parametrize(("role", "peer"), [("client", "server"), ("server", "client")])
def test_a_peer_that_does_not_read_is_left(role: str, peer: str) -> None:
    layer = new_open(role)
    for _ in range(OUTBOX_LIMIT // len(MEBIBYTE)):
        layer.send_text(MEBIBYTE)
    assert layer.phase is Phase.OPEN
    layer.send_text("one more")  # more than the limit: each frame has a header too
    end = the_end(layer)
    assert isinstance(end.error, ConnectionError)
    assert str(end.error) == end.reason == f"the {peer} does not read: more than 16 MiB wait to be sent"
    assert (end.code, end.clean) == (None, False)
    assert layer.data_to_send() == b""


def test_a_peer_that_reads_gets_everything() -> None:
    layer = new_open("client")
    for _ in range(3 * OUTBOX_LIMIT // len(MEBIBYTE)):
        layer.send_text(MEBIBYTE)
        assert len(layer.data_to_send()) > len(MEBIBYTE)
    assert layer.phase is Phase.OPEN


def test_one_message_of_any_size_is_sent() -> None:
    layer = new_open("client")
    layer.send_text("x" * (OUTBOX_LIMIT + 1))
    assert layer.phase is Phase.OPEN
    assert len(layer.data_to_send()) > OUTBOX_LIMIT


# Any bytes


@settings(deadline=None)
@given(junk=st.binary(max_size=200), role=st.sampled_from(["client", "server"]))
def test_no_bytes_raise_once_it_is_open(junk: bytes, role: str) -> None:
    layer = new_open(role)
    layer.receive_data(junk)
    layer.receive_eof()
    assert isinstance(events_of(layer)[-1], ConnectionClosed)


@settings(deadline=None)
@given(
    data=st.data(),
    role=st.sampled_from(["client", "server"]),
    noise=st.lists(
        st.tuples(st.integers(0, 250), st.sampled_from([b"\xff", b"\r\n", b": ", b"", b"\x00", b"HEAD "])), max_size=4
    ),
)
def test_no_handshake_raises(data: st.DataObject, role: str, noise: list[tuple[int, bytes]]) -> None:
    layer = new_client() if role == "client" else WebSocketLayer.server()
    head = accepting(layer.data_to_send()) if role == "client" else REQUEST
    for position, replacement in noise:
        head = head[:position] + replacement + head[position + data.draw(st.integers(0, 3)) :]
    layer.receive_data(head)
    layer.receive_eof()
    ends = [event for event in events_of(layer) if isinstance(event, ConnectionClosed)]
    assert len(ends) == 1


def streams(role: str) -> st.SearchStrategy[bytes]:
    texts = st.text(max_size=200).map(lambda text: sent_to(role, FIN | TEXT, text.encode()))
    fragments = st.lists(st.text(max_size=20), min_size=2, max_size=4).map(
        lambda parts: b"".join(
            sent_to(role, (CONTINUATION if index else TEXT) | (FIN if index == len(parts) - 1 else 0), part.encode())
            for index, part in enumerate(parts)
        )
    )
    others = st.sampled_from(
        [sent_to(role, FIN | BINARY, b"\xff"), sent_to(role, FIN | PING, b"p"), sent_to(role, FIN | TEXT, b"z" * 3_000)]
    )
    ends = st.sampled_from(
        [
            b"",
            sent_to(role, FIN | CLOSE, b"\x03\xe8bye"),
            *[data for data, _, _ in violations(role).values() if len(data) < 5_000],
        ]
    )
    middle = st.lists(st.one_of(texts, fragments, others), max_size=6).map(b"".join)
    return st.tuples(middle, ends).map(b"".join)


@settings(deadline=None)
@given(data=st.data(), role=st.sampled_from(["client", "server"]))
def test_cutting_the_stream_anywhere_changes_nothing(data: st.DataObject, role: str) -> None:
    stream = data.draw(streams(role))
    places = data.draw(st.lists(st.integers(0, len(REQUEST) + len(stream)), max_size=10).map(sorted))
    heard = []
    for cuts in [[], places]:
        layer = (
            new_client(max_message_size=LIMIT) if role == "client" else WebSocketLayer.server(max_message_size=LIMIT)
        )
        received = (accepting(layer.data_to_send()) if role == "client" else REQUEST) + stream
        for start, stop in zip([0, *cuts], [*cuts, len(received)], strict=True):
            layer.receive_data(received[start:stop])
        layer.receive_eof()
        heard.append(comparable(events_of(layer)))
    assert heard[0] == heard[1]


def test_keys_that_were_drawn_can_be_forgotten() -> None:
    [first] = text_frames([b"x"], mask=True, long_frame=bytes)
    drawn = set(fast_frames._keys)
    forget_keys()
    [second] = text_frames([b"x"], mask=True, long_frame=bytes)
    assert first[2:6] != second[2:6]
    assert not drawn & set(fast_frames._keys)
