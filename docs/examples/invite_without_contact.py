"""Send INVITEs without a Contact header to baresip-python 0.5.2a3.

python invite_without_contact.py [COUNT]

The program uses nothing of anyrelay. It starts the SIP stack, sends COUNT such
INVITEs (300 by default) and then a correct INVITE, and stops the stack. The
stack answers 500 to each of the former. A stack without the defect answers
180 to the last INVITE, and the process ends with status 0.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import baresip

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    "t=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
)


def invite(server: str, own: str, number: int, contact: str) -> bytes:
    lines = [
        f"INVITE sip:test@{server} SIP/2.0",
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{number};rport",
        f"From: <sip:phone@{own}>;tag={number}",
        f"To: <sip:test@{server}>",
        f"Call-ID: call-{number}",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        *([f"Contact: {contact}"] if contact else []),
        "Content-Type: application/sdp",
        f"Content-Length: {len(SDP)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + SDP).encode()


async def main(count: int) -> None:
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", 0))
    phone.setblocking(False)
    own = f"127.0.0.1:{phone.getsockname()[1]}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{probe.getsockname()[1]}"

    runtime = baresip.Runtime()
    await runtime.start(
        baresip.Config(
            net_interface="127.0.0.1",
            max_concurrent_calls=None,
            extra_config_text=f"sip_listen {server}\n",
        )
    )
    account = baresip.Account(
        "test", server, "", reg_interval=0, extra_params=("catchall=yes",)
    )
    await baresip.UserAgent.create(runtime, account)

    loop = asyncio.get_running_loop()
    host, _, port = server.partition(":")
    answers: dict[str, int] = {}
    for number in range(count + 1):
        contact = f"<sip:phone@{own}>" if number == count else ""
        request = invite(server, own, number, contact)
        phone.sendto(request, (host, int(port)))
        answer = await asyncio.wait_for(loop.sock_recv(phone, 65_536), 5)
        code = answer.split()[1].decode()
        if number < count:
            answers[code] = answers.get(code, 0) + 1
        else:
            print(f"without a Contact: {answers}; with one: {code}", flush=True)
    phone.close()
    await runtime.close()
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
