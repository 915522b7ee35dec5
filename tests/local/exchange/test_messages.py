"""Text messages by the local server: states, delivery to a client or a phone, scripts."""

import pytest

from anyrelay.local.exchange import messages
from anyrelay.local.exchange.messages import segments_of
from anyrelay.local.exchange.ports import TextMessage
from anyrelay.local.simulated import phones
from tests.support.exchange_bench import Bench

ANNA, BERT = "+15550000001", "+15550000002"


@pytest.fixture
def bench():
    return Bench(numbers={BERT: "support"})


@pytest.fixture
def client(bench):
    return bench.client(["sales"])


def send(client, to=BERT, **more):
    """Send a message and return the result."""
    params = {"context": "sales", "from_number": ANNA, "to_number": to, "body": "Hello"} | more
    return client.request("messaging.send", **params).result


def states(client, message_id):
    events = [event["params"] for event in client.events("messaging.state")]
    return [event["message_state"] for event in events if event["message_id"] == message_id]


def test_a_message_between_two_clients(bench, client):
    receiver = bench.client(["support"])
    sent = send(client, media=["https://example.com/a.png"], tags=["x"])
    assert (sent["code"], sent["message"]) == ("200", "Message accepted")
    assert states(client, sent["message_id"]) == ["queued"]
    bench.advance(1.0)
    assert states(client, sent["message_id"]) == ["queued", "initiated", "sent", "delivered"]
    common = {
        "from_number": ANNA,
        "to_number": BERT,
        "body": "Hello",
        "media": ["https://example.com/a.png"],
        "segments": 1,
        "tags": ["x"],
    }
    told = client.events("messaging.state")[-1]["params"]
    assert told == {
        **common,
        "message_id": sent["message_id"],
        "context": "sales",
        "direction": "outbound",
        "message_state": "delivered",
    }
    [received] = [event["params"] for event in receiver.events("messaging.receive")]
    assert received.pop("message_id") != sent["message_id"]
    assert received == {**common, "context": "support", "direction": "inbound", "message_state": "received"}


def test_a_number_without_a_context_is_one_itself(bench, client):
    receiver = bench.client(["+15550000009"])
    send(client, to="+15550000009")
    bench.advance(1.0)
    assert receiver.events("messaging.receive")[0]["params"]["context"] == "+15550000009"


def test_two_clients_of_a_context_take_turns(bench, client):
    receivers = [bench.client(["support"]) for _ in range(2)]
    for _ in range(4):
        send(client)
    bench.advance(1.0)
    assert [len(receiver.events("messaging.receive")) for receiver in receivers] == [2, 2]


def test_a_message_to_a_number_that_nobody_has_is_not_delivered(bench, client):
    message_id = send(client)["message_id"]
    bench.advance(1.0)
    assert states(client, message_id) == ["queued", "initiated", "sent", "undelivered"]
    assert client.events("messaging.state")[-1]["params"]["reason"] == "no client and no phone has this number"


def test_a_message_to_a_simulated_phone(bench, client):
    bench.phones.add(f"tel:{BERT}")
    message_id = send(client, media=["https://example.com/a.png"])["message_id"]
    bench.advance(1.0)
    assert states(client, message_id)[-1] == "delivered"
    media = ("https://example.com/a.png",)
    assert bench.phones.texts == [TextMessage(from_number=ANNA, to_number=BERT, body="Hello", media=media)]


def test_the_phones_keep_the_last_messages(bench, client, monkeypatch):
    monkeypatch.setattr(phones, "TEXTS_KEPT", 2)
    bench.phones.add(f"tel:{BERT}")
    for body in ("one", "two", "three"):
        send(client, body=body)
    bench.advance(1.0)
    assert [text.body for text in bench.phones.texts] == ["two", "three"]


def test_a_script_fails_a_message(bench, client):
    receiver = bench.client(["support"])
    events = [{"params": {"message_state": "queued"}}]
    events += [{"params": {"message_state": "failed", "reason": "blocked"}, "after": 3.0}]
    bench.exchange.scripts.set("messaging.send", events=events)
    message_id = send(client)["message_id"]
    bench.advance(2.9)
    assert states(client, message_id) == ["queued"]
    bench.advance(0.2)
    assert client.events("messaging.state")[-1]["params"]["reason"] == "blocked"
    assert receiver.events("messaging.receive") == []


def test_a_script_refuses_a_message(bench, client):
    bench.exchange.scripts.set("messaging.send", code=402, message="No credit")
    assert send(client) == {"code": "402", "message": "No credit"}


def test_a_client_has_a_limit_of_messages_under_way(bench, client, monkeypatch):
    monkeypatch.setattr(messages, "UNDER_WAY_LIMIT", 2)
    assert [send(client)["code"] for _ in range(3)] == ["200", "200", "429"]
    assert send(bench.client(["other"]))["code"] == "200"
    bench.advance(1.0)
    assert send(client)["code"] == "200"


def test_a_client_that_was_away_gets_the_states_later(bench, client):
    message_id = send(client)["message_id"]
    client.lose_connection()
    bench.advance(1.0)
    client.resume(["sales"])
    assert states(client, message_id) == ["queued", "initiated", "sent", "undelivered"]


def test_the_text_is_not_shown_by_a_message():
    assert "secret" not in repr(TextMessage(from_number=ANNA, to_number=BERT, body="secret"))


@pytest.mark.parametrize(
    ("body", "segments"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 70, 1),
        ("é" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("\ud800", 1),
    ],
)
def test_segments(body, segments):
    assert segments_of(body) == segments
