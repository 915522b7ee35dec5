"""Read the SIP stack's message trace: the messages sent and received, and the outcome of each REFER.

The stack's own report on a transfer leaves out the response to the REFER, every provisional NOTIFY, a NOTIFY without a
readable status line, and every message after the BYE. The trace has all of these, message by message, so the trace decides.
But the trace comes before the stack's checks: it also has messages that the stack refused. So a NOTIFY counts once the stack's
own answer to it was seen, and a response to a REFER counts if it belongs to that transaction. This module does no I/O and does
not know the stack: text goes in, facts come out.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import attrs

from anyrelay.local.exchange.reports import ReferAnswered, ReferChallenged, ReferNotified
from anyrelay.local.sip.message import SipMessage, address_of, branch_of, read_message, tag_of

__all__ = [
    "CredentialsWanted",
    "DialogOver",
    "Fact",
    "InviteReceived",
    "InviteRefused",
    "NotifyUnreadable",
    "ReferReader",
    "ReferReported",
    "SipMessageSeen",
]

_HEADING = re.compile(r"(?P<direction>RX|TX) (?P<transport>\S+) (?P<source>\S+) -> (?P<target>\S+)\r?\n")
_HEAD_END = re.compile(r"\n\r*\n")
_CONTENT_LENGTH = re.compile(r"^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_SIPFRAG_STATUS = re.compile(r"SIP/2\.0 ([0-9]+) [^\r\n]", re.IGNORECASE)
_REFER_EVENT = re.compile(r"refer\s*(?:;|$)", re.IGNORECASE)

_CHALLENGES: Final = (401, 407)
_UNREADABLE: Final = 400
"""The stack's answer to a NOTIFY of its own subscription whose body or Subscription-State the stack cannot read."""
_WAITING_LIMIT: Final = 64
"""The most NOTIFYs of a call that may wait for the stack's answer."""


@attrs.frozen
class SipMessageSeen:
    """A SIP message on the wire, as it was sent or received."""

    time: float
    """When the message was logged, in seconds of the monotonic clock."""
    direction: Literal["tx", "rx"]
    """``tx`` if this side sent the message, ``rx`` if this side received it."""
    transport: str
    """The transport in capitals: UDP, TCP, TLS."""
    source: str
    """The address of the sender, host:port."""
    target: str
    """The address of the receiver, host:port."""
    text: str
    """The whole message, as it was on the wire."""

    @property
    def start_line(self) -> str:
        """The request line or status line (RFC 3261 section 7)."""
        return self.text.lstrip("\r\n").partition("\n")[0].rstrip("\r")

    @classmethod
    def from_trace(cls, record: str, time: float) -> SipMessageSeen | None:
        """Parse one record of the trace: a heading such as ``RX UDP a:1 -> b:2``, then the message.

        Args:
            record: The record as the stack logged it.
            time: When the record was logged, in seconds of the monotonic clock.

        Returns:
            The message; None when the record is no message (a keep-alive, a remark of the stack).
        """
        heading = _HEADING.match(record)
        text = record[heading.end() :] if heading else ""
        if heading is None or not text.strip():
            return None
        direction: Literal["tx", "rx"] = "rx" if heading["direction"] == "RX" else "tx"
        return cls(
            time,
            direction,
            heading["transport"].upper(),
            heading["source"],
            heading["target"],
            _with_last_line_end(text),
        )


def _with_last_line_end(text: str) -> str:
    """Return a message with the line end at its end, which the trace leaves out.

    Without a body, the message ends with an empty line. Content-Length (RFC 3261 section 20.14) says whether the body ends with
    a line end.
    """
    head_end = _HEAD_END.search(text)
    if head_end is None:
        return text.rstrip("\r\n") + "\r\n\r\n"
    length = _CONTENT_LENGTH.search(text, 0, head_end.start() + 1)
    body = text[head_end.end() :].encode(errors="replace")
    missing = int(length[1]) - len(body) if length else 0
    return text + "\r\n"[-missing:] if missing > 0 else text


@attrs.frozen
class Fact:
    """Something that the trace tells of a call."""

    call_id: str
    """The SIP Call-ID of the call."""


@attrs.frozen
class InviteReceived(Fact):
    """A phone calls: an INVITE came that belongs to no dialog."""

    uri: str
    """The Request-URI, which names the callee (RFC 3261 section 8.2.2.1)."""
    from_uri: str
    """The URI of its From header."""
    to_uri: str
    """The URI of its To header, which proxies do not change."""


@attrs.frozen
class InviteRefused(Fact):
    """An INVITE was refused, by this side or by the other side."""

    code: int
    """The status code, 300 to 699."""
    by_us: bool
    """Whether this side refused the INVITE."""
    from_uri: str
    """The URI of its From header."""


@attrs.frozen
class ReferReported(Fact):
    """A report on the newest REFER of a call.

    The phone answered the REFER; or challenged the REFER, which was sent again with credentials (RFC 3261 section 22.2); or the
    stack has accepted a NOTIFY of the REFER's subscription (RFC 3515 section 2.4.4).
    """

    report: ReferAnswered | ReferChallenged | ReferNotified
    """The report for the exchange."""


@attrs.frozen
class CredentialsWanted(Fact):
    """The phone challenged the newest REFER of a call. If the REFER is not sent again, call `ReferReader.not_repeated`."""

    cseq: int
    """The CSeq of the challenged REFER."""


@attrs.frozen
class NotifyUnreadable(Fact):
    """A NOTIFY without a status that can be read came in a call with an open REFER."""

    reason: str
    """Why the NOTIFY cannot be read."""


@attrs.frozen
class DialogOver(Fact):
    """A BYE or a CANCEL went by, which ends a call."""


@attrs.define
class _Refer:
    """A REFER that this side sent."""

    sent: dict[int, str]
    """The branch of its Via by its CSeq: two or more when the REFER was sent again with credentials."""
    challenge: int = 0
    """The status of the last challenge; 0 for none."""
    challenged: int = 0
    """The CSeq that was challenged last; 0 for none."""
    answered: bool = False
    over: bool = False
    """Whether its subscription is over, or never came to be."""


@attrs.define
class _Dialog:
    """The REFERs and NOTIFYs of a call that the trace has shown."""

    tags: tuple[str, str]
    """Our tag and the phone's (RFC 3261 section 12)."""
    refers: list[_Refer] = attrs.Factory(list)
    """The REFERs in the order in which they were sent."""
    notifies: set[tuple[str, int]] = attrs.Factory(set)
    """Branch and CSeq of every NOTIFY seen, to tell a retransmission (RFC 3261 section 17.2.3)."""
    waiting: dict[tuple[str, int], SipMessage] = attrs.Factory(dict)
    """The NOTIFYs that the stack has not answered yet."""

    def refer_of(self, cseq: int) -> _Refer | None:
        return next((refer for refer in self.refers if cseq in refer.sent), None)

    def refer_notified(self, event: str) -> _Refer:
        """Find the REFER that a NOTIFY with this Event header reports on.

        RFC 3515 section 2.4.6: the parameter ``id``, the CSeq of the REFER, tells several REFERs of a dialog apart; only the
        first REFER's NOTIFYs may leave it out. So a NOTIFY without ``id`` belongs to the oldest REFER whose subscription still
        lives. An ``id`` that names no REFER is a mistake of the phone: the NOTIFY then belongs to the newest REFER, for whose
        outcome a caller waits.
        """
        named = re.search(r";\s*id\s*=\s*\"?([0-9]+)", event, re.IGNORECASE)
        if named is not None:
            return self.refer_of(int(named[1][:12])) or self.refers[-1]
        return next((refer for refer in self.refers if not refer.over), self.refers[-1])


@attrs.define
class ReferReader:
    """Follows every INVITE and every REFER of all calls through the trace.

    Only the newest REFER of a call is reported: RELAY has no field that names which of two transfers a report belongs to, and
    a late report must not settle the next attempt.
    """

    _dialogs: dict[str, _Dialog] = attrs.field(factory=dict, init=False)

    def feed(self, seen: SipMessageSeen) -> list[Fact]:
        """Take one message of the trace.

        Args:
            seen: The message, in the order of the trace.

        Returns:
            The facts of the message, each once: retransmissions and messages of other kinds have no facts.
        """
        message = read_message(seen.text)
        if message is None:
            return []
        number, method = message.cseq
        dialog = self._dialogs.get(message.call_id)
        match (method, seen.direction, bool(message.code)):
            case ("INVITE", "rx", False) if not tag_of(message.header("to")):
                from_uri, to_uri = address_of(message.header("from")), address_of(message.header("to"))
                return [InviteReceived(message.call_id, message.uri, from_uri, to_uri)]
            case ("INVITE", direction, True) if message.code >= 300:
                from_uri = address_of(message.header("from"))
                return [InviteRefused(message.call_id, message.code, direction == "tx", from_uri)]
            case ("REFER", "tx", False):
                return self._sent(number, message)
            case ("REFER", "rx", True) if dialog is not None:
                return self._answered(dialog, number, message)
            case ("NOTIFY", "rx", False) if dialog is not None:
                self._notified(dialog, number, message)
            case ("NOTIFY", "tx", True) if dialog is not None:
                return self._judged(dialog, number, message)
            case ("BYE" | "CANCEL", _, False):
                return [DialogOver(message.call_id)]
            case _:
                pass
        return []

    def not_repeated(self, call_id: str, cseq: int) -> list[Fact]:
        """Take a challenge as the phone's final answer to a REFER, if the stack has sent neither it nor a newer REFER since.

        Args:
            call_id: The SIP Call-ID of the call.
            cseq: The CSeq that was challenged.

        Returns:
            The fact of that answer, if any.
        """
        dialog = self._dialogs.get(call_id)
        if dialog is None or cseq != max(dialog.refers[-1].sent):
            return []
        refer = dialog.refers[-1]
        refer.answered = refer.over = True
        return [ReferReported(call_id, ReferAnswered(refer.challenge))]

    def forget(self, call_id: str) -> None:
        """Drop the state of a call of which no more messages are expected."""
        self._dialogs.pop(call_id, None)

    def _sent(self, cseq: int, message: SipMessage) -> list[Fact]:
        tags = tag_of(message.header("from")), tag_of(message.header("to"))
        dialog = self._dialogs.setdefault(message.call_id, _Dialog(tags))
        branch = branch_of(message.header("via"))
        if dialog.refer_of(cseq) is not None:
            return []
        newest = dialog.refers[-1] if dialog.refers else None
        again = message.header("authorization") or message.header("proxy-authorization")
        if again and newest is not None and newest.challenge:
            newest.sent[cseq] = branch
            return [ReferReported(message.call_id, ReferChallenged(newest.challenge))]
        dialog.refers.append(_Refer({cseq: branch}))
        return []

    def _answered(self, dialog: _Dialog, cseq: int, message: SipMessage) -> list[Fact]:
        """Take a response to a REFER, if the response belongs to that transaction (RFC 3261 section 17.1.3)."""
        refer, code = dialog.refer_of(cseq), message.code
        if refer is None or refer.answered or code < 200 or branch_of(message.header("via")) != refer.sent[cseq]:
            return []
        if cseq <= refer.challenged:  # the challenge was sent again
            return []
        is_newest = refer is dialog.refers[-1]
        if code in _CHALLENGES:
            refer.challenge, refer.challenged = code, cseq
            return [CredentialsWanted(message.call_id, cseq)] if is_newest else []
        refer.answered = True
        refer.over = refer.over or code >= 300
        return [ReferReported(message.call_id, ReferAnswered(code))] if is_newest else []

    def _notified(self, dialog: _Dialog, cseq: int, message: SipMessage) -> None:
        """Keep a NOTIFY until the stack has answered it."""
        key = branch_of(message.header("via")), cseq
        if key in dialog.notifies or not _REFER_EVENT.match(message.header("event")):
            return
        if (tag_of(message.header("to")), tag_of(message.header("from"))) != dialog.tags:
            return  # of another dialog with the same Call-ID (RFC 3261 section 12.2.2)
        if len(dialog.waiting) < _WAITING_LIMIT:
            dialog.waiting[key] = message

    def _judged(self, dialog: _Dialog, cseq: int, answer: SipMessage) -> list[Fact]:
        """Take the stack's answer to a NOTIFY; a NOTIFY that the stack did not accept brings no fact."""
        key = branch_of(answer.header("via")), cseq
        message = dialog.waiting.pop(key, None)
        if message is None or not (answer.code < 300 or answer.code == _UNREADABLE):
            return []
        dialog.notifies.add(key)
        refer = dialog.refer_notified(message.header("event"))
        code = _sipfrag_code(message.body) if answer.code < 300 else None
        terminated, expires = _subscription_state(message.header("subscription-state"))
        refer.over = refer.over or terminated or (code is not None and code >= 200)
        if refer is not dialog.refers[-1]:
            return []
        notified = ReferNotified(code=code, terminated=terminated, expires=expires)
        facts: list[Fact] = [ReferReported(message.call_id, notified)]
        if code is None and not terminated:
            facts.append(NotifyUnreadable(message.call_id, "it has no status line that can be read"))
        return facts


def _sipfrag_code(body: str) -> int | None:
    """Read the status code of a ``message/sipfrag`` body (RFC 3420); None without a status line that can be read.

    As in the stack, the Content-Type does not count, and the status line may be anywhere: phones send a wrong type, and put the
    line among the parts of a multipart body.
    """
    line = _SIPFRAG_STATUS.search(body)
    code = int(line[1]) if line and len(line[1]) == 3 else 0
    return code if 100 <= code <= 699 else None


def _subscription_state(value: str) -> tuple[bool, float | None]:
    """Read a Subscription-State header (RFC 6665 section 8.2.3): terminated or not, and its ``expires`` in seconds."""
    state, *parameters = (part.strip().lower() for part in value.split(";"))
    for parameter in parameters:
        name, _, number = parameter.partition("=")
        if name.strip() == "expires" and number.strip().isdecimal():
            return state == "terminated", float(number)
    return state == "terminated", None
