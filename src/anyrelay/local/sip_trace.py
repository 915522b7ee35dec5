"""Read the SIP stack's message trace: what was sent and received, and what became of each REFER.

The stack's own report on a transfer leaves out the response to the REFER, every provisional NOTIFY, a NOTIFY without a
readable status line, and whatever comes after the BYE. All of that is in its trace, message by message, so the trace is
what decides here. Nothing in this module does I/O or knows the stack: text goes in, facts come out.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import attrs
from sipmessage import Message, Request, Response

__all__ = ["DialogOver", "Fact", "ReferAnswered", "ReferNotified", "ReferReader", "SipMessageSeen", "read_message"]

_HEADING = re.compile(r"(?P<direction>RX|TX) (?P<transport>\S+) (?P<source>\S+) -> (?P<target>\S+)\r?\n")
_FOLD = re.compile(r"\r\n[ \t]+")
_SIPFRAG_STATUS = re.compile(r"^SIP/2\.0 +([1-6][0-9]{2})(?![0-9])", re.MULTILINE)
_REFER_EVENT = re.compile(r"refer\s*(?:;|$)", re.IGNORECASE)


@attrs.frozen
class SipMessageSeen:
    """One SIP message on the wire, as it was sent or received."""

    time: float
    """When it was seen, in seconds of the monotonic clock."""
    direction: Literal["tx", "rx"]
    """Whether this side sent (tx) or received (rx) it."""
    transport: str
    """The transport in capitals: UDP, TCP, TLS."""
    source: str
    """Where it came from, host:port."""
    target: str
    """Where it went, host:port."""
    text: str
    """The whole message, lines ending in CRLF."""

    @property
    def start_line(self) -> str:
        """The request line or status line (RFC 3261 section 7)."""
        return self.text.split("\r\n", 1)[0]

    @classmethod
    def from_trace(cls, record: str, time: float) -> SipMessageSeen | None:
        """Parse one record of the trace: a heading such as ``RX UDP a:1 -> b:2``, then the message.

        Args:
            record: The record as the stack logged it.
            time: When it was logged, in seconds of the monotonic clock.

        Returns:
            The message, None when the record is something else (a keep-alive, a remark of the stack).
        """
        heading = _HEADING.match(record)
        text = record[heading.end() :] if heading else ""
        if heading is None or not text.strip():
            return None
        direction: Literal["tx", "rx"] = "rx" if heading["direction"] == "RX" else "tx"
        return cls(time, direction, heading["transport"].upper(), heading["source"], heading["target"], text)


@attrs.frozen
class ReferAnswered:
    """The phone gave its final answer to the newest REFER of a call."""

    call_id: str
    """The SIP Call-ID of the call."""
    code: int
    """The status code, 200 to 699."""


@attrs.frozen
class ReferNotified:
    """A NOTIFY of the newest REFER's subscription came (RFC 3515 section 2.4.4)."""

    call_id: str
    """The SIP Call-ID of the call."""
    code: int | None
    """The status code in its sipfrag body, None when there is no readable one."""
    terminated: bool
    """Whether its Subscription-State is terminated (RFC 6665 section 4.1.3)."""
    expires: float | None
    """The subscription's remaining life in seconds, None when the header names none."""


@attrs.frozen
class DialogOver:
    """A message went by that ends a call: BYE, CANCEL, or a refusal of an INVITE."""

    call_id: str
    """The SIP Call-ID of the call."""
    method: str
    """BYE or CANCEL; INVITE when it is a refusal, which may be one of a re-INVITE and then ends nothing."""


Fact: TypeAlias = ReferAnswered | ReferNotified | DialogOver


@attrs.define
class _Refer:
    """One REFER that this side sent."""

    cseqs: set[int]
    """Its CSeq numbers: more than one when it was sent again with credentials."""
    answered: bool = False
    over: bool = False
    """Whether its subscription is over, or never came to be."""


@attrs.define
class _Dialog:
    """What the trace has shown of one call so far."""

    refers: list[_Refer] = attrs.Factory(list)
    """In the order in which they were sent."""
    notifies: set[tuple[str, int]] = attrs.Factory(set)
    """Branch and CSeq of every NOTIFY seen, to tell a retransmission (RFC 3261 section 17.2.3)."""

    def refer_of(self, cseq: int) -> _Refer | None:
        return next((refer for refer in self.refers if cseq in refer.cseqs), None)

    def refer_notified(self, event: str) -> _Refer:
        """Find the REFER that a NOTIFY with this Event header reports on.

        RFC 3515 section 2.4.6: several REFERs of one dialog are told apart by ``id``, the CSeq of the REFER, which only
        the first may leave out. So one without it belongs to the oldest whose subscription still lives. An id that
        names none of them is a phone's mistake; the newest is the one that somebody waits for.
        """
        named = re.search(r";\s*id\s*=\s*\"?([0-9]+)", event, re.IGNORECASE)
        if named is not None:
            return self.refer_of(int(named[1])) or self.refers[-1]
        return next((refer for refer in self.refers if not refer.over), self.refers[-1])


@attrs.define
class ReferReader:
    """Follows every REFER through the trace, over all calls at once.

    Only the newest REFER of a call is reported on: RELAY has no word to say which of two transfers a report is about,
    and a stale report must not settle the next attempt.
    """

    _dialogs: dict[str, _Dialog] = attrs.field(factory=dict, init=False)

    def feed(self, seen: SipMessageSeen) -> list[Fact]:
        """Take one message of the trace.

        Args:
            seen: The message, in the order of the trace.

        Returns:
            The facts it brings, each once: retransmissions and messages that mean nothing here bring none.
        """
        message = read_message(seen.text)
        if message is None:
            return []
        call_id = message.headers.get("Call-ID", "") or ""
        number, method = _cseq(message)
        if isinstance(message, Response):
            if method == "REFER" and seen.direction == "rx":
                return self._answered(call_id, number, message.code)
            return [DialogOver(call_id, method)] if method == "INVITE" and message.code >= 300 else []
        match (method, seen.direction):
            case ("REFER", "tx"):
                self._sent(call_id, number, message)
            case ("NOTIFY", "rx"):
                return self._notified(call_id, number, message)
            case ("BYE" | "CANCEL", _):
                return [DialogOver(call_id, method)]
            case _:
                pass
        return []

    def forget(self, call_id: str) -> None:
        """Drop what is known of a call: nothing of it is expected any more."""
        self._dialogs.pop(call_id, None)

    def _sent(self, call_id: str, cseq: int, message: Request) -> None:
        dialog = self._dialogs.setdefault(call_id, _Dialog())
        if dialog.refer_of(cseq) is not None:
            return
        again = message.headers.get("Authorization") or message.headers.get("Proxy-Authorization")
        if again and dialog.refers:
            # The same REFER, answering a challenge (RFC 3261 section 22.2); the server has no credentials that could
            # satisfy one, so the 401 or 407 was already reported as the answer it amounts to.
            dialog.refers[-1].cseqs.add(cseq)
        else:
            dialog.refers.append(_Refer({cseq}))

    def _answered(self, call_id: str, cseq: int, code: int) -> list[Fact]:
        dialog = self._dialogs.get(call_id)
        refer = dialog.refer_of(cseq) if dialog is not None else None
        if dialog is None or refer is None or refer.answered or code < 200:
            return []
        refer.answered = True
        refer.over = refer.over or code >= 300
        return [ReferAnswered(call_id, code)] if refer is dialog.refers[-1] else []

    def _notified(self, call_id: str, cseq: int, message: Request) -> list[Fact]:
        dialog = self._dialogs.get(call_id)
        event = message.headers.get("Event", "") or ""
        if dialog is None or not _REFER_EVENT.match(event):
            return []
        branch = re.search(r";\s*branch\s*=\s*([^;,\s]+)", message.headers.get("Via", "") or "", re.IGNORECASE)
        key = (branch[1] if branch else "", cseq)
        if key in dialog.notifies:
            return []
        dialog.notifies.add(key)
        refer = dialog.refer_notified(event)
        code = _sipfrag_code(message.body)
        terminated, expires = _subscription_state(message.headers.get("Subscription-State", "") or "")
        refer.over = refer.over or terminated or (code is not None and code >= 200)
        return [ReferNotified(call_id, code, terminated, expires)] if refer is dialog.refers[-1] else []


def read_message(text: str) -> Request | Response | None:
    """Parse a SIP message, more tolerantly than its grammar asks.

    A phone whose Request-URI or one of whose header lines is malformed has still sent that BYE or NOTIFY.

    Args:
        text: The whole message.

    Returns:
        The request or response, None when it is neither.
    """
    head, _, body = text.partition("\r\n\r\n")
    start, *lines = _FOLD.sub(" ", head).split("\r\n")
    lines = [line for line in lines if ":" in line]
    words = start.split(" ")
    if len(words) == 3 and words[2] == "SIP/2.0":
        try:
            return _parse([start, *lines], body)
        except ValueError:
            start = f"{words[0]} sip:unreadable.invalid SIP/2.0"
    elif len(words) == 2:
        start += " "  # RFC 3261 section 7.2: the reason phrase may be empty, some leave out the space as well
    try:
        return _parse([start, *lines], body)
    except ValueError:
        return None


def _parse(lines: list[str], body: str) -> Request | Response:
    return Message.parse(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def _cseq(message: Request | Response) -> tuple[int, str]:
    """Read the CSeq header; a message without a readable one gets number -1 and no method."""
    number, _, method = (message.headers.get("CSeq", "") or "").partition(" ")
    return (int(number), method.strip().upper()) if number.isdecimal() else (-1, "")


def _sipfrag_code(body: bytes) -> int | None:
    """Read the status code of a ``message/sipfrag`` body (RFC 3420), None when it has no readable status line.

    The Content-Type is not asked: phones mislabel it, and nothing else a refer NOTIFY may carry looks like this line.
    """
    line = _SIPFRAG_STATUS.search(body.decode("utf-8", "replace"))
    return int(line[1]) if line else None


def _subscription_state(value: str) -> tuple[bool, float | None]:
    """Read a Subscription-State header (RFC 6665 section 8.2.3): terminated or not, and its ``expires`` in seconds."""
    state, *parameters = (part.strip().lower() for part in value.split(";"))
    for parameter in parameters:
        name, _, number = parameter.partition("=")
        if name.strip() == "expires" and number.strip().isdecimal():
            return state == "terminated", float(number)
    return state == "terminated", None
