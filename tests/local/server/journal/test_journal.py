"""The journal of a server: its budget, what it keeps in Python without HTTP, and that a server without one has none."""

from __future__ import annotations

import attrs
import pytest

from anyrelay import RelayClient
from anyrelay.local import CallRecord, JournalFrame, LocalRelay, SimulatedPhones, SyncLocalRelay
from anyrelay.local.server.journal import calls, entries
from anyrelay.local.server.journal.entries import Entries
from anyrelay.local.server.journal.frames import SeenFrame, read_sip
from anyrelay.local.server.journal.journal import Journal
from anyrelay.local.sip.trace import SipMessageSeen
from anyrelay.sync import RelayClient as BlockingClient
from anyrelay.testing import assert_referred

INVITE = "\r\n".join(
    [
        "INVITE sip:sales:pw-marker@127.0.0.1 SIP/2.0",
        "i: abc@host",
        "CSeq: 7 INVITE",
        'Proxy-Authorization: Digest username="a", response="digest-marker"',
        "",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:key-marker",
    ]
)


def test_entries_are_bounded_by_count_and_by_bytes(monkeypatch):
    monkeypatch.setattr(entries, "ENTRIES_KEPT", 3)
    kept = Entries()
    for number in range(5):
        kept.add(float(number), "call", number)
    assert [entry.seq for entry in kept.after(0)] == [3, 4, 5]
    assert [entry.seq for entry in kept.after(4)] == [5]
    assert (kept.oldest, kept.latest, kept.dropped) == (3, 5, 2)
    monkeypatch.setattr(entries, "BYTES_KEPT", 1_200)
    kept.add(5.0, "frame", "x", size=1_000)
    assert [entry.seq for entry in kept.after(0)] == [6]
    kept.add(6.0, "frame", "larger than the budget", size=5_000)
    assert [entry.content for entry in kept.after(0)] == ["larger than the budget"]
    kept.clear()
    assert (list(kept.after(0)), kept.oldest, kept.dropped) == ([], 8, 0)


def test_entries_may_be_added_and_dropped_while_they_are_read(monkeypatch):
    monkeypatch.setattr(entries, "ENTRIES_KEPT", 3)
    kept = Entries()
    for number in range(3):
        kept.add(0.0, "call", number)
    reading = kept.after(0)
    assert next(reading).seq == 1
    for number in range(4):
        kept.add(0.0, "call", number)
    assert [entry.seq for entry in reading] == [5, 6, 7]


def test_a_message_is_read_once_and_its_call_is_found_later(monkeypatch):
    journal = Journal(lambda: None)
    steps = 0
    look_up = Entries.next_after

    def count(self, seq):
        nonlocal steps
        steps += 1
        return look_up(self, seq)

    monkeypatch.setattr(Entries, "next_after", count)
    for _ in range(1_000):
        journal.saw_sip(SipMessageSeen(1.0, "rx", "UDP", "127.0.0.1:5070", "127.0.0.1:5060", INVITE))
    assert len(list(journal.frames())) == 1_000
    assert steps < 5_000  # a million, when each message looked through all those before it
    [last] = journal.frames(after=999)
    assert (last.seq, last.call_id) == (1_000, None)
    monkeypatch.setattr(journal._calls, "id_of_sip", lambda _: "call-1")
    monkeypatch.setattr("anyrelay.local.server.journal.journal.read_sip", None)  # nothing is read again
    [again] = journal.frames(after=999, call_id="call-1")
    assert again == attrs.evolve(last, call_id="call-1")


def test_watchers_are_called_until_they_end():
    kept, seen = Entries(), []
    end = kept.watch(lambda: seen.append(kept.latest))
    kept.add(0.0, "call", None)
    end()
    kept.add(1.0, "call", None)
    assert seen == [1]


def test_a_sip_message_without_its_secrets():
    seen = SipMessageSeen(1.0, "rx", "UDP", "127.0.0.1:5070", "127.0.0.1:5060", INVITE)
    frame = read_sip(4, 2.0, seen, "call-1")
    assert (frame.kind, frame.method, frame.role, frame.call_id) == ("sip", "INVITE", "request", "call-1")
    assert (frame.sender, frame.receiver) == ("127.0.0.1:5070", "server")
    assert "marker" not in frame.text + frame.summary
    assert frame.text.split("\r\n")[3:] == [
        "Proxy-Authorization: Digest ***",
        "",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxx",
    ]
    assert JournalFrame.from_json(frame.to_json()) == frame


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (
            'Authorization: Digest username="a",\r\n response="marker",\r\n\tcnonce="marker"',
            "Authorization: Digest ***",
        ),
        ("AUTHORIZATION : basic marker", "AUTHORIZATION : basic ***"),
        ("Authorization: marker", "Authorization: ***"),
        ("Authorization:\r\n Bearer marker", "Authorization: ***"),
        ("Authorization: Digestmarker", "Authorization: ***"),
    ],
)
def test_credentials_are_struck_out_and_their_scheme_is_kept(header, shown):
    text = f"BYE sip:a@127.0.0.1 SIP/2.0\r\n{header}\r\nCSeq: 8 BYE\r\n\r\n"
    frame = read_sip(1, 1.0, SipMessageSeen(1.0, "rx", "UDP", "127.0.0.1:1", "127.0.0.1:2", text), None)
    assert frame.text == f"BYE sip:a@127.0.0.1 SIP/2.0\r\n{shown}\r\nCSeq: 8 BYE\r\n\r\n"


def test_the_sip_messages_of_a_call_have_addresses_and_no_secrets(monkeypatch):
    journal = Journal(lambda: None)
    for transport in ("UDP", "TLS"):
        journal.saw_sip(SipMessageSeen(2.0, "rx", transport, "[::1]:5070", "[::1]:5060", INVITE))
    assert list(journal.sip_messages("call-1")) == []
    monkeypatch.setattr(journal._calls, "id_of_sip", {"abc@host": "call-1"}.get)
    messages = list(journal.sip_messages("call-1"))
    assert [(sent.transport, sent.source, sent.target) for sent in messages] == [
        ("UDP", "[::1]:5070", "[::1]:5060"),
        ("TLS", "[::1]:5070", "[::1]:5060"),
    ]
    assert [(sent.time, sent.text) for sent in messages] == [(frame.time, frame.text) for frame in journal.frames()]
    assert "marker" not in messages[0].text


def test_seen_frames_have_no_frame_before_they_are_read():
    assert SeenFrame("rx", "{}", 1).frame is None


@pytest.mark.anyio
async def test_a_program_looks_at_calls_and_frames(monkeypatch):
    monkeypatch.setattr(calls, "ENDED_CALLS_KEPT", 2)
    async with LocalRelay(SimulatedPhones(pace=50), numbers={"+15550000002": "default"}) as relay:
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])
        texts = []
        client.on_message(lambda message: texts.append((message.from_number, message.body)))

        @client.on_call
        async def handle(call):
            await call.answer()
            await (await call.play_tts("Hello.")).wait(5)
            await call.send_digits("12")
            await call.hangup()

        async with client:
            for number in range(3):
                caller = await relay.phones.dial(f"sip:+1555000000{number}@example.com")
                await caller.ended()
            await caller.text("Thanks", to="+15550000002")
            await relay.until(lambda: bool(texts), 10)
        assert texts == [("+15550000002", "Thanks")]
        assert [call.from_uri for call in relay.calls] == [
            "sip:+15550000001@example.com",
            "sip:+15550000002@example.com",
        ]
        call = relay.calls[-1]
        assert (call.state, call.end_reason, call.spoken, call.digits_sent) == ("ended", "hangup", ("Hello.",), "12")
        assert CallRecord.from_json(call.to_json()) == call
        methods = {frame.method for frame in relay.frames(call_id=call.id) if frame.role == "command"}
        assert methods == {"calling.answer", "calling.play", "calling.send_digits", "calling.end"}
        assert [frame.role for frame in relay.frames(call_id=call.id, method="calling.end")] == ["command", "reply"]
        assert [params["digits"] for params in relay.sent("calling.send_digits")] == ["12", "12", "12"]
        assert relay.sent("calling.refer") == []


@pytest.mark.anyio
async def test_the_transfers_of_a_server_without_fixtures():
    async with LocalRelay(SimulatedPhones(pace=50)) as relay:
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

        @client.on_call
        async def handle(call):
            await call.answer()
            await (await call.refer("sip:support@example.com")).wait(10)

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await relay.until(lambda: bool(relay.calls[0].refers), 10)
            for call in (caller, relay.calls[0]):
                assert_referred(call, to="sip:support@EXAMPLE.com")
                with pytest.raises(AssertionError, match=r"to sip:sales@example\.com, but to sip:support@"):
                    assert_referred(call, to="sip:sales@example.com")
            [params] = relay.sent("calling.refer")
            assert params["device"]["params"]["to"] == "sip:support@example.com"


@pytest.mark.anyio
async def test_the_recording_of_a_conference_is_in_the_journal():
    async with LocalRelay(SimulatedPhones(pace=50)) as relay:
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])

        @client.on_call
        async def handle(call):
            await call.answer()
            await call.join_conference("team", record="record-from-start")

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await relay.until(lambda: any(call.mix for call in relay.exchange.calls), 10)
            caller.hang_up()
            await relay.until(lambda: relay.calls[0].recordings != (), 10)
        [recording] = relay.calls[0].recordings
        assert relay.exchange.recordings.get(recording.id).size == recording.size


@pytest.mark.anyio
async def test_a_server_without_a_journal_says_what_to_do():
    async with LocalRelay(journal=False) as relay:
        assert relay.http_url is None
        with pytest.raises(RuntimeError, match="journal=True"):
            relay.frames()
        with pytest.raises(RuntimeError, match="journal=True"):
            assert relay.calls
        with pytest.raises(RuntimeError, match="journal=True"):
            relay.sent("calling.refer")


@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.anyio
async def test_the_control_api_needs_asyncio(anyio_backend):
    with pytest.raises(RuntimeError, match="needs asyncio"):
        await LocalRelay(http="127.0.0.1:0").__aenter__()


def test_blocking_code_looks_at_calls_and_frames():
    with (
        SyncLocalRelay(pace=50) as relay,
        BlockingClient(project="p", token="t", host=relay.url, contexts=["a"]) as client,
    ):
        texts = []
        client.on_message(lambda message: texts.append(message.body))
        caller = relay.phones.dial("sip:alice@example.com", context="a", patience=0.0)
        assert caller.ended() == "cancel"
        caller.text("Later, please.", to="a")
        [call] = relay.calls
        assert (call.from_uri, call.end_reason, call.context) == ("sip:alice@example.com", "cancel", "a")
        summaries = [frame.summary for frame in relay.frames(call_id=call.id)]
        assert summaries[:2] == ["calls a", "call.receive created"]
        assert [params["contexts"] for params in relay.sent("signalwire.connect")] == [["a"]]
