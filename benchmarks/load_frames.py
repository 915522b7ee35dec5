"""Bytes for the load server: WebSocket frames (RFC 6455) in both directions, and the RELAY messages inside them.

Nothing of the code under test is used here. A frame of the server's is made by formatting a template that was built once,
since the server must never be what a benchmark waits for.
"""

from __future__ import annotations

import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What the answer to a WebSocket key is made with (RFC 6455 section 1.3)."""

NODE_ID = "b4d7f0a2-0000-4000-8000-000000000001@bench"
PROJECT_ID = "5f1c9a3e-0000-4000-8000-00000000abcd"
CHANNEL = "queuing.relay.events.bench"


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return one unmasked frame, as servers send them."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65_536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def upgrade_answer(request: bytes) -> bytes:
    """Return the answer to a WebSocket upgrade request; no extension is agreed to.

    Raises:
        ValueError: The request has no key.
    """
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            accept = base64.b64encode(hashlib.sha1(value.strip() + GUID).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
    raise ValueError("not a WebSocket upgrade request")


def parse_frames(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take every whole frame of a client's out of the buffer; return their opcodes and unmasked payloads.

    Raises:
        ValueError: A frame is not masked, or is a fragment, which neither client sends.
    """
    frames: list[tuple[int, bytes]] = []
    position, end = 0, len(buffer)
    while end - position >= 6:
        first, second = buffer[position], buffer[position + 1]
        if not first & 0x80 or not second & 0x80:
            raise ValueError("a fragment, or a frame without a mask")
        length, start = second & 0x7F, position + 2
        if length == 126:
            length, start = int.from_bytes(buffer[start : start + 2], "big"), start + 2
        elif length == 127:
            length, start = int.from_bytes(buffer[start : start + 8], "big"), start + 8
        if end < start + 4 + length:
            break
        frames.append((first & 0x0F, _unmask(buffer[start : start + 4], buffer[start + 4 : start + 4 + length])))
        position = start + 4 + length
    del buffer[:position]
    return frames


def _unmask(mask: bytes, masked: bytes) -> bytes:
    """Return the payload without its mask: one exclusive or of two large integers."""
    length = len(masked)
    key = (bytes(mask) * (length // 4 + 1))[:length]
    return (int.from_bytes(masked, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


class Event:
    """A kind of event: a template of JSON text, filled in for each one that is sent."""

    def __init__(self, event_type: str, params: str) -> None:
        """Make a kind.

        Args:
            event_type: Such as ``calling.call.play``.
            params: The inner parameters besides ``call_id`` and ``node_id`` as JSON text, with places for values.
        """
        text = (
            '{"jsonrpc":"2.0","id":"%b","method":"signalwire.event","params":{'
            f'"event_type":"{event_type}","event_channel":"{CHANNEL}","timestamp":1770000000.25,'
            f'"project_id":"{PROJECT_ID}","space_id":"{PROJECT_ID}",'
            f'"params":{{"node_id":"{NODE_ID}","call_id":"%b",{params}}}}}}}'
        )
        self._template = text.encode()

    def frame(self, event_id: bytes, call_id: bytes, *values: object) -> bytes:
        """Return the frame of one event."""
        return frame(self._template % (event_id, call_id, *values))


_DEVICE = (
    '{"type":"sip","params":{"from":"sip:alice@example.com","to":"sip:desk@example.com",'
    '"headers":[{"name":"X-Account","value":"1234"}]}}'
)

OFFER = Event(
    "calling.call.receive",
    f'"call_state":"created","direction":"inbound","context":"bench","project_id":"{PROJECT_ID}",'
    f'"segment_id":"{PROJECT_ID}","tag":"","device":{_DEVICE}',
)
"""No values."""

STATE = Event("calling.call.state", f'"call_state":"%b","direction":"inbound","device":{_DEVICE}')
"""Values: the state."""

ENDED = Event(
    "calling.call.state", f'"call_state":"ended","end_reason":"hangup","direction":"inbound","device":{_DEVICE}'
)
"""No values."""

PLAY = Event("calling.call.play", '"control_id":"%b","state":"%b","seq":%d')
"""Values: control_id, state, a number that counts the events."""

REFER_BEGINS = Event("calling.call.refer", '"state":"inProgress","sip_refer_to":"%b","sip_refer_response_code":"202"')
"""Values: the target's URI."""

REFER_ENDS = Event(
    "calling.call.refer",
    '"state":"%b","sip_refer_to":"%b","sip_refer_response_code":"202","sip_notify_response_code":"%d"',
)
"""Values: state, the target's URI, the target's answer."""

_RESULT = b'{"jsonrpc":"2.0","id":"%b","result":%b}'


def result(request_id: str, content: bytes) -> bytes:
    """Return the frame of a result.

    Args:
        request_id: The id of the request.
        content: The result as JSON text.
    """
    return frame(_RESULT % (request_id.encode(), content))
