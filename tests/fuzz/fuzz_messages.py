"""Fuzz a signed-in session with text messages, one per line: JSON-RPC, RELAY events and replies, and other text."""

from __future__ import annotations

import json

from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES
from tests.fuzz.attacked import Attacked

_KEYS = """
    jsonrpc id method params result error code message event_type timestamp
    call_id call_state state control_id node_id tag dial_state message_id message_state device
    type context peer end_reason sip_refer_to sip_refer_response_code sip_notify_response_code
""".split()  # noqa: SIM905 - as a list it is unreadable
_VALUES = """
    call-1 p tag message-1 signalwire.event signalwire.ping signalwire.disconnect restart
    created answered ended finished playing inProgress success failed busy 200 202 486
""".split()  # noqa: SIM905 - as a list it is unreadable
DICTIONARY = [json.dumps(word).encode() for word in (*_KEYS, *_VALUES, *EVENT_CLASSES, *COMMANDS)]
"""The words of RELAY, as tokens."""


def one_input(data: bytes) -> None:
    """Feed each line as one message.

    Raises:
        Exception: The fuzzer found a fault of the session.
    """
    attacked = Attacked()
    for number, line in enumerate(data.split(b"\n")):
        text = line.decode(errors="replace").encode()
        size = len(text)
        header = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
        if size < 2**16:
            attacked.session.receive_data(header + text, number * 0.01)
    attacked.check()
