"""Read a pcap file by its bytes, independent of the library that writes it, and check its lengths and checksums."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import Final

from attrs import frozen

__all__ = ["Packet", "read_capture"]

LINKTYPE_RAW: Final = 101
TCP, UDP = 6, 17


@frozen
class Packet:
    """A packet of a capture."""

    time: float
    """Seconds since 1970."""
    protocol: int
    """The number of the protocol above IP: 6 for TCP, 17 for UDP."""
    source: str
    """host:port, with brackets around an IPv6 address."""
    target: str
    """The receiver, in the same form."""
    sequence: int
    """The sequence number of TCP; 0 for UDP."""
    acknowledged: int
    """The acknowledgement number of TCP; 0 for UDP."""
    checksum: int
    """The checksum of UDP or TCP, as it is in the packet."""
    content: bytes
    """The bytes above UDP or TCP."""


def read_capture(capture: bytes) -> list[Packet]:
    """Return the packets of a file; raise an AssertionError when a header contradicts its packet."""
    order = {0xA1B2C3D4: "<", 0xD4C3B2A1: ">"}[struct.unpack_from("<I", capture)[0]]
    _, major, minor, zone, _, longest, link_type = struct.unpack_from(f"{order}IHHiIII", capture)
    assert (major, minor, zone, link_type) == (2, 4, 0, LINKTYPE_RAW)
    return list(_packets(capture, order, longest))


def _packets(capture: bytes, order: str, longest: int) -> Iterator[Packet]:
    position = 24
    while position < len(capture):
        seconds, microseconds, size, whole = struct.unpack_from(f"{order}IIII", capture, position)
        assert microseconds < 1_000_000
        assert size == whole <= longest
        position += 16 + size
        assert position <= len(capture)
        yield _read_ip(seconds + microseconds / 1e6, capture[position - size : position])


def _read_ip(time: float, packet: bytes) -> Packet:
    if packet[0] >> 4 == 4:
        assert packet[0] == 0x45
        assert struct.unpack_from(">H", packet, 2)[0] == len(packet)
        assert _sum(packet[:20]) == 0xFFFF
        protocol, ends, rest = packet[9], packet[12:20], packet[20:]
    else:
        assert packet[0] >> 4 == 6
        protocol, ends, rest = packet[6], packet[8:40], packet[40:]
        assert struct.unpack_from(">H", packet, 4)[0] == len(rest)
    assert _sum(ends + struct.pack(">II", len(rest), protocol) + rest) == 0xFFFF
    half = len(ends) // 2
    source_port, target_port = struct.unpack_from(">HH", rest)
    hosts = [ipaddress.ip_address(part) for part in (ends[:half], ends[half:])]
    source, target = (f"[{host}]" if host.version == 6 else str(host) for host in hosts)
    named = (time, protocol, f"{source}:{source_port}", f"{target}:{target_port}")
    if protocol == UDP:
        size, checksum = struct.unpack_from(">HH", rest, 4)
        assert size == len(rest)
        return Packet(*named, 0, 0, checksum, rest[8:])
    assert protocol == TCP
    sequence, acknowledged, length, _, _, checksum = struct.unpack_from(">IIBBHH", rest, 4)
    return Packet(*named, sequence, acknowledged, checksum, rest[(length >> 4) * 4 :])


def _sum(content: bytes) -> int:
    """Return the sum of 16-bit words in ones' complement (RFC 1071)."""
    content += b"\0" * (len(content) % 2)
    total = sum(struct.unpack(f">{len(content) // 2}H", content))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total
