"""Frames of a hostile or broken server, drawn from a seeded generator without end.

Each attack has the bytes to send, and whether the connection must end. Broken JSON, wrong structures, very long strings and
deep nesting do not end a connection; a break of RFC 6455 does.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from anyrelay.protocol.schema import EVENT_CLASSES

SEED_VARIABLE = "ANYRELAY_HOSTILE_SEED"
"""The environment variable with the seed, to repeat a failed run."""

MESSAGE_LIMIT = 2**20
"""The `max_message_size` of attacked clients, in bytes."""

KNOWN_CALL = "call-1"
"""The call_id of a call that the client has, and that no attack ends."""

FIN, RSV1, MASKED = 0x80, 0x40, 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

HUGE = 2**17
"""The longest of the long strings, in characters."""

FATAL_SHARE = 0.02
"""How many of the attacks end the connection, as a part of one."""

_WORDS = [
    "",
    "200",
    "ok",
    "created",
    "answered",
    "inProgress",
    "success",
    "finished",
    "default",
    KNOWN_CALL,
    "call-2",
    "\0",
]
_FIELDS = [
    *(
        "call_id",
        "node_id",
        "call_state",
        "state",
        "control_id",
        "device",
        "context",
        "tag",
        "code",
        "result",
        "params",
    ),
    *(
        "sip_refer_response_code",
        "sip_notify_response_code",
        "message_id",
        "segment_id",
        "peer",
        "detect",
        "fax",
        "type",
    ),
]
_METHODS = ["signalwire.event", "signalwire.ping", "signalwire.connect", "calling.answer", "signalwire.nonsense", ""]
_NUMBERS = [0, -1, 1.5, 10**30, -(2**63), 1e308, True]


def chosen_seed() -> int:
    """Return the seed of the environment variable, or a random one."""
    return int(os.environ.get(SEED_VARIABLE) or Random().randrange(10**9))


def frame(first: int, payload: bytes, *, second: int = 0) -> bytes:
    """Write a frame (RFC 6455 section 5.2); `second` adds bits to its second byte."""
    size = len(payload)
    if size < 126:
        return bytes((first, second | size)) + payload
    if size < 2**16:
        return bytes((first, second | 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, second | 127)) + size.to_bytes(8, "big") + payload


def text_frame(message: Any) -> bytes:
    """Write a message, JSON or a string as it is, as one text frame."""
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return frame(FIN | TEXT, text.encode())


@dataclass(frozen=True)
class Attack:
    """One attack of a hostile server."""

    name: str
    """The kind of attack."""
    data: bytes
    """The bytes to send."""
    fatal: bool
    """Whether the attack ends the connection."""


class HostileFrames:
    """Draws attacks without end.

    Args:
        seed: Repeats the same attacks.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._harmless: list[Callable[[], bytes]] = [
            *(self.broken_json, self.wrong_shapes, self.broken_event, self.unsolicited_answer, self.unknown_request),
            *(self.event_of_unknown_call, self.offer, self.text_as_binary, self.ping_flood, self.fragments, self.empty),
        ]
        self._costly: list[Callable[[], bytes]] = [self.huge_string, self.deep_nesting]
        self._fatal: list[Callable[[], bytes]] = [
            *(self.compressed, self.bad_utf8, self.bad_utf8_in_fragments, self.reserved_opcode, self.masked),
            *(
                self.oversized,
                self.oversized_header,
                self.endless_fragments,
                self.interrupted_message,
                self.lost_fragment,
            ),
            *(self.long_control_frame, self.fragmented_control_frame, self.bad_close, self.oversized_length_field),
        ]

    def __iter__(self) -> Iterator[Attack]:
        while True:
            draw = self._random.random()
            fatal = draw < FATAL_SHARE
            kinds = self._fatal if fatal else self._costly if draw > 0.98 else self._harmless
            kind = self._random.choice(kinds)
            yield Attack(kind.__name__, kind(), fatal)

    # --- values -----------------------------------------------------------------------------------------------------

    def _some_text(self, longest: int = 30) -> str:
        alphabet = "abcdefXYZ0189 {}[]\":,\\/\n\t\0é☎\U0001f600'"
        return "".join(self._random.choices(alphabet, k=self._random.randrange(longest)))

    def _value(self, depth: int = 3) -> Any:
        """Draw any JSON value."""
        kind = self._random.randrange(7 if depth else 5)
        match kind:
            case 0:
                return None
            case 1:
                return self._random.choice(_NUMBERS)
            case 2:
                return self._some_text()
            case 3 | 4:
                return self._random.choice(_WORDS)
            case 5:
                return [self._value(depth - 1) for _ in range(self._random.randrange(4))]
        return self._object(depth - 1)

    def _object(self, depth: int = 3) -> dict[str, Any]:
        names = self._random.choices(_FIELDS, k=self._random.randrange(6))
        return {name: self._value(depth) for name in names}

    def _id(self) -> Any:
        return self._random.choice(
            [self._some_text(), f"h{self._random.randrange(50)}", self._random.randrange(50), None]
        )

    def _event(self, event_type: Any, params: Any) -> bytes:
        envelope = {"event_type": event_type, "timestamp": self._value(1), "params": params}
        return text_frame({"jsonrpc": "2.0", "id": self._id(), "method": "signalwire.event", "params": envelope})

    # --- attacks that do not end a connection --------------------------------------------------------------------------------

    def broken_json(self) -> bytes:
        text = json.dumps({"jsonrpc": "2.0", "id": self._id(), "method": "signalwire.event", "params": self._object()})
        cut = self._random.randrange(len(text))
        bad = ["", "NaN", "}", '"\\ud800"', "\ufeff", "[1,]", "1e999999", self._some_text()]
        return text_frame(text[:cut] + self._random.choice(bad) + text[cut + self._random.randrange(3) :])

    def wrong_shapes(self) -> bytes:
        fields: dict[str, Any] = {
            "jsonrpc": self._value(),
            "id": self._value(),
            "method": self._random.choice([*_METHODS[:3], self._value()]),
            "params": self._value(),
            "result": self._value(),
            "error": self._value(),
        }
        kept = self._random.sample(sorted(fields), self._random.randrange(len(fields)))
        return text_frame({name: fields[name] for name in kept} or self._value())

    def broken_event(self) -> bytes:
        """Draw an event of a known type, about the known call, with wrong fields."""
        event_type = self._random.choice([*sorted(EVENT_CLASSES), self._some_text(), self._value()])
        params = self._object()
        if self._random.random() < 0.7:
            params["call_id"] = KNOWN_CALL
        return self._event(event_type, self._random.choice([params, params, params, self._value()]))

    def unsolicited_answer(self) -> bytes:
        answer = {"result": self._value()} if self._random.random() < 0.5 else {"error": self._value()}
        return text_frame({"jsonrpc": "2.0", "id": self._id(), **answer})

    def unknown_request(self) -> bytes:
        method = self._random.choice([*_METHODS[2:], self._some_text(200)])
        return text_frame({"jsonrpc": "2.0", "id": self._id(), "method": method, "params": self._value()})

    def event_of_unknown_call(self) -> bytes:
        params = self._object() | {"call_id": f"unknown-{self._random.randrange(10**6)}", "call_state": "ended"}
        return self._event(self._random.choice(sorted(EVENT_CLASSES)), params)

    def offer(self) -> bytes:
        """Draw an offer of a call; more offers than the client takes."""
        return self._event(
            "calling.call.receive", self._object() | {"call_id": f"offered-{self._random.randrange(10**6)}"}
        )

    def text_as_binary(self) -> bytes:
        return frame(FIN | BINARY, text_frame({"jsonrpc": "2.0", "id": "b", "result": {}}) + self._random.randbytes(20))

    def ping_flood(self) -> bytes:
        kinds = self._random.choices([FIN | PING, FIN | PONG], k=self._random.randrange(1, 60))
        return b"".join(frame(kind, self._random.randbytes(self._random.randrange(126))) for kind in kinds)

    def fragments(self) -> bytes:
        """Split a message into many pieces, most of them empty, with pings in between."""
        pieces = [self._some_text(4).encode() for _ in range(self._random.randrange(1, 40))]
        parts = [frame(CONTINUATION if index else TEXT, piece) for index, piece in enumerate(pieces)]
        return frame(FIN | PING, b"between").join([*parts, frame(FIN | CONTINUATION, b"")])

    def empty(self) -> bytes:
        return frame(FIN | self._random.choice([TEXT, BINARY]), b"")

    def huge_string(self) -> bytes:
        """Put a very long string into each place where a string belongs."""
        text = self._random.choice("x\\☎") * self._random.randrange(HUGE // 10, HUGE)
        match self._random.randrange(6):
            case 0:
                return text_frame({"jsonrpc": "2.0", "id": "huge", "method": text})
            case 1:
                return self._event(text, {"call_id": KNOWN_CALL})
            case 2:
                return self._event("calling.call.play", {"call_id": KNOWN_CALL, "control_id": text, "state": text})
            case 3:
                return text_frame(
                    {"jsonrpc": "2.0", "id": text, "method": "signalwire.ping", "params": {"payload": text}}
                )
        return text_frame({"jsonrpc": "2.0", "id": "huge", "error": {"code": text, "message": text}})

    def deep_nesting(self) -> bytes:
        depth = self._random.choice([120, 128, 129, 1_000, 10_000, 50_000])
        opening, closing = self._random.choice([("[", "]"), ('{"params":', "}"), ("[", "")])
        inner = opening * depth + "1" + closing * depth
        envelope = '{"jsonrpc":"2.0","id":"deep","method":"signalwire.event","params":%s}'
        return text_frame(self._random.choice(["%s", envelope]) % inner)

    # --- attacks that end a connection ---------------------------------------------------------------------------

    def compressed(self) -> bytes:
        """Draw a frame of permessage-deflate (RFC 7692, not negotiated), 1,000 times as large when decompressed."""
        deflate = zlib.compressobj(wbits=-15)
        payload = deflate.compress(b'{"jsonrpc":"' + b" " * 10**6) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(FIN | RSV1 | TEXT, payload[:-4])

    def bad_utf8(self) -> bytes:
        bad = self._random.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x98"])
        return frame(FIN | TEXT, b'{"jsonrpc":"' + bad + b'"' * (bad != b"\xe2\x98"))

    def bad_utf8_in_fragments(self) -> bytes:
        return frame(TEXT, b"\xe2\x98") + frame(FIN | PING, b"") + frame(FIN | CONTINUATION, b"\x28")

    def reserved_opcode(self) -> bytes:
        return frame(FIN | self._random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), self._random.randbytes(5))

    def masked(self) -> bytes:
        return frame(FIN | TEXT, b"\0\0\0\0", second=MASKED)

    def oversized(self) -> bytes:
        return frame(FIN | TEXT, b'"' + b"x" * MESSAGE_LIMIT + b'"')

    def oversized_header(self) -> bytes:
        """Announce a frame of up to eight exabytes: a client must not reserve memory for it."""
        return bytes((FIN | TEXT, 127)) + self._random.randrange(MESSAGE_LIMIT + 1, 2**63).to_bytes(8, "big")

    def endless_fragments(self) -> bytes:
        size = self._random.choice([2**12, 2**14, 2**16])
        return frame(TEXT, b"") + frame(CONTINUATION, b"x" * size) * (MESSAGE_LIMIT // size + 1)

    def interrupted_message(self) -> bytes:
        return frame(TEXT, b'{"jsonrpc"') + frame(FIN | TEXT, b"{}")

    def lost_fragment(self) -> bytes:
        return frame(FIN | CONTINUATION, b"{}")

    def long_control_frame(self) -> bytes:
        return frame(FIN | PING, b"x" * 126)

    def fragmented_control_frame(self) -> bytes:
        return frame(PING, b"half")

    def bad_close(self) -> bytes:
        bad = [b"\x03", b"\x03\xed", b"\x00\x07", b"\x03\xe8\xff\xfe", b"\x03\xe7nonsense"]
        return frame(FIN | CLOSE, self._random.choice(bad))

    def oversized_length_field(self) -> bytes:
        """Write a size in more bytes than needed (RFC 6455 section 5.2)."""
        return bytes((FIN | TEXT, 126, 0, 2)) + b"{}"
