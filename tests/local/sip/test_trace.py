"""What the trace tells of a transfer, message by message."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.local.exchange.reports import ReferAnswered, ReferChallenged, ReferNotified
from anyrelay.local.sip.message import address_of, branch_of, read_message, tag_of, user_of
from anyrelay.local.sip.trace import (
    CredentialsWanted,
    DialogOver,
    Fact,
    InviteReceived,
    InviteRefused,
    NotifyUnreadable,
    ReferReader,
    ReferReported,
    SipMessageSeen,
)

Direction = Literal["tx", "rx"]


def message(start: str, *headers: str, body: str = "", call_id: str = "a@b") -> str:
    lines = [start, f"Call-ID: {call_id}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def seen(direction: Direction, text: str) -> SipMessageSeen:
    return SipMessageSeen(0.0, direction, "UDP", "127.0.0.1:1", "127.0.0.1:2", text)


def answered(code: int) -> ReferReported:
    return ReferReported("a@b", ReferAnswered(code))


def notified(code: int | None, terminated: bool, expires: float | None) -> ReferReported:
    return ReferReported("a@b", ReferNotified(code=code, terminated=terminated, expires=expires))


class Trace:
    """A reader, fed with the few messages that matter."""

    def __init__(self) -> None:
        self.reader = ReferReader()

    def refer(self, cseq: int, *headers: str, call_id: str = "a@b") -> list[Fact]:
        named = (f"Via: SIP/2.0/UDP h;branch=z9hG4bKr{cseq}", "From: <sip:us@h>;tag=us", "To: <sip:p@h>;tag=phone")
        text = message("REFER sip:p@h SIP/2.0", f"CSeq: {cseq} REFER", *named, *headers, call_id=call_id)
        return self.reader.feed(seen("tx", text))

    def answer(self, code: int, cseq: int, call_id: str = "a@b", branch: str = "") -> list[Fact]:
        via = f"Via: SIP/2.0/UDP h;branch={branch or f'z9hG4bKr{cseq}'}"
        text = message(f"SIP/2.0 {code} X", f"CSeq: {cseq} REFER", via, call_id=call_id)
        return self.reader.feed(seen("rx", text))

    def notify(
        self,
        cseq: int,
        frag: str = "SIP/2.0 200 OK",
        *,
        event: str = "refer",
        state: str = "active;expires=60",
        branch: str = "",
        call_id: str = "a@b",
        answer: int | None = 200,
        tags: tuple[str, str] = ("us", "phone"),
    ) -> list[Fact]:
        via = f"Via: SIP/2.0/UDP h;branch={branch or f'z9hG4bK{cseq}'};rport"
        text = message(
            "NOTIFY sip:h SIP/2.0",
            via,
            f"To: <sip:us@h>;tag={tags[0]}",
            f"From: <sip:p@h>;tag={tags[1]}",
            f"CSeq: {cseq} NOTIFY",
            f"Event: {event}",
            f"Subscription-State: {state}",
            "Content-Type: message/sipfrag",
            body=frag,
            call_id=call_id,
        )
        facts = self.reader.feed(seen("rx", text))
        if answer is not None:
            facts += self.reader.feed(
                seen("tx", message(f"SIP/2.0 {answer} X", via, f"CSeq: {cseq} NOTIFY", call_id=call_id))
            )
        return facts


def test_a_record_of_the_trace() -> None:
    record = "RX UDP 127.0.0.1:5070 -> 127.0.0.1:5060\nBYE sip:h SIP/2.0\r\nCall-ID: 1\r\n\r\n"
    found = SipMessageSeen.from_trace(record, 12.5)
    assert found is not None
    assert (found.time, found.direction, found.transport) == (12.5, "rx", "UDP")
    assert (found.source, found.target) == ("127.0.0.1:5070", "127.0.0.1:5060")
    assert found.start_line == "BYE sip:h SIP/2.0"


@pytest.mark.parametrize(
    ("logged", "sent"),
    [
        ("BYE sip:h SIP/2.0\r\nl: 0", "BYE sip:h SIP/2.0\r\nl: 0\r\n\r\n"),
        ("BYE sip:h SIP/2.0\r\nl: 0\r\n", "BYE sip:h SIP/2.0\r\nl: 0\r\n\r\n"),
        ("BYE sip:h SIP/2.0\r\nl: 0\r\n\r\n", "BYE sip:h SIP/2.0\r\nl: 0\r\n\r\n"),
        ("A\r\nContent-Length: 5\r\n\r\nv=0", "A\r\nContent-Length: 5\r\n\r\nv=0\r\n"),
        ("A\r\nContent-Length: 4\r\n\r\nv=0", "A\r\nContent-Length: 4\r\n\r\nv=0\n"),
        ("A\r\nContent-Length: 3\r\n\r\nv=0", "A\r\nContent-Length: 3\r\n\r\nv=0"),
        ("A\r\nCONTENT-LENGTH : 8 \r\n\r\n電話", "A\r\nCONTENT-LENGTH : 8 \r\n\r\n電話\r\n"),
        ("A\nContent-Length: 5\n\nv=0", "A\nContent-Length: 5\n\nv=0\r\n"),
        ("A\r\n\r\nContent-Length: 99", "A\r\n\r\nContent-Length: 99"),
        ("A\r\nContent-Length: 9999999999\r\n\r\nv=0", "A\r\nContent-Length: 9999999999\r\n\r\nv=0"),
    ],
)
def test_a_message_has_the_line_end_that_the_trace_leaves_out(logged: str, sent: str) -> None:
    found = SipMessageSeen.from_trace(f"RX UDP a:1 -> b:2\n{logged}", 0.0)
    assert found is not None
    assert found.text == sent


@pytest.mark.parametrize(
    "record", ["", "call: closed", "RX UDP a:1 -> b:2\n", "TX TCP a:1 -> b:2\n\r\n\r\n", "XX UDP a:1 -> b:2\nBYE"]
)
def test_records_that_are_no_message(record: str) -> None:
    assert SipMessageSeen.from_trace(record, 0.0) is None


def test_an_answer_and_the_notifies() -> None:
    trace = Trace()
    assert trace.refer(7) == []
    assert trace.answer(100, 7) == []
    assert trace.answer(202, 7) == [answered(202)]
    assert trace.notify(1, "SIP/2.0 100 Trying\r\n") == [notified(100, False, 60.0)]
    assert trace.notify(2, "SIP/2.0 180 Ringing\r\n", state="active") == [notified(180, False, None)]
    ended = trace.notify(3, "SIP/2.0 486 Busy Here\r\n", state="terminated;reason=noresource")
    assert ended == [notified(486, True, None)]


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
    assert trace.notify(1) == [notified(200, False, 60.0)]
    assert trace.answer(202, 7) == [answered(202)]


@pytest.mark.parametrize(
    ("frag", "code"),
    [
        ("SIP/2.0 200 OK", 200),
        ("sip/2.0 486 busy", 486),
        ("SIP/2.0 603 Decline\n", 603),
        ("Contact: x\r\nSIP/2.0 200 OK\r\n", 200),
        ("--x\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 480 Gone\r\n--x--\r\n", 480),
        ("SIP/2.0 2000 OK", None),
        ("SIP/2.0 099 No", None),
    ],
)
def test_status_lines_that_the_stack_takes(frag: str, code: int | None) -> None:
    trace = Trace()
    trace.refer(7)
    unreadable = [NotifyUnreadable("a@b", "it has no status line that can be read")]
    facts = [notified(code, False, 60.0), *(unreadable if code is None else [])]
    assert trace.notify(1, frag) == facts


@pytest.mark.parametrize("frag", ["", "SIP/2.0 OK", "garbage \x00 ünï", "SIP/2.0 480\r\nTo: x\r\n"])
def test_a_notify_that_the_stack_cannot_read_is_a_sign_of_life(frag: str) -> None:
    trace = Trace()
    trace.refer(7)
    reported, told = trace.notify(1, frag, answer=400)
    assert reported == notified(None, False, 60.0)
    assert isinstance(told, NotifyUnreadable)
    assert trace.notify(2, frag, answer=400, state="terminated") == [notified(None, True, None)]


@pytest.mark.parametrize("answer", [481, 489, 500, None])
def test_a_notify_that_the_stack_does_not_accept_means_nothing(answer: int | None) -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1, state="terminated", answer=answer) == []
    assert trace.notify(2) == [notified(200, False, 60.0)]


def test_a_notify_with_foreign_tags_means_nothing() -> None:
    trace = Trace()
    trace.refer(7)
    for tags in (("us", "other"), ("other", "phone"), ("", "")):
        assert trace.notify(1, tags=tags, answer=400) == []


def test_a_response_of_another_transaction_means_nothing() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.answer(603, 7, branch="z9hG4bKstray") == []
    assert trace.answer(202, 7) == [answered(202)]


def test_notifies_that_are_never_answered_are_not_kept_for_ever() -> None:
    trace = Trace()
    trace.refer(7)
    for number in range(200):
        trace.notify(number, answer=None)
    assert len(trace.reader._dialogs["a@b"].waiting) == 64


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
    assert trace.notify(1, state=state) == [notified(200, terminated, expires)]


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
    assert trace.answer(202, 8) == [answered(202)]
    assert trace.notify(2, event="refer; ID=8") == [notified(200, False, 60.0)]


def test_a_notify_without_an_id_belongs_to_the_oldest_open_refer() -> None:
    trace = Trace()
    trace.refer(7)
    trace.refer(8)
    assert trace.notify(1, "SIP/2.0 100 Trying") == []
    assert trace.notify(2, "", state="terminated") == []
    assert trace.notify(3, "SIP/2.0 100 Trying") == [notified(100, False, 60.0)]
    assert trace.notify(4, state="terminated") == [notified(200, True, None)]
    assert trace.notify(5, "SIP/2.0 500 Late") == [notified(500, False, 60.0)]


def test_a_refused_refer_has_no_subscription() -> None:
    trace = Trace()
    trace.refer(7)
    trace.answer(403, 7)
    trace.refer(8)
    assert trace.notify(1) == [notified(200, False, 60.0)]


def test_an_id_that_names_nothing_is_taken_for_the_newest() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.notify(1, event="refer;id=99") == [notified(200, False, 60.0)]


def test_a_late_answer_to_an_older_refer_is_dropped() -> None:
    trace = Trace()
    trace.refer(7)
    trace.refer(8)
    assert trace.answer(403, 7) == []


def test_a_challenge_that_the_stack_meets() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.answer(401, 7) == [CredentialsWanted("a@b", 7)]
    assert trace.refer(8, "Authorization: Digest x") == [ReferReported("a@b", ReferChallenged(401))]
    assert trace.answer(202, 8) == [answered(202)]


def test_a_challenge_that_the_stack_does_not_meet() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.answer(407, 7) == [CredentialsWanted("a@b", 7)]
    assert trace.reader.not_repeated("a@b", 7) == [answered(407)]
    assert trace.reader.not_repeated("other", 7) == []
    assert trace.answer(407, 7) == []
    trace.refer(8)
    assert trace.notify(1) == [notified(200, False, 60.0)]


def test_a_challenge_that_is_sent_again_is_no_second_challenge() -> None:
    trace = Trace()
    trace.refer(7)
    assert trace.answer(401, 7) == [CredentialsWanted("a@b", 7)]
    assert trace.answer(401, 7) == []
    trace.refer(8, "Authorization: Digest x")
    assert trace.answer(401, 7) == []
    assert trace.reader.not_repeated("a@b", 7) == []
    assert trace.answer(401, 8) == [CredentialsWanted("a@b", 8)]
    assert trace.reader.not_repeated("a@b", 7) == []
    assert trace.reader.not_repeated("a@b", 8) == [answered(401)]


def test_a_challenge_does_not_settle_a_refer_that_was_sent_after_it() -> None:
    trace = Trace()
    trace.refer(7)
    trace.answer(401, 7)
    trace.refer(8)
    assert trace.reader.not_repeated("a@b", 7) == []
    assert trace.answer(202, 8) == [answered(202)]


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
    assert ReferReader().feed(seen(direction, text)) == [DialogOver("a@b")]


def test_what_becomes_of_an_invite() -> None:
    reader = ReferReader()
    named = ("CSeq: 1 INVITE", 'From: "A <sip:no@h>" <sip:alice@h>;tag=1', "t: <sip:desk@h>")
    came = InviteReceived("a@b", "sip:sales@h", "sip:alice@h", "sip:desk@h")
    assert reader.feed(seen("rx", message("INVITE sip:sales@h SIP/2.0", *named))) == [came]
    assert reader.feed(seen("rx", message("INVITE sip:sales@h SIP/2.0", "CSeq: 2 INVITE", "To: x;tag=1"))) == []
    assert reader.feed(seen("tx", message("SIP/2.0 100 Trying", *named))) == []
    assert reader.feed(seen("tx", message("SIP/2.0 180 Ringing", *named))) == []
    assert reader.feed(seen("tx", message("SIP/2.0 200 OK", *named))) == []
    refused = [InviteRefused("a@b", 486, by_us=True, from_uri="sip:alice@h")]
    assert reader.feed(seen("tx", message("SIP/2.0 486 Busy Here", *named))) == refused
    assert reader.feed(seen("tx", message("SIP/2.0 486 Busy Here", "CSeq: what"))) == []


@pytest.mark.parametrize(
    "text",
    [
        message("BYE sip:1234#@h SIP/2.0", "CSeq: 1 BYE"),
        message("BYE <sip:h> SIP/2.0", "CSeq: 1 BYE", "a line without any meaning"),
        message("BYE sip:h SIP/2.0", "Subject: folded\r\n  over two lines", "CSeq: 1\r\n BYE"),
        message("BYE sip:h SIP/2.0", "CSeq: 1 BYE").replace("Call-ID", "i"),
        message("BYE sip:h SIP/2.0", "CSeq :\t1\tbye").replace("Call-ID:", "CALL-ID \t :"),
        message("BYE sip:h SIP/2.0", "CSeq: 1 BYE").replace("\r\n", "\n"),
        "\r\n" + message("BYE sip:h SIP/2.0", "CSeq: 1 BYE"),
    ],
)
def test_malformed_messages_still_count(text: str) -> None:
    assert ReferReader().feed(seen("rx", text)) == [DialogOver("a@b")]


def test_a_status_line_without_a_reason() -> None:
    trace = Trace()
    trace.refer(7)
    bare = message("SIP/2.0 202", "CSeq: 7 REFER", "v: SIP/2.0/UDP h ; branch = z9hG4bKr7")
    assert trace.reader.feed(seen("rx", bare)) == [answered(202)]


@pytest.mark.parametrize(
    ("value", "address", "tag"),
    [
        ("<sip:a@h>;tag=1", "sip:a@h", "1"),
        ("sip:a@h;tag=1", "sip:a@h", "1"),
        ('"A; tag=2 <sip:b@h>" <sip:a@h> ; TAG = 1', "sip:a@h", "1"),
        ('"A \\" <sip:b@h>" <sip:a@h>;x="tag=3;";tag=1;y', "sip:a@h", "1"),
        ("Alice <sip:a@h;transport=tcp>", "sip:a@h;transport=tcp", ""),
        ("", "", ""),
    ],
)
def test_addresses(value: str, address: str, tag: str) -> None:
    assert (address_of(value), tag_of(value)) == (address, tag)


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:sales@h", "sales"),
        ("SIP:sales%20office;x=1:secret@h:5060;transport=tcp", "sales office"),
        ("sips:a@b@h", "a@b"),
        ("sip:h", ""),
        ("tel:+1555", ""),
    ],
)
def test_the_user_of_a_uri(uri: str, user: str) -> None:
    assert user_of(uri) == user


def test_the_topmost_via() -> None:
    assert branch_of("SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2") == "1"
    assert branch_of("SIP/2.0/UDP a") == ""


@given(st.text())
def test_nothing_upsets_the_reader(text: str) -> None:
    assert ReferReader().feed(seen("rx", text)) == []
    SipMessageSeen.from_trace(text, 0.0)


@given(st.text(st.characters(codec="utf-8")), st.integers(-1, 2000))
def test_nothing_upsets_the_parser(body: str, code: int) -> None:
    read_message(f"SIP/2.0 {code} {body}\r\nCall-ID: 1\r\n\r\n{body}")
    read_message(f"NOTIFY {body} SIP/2.0\r\n{body}")
