"""A SIP phone of the tests' own over UDP or TCP, which sends whatever bytes it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from typing import Any

import attrs

_COMPACT = {"Call-ID": "i", "From": "f", "To": "t", "Via": "v", "Contact": "m", "Content-Length": "l"}
_NUMBERS = itertools.count(1)

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"


@attrs.define
class Request:
    """A request or response that came."""

    text: str

    @property
    def start(self) -> str:
        return self.text.partition("\r\n")[0]

    @property
    def method(self) -> str:
        return self.start.partition(" ")[0]

    @property
    def code(self) -> int:
        words = self.start.split(" ")
        return int(words[1]) if words[0] == "SIP/2.0" else 0

    def header(self, name: str) -> str:
        names = rf"(?:{name}|{_COMPACT.get(name, name)})"  # the server echoes names as they were spelled
        found = re.search(rf"^{names}\s*:\s*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", self.text, re.MULTILINE | re.IGNORECASE)
        return " ".join(found[1].split()) if found else ""


class SipSocket(asyncio.DatagramProtocol):
    """Sends to one address and sorts what comes by Call-ID."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[Request]] = {}
        self.others: asyncio.Queue[Request] = asyncio.Queue()
        self.host = ""
        self._transport: Any = None
        self._writer: asyncio.StreamWriter | None = None

    def send(self, message: str | bytes) -> None:
        data = message if isinstance(message, bytes) else message.encode()
        if self._writer is not None:
            self._writer.write(data)
        else:
            self._transport.sendto(data)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.host = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.take(data.decode(errors="replace"))

    def error_received(self, error: Exception) -> None:
        """The stack is away just now."""

    def take(self, text: str) -> None:
        message = Request(text)
        self.queues.get(message.header("Call-ID"), self.others).put_nowait(message)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        else:
            self._transport.close()


@contextlib.asynccontextmanager
async def sip_socket(server: str, transport: str = "udp") -> AsyncIterator[SipSocket]:
    host, _, port = server.partition(":")
    made = SipSocket()
    reading = None
    if transport == "udp":
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: made, remote_addr=(host, int(port)))
    else:
        reader, writer = await asyncio.open_connection(host, int(port))
        made._writer = writer
        made.host = "{}:{}".format(*writer.get_extra_info("sockname"))
        reading = asyncio.create_task(_read_tcp(reader, made))
    try:
        yield made
    finally:
        made.close()
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read_tcp(reader: asyncio.StreamReader, socket: SipSocket) -> None:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").lstrip("\r\n")
        length = re.search(r"^(?:Content-Length|l)\s*:\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        if head:
            socket.take(head + body.decode(errors="replace"))


class UdpCall:
    """One call of the phone, spelled as the test wants."""

    def __init__(self, socket: SipSocket, server: str, *, user: str = "default", transport: str = "udp") -> None:
        self.number = next(_NUMBERS)
        self.socket, self.server, self.user = socket, server, user
        self.transport = transport
        self.call_id = f"call-{self.number}@phone"
        self.tag = f"phone{self.number}"
        self.to = f"<sip:{user}@{server}>"
        self.cseq = 1
        self.came = socket.queues.setdefault(self.call_id, asyncio.Queue())

    def via(self, branch: str = "") -> str:
        return f"SIP/2.0/{self.transport.upper()} {self.socket.host};branch=z9hG4bK{branch or next(_NUMBERS)};rport"

    def request(self, method: str, *headers: str, body: str = "", uri: str = "", via: str = "", to: str = "") -> str:
        lines = [
            f"{method} {uri or f'sip:{self.user}@{self.server}'} SIP/2.0",
            f"Via: {via or self.via()}",
            f"From: <sip:phone@{self.socket.host}>;tag={self.tag}",
            f"To: {to or self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body.encode())}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    @property
    def contact(self) -> str:
        return f"Contact: <sip:phone@{self.socket.host};transport={self.transport}>"

    def invite(self) -> str:
        sdp = SDP.format(port=30_000 + 2 * (self.number % 5_000))
        return self.request("INVITE", self.contact, "Content-Type: application/sdp", body=sdp)

    async def next(self, *methods: str, timeout: float = 5.0) -> Request:
        """Wait for the next request of one of these methods, or for the next response ("")."""
        async with asyncio.timeout(timeout):
            while True:
                message = await self.came.get()
                if (message.method if message.code == 0 else "") in methods:
                    return message

    async def final(self, timeout: float = 5.0) -> Request:
        """Wait for the final response to the last request."""
        while (answer := await self.next("", timeout=timeout)).code < 200:
            pass
        return answer

    async def call(self, invite: str = "", timeout: float = 5.0) -> int:
        """Call, and acknowledge the final response; return its code."""
        self.socket.send(invite or self.invite())
        answer = await self.final(timeout)
        self.to = answer.header("To")
        self.socket.send(self.request("ACK"))
        return answer.code

    async def refer(self) -> Request:
        """Wait for the REFER, and accept it."""
        refer = await self.next("REFER", timeout=10.0)
        self.answer(refer, 202)
        return refer

    def answer(self, request: Request, code: int, *headers: str) -> None:
        """Answer a request of the server's."""
        names = ("From", "To", "Call-ID", "CSeq")
        echoed = [f"{name}: {request.header(name)}" for name in names]
        vias = [f"Via: {value.strip()}" for value in re.findall(r"^Via: *(.*)$", request.text, re.MULTILINE)]
        lines = [f"SIP/2.0 {code} Reason", *vias, *echoed, self.contact, *headers, "Content-Length: 0"]
        self.socket.send("\r\n".join(lines) + "\r\n\r\n")

    def notify(self, frag: str = "SIP/2.0 486 Busy Here\r\n", state: str = "terminated;reason=noresource") -> str:
        self.cseq += 1
        headers = ("Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag;version=2.0")
        return self.request("NOTIFY", self.contact, *headers, body=frag)

    async def hang_up(self) -> None:
        self.cseq += 1
        self.socket.send(self.request("BYE"))
        await self.final()
