"""Whole connections: a client and a server joined in memory, plain and over TLS, through a proxy and without."""

from __future__ import annotations

import pickle
import ssl
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.protocol.transport import connection as connection_module
from anyrelay.protocol.transport.connection import (
    Connection,
    ConnectionClosed,
    ConnectionEvent,
    HandshakeRefused,
    Opened,
    ProtocolViolation,
    ProxyRefused,
    TextReceived,
)
from anyrelay.protocol.transport.proxy import ProxyAddress
from anyrelay.protocol.transport.websocket import OUTBOX_LIMIT

HOST = "relay.example"
PROXY = ProxyAddress("proxy.example", 3128, "zoe", "s3cret")
TUNNEL_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"

AUTHORITY = trustme.CA()
SERVER_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
AUTHORITY.issue_cert(HOST, "192.0.2.1").configure_cert(SERVER_CONTEXT)
CLIENT_CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
AUTHORITY.configure_trust(CLIENT_CONTEXT)
DISTRUSTFUL = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

plain_and_tls = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


def new_client(tls: bool, **options: Any) -> Connection:
    return Connection.client(HOST, 443, tls=CLIENT_CONTEXT if tls else None, **options)


def new_server(tls: bool, **options: Any) -> Connection:
    return Connection.server(tls=SERVER_CONTEXT if tls else None, **options)


def exchange(client: Connection, server: Connection) -> None:
    """Move bytes in both directions until no end has any."""
    while True:
        to_server, to_client = client.data_to_send(), server.data_to_send()
        if not to_server and not to_client:
            return
        server.receive_data(to_server)
        client.receive_data(to_client)


def joined(tls: bool, **options: Any) -> tuple[Connection, Connection]:
    client, server = new_client(tls, **options), new_server(tls)
    client.open()
    exchange(client, server)
    assert client.next_event() == Opened()
    assert server.next_event() == Opened()
    return client, server


def events_of(connection: Connection) -> list[ConnectionEvent]:
    events = []
    while (event := connection.next_event()) is not None:
        events.append(event)
    return events


def the_end(connection: Connection) -> ConnectionClosed:
    events = events_of(connection)
    assert connection.closed
    assert len(events) == 1
    assert isinstance(events[0], ConnectionClosed)
    return events[0]


# Both ends


@plain_and_tls
def test_text_goes_both_ways(tls: bool) -> None:
    client, server = joined(tls)
    client.send_text("ask")
    server.send_text("tell")
    server.send_text("☎" * 50_000)
    exchange(client, server)
    assert events_of(server) == [TextReceived("ask")]
    assert events_of(client) == [TextReceived("tell"), TextReceived("☎" * 50_000)]
    assert not client.closed
    assert not client.wants_eof


@plain_and_tls
def test_the_server_gets_the_request_of_the_client(tls: bool) -> None:
    requests: list[tuple[tuple[str, str], ...]] = []
    client = new_client(tls, path="/api/relay/ws?a=b", user_agent="anyrelay/1.2")
    server = new_server(tls, check_upgrade=requests.append)
    client.open()
    request = client.data_to_send()
    assert tls or request.startswith(b"GET /api/relay/ws?a=b HTTP/1.1\r\n")
    server.receive_data(request)
    exchange(client, server)
    headers = dict(requests[0])
    assert headers["user-agent"] == "anyrelay/1.2"
    assert headers["host"] == ("relay.example" if tls else "relay.example:443")


@pytest.mark.parametrize(
    ("host", "port", "header"),
    [
        ("192.0.2.1", 80, "192.0.2.1"),
        ("2001:db8::1", 8080, "[2001:db8::1]:8080"),
        ("2001:db8::80", 80, "[2001:db8::80]"),
    ],
)
def test_the_host_header(host: str, port: int, header: str) -> None:
    client = Connection.client(host, port, tls=None)
    client.open()
    assert f"\r\nHost: {header}\r\n".encode() in client.data_to_send()


def test_many_replies_are_sent_in_one_write() -> None:
    client, server = joined(True)
    for _ in range(50):
        server.send_text("event")
    client.receive_data(server.data_to_send())
    for _ in events_of(client):
        client.send_text("ack")
    data = client.data_to_send()
    assert len(data) < 50 * 9 + 30  # 50 frames in one TLS record
    assert client.data_to_send() == b""
    server.receive_data(data)
    assert events_of(server) == [TextReceived("ack")] * 50


@plain_and_tls
@pytest.mark.parametrize("closer", ["client", "server"])
def test_closing(tls: bool, closer: str) -> None:
    client, server = joined(tls)
    first, second = (client, server) if closer == "client" else (server, client)
    assert first.is_open
    first.close(3001, "enough")
    assert not first.is_open
    assert not first.closed
    exchange(client, server)
    assert the_end(first) == ConnectionClosed(code=3001, clean=True)
    assert the_end(second) == ConnectionClosed(code=3001, reason="enough", clean=True)
    for connection in (first, second):
        assert connection.wants_eof
        connection.receive_data(b"late")
        connection.receive_eof()
        connection.close()
        assert connection.data_to_send() == b""
        assert events_of(connection) == []


@plain_and_tls
def test_the_transport_may_be_shut_only_when_the_last_bytes_are_out(tls: bool) -> None:
    client, server = joined(tls)
    client.close()
    server.receive_data(client.data_to_send())
    assert server.closed
    assert not server.wants_eof
    assert server.data_to_send() != b""
    assert server.wants_eof


@plain_and_tls
def test_an_end_without_a_close_frame_and_close_notify(tls: bool) -> None:
    client, _ = joined(tls)
    client.receive_eof()
    end = the_end(client)
    assert (end.code, end.clean, end.retry_after) == (None, False, None)
    assert isinstance(end.error, ssl.SSLEOFError if tls else ConnectionError)
    client.data_to_send()
    assert client.wants_eof


def test_close_notify_without_a_close_frame() -> None:
    client, server = joined(True)
    assert server._tls is not None
    server._tls.close()
    client.receive_data(server._tls.data_to_send())
    end = the_end(client)
    assert type(end.error) is ConnectionError
    assert "without a WebSocket close frame" in end.reason


@plain_and_tls
def test_a_message_over_the_limit(tls: bool) -> None:
    client, server = joined(tls, max_message_size=100)
    server.send_text("x" * 101)
    exchange(client, server)
    end = the_end(client)
    assert isinstance(end.error, ProtocolViolation)
    assert end.code == 1009
    assert the_end(server) == ConnectionClosed(code=1009, reason="a message is larger than 100 bytes", clean=True)
    assert client.wants_eof


def test_the_servers_limit() -> None:
    client, server = new_client(False), new_server(False, max_message_size=5)
    client.open()
    exchange(client, server)
    assert events_of(server) == [Opened()]
    client.send_text("123456")
    server.receive_data(client.data_to_send())
    end = the_end(server)
    assert (end.code, end.reason) == (1009, "a message is larger than 5 bytes")


@plain_and_tls
def test_closing_before_it_is_open(tls: bool) -> None:
    client, server = new_client(tls), new_server(tls)
    client.open()
    server.receive_data(client.data_to_send())
    client.close()
    assert the_end(client).error is None
    client.data_to_send()
    assert client.wants_eof


# TLS


def test_a_certificate_not_to_be_trusted() -> None:
    client, server = Connection.client(HOST, 443, tls=DISTRUSTFUL), new_server(True)
    client.open()
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())
    end = the_end(client)
    assert isinstance(end.error, ssl.SSLCertVerificationError)
    assert "certificate" in end.reason
    assert not client.wants_eof
    alert = client.data_to_send()
    assert alert != b""
    assert client.wants_eof
    server.receive_data(alert)
    assert isinstance(the_end(server).error, ssl.SSLError)


@pytest.mark.parametrize(("name", "trusted"), [(None, False), (HOST, True)])
def test_the_name_that_the_certificate_has_to_carry(name: str | None, trusted: bool) -> None:
    client, server = Connection.client("other.example", 443, tls=CLIENT_CONTEXT, server_hostname=name), new_server(True)
    client.open()
    exchange(client, server)
    (event,) = events_of(client)
    assert isinstance(event, Opened if trusted else ConnectionClosed)


def test_an_address_in_the_certificate() -> None:
    client, server = Connection.client("192.0.2.1", 443, tls=CLIENT_CONTEXT), new_server(True)
    client.open()
    exchange(client, server)
    assert events_of(client) == [Opened()]


def test_a_server_without_tls() -> None:
    client = new_client(True)
    client.open()
    client.receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert isinstance(the_end(client).error, ssl.SSLError)


def test_a_client_without_tls() -> None:
    client, server = new_client(False), new_server(True)
    client.open()
    server.receive_data(client.data_to_send())
    assert isinstance(the_end(server).error, ssl.SSLError)


class Unwilling(ssl.SSLObject):
    def write(self, data: object) -> int:
        raise ssl.SSLWantReadError("renegotiating")


def test_a_failure_to_encrypt_ends_the_connection() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = Unwilling
    AUTHORITY.configure_trust(context)
    client, server = Connection.client(HOST, 443, tls=context), new_server(True)
    client.open()
    exchange(client, server)
    assert isinstance(the_end(client).error, ssl.SSLError)
    assert client.wants_eof


@plain_and_tls
def test_a_refusal_that_is_cut_off_is_still_a_refusal(tls: bool) -> None:
    client, server = new_client(tls), new_server(tls)
    client.open()
    if tls:
        assert server._tls is not None
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())
        server._tls.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 12\r\n\r\nsorry")
        client.receive_data(server._tls.data_to_send())
        server._tls.receive_data(client.data_to_send())
        client.receive_data(server._tls.data_to_send())
    else:
        client.receive_data(b"HTTP/1.1 503 Busy\r\nRetry-After: 12\r\n\r\nsorry")
    assert not client.closed
    client.receive_eof()
    end = the_end(client)
    assert isinstance(end.error, HandshakeRefused)
    assert (end.error.status, end.retry_after) == (503, 12.0)


def test_bytes_that_tls_sends_by_itself_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client, server = new_client(tls=True), new_server(tls=True)
    client.open()
    server.receive_data(client.data_to_send())
    monkeypatch.setattr(connection_module, "OUTBOX_LIMIT", 10)
    client.receive_data(server.data_to_send())  # the rest of the handshake is not fetched
    assert str(the_end(client).error) == "the server does not read: more than 16 MiB wait to be sent"
    client.data_to_send()
    assert client.wants_eof


def test_a_large_message_is_encrypted_in_one_piece() -> None:
    client, server = joined(tls=True, max_message_size=2**26)
    server.send_text("x" * (OUTBOX_LIMIT + 1))
    exchange(client, server)
    client.send_text("still there")
    assert isinstance(client.next_event(), TextReceived)
    assert not client.closed
    assert not server.closed


# The proxy


@plain_and_tls
@pytest.mark.parametrize("way", ["whole", "bytewise"])
def test_through_a_proxy(tls: bool, way: str) -> None:
    client, server = new_client(tls, proxy=PROXY), new_server(tls)
    client.open()
    request = client.data_to_send()
    assert request.startswith(b"CONNECT relay.example:443 HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic " in request
    assert client.data_to_send() == b""
    for piece in (
        [TUNNEL_OPEN] if way == "whole" else [TUNNEL_OPEN[index : index + 1] for index in range(len(TUNNEL_OPEN))]
    ):
        client.receive_data(piece)
    exchange(client, server)
    assert events_of(client) == events_of(server) == [Opened()]


def test_bytes_right_after_the_reply_of_the_proxy_belong_to_the_server() -> None:
    client = new_client(False, proxy=PROXY)
    client.open()
    client.receive_data(TUNNEL_OPEN + b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    error = the_end(client).error
    assert type(error) is HandshakeRefused


@pytest.mark.parametrize("how", ["whole", "eof", "close"])
def test_the_proxy_refuses(how: str) -> None:
    client = new_client(True, proxy=PROXY)
    client.open()
    client.data_to_send()
    client.receive_data(b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n")
    if how == "whole":
        client.receive_data(b"no")
    elif how == "eof":
        client.receive_eof()
    else:
        client.close()
    end = the_end(client)
    assert isinstance(end.error, ProxyRefused)
    assert (end.error.status, end.retry_after) == (503, 3.0)
    assert client.data_to_send() == b""
    assert client.wants_eof


def test_the_proxy_goes_away() -> None:
    client = new_client(True, proxy=PROXY)
    client.open()
    client.receive_eof()
    assert "before it answered CONNECT" in the_end(client).reason


def test_closing_while_the_proxy_thinks() -> None:
    client = new_client(True, proxy=PROXY)
    client.open()
    client.close()
    assert the_end(client).error is None
    client.receive_data(TUNNEL_OPEN)
    assert client.data_to_send() == b""
    assert client.wants_eof


# Wrong use


@plain_and_tls
def test_calls_in_the_wrong_order_raise(tls: bool) -> None:
    client, server = new_client(tls), new_server(tls)
    with pytest.raises(RuntimeError, match="open"):
        client.receive_data(b"x")
    with pytest.raises(RuntimeError, match="open"):
        client.receive_eof()
    with pytest.raises(RuntimeError, match="only a client"):
        server.open()
    client.open()
    with pytest.raises(RuntimeError, match="once"):
        client.open()
    for connection in (client, server):
        with pytest.raises(RuntimeError, match="not open"):
            connection.send_text("x")
        with pytest.raises(ValueError, match="code"):
            connection.close(1006)


def test_opening_after_closing() -> None:
    client = new_client(False)
    client.close()
    with pytest.raises(RuntimeError, match="not after close"):
        client.open()
    assert the_end(client).clean is False


@pytest.mark.parametrize("options", [{"path": "a b"}, {"user_agent": "a\nb"}, {"server_hostname": "."}])
def test_an_invalid_text_raises_at_once(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        new_client(True, **options)


def test_the_errors_can_be_pickled() -> None:
    refused = pickle.loads(pickle.dumps(HandshakeRefused("no", 429, 2.5, (("a", "b"),), "body")))
    assert (str(refused), refused.status, refused.retry_after, refused.headers, refused.body) == (
        "no",
        429,
        2.5,
        (("a", "b"),),
        "body",
    )
    violation = pickle.loads(pickle.dumps(ProtocolViolation("bad")))
    assert type(violation) is ProtocolViolation
    assert str(violation) == "bad"


# Cut anywhere


@settings(deadline=None, max_examples=60)
@given(
    data=st.data(),
    tls=st.booleans(),
    proxied=st.booleans(),
    texts=st.lists(st.one_of(st.text(max_size=300), st.integers(1_000, 40_000).map("x".__mul__)), max_size=5),
)
def test_cutting_the_streams_anywhere_changes_nothing(
    data: st.DataObject, tls: bool, proxied: bool, texts: list[str]
) -> None:
    def receive_cut(connection: Connection, received: bytes) -> None:
        # Places are per mille: signatures differ in length from one handshake to the next.
        places = data.draw(st.lists(st.integers(0, 1_000), max_size=6).map(sorted))
        cuts = [len(received) * place // 1_000 for place in places]
        for start, stop in zip([0, *cuts], [*cuts, len(received)], strict=True):
            connection.receive_data(received[start:stop])

    def exchange_cut() -> None:
        for _ in range(4):
            receive_cut(server, client.data_to_send())
            receive_cut(client, server.data_to_send())

    client, server = new_client(tls, proxy=PROXY if proxied else None), new_server(tls)
    client.open()
    if proxied:
        client.data_to_send()
        receive_cut(client, TUNNEL_OPEN)
    exchange_cut()
    for text in texts:
        client.send_text(text)
        server.send_text(text)
    exchange_cut()
    client.close(3000, "done")
    exchange_cut()
    received = [TextReceived(text) for text in texts]
    assert events_of(client) == [Opened(), *received, ConnectionClosed(code=3000, clean=True)]
    assert events_of(server) == [Opened(), *received, ConnectionClosed(code=3000, reason="done", clean=True)]
    assert client.wants_eof
    assert server.wants_eof
