"""The SIP messages of a call as a pcap file, which Wireshark reads.

The SIP stack shows messages, and no packets: its trace has what TLS carried, decrypted, and has no acknowledgements of TCP. So
each message gets new headers here. A UDP message becomes one datagram. TCP and TLS messages become the segments of one stream
for each pair of addresses, without the handshake.
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, TypeAlias

import dpkt

from anyrelay.local.server.journal.frames import SipTransmission

__all__ = ["capture_of"]

_LINK_TYPE: Final = 101
"""LINKTYPE_RAW: each packet begins with its header of IPv4 or IPv6. The constant of dpkt is that of BSD."""

_LONGEST_PACKET: Final = 262_144
"""The snapshot length in bytes, which no packet of the file exceeds."""

_LONGEST_DATAGRAM: Final = 65_507
"""The most bytes of a message in one UDP datagram over IPv4 (RFC 768, RFC 791)."""

_LONGEST_SEGMENT: Final = 65_495
"""The most bytes of a message in one TCP segment over IPv4 (RFC 9293, RFC 791)."""

_SIP_PORT, _SIPS_PORT = 5060, 5061
_HEAD_END: Final = re.compile(rb"\n\r*\n")
_CONTENT_LENGTH: Final = re.compile(rb"(?im)^((?:content-length|l)[ \t]*:[ \t]*)\d+")

_Address: TypeAlias = tuple[IPv4Address | IPv6Address, int]
"""An address of IP, and a port."""


def capture_of(messages: Iterable[SipTransmission]) -> bytes:
    """Return a pcap file with a packet for each SIP message.

    Args:
        messages: The messages, oldest first.

    Returns:
        The file. Times are in microseconds since 1970. A UDP message of more than 65,507 bytes is cut off there; a longer
        message of TCP or TLS is several packets. Port 5061 of a TLS message is written as 5060, because Wireshark
        expects TLS at 5061.
    """
    file, streams = io.BytesIO(), _Streams()
    writer = dpkt.pcap.Writer(file, snaplen=_LONGEST_PACKET, linktype=_LINK_TYPE)
    for message in messages:
        source, target = _ends(message)
        content = message.text.encode(errors="replace")
        packets: Iterable[bytes] = (
            [_datagram(source, target, content[:_LONGEST_DATAGRAM])]
            if message.transport == "UDP"
            else streams.segments(source, target, _with_true_length(content))
        )
        for packet in packets:
            writer.writepkt(packet, round(message.time, 6))  # dpkt writes 999,999.9 µs as a million
    return file.getvalue()


def _ends(message: SipTransmission) -> tuple[_Address, _Address]:
    """Return the sender and the receiver of a message, in one version of IP."""
    (source, source_port), (target, target_port) = (_address(end) for end in (message.source, message.target))
    if source.version != target.version:
        source, target = (IPv6Address(f"::ffff:{end}") if end.version == 4 else end for end in (source, target))
    if message.transport == "TLS":
        source_port, target_port = (_SIP_PORT if port == _SIPS_PORT else port for port in (source_port, target_port))
    return (source, source_port), (target, target_port)


def _address(text: str) -> _Address:
    """Return the address that a text names, 0.0.0.0:5060 when it names none."""
    host, _, port = text.rpartition(":")
    try:
        return ip_address(host.strip("[]")), int(port) & 0xFFFF
    except ValueError:
        return IPv4Address(0), _SIP_PORT


def _with_true_length(content: bytes) -> bytes:
    """Return a message whose Content-Length is that of its body, so that a reader finds the next message of the stream.

    The stack found the end of the message by this header (RFC 3261 section 18.3). Its body has another length here when a
    secret was struck out of the body.
    """
    found = _HEAD_END.search(content)
    head, body = (content[: found.end()], content[found.end() :]) if found else (content, b"")
    return _CONTENT_LENGTH.sub(rb"\g<1>" + str(len(body)).encode(), head, count=1) + body


def _datagram(source: _Address, target: _Address, content: bytes) -> bytes:
    """Return a packet with one UDP datagram."""
    datagram = dpkt.udp.UDP(sport=source[1], dport=target[1], ulen=8 + len(content), data=content)
    return _packet(source, target, dpkt.ip.IP_PROTO_UDP, datagram)


class _Streams:
    """The TCP streams of a file: how many bytes each sender has sent."""

    def __init__(self) -> None:
        self._next: defaultdict[tuple[_Address, _Address], int] = defaultdict(lambda: 1)

    def segments(self, source: _Address, target: _Address, content: bytes) -> Iterator[bytes]:
        """Iterate over the packets with the segments of one message."""
        for start in range(0, len(content), _LONGEST_SEGMENT):
            part = content[start : start + _LONGEST_SEGMENT]
            segment = dpkt.tcp.TCP(
                sport=source[1],
                dport=target[1],
                seq=self._next[source, target] & 0xFFFFFFFF,
                ack=self._next[target, source] & 0xFFFFFFFF,
                flags=dpkt.tcp.TH_PUSH | dpkt.tcp.TH_ACK,
                data=part,
            )
            self._next[source, target] += len(part)
            yield _packet(source, target, dpkt.ip.IP_PROTO_TCP, segment)


def _packet(source: _Address, target: _Address, protocol: int, content: Any) -> bytes:
    """Return an IP packet; dpkt computes the checksums."""
    ends = {"src": source[0].packed, "dst": target[0].packed}
    if source[0].version == 4:
        packet = dpkt.ip.IP(p=protocol, data=content, **ends)
    else:
        packet = dpkt.ip6.IP6(nxt=protocol, hlim=64, plen=len(content), data=content, **ends)
    written = bytes(packet)
    if content.sum == 0:  # the same sum, but not "no checksum", which IPv6 forbids (RFC 8200 section 8.1)
        content.sum = 0xFFFF
        written = bytes(packet)
    return written
