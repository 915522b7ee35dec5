"""Call the SIP stack of this process, to find out whether 500 means a broken stack or an offer that cannot be read."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Final

from anyrelay.local.sip.addresses import joined_address
from anyrelay.local.sip.message import read_message

__all__ = ["Probe"]

ANSWER_TIME: Final = 2.0
"""Seconds in which the stack must answer."""

_OFFER: Final = (
    "v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Probe(asyncio.DatagramProtocol):
    """A call over UDP. The side that takes calls refuses the call with this `call_id`."""

    def __init__(self) -> None:
        """Prepare a call with a random Call-ID."""
        self.call_id = f"{uuid.uuid4()}@probe"
        self._answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def call(self, host: str, port: int) -> int:
        """Call the stack; return the final status code, or 0 when none came in time."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, remote_addr=(host, port))
        own = joined_address(*transport.get_extra_info("sockname")[:2])
        offer = _OFFER.format(host=host, family="IP6" if ":" in host else "IP4")
        try:
            transport.sendto(self._request("INVITE", host, port, own, offer))
            async with asyncio.timeout(ANSWER_TIME):
                code = await self._answer
            transport.sendto(self._request("ACK", host, port, own, ""))
        except TimeoutError:
            return 0
        else:
            return code
        finally:
            transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Take a response."""
        message = read_message(data.decode(errors="replace"))
        if message is not None and message.code >= 200 and message.call_id == self.call_id and not self._answer.done():
            self._answer.set_result(message.code)

    def error_received(self, exc: Exception) -> None:
        """Ignore an error of ICMP: no answer will come, and `call` returns 0."""

    def _request(self, method: str, host: str, port: int, own: str, body: str) -> bytes:
        lines = [
            f"{method} sip:probe@{joined_address(host, port)} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{self.call_id[:36]};rport",
            f"From: <sip:probe@{own}>;tag={self.call_id[:8]}",
            f"To: <sip:probe@{joined_address(host, port)}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: 1 {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:probe@{own}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
