"""No message costs more than it should: lists, texts, contexts, events and sessions within their budgets."""

import time
import tracemalloc

import orjson
import pytest

from anyrelay.local.exchange import dial, exchange, pending_events, play, sessions
from anyrelay.local.exchange.pending_events import PendingEvents
from anyrelay.protocol.rpc.jsonrpc import Failure
from anyrelay.protocol.transport.connection import Connection
from tests.support.exchange_bench import Bench, RawClient


@pytest.fixture
def bench():
    return Bench()


RINGTONE = {"type": "ringtone", "params": {"name": "us"}}


def test_a_play_of_ten_thousand_ringtones_is_refused_at_once(bench):
    _, client, call_id = bench.call()
    began = time.process_time()
    code, words = client.command(call_id, "play", control_id="p", play=[RINGTONE] * 10_000)
    assert time.process_time() - began < 2  # it stopped the server for 9.5 s, and took 0.9 GB
    assert (code, words) == (-32602, "calling.play: more than 10000 values")
    assert client.command(call_id, "play", control_id="p", play=[RINGTONE] * 101)[0] == 400
    assert client.command(call_id, "play", control_id="p", play=[RINGTONE] * 100)[0] == 200


def test_long_texts_are_refused(bench):
    _, client, call_id = bench.call()
    text = {"type": "tts", "params": {"text": "x" * 10_001}}
    assert client.command(call_id, "play", control_id="p", play=[text, text])[0] == 400
    assert client.command(call_id, "play", control_id="p", play=[text])[0] == 200


def test_playbacks_that_wait_are_limited(monkeypatch):
    monkeypatch.setattr(play, "PLAYBACKS_LIMIT", 2)
    bench = Bench()
    _, client, call_id = bench.call()
    codes = [client.command(call_id, "play", control_id=f"p{n}", play=[RINGTONE])[0] for n in range(3)]
    assert codes == [200, 200, 429]
    client.command(call_id, "play.stop", control_id="p0")
    bench.advance(0.1)
    assert client.command(call_id, "play", control_id="p3", play=[RINGTONE])[0] == 200


def test_dials_and_their_devices_are_limited(bench, monkeypatch):
    device = {"type": "sip", "params": {"from": "sip:a@example.com", "to": "sip:bob@example.com"}}
    bench.phones.add("sip:bob@example.com", "silent")
    client, other = bench.client(), bench.client()
    assert client.request("calling.dial", tag="t", devices=[[device] * 60, [device] * 41]).result["code"] == "400"
    monkeypatch.setattr(dial, "DIALS_LIMIT", 2)
    codes = [client.request("calling.dial", tag=f"t{n}", devices=[[device]]).result["code"] for n in range(3)]
    assert codes == ["200", "200", "429"]
    assert other.request("calling.dial", tag="t", devices=[[device]]).result["code"] == "200"


def test_contexts_are_limited_in_number_and_in_length(bench):
    client = RawClient(bench)
    answer = client.sign_in([str(n) for n in range(1_001)])
    assert isinstance(answer, Failure)
    assert "at most 1000 contexts" in answer.message
    assert client.sign_in([f"{n:0256}" for n in range(257)]).code == -32602
    assert client.sign_in([str(n) for n in range(1_000)]).result["protocol"]
    assert client.request("signalwire.receive", contexts=["one more"]).result["code"] == "400"
    assert client.request("signalwire.receive", contexts=["7"]).result["code"] == "200"
    assert client.request("signalwire.unreceive", contexts=["7"]).result["code"] == "200"
    assert client.request("signalwire.receive", contexts=["one more"]).result["code"] == "200"


@pytest.mark.parametrize(
    "params",
    [
        {"contexts": ["a"] * 10_001},
        {"contexts": [["a"] * 5_001] * 2},
        {"deep": [[[1] * 100] * 100] * 2},
        {f"k{n}": n for n in range(10_001)},
    ],
)
def test_a_command_of_too_many_values_is_not_looked_into(bench, params):
    answer = bench.client().request("signalwire.receive", **params)
    assert (answer.code, "more than 10000 values" in answer.message) == (-32602, True)


def test_a_message_over_a_megabyte_ends_its_connection(bench):
    client = bench.client()
    client.request("signalwire.ping", payload="x" * 1_100_000)
    assert client.closed.code == 1009


def test_the_dearest_message_there_is_costs_little(bench):
    """A megabyte of whatever takes longest: below the limit of values, and over it."""
    client = bench.client()
    for params in (
        {"contexts": [f"{n}" for n in range(9_000)]},
        {"contexts": [[]] * 9_999},
        {"contexts": [[]] * 300_000},
        {"x": "\\u0041" * 100_000},
        {"x": {f"{n}": n for n in range(60_000)}},
    ):
        began = time.process_time()
        client.request("signalwire.receive", **params)
        assert time.process_time() - began < 3  # measuring coverage doubles it


# --- clients that are away


def test_sixty_five_broken_sign_ins_cost_little(bench):
    """Each with as many contexts as a message can carry; it was 350 MiB for 300 s."""
    tracemalloc.start()
    try:
        for number in range(65):
            client = RawClient(bench)
            if number < 5:
                client.sign_in([f"{number:03}{n:0253}" for n in range(3_900)])  # a megabyte: refused
            client.sign_in([f"{number:03}{n:0253}" for n in range(255)])
            client.lose_connection()
            bench.clients.clear()
            del client
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 16 * 2**20


def test_absent_sessions_are_limited_in_number(bench, monkeypatch, caplog):
    monkeypatch.setattr(sessions, "ABSENT_SESSIONS", 3)
    caller, busy, _ = bench.call()
    busy.lose_connection()
    idle = [bench.client(["other"]) for _ in range(4)]
    for client in idle:
        bench.advance(1)
        client.lose_connection()
    assert (
        caller.state == "answered"
    )  # those without calls go first, the one that is away for longest before the others
    assert [client.resume().result["session_restored"] for client in idle] == [False, False, True, True]
    assert busy.resume().result["session_restored"] is True
    assert caplog.text.count("was given up: too many are kept") == 2


def test_absent_sessions_are_limited_in_bytes(bench, monkeypatch):
    monkeypatch.setattr(sessions, "ABSENT_BYTES", 20_000)
    clients = [bench.client([f"{n}{'x' * 200}" for n in range(40)]) for _ in range(4)]
    for client in clients:
        client.lose_connection()
    assert len(list(bench.exchange.sessions)) == 2


def test_events_for_absent_clients_are_limited_in_bytes_too(bench, monkeypatch):
    monkeypatch.setattr(sessions, "ABSENT_BYTES", 100_000)
    monkeypatch.setattr(exchange, "PENDING_WORTH_A_LOOK", 10_000)
    caller, client, _ = bench.call()
    client.lose_connection()
    for _ in range(300):
        bench.dial("sip:" + "a" * 500 + "@example.com", context="default")
    assert sum(session.size for session in bench.exchange.sessions) <= 100_000
    assert caller.state == "ended"


def test_pending_events_are_limited(monkeypatch):
    monkeypatch.setattr(pending_events, "PENDING_LIMIT", 3)
    pending = PendingEvents()
    for number in range(5):
        pending.add(str(number), {"params": {"call_id": f"c{number}"}})
    assert (len(pending), "1" in pending, "2" in pending) == (3, False, True)
    monkeypatch.setattr(pending_events, "PENDING_BYTES", 1_000)
    pending.add("large", {"params": {"x": "x" * 975}})
    assert (len(pending), pending.size) == (1, len(orjson.dumps({"params": {"x": "x" * 975}})))
    pending.add("too large", {"params": {"x": "x" * 2_000}})
    assert (len(pending), pending.size) == (0, 0)


def test_pending_events_keep_their_order():
    pending = PendingEvents()
    pending.add("b", {"params": {"call_id": "1"}})
    pending.add("c", {"params": {"call_id": "2"}})
    pending.put_before({"a": {"params": {}}, "b": {"params": {"call_id": "1"}}})
    pending.forget_call("2")
    pending.forget("nothing")
    assert [id_ for id_, _ in pending.take_all()] == ["a", "b"]
    assert pending.size == 0


def test_the_turns_of_contexts_are_forgotten_with_their_sessions(bench):
    client = bench.client([f"c{n}" for n in range(100)])
    for number in range(100):
        bench.dial(context=f"c{number}").hang_up()
    client.lose_connection()
    bench.advance(301)
    assert not bench.exchange.sessions._turns


def test_an_event_flood_that_nobody_acknowledges_is_bounded(bench):
    """A raw connection that signs in and then says nothing any more, while calls come and go."""
    client = RawClient(bench, acknowledges=False)
    client.sign_in()
    for _ in range(400):
        bench.dial("sip:" + "a" * 1_000 + "@example.com").hang_up()
        bench.settle()
    assert client.server_side.endpoint.unacknowledged_bytes <= 4 * 2**20
    assert isinstance(client.connection, Connection)


def test_a_thousand_absent_sessions_make_no_lost_connection_dear(bench):
    contexts = [f"{n:064}" for n in range(1_000)]
    for _ in range(1_000):
        client = RawClient(bench)
        client.sign_in(contexts[: 1 if _ < 900 else 1_000])
        bench.clients.clear()
        client.server_side.receive_eof(bench.now)
    began = time.process_time()
    for _ in range(20):
        client = RawClient(bench)
        client.sign_in(["one"])
        bench.clients.clear()
        client.server_side.receive_eof(bench.now)
    assert time.process_time() - began < 2
    assert len(list(bench.exchange.sessions)) <= 1_000
