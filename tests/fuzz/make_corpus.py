"""Write the seeds of the corpus again: ``python -m tests.fuzz.make_corpus``.

Inputs that a fuzzer found, ``found-…``, are kept.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

from anyrelay.protocol.schema import EVENT_CLASSES
from tests.hostile.hostile_frames import FIN, TEXT, HostileFrames, frame

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"


LONGEST = 600
"""The longest seed of frames, in bytes: longer seeds slow the fuzzer down."""

ENOUGH = 3_000
"""The number of attacks that contains each kind."""

ABOUT = {
    "call_id": "call-1",
    "node_id": "node",
    "control_id": "p",
    "tag": "tag",
    "message_id": "message-1",
    "state": "finished",
    "call_state": "answered",
    "device": {"type": "phone", "params": {"to_number": "+15550100"}},
}
"""The fields that say which object an event is about."""

REFER = {"sip_refer_to": "sip:support@example.com", "sip_refer_response_code": "202"}


def event(event_type: str, **params: object) -> str:
    """Write an event as JSON text."""
    envelope = {"event_type": event_type, "timestamp": 1.5, "params": ABOUT | params}
    return json.dumps({"jsonrpc": "2.0", "id": event_type, "method": "signalwire.event", "params": envelope})


def request(method: str, **params: object) -> str:
    """Write another request of the server as JSON text."""
    return json.dumps({"jsonrpc": "2.0", "id": "r", "method": method, "params": params})


def messages() -> dict[str, bytes]:
    """Return the seeds of `fuzz_messages`: an event of each type, and sequences of messages."""
    transfer = [
        event("calling.call.refer", state="inProgress", **REFER, sip_notify_response_code=""),
        event("calling.call.refer", state="success", **REFER, sip_notify_response_code="200"),
    ]
    seeds = {
        "transfer": "\n".join(transfer),
        "transfer-declined": transfer[0]
        + "\n"
        + event("calling.call.refer", state="failed", sip_notify_response_code="603"),
        "end": "\n".join(
            event("calling.call.state", call_state=state, end_reason="hangup") for state in ("ending", "ended")
        ),
        "dialed": event("calling.call.dial", dial_state="answered", call={"call_id": "leg", "node_id": "node"}),
        "offers": "\n".join(event("calling.call.receive", call_id=f"offer-{number}") for number in range(5)),
        "twice": "\n".join([event("calling.call.play", state="playing")] * 2),
        "answers": '{"id":"c2","result":{"code":"200"}}\n{"id":"c3","error":{"code":-32601,"message":"no"}}\n{"id":"c4"}',
        "ping": request("signalwire.ping", timestamp=1.5, payload="x"),
        "disconnect": request("signalwire.disconnect", restart=True) + "\n" + event("calling.call.play"),
        "unknown": request("signalwire.nonsense"),
        "broken": '{"jsonrpc":\n[]\n"\\ud800"\nNaN\n' + "[" * 130,
        "deep": "[" * 130 + "]" * 130,
    }
    return {name: text.encode() for name, text in (seeds | {name: event(name) for name in EVENT_CLASSES}).items()}


def frames() -> dict[str, bytes]:
    """Return the seeds of `fuzz_frames`: a short attack of each kind, and harmless frames."""
    seeds = {
        "texts": frame(FIN | TEXT, event("calling.call.play").encode()) + frame(FIN | TEXT, b"{}" * 100),
        "close": frame(0x88, b"\x03\xe8bye"),
    }
    for attack in islice(HostileFrames(1), ENOUGH):
        if len(attack.data) <= LONGEST:
            seeds.setdefault(attack.name.replace("_", "-"), attack.data)
    return seeds


def handshakes() -> dict[str, bytes]:
    """Return the seeds of `fuzz_handshake`."""
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    accepted = b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade
    answer = b'\x81\x37{"jsonrpc":"2.0","id":"c1","result":{"protocol":"p-1"}}'
    return {
        "accepted": b"-" + accepted,
        "signed-in": b"-" + accepted + answer,
        "early-hints": b"-HTTP/1.1 103 Early Hints\r\n\r\n" + accepted,
        "wrong-accept": b"-" + accepted.replace(b"{accept}", b"eA=="),
        "extension": b"-" + accepted[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        "folded": b"-HTTP/1.1 101\nUpgrade:\n websocket\n\n",
        "busy": b"-HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nbusy",
        "dated": b"-HTTP/1.1 429 \r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nslow down",
        "chunked": b"-HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "redirect": b"-HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n",
        "no-http": b"-SSH-2.0-nonsense\r\n",
        "empty": b"-",
        "tunnel": b"pHTTP/1.1 200 Connection established\r\n\r\n" + accepted,
        "tunnel-refused": b"pHTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
        "tunnel-with-body": b"pHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    }


def all_seeds() -> dict[str, dict[str, bytes]]:
    """Return the seeds of each harness."""
    return {"fuzz_messages": messages(), "fuzz_frames": frames(), "fuzz_handshake": handshakes()}


def main() -> None:
    """Write all seeds."""
    for harness, seeds in all_seeds().items():
        directory = CORPUS / harness
        directory.mkdir(parents=True, exist_ok=True)
        for path in directory.iterdir():
            if not path.name.startswith("found-"):
                path.unlink()
        for name, data in seeds.items():
            (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
