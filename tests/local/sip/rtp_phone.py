"""A SIP phone of the tests' own with audio: PCMU over RTP, and digits by RFC 4733."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
from collections.abc import AsyncIterator
from typing import Any

import numpy

from tests.local.sip.fake_audio import Samples, silence, voiced
from tests.local.sip.udp_phone import Request, SipSocket, UdpCall, sip_socket

DIGITS = "0123456789*#ABCD"
EVENTS = 101
"""The payload type of telephone-event."""


def ulaw(samples: Samples) -> bytes:
    """G.711 PCMU by its formula, rounded to the nearest of its 256 levels."""
    return bytes(numpy.abs(samples[:, None].astype(numpy.int32) - LEVELS).argmin(axis=1).astype(numpy.uint8))


def _levels() -> Samples:
    code = ~numpy.arange(256) & 0xFF
    magnitude = ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132
    return numpy.where(code & 128, -magnitude, magnitude).astype(numpy.int16)


LEVELS = _levels()
"""What each octet of PCMU stands for (ITU-T G.711)."""


class Rtp(asyncio.DatagramProtocol):
    """One RTP stream each way."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, bytes]] = []
        """Payload type and payload of each packet that came."""
        self.target: tuple[str, int] | None = None
        self._sequence = self._timestamp = 0
        self._news = asyncio.Event()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.packets.append((data[1] & 127, data[12:]))
        self._news.set()

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    def heard(self, since: int = 0) -> Samples:
        """What came after so many packets."""
        audio = b"".join(payload for kind, payload in self.packets[since:] if kind == 0)
        return LEVELS[numpy.frombuffer(audio, numpy.uint8)]

    def digits(self) -> str:
        """The digits that came, each counted at its end."""
        ends = [payload for kind, payload in self.packets if kind == EVENTS and payload[1] & 128]
        unlike = [payload for before, payload in zip([b"", *ends], ends, strict=False) if payload != before]
        return "".join(DIGITS[payload[0]] for payload in unlike)

    async def until_heard(self, seconds: float, since: int = 0, timeout: float = 10.0) -> Samples:
        """Wait until a packet has brought audio so long after the first loud one, and return all since packet `since`."""
        async with asyncio.timeout(timeout):
            while len(voiced(heard := self.heard(since))) < seconds * 8_000:
                self._news.clear()
                await self._news.wait()
        return heard

    async def until_digits(self, digits: str, timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout):
            while self.digits() != digits:
                self._news.clear()
                await self._news.wait()

    def send(self, payload: bytes, kind: int = 0, *, marker: bool = False, timestamp: int | None = None) -> None:
        assert self.target is not None
        self._sequence += 1
        head = (0x80, kind | marker << 7, self._sequence & 0xFFFF)
        stamp = self._timestamp if timestamp is None else timestamp
        self.transport.sendto(struct.pack(">BBHII", *head, stamp, 7) + payload, self.target)

    async def say(self, samples: Samples) -> None:
        """Send sound in real time."""
        loop = asyncio.get_running_loop()
        encoded, began = ulaw(samples), loop.time()
        for number, at in enumerate(range(0, len(encoded), 160)):
            self.send(encoded[at : at + 160])
            self._timestamp += 160
            await asyncio.sleep(began + 0.02 * (number + 1) - loop.time())

    async def press(self, digit: str) -> None:
        """Send a digit of 0.1 s by RFC 4733."""
        stamp = self._timestamp
        for number in range(1, 8):
            duration, end = 160 * min(number, 5), 128 * (number >= 5)
            event = struct.pack(">BBH", DIGITS.index(digit), 10 | end, duration)
            self.send(event, EVENTS, marker=number == 1, timestamp=stamp)
            await asyncio.sleep(0.02)
        self._timestamp += 1_120


class RtpCall(UdpCall):
    """One call of the phone with its audio."""

    rtp: Rtp
    events = True
    """Whether the phone offers telephone-event."""

    def sdp(self, direction: str = "sendrecv") -> str:
        formats = f"0 {EVENTS}" if self.events else "0"
        lines = ["a=rtpmap:0 PCMU/8000", f"a={direction}"]
        if self.events:
            lines += [f"a=rtpmap:{EVENTS} telephone-event/8000", f"a=fmtp:{EVENTS} 0-15"]
        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        return head + f"m=audio {self.rtp.port} RTP/AVP {formats}\r\n" + "".join(f"{line}\r\n" for line in lines)

    def invite(self) -> str:
        return self.request("INVITE", self.contact, "Content-Type: application/sdp", body=self.sdp())

    async def call(self, invite: str = "", timeout: float = 5.0) -> int:
        self.socket.send(invite or self.invite())
        answer = await self.final(timeout)
        self.to = answer.header("To")
        self.socket.send(self.request("ACK"))
        port = re.search(r"^m=audio (\d+)", answer.text, re.MULTILINE)
        if port is not None:
            self.rtp.target = ("127.0.0.1", int(port[1]))
        return answer.code

    async def reinvited(self, code: int = 200) -> str:
        """Wait for a re-INVITE, answer it, and return the direction that it offers."""
        invite = await self.next("INVITE")
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", invite.text, re.MULTILINE)
        direction = found[1] if found else "sendrecv"
        answered = {"sendonly": "recvonly"}.get(direction, direction)
        self.answer_with(invite, code, self.sdp(answered) if code == 200 else "")
        await self.next("ACK")
        return direction

    def answer_with(self, request: Request, code: int, body: str) -> None:
        names = ("Via", "From", "To", "Call-ID", "CSeq")
        lines = [f"SIP/2.0 {code} Reason", *(f"{name}: {request.header(name)}" for name in names), self.contact]
        if body:
            lines.append("Content-Type: application/sdp")
        self.socket.send("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    def info(self, digit: str, duration: int = 160) -> None:
        """Send a digit by SIP INFO."""
        self.cseq += 1
        body = f"Signal={digit}\r\nDuration={duration}\r\n"
        self.socket.send(self.request("INFO", self.contact, "Content-Type: application/dtmf-relay", body=body))


@contextlib.asynccontextmanager
async def rtp_call(server: str, *, user: str = "default", events: bool = True) -> AsyncIterator[RtpCall]:
    """Call the server and be answered; audio flows, silent so far."""
    async with sip_socket(server) as socket, rtp_stream() as rtp:
        call = await begin_call(socket, rtp, server, user=user, events=events)
        yield call


async def begin_call(
    socket: SipSocket, rtp: Rtp, server: str, *, user: str = "default", events: bool = True
) -> RtpCall:
    call = RtpCall(socket, server, user=user)
    call.rtp, call.events = rtp, events
    assert await call.call() == 200
    await rtp.say(silence(0.04))
    return call


@contextlib.asynccontextmanager
async def rtp_stream() -> AsyncIterator[Rtp]:
    loop = asyncio.get_running_loop()
    transport, rtp = await loop.create_datagram_endpoint(Rtp, local_addr=("127.0.0.1", 0))
    try:
        yield rtp
    finally:
        transport.close()
