"""What the trace tells of a transfer, message by message."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.local.sip_trace import (
    DialogOver,
    Fact,
    ReferAnswered,
    ReferNotified,
    ReferReader,
    SipMessageSeen,
    read_message,
)

Direction = Literal["tx", "rx"]


def message(start: str, *headers: str, body: str = "", call_id: str = "a@b") -> str:
    lines = [start, f"Call-ID: {call_id}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def seen(direction: Direction, text: str) -> SipMessageSeen:
    return SipMessageSeen(0.0, direction, "UDP", "127.0.0.1:1", "127.0.0.1:2", text)


class Trace:
    """A reader, fed with the few messages that matter."""

    def __init__(self) -> None:
        self.reader = ReferReader()

    def refer(self, cseq: int, *headers: str, call_id: str = "a@b") -> list[Fact]:
        text = message("REFER sip:p@h SIP/2.0", f"CSeq: {cseq} REFER", *headers, call_id=call_id)
        return self.reader.feed(seen("tx", text))

    def answer(self, code: int, cseq: int, call_id: str = "a@b") -> list[Fact]:
        return self.reader.feed(seen("rx", message(f"SIP/2.0 {code} X", f"CSeq: {cseq} REFER", call_id=call_id)))

    def notify(
        self,
        cseq: int,
        frag: str = "SIP/2.0 200 OK",
        *,
        event: str = "refer",
        state: str = "active;expires=60",
        branch: str = "",
        call_id: str = "a@b",
    ) -> list[Fact]:
        text = message(
            "NOTIFY sip:h SIP/2.0",
            f"Via: SIP/2.0/UDP h;branch={branch or f'z9hG4bK{cseq}'};rport",
            f"CSeq: {cseq} NOTIFY",
            f"Event: {event}",
            f"Subscription-State: {state}",
            "Content-Type: message/sipfrag",
            body=frag,
            call_id=call_id,
        )
        return self.reader.feed(seen("rx", text))


def test_a_record_of_the_trace() -> None:
    record = "RX UDP 127.0.0.1:5070 -> 127.0.0.1:5060\nBYE sip:h SIP/2.0\r\nCall-ID: 1\r\n\r\n"
    found = SipMessageSeen.from_trace(record, 12.5)
    assert found is not None
    assert (found.time, found.direction, found.transport) == (12.5, "rx", "UDP")
    assert (found.source, found.target) == ("127.0.0.1:5070", "127.0.0.1:5060")
    assert found.start_line == "BYE sip:h SIP/2.0"


@pytest.mark.parametrize(
    "record", ["", "call: closed", "RX UDP a:1 -> b:2\n", "TX TCP a:1 -> b:2\n\r\n\r\n", "XX UDP a:1 -> b:2\nBYE"]
)
def test_records_that_are_no_message(record: str) -> None:
    assert SipMessageSeen.from_trace(record, 0.0) is None


def test_an_answer_and_the_notifies() -> None:
    trace = Trace()
    assert trace.refer(7) == []
    assert trace.answer(100, 7) == []
    assert trace.answer(202, 7) == [ReferAnswered("a@b", 202)]
    assert trace.notify(1, "SIP/2.0 100 Trying\r\n") == [ReferNotified("a@b", 100, False, 60.0)]
    assert trace.notify(2, "SIP/2.0 180 Ringing\r\n", state="active") == [ReferNotified("a@b", 180, False, None)]
    ended = trace.notify(3, "SIP/2.0 486 Busy Here\r\n", state="terminated;reason=noresource")
    assert ended == [ReferNotified("a@b", 486, True, None)]


def test_retransmissions_are_told_once() -> None:
    trace = Trace()
    trace.refer(7)
    trace.refer(7)
    assert len(trace.answer(202, 7)) == 1
    assert trace.answer(202, 7) == []
    assert len(trace.notify(1)) == 1
    assert trace.notify(1) == []
    assert len(trace.notify(1, branch="z9hG4bKother")) == 1


def test_a_notify_may_overtake_the_answer() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1) == [ReferNotified("a@b", 200, False, 60.0)]
    assert trace.answer(202, 7) == [ReferAnswered("a@b", 202)]


@pytest.mark.parametrize(
    ("frag", "code"),
    [
        ("SIP/2.0 200 OK", 200),
        ("SIP/2.0  603 Decline\r\n", 603),
        ("SIP/2.0 480\r\nTo: x\r\n", 480),
        ("Contact: x\r\nSIP/2.0 200 OK\r\n", 200),
        ("", None),
        ("SIP/2.0 OK", None),
        ("SIP/2.0 2000 OK", None),
        ("SIP/2.0 099 No", None),
        ("garbage \x00 ünï", None),
    ],
)
def test_status_lines(frag: str, code: int | None) -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1, frag) == [ReferNotified("a@b", code, False, 60.0)]


@pytest.mark.parametrize(
    ("state", "terminated", "expires"),
    [
        ("active;expires=180", False, 180.0),
        ("Active ; Expires = 20 ;x", False, 20.0),
        ("pending", False, None),
        ("terminated;reason=timeout;expires=0", True, 0.0),
        ("TERMINATED", True, None),
        ("active;expires=soon", False, None),
        ("", False, None),
    ],
)
def test_subscription_states(state: str, terminated: bool, expires: float | None) -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1, state=state) == [ReferNotified("a@b", 200, terminated, expires)]


def test_what_does_not_belong_to_a_refer() -> None:
    trace = Trace()
    assert trace.notify(1) == []
    assert trace.answer(202, 7) == []
    trace.refer(7)
    assert trace.answer(202, 8) == []
    assert trace.answer(202, 7, call_id="other") == []
    assert trace.notify(2, call_id="other") == []
    assert trace.notify(3, event="message-summary") == []
    assert trace.notify(4, event="referral") == []
    inbound = message("REFER sip:h SIP/2.0", "CSeq: 1 REFER")
    assert trace.reader.feed(seen("rx", inbound)) == []
    own = message("NOTIFY sip:h SIP/2.0", "CSeq: 1 NOTIFY", "Event: refer")
    assert trace.reader.feed(seen("tx", own)) == []


def test_only_the_newest_refer_is_told_of() -> None:
    """RFC 3515 section 2.4.6."""
    trace = Trace()
    trace.refer(7)
    trace.answer(202, 7)
    trace.refer(8)
    assert trace.notify(1, "SIP/2.0 486 Busy Here", event="refer;id=7", state="terminated") == []
    assert trace.answer(202, 8) == [ReferAnswered("a@b", 202)]
    assert trace.notify(2, event="refer; ID=8") == [ReferNotified("a@b", 200, False, 60.0)]


def test_a_notify_without_an_id_belongs_to_the_oldest_open_refer() -> None:
    trace = Trace()
    trace.refer(7)
    trace.refer(8)
    assert trace.notify(1, "SIP/2.0 100 Trying") == []
    assert trace.notify(2, "", state="terminated") == []
    assert trace.notify(3, "SIP/2.0 100 Trying") == [ReferNotified("a@b", 100, False, 60.0)]
    assert trace.notify(4, state="terminated") == [ReferNotified("a@b", 200, True, None)]
    assert trace.notify(5, "SIP/2.0 500 Late") == [ReferNotified("a@b", 500, False, 60.0)]


def test_a_refused_refer_has_no_subscription() -> None:
    trace = Trace()
    trace.refer(7)
    trace.answer(403, 7)
    trace.refer(8)
    assert trace.notify(1) == [ReferNotified("a@b", 200, False, 60.0)]


def test_an_id_that_names_nothing_is_taken_for_the_newest() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1, event="refer;id=99") == [ReferNotified("a@b", 200, False, 60.0)]


def test_a_late_answer_to_an_older_refer_is_dropped() -> None:
    trace = Trace()
    trace.refer(7)
    trace.refer(8)
    assert trace.answer(403, 7) == []


def test_a_challenge_is_a_refusal() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.answer(401, 7) == [ReferAnswered("a@b", 401)]
    assert trace.refer(8, "Authorization: Digest x") == []
    assert trace.answer(401, 8) == []


def test_forgetting() -> None:
    trace = Trace()
    trace.refer(7)
    trace.reader.forget("a@b")
    trace.reader.forget("a@b")
    assert trace.answer(202, 7) == []


@pytest.mark.parametrize("direction", ["rx", "tx"])
@pytest.mark.parametrize("method", ["BYE", "CANCEL"])
def test_the_end_of_a_call(direction: Direction, method: str) -> None:
    text = message(f"{method} sip:h SIP/2.0", f"CSeq: 3 {method}")
    assert ReferReader().feed(seen(direction, text)) == [DialogOver("a@b", method)]


def test_a_refused_invite() -> None:
    reader = ReferReader()
    assert reader.feed(seen("tx", message("SIP/2.0 486 Busy Here", "CSeq: 1 INVITE"))) == [DialogOver("a@b", "INVITE")]
    assert reader.feed(seen("tx", message("SIP/2.0 200 OK", "CSeq: 1 INVITE"))) == []
    assert reader.feed(seen("tx", message("SIP/2.0 486 Busy Here", "CSeq: what"))) == []


@pytest.mark.parametrize(
    "text",
    [
        message("BYE sip:1234#@h SIP/2.0", "CSeq: 1 BYE"),
        message("BYE <sip:h> SIP/2.0", "CSeq: 1 BYE", "a line without any meaning"),
        message("BYE sip:h SIP/2.0", "Subject: folded\r\n  over two lines", "CSeq: 1\r\n BYE"),
        message("BYE sip:h SIP/2.0", "CSeq: 1 BYE").replace("Call-ID", "i"),
    ],
)
def test_malformed_messages_still_count(text: str) -> None:
    assert ReferReader().feed(seen("rx", text)) == [DialogOver("a@b", "BYE")]


def test_a_status_line_without_a_reason() -> None:
    trace = Trace()
    trace.refer(7)
    bare = message("SIP/2.0 202", "CSeq: 7 REFER")
    assert trace.reader.feed(seen("rx", bare)) == [ReferAnswered("a@b", 202)]


@given(st.text())
def test_nothing_upsets_the_reader(text: str) -> None:
    assert ReferReader().feed(seen("rx", text)) == []
    SipMessageSeen.from_trace(text, 0.0)


@given(st.text(st.characters(codec="utf-8")), st.integers(-1, 2000))
def test_nothing_upsets_the_parser(body: str, code: int) -> None:
    read_message(f"SIP/2.0 {code} {body}\r\nCall-ID: 1\r\n\r\n{body}")
    read_message(f"NOTIFY {body} SIP/2.0\r\n{body}")
