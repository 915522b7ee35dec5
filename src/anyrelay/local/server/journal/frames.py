"""The frames of a journal: RELAY messages, SIP messages and the steps of simulated phones, in one form.

A message is kept unchanged. Its secrets are struck out, and its method and call are found, when the frame is read.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import frozen

from anyrelay.local.ladder import label_of
from anyrelay.local.logs import printable
from anyrelay.protocol.schema.secrets import scrub_frame, without_url_secrets

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.sip.trace import SipMessageSeen

__all__ = [
    "SERVER",
    "JournalFrame",
    "RelayFrames",
    "SeenFrame",
    "SipTransmission",
    "read_sip",
    "read_step",
    "sent_params",
]

SERVER: Final = "server"
"""The label of the local server in the fields `JournalFrame.sender` and `JournalFrame.receiver`."""

REQUESTS_REMEMBERED: Final = 10_000
"""How many requests without a reply are known, so that the reply gets the method and the call of its request."""

_SIP_SECRET: Final = re.compile(
    r"(?im)^((?:proxy-)?authorization[ \t]*:(?:[ \t]*(?:digest|basic|bearer)(?=[ \t]))?)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
    r"|(\ba=crypto:[^\r\n]*?inline:)([^\r\n]*)"
)
"""Credentials, whose header may go on in the next lines (RFC 3261 section 7.3.1), and the keys of SRTP (RFC 4568)."""
_CALL_ID: Final = re.compile(r"(?im)^(?:call-id|i)\s*:[ \t]*([^\s]+)")
_CSEQ: Final = re.compile(r"(?im)^cseq\s*:[ \t]*\d+[ \t]+([A-Z]+)")
_HEARS: Final = ("hears", "is ", "rings")
"""How the words of a step begin that the server causes; every other step is the phone's own."""


@frozen
class JournalFrame:
    """A message of a journal, its secrets struck out."""

    seq: int
    """The number of the message in the journal."""
    time: float
    """When the message was sent or received, in seconds since 1970."""
    kind: str
    """``relay`` (a RELAY message), ``sip`` (a SIP message) or ``phone`` (a step of a simulated phone)."""
    direction: str
    """``rx`` when the server received the message, ``tx`` when the server sent it."""
    sender: str
    """The sender: ``server``, ``client 1``, a host with its port, or the SIP URI of a simulated phone."""
    receiver: str
    """The receiver, in the same form."""
    method: str | None
    """The method of RELAY or SIP, of a reply that of its request; None for a step of a simulated phone."""
    role: str
    """``command``, ``event``, ``reply``, ``error``, ``acknowledgement``, ``ping``, ``request``, ``response`` or ``step``."""
    summary: str
    """The message in a few words."""
    call_id: str | None
    """The RELAY call; None when the message is about no call."""
    text: str
    """The whole message."""

    def to_json(self) -> dict[str, Any]:
        """Return the frame as the control API writes it."""
        names = ("seq", "time", "kind", "direction", "method", "role", "summary", "call_id", "text")
        return {**{name: getattr(self, name) for name in names}, "from": self.sender, "to": self.receiver}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> JournalFrame:
        """Read a frame that `to_json` wrote."""
        named = {"from": "sender", "to": "receiver"}
        return cls(**{named.get(name, name): value for name, value in written.items()})


@frozen
class SipTransmission:
    """A SIP message of a journal with the addresses between which it went, its secrets struck out."""

    time: float
    """When the message was sent or received, in seconds since 1970."""
    transport: str
    """The transport in capitals: UDP, TCP, TLS."""
    source: str
    """The address of the sender, host:port; an IPv6 address is in brackets."""
    target: str
    """The address of the receiver, in the same form."""
    text: str
    """The whole message."""


def sent_params(frames: Iterable[JournalFrame]) -> list[dict[str, Any]]:
    """Return the parameters of the commands among RELAY messages, those that clients sent, in order."""
    received = [_parsed(frame.text) for frame in frames if (frame.kind, frame.direction) == ("relay", "rx")]
    return [message.get("params") or {} for message in received if "method" in message]


class SeenFrame:
    """A message unchanged; `frame` is the frame once it was read."""

    __slots__ = ("about", "direction", "frame", "peer", "text")

    def __init__(self, direction: str, text: str, peer: object, about: Leg | None = None) -> None:
        """Keep a message.

        Args:
            direction: ``rx`` or ``tx``, as the server sees it.
            text: The message.
            peer: The number of the client's connection, the SIP message, or the URI of the simulated phone.
            about: The phone's side of the call, of a step.
        """
        self.direction = direction
        self.text = text
        self.peer = peer
        self.about = about
        self.frame: JournalFrame | None = None


class RelayFrames:
    """Reads RELAY messages, in the order in which they were seen."""

    def __init__(self) -> None:
        """Make an object without requests."""
        self._requests: OrderedDict[tuple[int, str, str], tuple[str, str | None]] = OrderedDict()

    def read(self, seq: int, time: float, seen: SeenFrame) -> JournalFrame:
        """Return the frame of a message."""
        message = _parsed(seen.text)
        number = seen.peer if isinstance(seen.peer, int) else 0
        method, call_id = self._method_and_call(number, seen.direction, message)
        role, summary = label_of(message, answered=method or "")
        client = f"client {number}"
        ends = (client, SERVER) if seen.direction == "rx" else (SERVER, client)
        text = scrub_frame(seen.text)
        return JournalFrame(
            seq, time, "relay", seen.direction, *ends, method, role, without_url_secrets(summary), call_id, text
        )

    def _method_and_call(self, client: int, direction: str, message: dict[str, Any]) -> tuple[str | None, str | None]:
        """Return the method of a message and its call_id; a reply has those of its request."""
        id_ = str(message.get("id"))
        if "method" in message:
            found = (str(message["method"])[:200], _call_id(message.get("params")))
            self._requests[client, direction, id_] = found
            if len(self._requests) > REQUESTS_REMEMBERED:
                self._requests.popitem(last=False)
            return found
        other = "tx" if direction == "rx" else "rx"
        method, call_id = self._requests.pop((client, other, id_), (None, None))
        return method, call_id or _call_id(message.get("result"))


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _call_id(params: Any) -> str | None:
    """Return the call_id in the parameters of a command or of an event."""
    if not isinstance(params, dict):
        return None
    inner = params.get("params")
    found = params.get("call_id") or (inner.get("call_id") if isinstance(inner, dict) else None)
    return found if isinstance(found, str) else None


def sip_call_id(text: str) -> str:
    """Return the Call-ID of a SIP message (RFC 3261 section 20.8); "" when there is none."""
    found = _CALL_ID.search(text)
    return found[1] if found else ""


def read_sip(seq: int, time: float, seen: SipMessageSeen, call_id: str | None) -> JournalFrame:
    """Return the frame of a SIP message; `call_id` is the RELAY call that it belongs to."""
    ends = (seen.source, SERVER) if seen.direction == "rx" else (SERVER, seen.target)
    cseq = _CSEQ.search(seen.text)
    is_response = seen.start_line.startswith("SIP/2.0 ")
    summary = seen.start_line.removeprefix("SIP/2.0 ")
    if is_response and cseq:
        summary = f"{summary} ({cseq[1]})"
    method = cseq[1] if cseq else None
    shown = without_url_secrets(_SIP_SECRET.sub(_struck_out, seen.text))
    role = "response" if is_response else "request"
    words = printable(without_url_secrets(summary))[:300]
    return JournalFrame(seq, time, "sip", seen.direction, *ends, method, role, words, call_id, shown)


def _struck_out(found: re.Match[str]) -> str:
    """Return a header without its credentials, or a line of SDP without its key, in a form that other programs still read.

    Wireshark reads a message no further than an Authorization without a scheme, or a key that is no base64.
    """
    header, crypto, key = found.groups()
    return f"{header} ***" if header else crypto + "x" * len(key)


def read_step(seq: int, time: float, seen: SeenFrame, call_id: str | None) -> JournalFrame:
    """Return the frame of a step of a simulated phone."""
    phone, words = without_url_secrets(str(seen.peer)), without_url_secrets(seen.text)
    ends = (SERVER, phone) if seen.direction == "tx" else (phone, SERVER)
    return JournalFrame(seq, time, "phone", seen.direction, *ends, None, "step", printable(words)[:300], call_id, words)


def direction_of_step(words: str) -> str:
    """Return ``tx`` for a step that the server causes, such as hearing a text, and ``rx`` for the phone's own."""
    return "tx" if words.startswith(_HEARS) else "rx"
