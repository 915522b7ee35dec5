"""The pcap file of a call: what another reader finds in it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from anyrelay.local.server.control_api.captures import capture_of
from anyrelay.local.server.journal.frames import SipTransmission
from tests.support.capture_reader import TCP, UDP, read_capture

PHONE, SERVER = "192.0.2.7:40001", "192.0.2.1:5060"
PHONE_6, SERVER_6 = "[2001:db8::7]:40001", "[2001:db8::1]:5060"


def message(body: str = "", *, length: int | None = None) -> str:
    """Return a SIP message with a Content-Length."""
    size = len(body.encode()) if length is None else length
    return f"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Length: {size}\r\n\r\n{body}"


def sent(text: str, source: str = PHONE, target: str = SERVER, *, transport: str = "UDP", time: float = 1.0):
    return SipTransmission(time, transport, source, target, text)


@pytest.mark.parametrize(("source", "target"), [(PHONE, SERVER), (PHONE_6, SERVER_6)])
@pytest.mark.parametrize(("transport", "protocol"), [("UDP", UDP), ("TCP", TCP), ("TLS", TCP)])
def test_each_message_is_a_packet_with_its_time_its_addresses_and_its_text(transport, protocol, source, target):
    texts = [message(), message("odd"), message("even"), message("é 電話")]
    times = [1796100000.0, 1796100000.25, 1796100000.9999999, 1796100001.000001]
    messages = [
        sent(text, source, target, transport=transport, time=time) for text, time in zip(texts, times, strict=True)
    ]
    packets = read_capture(capture_of(messages))
    assert [packet.content.decode() for packet in packets] == texts
    assert [packet.time for packet in packets] == pytest.approx(times, abs=1e-6, rel=0)
    assert {(packet.protocol, packet.source, packet.target) for packet in packets} == {(protocol, source, target)}


def test_no_message_gives_an_empty_file():
    assert read_capture(capture_of([])) == []


def test_the_messages_of_tcp_are_one_stream_each_way():
    ask, answer = message("ask"), message("the answer")
    exchanged = [sent(ask, transport="TCP"), sent(answer, SERVER, PHONE, transport="TCP")] * 2
    other = sent(ask, "192.0.2.8:40001", transport="TCP")
    packets = read_capture(capture_of([*exchanged, other]))
    assert [(packet.sequence - 1, packet.acknowledged - 1) for packet in packets] == [
        (0, 0),
        (0, len(ask)),
        (len(ask), len(answer)),
        (len(answer), 2 * len(ask)),
        (0, 0),
    ]


def test_a_long_message_of_tcp_is_several_segments():
    text = message("x" * 200_000)
    packets = read_capture(capture_of([sent(text, transport="TCP")]))
    assert [len(packet.content) for packet in packets] == [65_495, 65_495, 65_495, len(text) - 3 * 65_495]
    assert [packet.sequence for packet in packets] == [1, 65_496, 130_991, 196_486]
    assert b"".join(packet.content for packet in packets).decode() == text


@pytest.mark.parametrize(("source", "target"), [(PHONE, SERVER), (PHONE_6, SERVER_6)])
def test_a_message_that_no_datagram_holds_is_cut_off(source, target):
    text = message("x" * 70_000)
    [packet] = read_capture(capture_of([sent(text, source, target)]))
    assert packet.content.decode() == text[:65_507]


def test_tls_is_written_as_if_it_had_come_to_the_port_of_sip():
    tls, tcp = read_capture(
        capture_of([sent(message(), target="192.0.2.1:5061", transport=transport) for transport in ("TLS", "TCP")])
    )
    assert (tls.target, tcp.target) == ("192.0.2.1:5060", "192.0.2.1:5061")


@pytest.mark.parametrize("name", ["Content-Length", "l", "CONTENT-LENGTH "])
def test_a_stream_is_cut_into_messages_by_the_true_length_of_each_body(name):
    written = message("content-length: 9 ***", length=40).replace("Content-Length", name)
    [udp, tcp] = read_capture(capture_of([sent(written), sent(written, transport="TCP")]))
    assert udp.content.decode() == written
    assert tcp.content.decode() == written.replace(": 40", ": 21")


def test_a_message_of_a_stream_without_an_end_of_its_head_has_no_body():
    [packet] = read_capture(capture_of([sent("BYE sip:a@b SIP/2.0\r\nl: 7", transport="TCP")]))
    assert packet.content == b"BYE sip:a@b SIP/2.0\r\nl: 0"


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("[fe80::1%eth0]:5070", "[fe80::2]:5060", ("[fe80::1]:5070", "[fe80::2]:5060")),
        (PHONE, SERVER_6, (f"[{ip_address('::ffff:192.0.2.7')}]:40001", SERVER_6)),
        ("nowhere", SERVER, ("0.0.0.0:5060", SERVER)),
        ("192.0.2.7:none", SERVER, ("0.0.0.0:5060", SERVER)),
    ],
)
def test_unusual_addresses(source, target, found):
    [packet] = read_capture(capture_of([sent(message(), source, target)]))
    assert (packet.source, packet.target) == found


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]"])
def test_a_checksum_is_never_zero_which_would_mean_none(host):
    target = SERVER if host[0] != "[" else SERVER_6
    [packet] = read_capture(capture_of([sent(message(), f"{host}:1", target)]))
    # In ones' complement, a port that is greater by the checksum makes the sum 0xFFFF, and the checksum 0.
    [packet] = read_capture(capture_of([sent(message(), f"{host}:{1 + packet.checksum}", target)]))
    assert packet.checksum == 0xFFFF
