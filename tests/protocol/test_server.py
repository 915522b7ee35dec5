"""The server's side of a connection."""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson
import pytest

from anyrelay.protocol import server as servers
from anyrelay.protocol.schema import Answer, Connect, ConnectCall
from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection
from anyrelay.protocol.transport.connection import Connection, ConnectionClosed, TextReceived


class Dialled:
    """A server, and a client that sends what a test asks for."""

    def __init__(self, **options: Any) -> None:
        ids = count(1)
        self.texts: list[tuple[str, str]] = []
        self.server = ServerConnection(
            new_id=lambda: f"s{next(ids)}", on_text=lambda way, text: self.texts.append((way, text)), **options
        )
        self.client = Connection.client("127.0.0.1", 80, tls=None)
        self.client.open()
        self.move()

    def move(self) -> None:
        while data := self.client.data_to_send():
            self.server.receive_data(data)
            self.client.receive_data(self.server.data_to_send())

    def say(self, **message: Any) -> None:
        self.client.send_text(orjson.dumps(message).decode())
        self.move()

    def heard(self) -> list[Any]:
        self.client.receive_data(self.server.data_to_send())
        return [
            orjson.loads(each.text) for each in iter(self.client.next_event, None) if isinstance(each, TextReceived)
        ]


def test_an_empty_ringback_is_no_ringback() -> None:
    pair = Dialled()
    params = {"node_id": "n", "call_id": "c", "devices": [[{"type": "sip", "params": {"to": "sip:bob@b"}}]]}
    for number, ringback in enumerate(([], [{"type": "ringtone", "params": {"name": "us"}}])):
        pair.say(id=f"{number}", method="calling.connect", params={**params, "ringback": ringback})
        received = pair.server.next_event()
        assert isinstance(received, CommandReceived)
        assert isinstance(received.command, ConnectCall)
        assert len(received.command.ringback or ()) == number


def test_a_command_is_checked_passed_on_and_answered() -> None:
    pair = Dialled()
    assert pair.server.is_open
    pair.say(id="1", method="calling.answer", params={"node_id": "n", "call_id": "c", "new": 1})
    answer = Answer(node_id="n", call_id="c", extra={"new": 1})
    assert pair.server.next_event() == CommandReceived(
        "1", "calling.answer", answer, {"node_id": "n", "call_id": "c", "new": 1}
    )
    assert pair.server.next_event() is None
    pair.server.reply("1", {"code": "200"})
    pair.server.refuse("2", 404, "no")
    assert pair.heard() == [
        {"jsonrpc": "2.0", "id": "1", "result": {"code": "200"}},
        {"jsonrpc": "2.0", "id": "2", "error": {"code": 404, "message": "no"}},
    ]
    assert [way for way, _ in pair.texts] == ["rx", "tx", "tx"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"node_id": "n"}, "calling.answer: call_id is missing"),
        ({"node_id": "n", "call_id": 5}, "calling.answer: call_id must be a string, not int"),
        ({"node_id": "n", "call_id": "c", "max_duration": -1}, "max_duration must be at least 0"),
    ],
)
def test_a_command_that_is_not_allowed_is_refused(params: dict[str, Any], words: str) -> None:
    pair = Dialled()
    pair.say(id="1", method="calling.answer", params=params)
    assert pair.server.next_event() is None
    [answer] = pair.heard()
    assert answer["error"]["code"] == -32602
    assert words in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "params", "name", "default"),
    [
        ("calling.end", {"node_id": "n", "call_id": "c"}, "reason", "hangup"),
        ("messaging.send", {"to_number": "+1", "from_number": "+2", "body": "x"}, "context", "default"),
        ("signalwire.connect", {"version": {}, "agent": "x", "authentication": {}}, "event_acks", False),
    ],
)
def test_a_parameter_that_other_clients_leave_out(method: str, params: dict[str, Any], name: str, default: Any) -> None:
    pair = Dialled()
    pair.say(id="1", method=method, params=params)
    event = pair.server.next_event()
    assert isinstance(event, CommandReceived)
    assert getattr(event.command, name) == default
    assert event.params == params


def test_a_method_that_is_not_known() -> None:
    strict, open_ = Dialled(), Dialled(knows_all=False)
    for pair in (strict, open_):
        pair.say(id="1", method="calling.new", params={"a": 1})
    assert strict.server.next_event() is None
    assert strict.heard()[0]["error"] == {"code": -32601, "message": "unknown method calling.new"}
    assert open_.server.next_event() == CommandReceived("1", "calling.new", None, {"a": 1})


def test_events_are_remembered_until_they_are_acknowledged() -> None:
    pair = Dialled()
    first, second = pair.server.send_event({"event_type": "a"}), pair.server.send_event({"event_type": "b"}, id_="own")
    assert (first, second) == ("s1", "own")
    assert [(each["id"], each["method"], each["params"]) for each in pair.heard()] == [
        ("s1", "signalwire.event", {"event_type": "a"}),
        ("own", "signalwire.event", {"event_type": "b"}),
    ]
    assert pair.server.unacknowledged == {"s1": {"event_type": "a"}, "own": {"event_type": "b"}}
    pair.say(id="own", result={})
    pair.say(id="never", result={})
    assert pair.server.unacknowledged == {"s1": {"event_type": "a"}}
    pair.say(id="s1", error={"code": 1})
    assert pair.server.unacknowledged == {}


def test_unacknowledged_events_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "UNACKNOWLEDGED_LIMIT", 2)
    pair = Dialled()
    for _ in range(3):
        pair.server.send_event({})
    assert list(pair.server.unacknowledged) == ["s2", "s3"]


def test_unacknowledged_events_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "UNACKNOWLEDGED_BYTES", 2_500)
    pair = Dialled()
    for _ in range(3):
        pair.server.send_event({"text": "x" * 1_000})
    assert list(pair.server.unacknowledged) == ["s2", "s3"]
    assert 2_000 < pair.server.unacknowledged_bytes <= 2_500
    pair.server.send_event({"text": "x"}, id_="s2")  # an event that is sent again counts once
    assert 1_000 < pair.server.unacknowledged_bytes < 2_000
    assert pair.server.is_unacknowledged("s2")
    for id_ in ("s2", "s3"):
        pair.say(id=id_, result={})
    assert not pair.server.is_unacknowledged("s2")
    assert pair.server.unacknowledged_bytes == 0
    pair.server.send_event({"text": "x" * 10_000})  # larger than the budget by itself
    assert pair.server.unacknowledged == {}


def test_a_message_that_is_too_large_ends_the_connection() -> None:
    pair = Dialled(max_message_size=100)
    pair.say(id="1", method="calling.new", params={"a": "x" * 100})
    event = pair.server.next_event()
    assert isinstance(event, Gone)
    assert "larger than 100 bytes" in str(event.error)


def test_an_upgrade_can_be_refused() -> None:
    pair = Dialled(check_upgrade=lambda headers: (421, f"not {dict(headers)['host']}"))
    event = pair.server.next_event()
    assert isinstance(event, Gone)
    assert str(event.error) == "no WebSocket upgrade, refused with HTTP 421: not 127.0.0.1"
    assert pair.server.wants_eof


def test_pings_in_both_directions() -> None:
    pair = Dialled()
    pair.server.ping()
    assert pair.heard() == [{"jsonrpc": "2.0", "id": "s1", "method": "signalwire.ping", "params": {}}]
    pair.say(id="s1", result={})
    pair.say(id="s1", result={})
    assert pair.server.pongs == 1
    pair.say(id="1", method="signalwire.ping", params={"timestamp": 1, "payload": "x", "more": 2})
    assert pair.heard() == [{"jsonrpc": "2.0", "id": "1", "result": {"timestamp": 1, "payload": "x"}}]


def test_signalwire_disconnect() -> None:
    pair = Dialled()
    pair.server.say_goodbye()
    pair.server.say_goodbye(restart=True)
    assert [(each["method"], each["params"]) for each in pair.heard()] == [
        ("signalwire.disconnect", {"restart": False}),
        ("signalwire.disconnect", {"restart": True}),
    ]


def test_broken_messages_and_notifications_are_ignored() -> None:
    pair = Dialled()
    pair.client.send_text("no JSON")
    pair.move()
    pair.say(method="calling.answer", params={})
    pair.server.receive_data(b"\x82\x80\x00\x00\x00\x00")  # an empty binary message, masked
    assert pair.server.broken_messages == 2
    assert pair.server.next_event() is None
    pair.say(id="1", method="signalwire.ping")
    assert pair.heard() == [{"jsonrpc": "2.0", "id": "1", "result": {}}]


def test_a_closed_server_sends_nothing_more() -> None:
    pair = Dialled()
    pair.server.close(1001, "bye")
    pair.server.send_event({})
    pair.client.send_text('{"id":"1","method":"signalwire.ping"}')
    pair.server.receive_data(pair.client.data_to_send())
    assert [each[0] for each in pair.texts] == ["rx"]
    pair.client.receive_data(pair.server.data_to_send())
    closed = [each for each in iter(pair.client.next_event, None) if isinstance(each, ConnectionClosed)]
    assert [(each.code, each.reason) for each in closed] == [(1001, "bye")]
    pair.move()
    assert pair.server.next_event() == Gone(None)
    assert not pair.server.is_open
    pair.server.data_to_send()
    assert pair.server.wants_eof


def test_a_client_that_drops_the_connection() -> None:
    pair = Dialled()
    pair.server.receive_eof()
    gone = pair.server.next_event()
    assert isinstance(gone, Gone)
    assert isinstance(gone.error, ConnectionError)
    assert pair.server.next_event() is None


def test_secrets_of_a_sign_in_are_not_shown() -> None:
    pair = Dialled()
    params = {"version": {}, "agent": "a", "event_acks": True, "authentication": {"project": "p", "token": "s3cret"}}
    pair.say(id="1", method="signalwire.connect", params={**params, "authorization_state": "s3cret"})
    received = pair.server.next_event()
    assert isinstance(received, CommandReceived)
    assert isinstance(received.command, Connect)
    assert received.command.authentication["token"] == "s3cret"
    assert "s3cret" not in repr(received)


@pytest.mark.parametrize("broken", ['"x":NaN}}', "[" * 200 + "]" * 200 + "}", '"x":"unended'])
def test_a_command_that_cannot_be_read_is_refused_at_once(broken: str) -> None:
    pair = Dialled()
    pair.client.send_text('{"jsonrpc":"2.0","id":"1","method":"calling.answer","params":{' + broken)
    pair.move()
    [answer] = pair.heard()
    assert (answer["id"], answer["error"]["code"]) == ("1", -32600)
    assert pair.server.broken_messages == 1
    assert pair.server.next_event() is None


def test_an_unreadable_acknowledgement_counts() -> None:
    pair = Dialled()
    id_ = pair.server.send_event({"event_type": "x"})
    pair.client.send_text('{"id":"' + id_ + '","result":NaN}')
    pair.move()
    assert pair.server.unacknowledged == {}
    assert pair.server.broken_messages == 1


def test_a_command_with_half_of_a_surrogate_pair_is_handed_up_and_echoed() -> None:
    pair = Dialled()
    pair.client.send_text(r'{"id":"1","method":"signalwire.ping","params":{"timestamp":1e400,"payload":"\ud83d"}}')
    pair.client.send_text(
        r'{"id":"2","method":"calling.user_event","params":{"node_id":"n","call_id":"c","event":"\ud83d"}}'
    )
    pair.client.send_text(r'{"id":"\ud83d","method":"calling.no","params":{"x":"\ud83d"}}')
    pair.move()
    received = pair.server.next_event()
    assert isinstance(received, CommandReceived)
    assert received.params["event"] == "\ud83d"
    assert repr(received)
    pair.server.send_event({"event_type": "x", "params": {"a": "\ud83d"}})
    pair.client.receive_data(pair.server.data_to_send())
    texts = [each.text for each in iter(pair.client.next_event, None) if isinstance(each, TextReceived)]
    assert texts == [
        r'{"jsonrpc":"2.0","id":"1","result":{"payload":"\ud83d"}}',
        r'{"jsonrpc":"2.0","id":"\ud83d","error":{"code":-32601,"message":"unknown method calling.no"}}',
        r'{"jsonrpc":"2.0","id":"s1","method":"signalwire.event","params":{"event_type":"x","params":{"a":"\ud83d"}}}',
    ]


@pytest.mark.parametrize(
    ("params", "fine"),
    [
        ({"a": [1, 2, 3], "b": {"c": 4}}, True),  # six values: the list and its three, the object and its one
        ({"a": [1, 2, 3], "b": {"c": 4}, "d": 5}, False),
        ({"a": [[[[[[]]]]]]}, True),
        ({"a": [[[[[[[]]]]]]]}, False),
        ({"a": [[], [], [], [], []]}, True),
        ({}, True),
        ({str(number): number for number in range(7)}, False),
    ],
)
def test_a_command_of_too_many_values_is_refused(params: dict[str, Any], fine: bool) -> None:
    pair = Dialled(max_values=6, knows_all=False)
    pair.say(id="1", method="test.command", params=params)
    if fine:
        assert pair.server.next_event() == CommandReceived("1", "test.command", None, params)
    else:
        assert pair.server.next_event() is None
        assert pair.heard()[0]["error"] == {"code": -32602, "message": "test.command: more than 6 values"}
