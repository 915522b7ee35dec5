"""TLS over memory: two layers joined by hand, in one piece, byte by byte and cut anywhere."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.protocol.transport.tls import TlsLayer

AUTHORITY = trustme.CA()
UNKNOWN_CA = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("relay.example")
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def server_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    CERTIFICATE.configure_cert(context)
    return context


def client_context(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


SERVER_CONTEXT = server_context()
CLIENT_CONTEXT = client_context()


def whole(data: bytes) -> Iterable[bytes]:
    return [data] if data else []


def bytewise(data: bytes) -> Iterable[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


def new_client(context: ssl.SSLContext = CLIENT_CONTEXT, hostname: str = "relay.example") -> TlsLayer:
    client = TlsLayer(context, server_hostname=hostname, server_side=False)
    client.start()
    return client


def new_server(context: ssl.SSLContext = SERVER_CONTEXT) -> TlsLayer:
    return TlsLayer(context, server_hostname=None, server_side=True)


def carry(source: TlsLayer, target: TlsLayer, cut: Callable[[bytes], Iterable[bytes]] = whole) -> bytes:
    """Move all bytes from one end to the other; return the plaintext."""
    return b"".join([target.receive_data(piece) for piece in cut(source.data_to_send())])


def shake_hands(client: TlsLayer, server: TlsLayer, cut: Callable[[bytes], Iterable[bytes]] = whole) -> None:
    for _ in range(3):
        assert carry(client, server, cut) == b""
        assert carry(server, client, cut) == b""


def joined(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[TlsLayer, TlsLayer]:
    client, server = new_client(), new_server(server_context(version))
    shake_hands(client, server)
    assert client.established
    assert server.established
    return client, server


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cut", [whole, bytewise])
def test_plaintext_goes_both_ways(version: ssl.TLSVersion, cut: Callable[[bytes], Iterable[bytes]]) -> None:
    client, server = new_client(), new_server(server_context(version))
    shake_hands(client, server, cut)
    client.send(b"ping")
    server.send(b"pong")
    server.send(b" and more")
    assert carry(client, server, cut) == b"ping"
    assert carry(server, client, cut) == b"pong and more"
    assert client.error is None
    assert server.error is None
    assert client.data_to_send() == b""


def test_a_server_says_nothing_first() -> None:
    server = new_server()
    server.start()
    assert server.data_to_send() == b""
    assert server.error is None


def test_bytes_before_the_handshake_are_held_and_then_sent_in_order() -> None:
    client, server = new_client(), new_server()
    client.send(b"one ")
    client.send(b"two")
    assert carry(client, server) == b""
    assert carry(server, client) == b""
    assert carry(client, server) == b"one two"


@pytest.mark.parametrize("cut", [whole, bytewise])
def test_many_records_of_one_read_come_out_together(cut: Callable[[bytes], Iterable[bytes]]) -> None:
    client, server = joined()
    plaintext = bytes(range(256)) * 200  # four records
    server.send(plaintext)
    assert carry(server, client, cut) == plaintext


def test_close_notify_ends_the_stream_after_its_last_bytes() -> None:
    client, server = joined()
    server.send(b"last bytes")
    server.close()
    assert carry(server, client) == b"last bytes"
    assert client.ended
    assert client.error is None
    assert client.receive_data(b"whatever") == b""
    client.receive_eof()
    assert client.error is None


@pytest.mark.parametrize("version", VERSIONS)
def test_data_can_be_sent_after_the_close_notify_of_the_peer(version: ssl.TLSVersion) -> None:
    client, server = joined(version)
    server.close()
    carry(server, client)
    client.send(b"answer")
    client.close()
    assert client.data_to_send() != b""
    assert client.error is None


def test_an_end_without_close_notify_is_an_error() -> None:
    client, server = joined()
    server.send(b"cut ")
    assert carry(server, client) == b"cut "
    client.receive_eof()
    assert isinstance(client.error, ssl.SSLEOFError)
    assert not client.ended


def test_an_end_in_the_middle_of_a_record_is_an_error() -> None:
    client, server = joined()
    server.send(b"cut")
    assert client.receive_data(server.data_to_send()[:-1]) == b""
    client.receive_eof()
    assert isinstance(client.error, ssl.SSLEOFError)


def test_an_end_during_the_handshake_is_an_error() -> None:
    client = new_client()
    client.send(b"held")
    client.receive_eof()
    assert isinstance(client.error, ssl.SSLError)
    assert not client.established
    first = client.error
    client.receive_eof()
    assert client.error is first


@pytest.mark.parametrize(
    ("authority", "hostname"),
    [(UNKNOWN_CA, "relay.example"), (AUTHORITY, "other.example")],
    ids=["unknown authority", "wrong name"],
)
@pytest.mark.parametrize("cut", [whole, bytewise])
def test_an_untrusted_certificate_is_an_error_with_an_alert(
    authority: trustme.CA, hostname: str, cut: Callable[[bytes], Iterable[bytes]]
) -> None:
    client, server = new_client(client_context(authority), hostname), new_server()
    carry(client, server, cut)
    carry(server, client, cut)
    assert isinstance(client.error, ssl.SSLCertVerificationError)
    assert not client.established
    carry(client, server, cut)
    assert isinstance(server.error, ssl.SSLError)
    assert "ALERT" in str(server.error).upper()


def test_garbage_is_an_error_and_ends_everything() -> None:
    client = new_client()
    client.data_to_send()
    assert client.receive_data(b"HTTP/1.1 400 Bad Request\r\n\r\n") == b""
    assert isinstance(client.error, ssl.SSLError)
    client.data_to_send()
    client.send(b"into the void")
    client.close()
    assert client.receive_data(b"more") == b""
    assert client.data_to_send() == b""


def test_a_forged_record_is_an_error_and_earlier_records_count() -> None:
    client, server = joined()
    server.send(b"genuine")
    record = server.data_to_send()
    server.send(b"forged")
    forged = bytearray(server.data_to_send())
    forged[-1] ^= 1
    assert client.receive_data(record + bytes(forged)) == b"genuine"
    assert isinstance(client.error, ssl.SSLError)
    carry(client, server)
    assert "ALERT" in str(server.error)


def test_closing_sends_close_notify_once_and_does_not_wait() -> None:
    client, server = joined()
    client.close()
    close_notify = client.data_to_send()
    assert close_notify != b""
    client.close()
    client.send(b"too late")
    assert client.data_to_send() == b""
    server.receive_data(close_notify)
    assert server.ended
    server.send(b"unread")
    assert carry(server, client) == b""
    client.receive_eof()
    assert client.error is None


def test_closing_after_the_close_notify_of_the_peer() -> None:
    client, server = joined()
    server.close()
    carry(server, client)
    client.close()
    assert client.data_to_send() != b""
    assert client.error is None


def test_closing_before_the_handshake_drops_held_bytes() -> None:
    client = new_client()
    client.send(b"held")
    hello = client.data_to_send()
    client.close()
    assert client.data_to_send() == b""
    assert new_server().receive_data(hello) == b""


class Unwilling(ssl.SSLObject):
    def write(self, data: object) -> int:
        raise ssl.SSLWantReadError("renegotiating")


def test_a_write_that_fails_is_an_error() -> None:
    context = client_context()
    context.sslobject_class = Unwilling
    client, server = new_client(context), new_server()
    shake_hands(client, server)
    client.send(b"text")
    assert isinstance(client.error, ssl.SSLWantReadError)


@pytest.mark.parametrize("hostname", [None, ""])
def test_a_missing_host_name_raises(hostname: str | None) -> None:
    with pytest.raises(ValueError, match="server_hostname"):
        TlsLayer(CLIENT_CONTEXT, server_hostname=hostname, server_side=False)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), texts=st.lists(st.binary(min_size=1, max_size=20_000), max_size=4))
def test_cutting_the_stream_anywhere_changes_nothing(data: st.DataObject, texts: list[bytes]) -> None:
    client, server = joined()
    for text in texts:
        server.send(text)
    server.close()
    stream = server.data_to_send()
    cuts = [
        len(stream) * place // 1_000 for place in data.draw(st.lists(st.integers(0, 1_000), max_size=8).map(sorted))
    ]
    pieces = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert b"".join([client.receive_data(piece) for piece in pieces]) == b"".join(texts)
    assert client.ended
    assert client.error is None
