"""The link: one connection after another, with sign-in, pings and reconnection."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import AuthenticationError, ClientClosed, ConnectFailed, ConnectionLost, RelayError
from anyrelay.protocol.rpc.jsonrpc import encode_request
from anyrelay.protocol.session.link_messages import BROKEN_LOGGED
from anyrelay.protocol.session.outputs import CloseTransport, LogEntry, RunHandler
from anyrelay.protocol.session.reconnect import ReconnectPolicy
from anyrelay.protocol.session.session import ClientState
from anyrelay.protocol.session.supervisor import TRANSITIONS, LinkInput, LinkState
from anyrelay.protocol.transport.proxy import ProxyAddress
from tests.support.joined import TOKEN, FetchToken, Joined, OpenTransport, joined_call

# --- signing in ----------------------------------------------------------------------------------------------------------


def test_signing_in() -> None:
    pair = Joined()
    assert pair.session.state is ClientState.IDLE
    assert pair.session.next_deadline() is None
    connected = pair.session.connect(0.0)
    assert pair.session.state is ClientState.CONNECTING
    pair.take_outputs()
    assert pair.outputs == [OpenTransport("127.0.0.1", 8080)]
    assert pair.session.next_deadline() == 10.0
    pair.now = 0.25
    pair.open()
    assert connected.done
    assert connected.result() is None
    assert pair.session.state is ClientState.READY
    assert pair.session.relay_protocol == "protocol-1"
    assert pair.session.next_deadline() == 30.25  # the first ping
    assert pair.sent("signalwire.connect") == [
        {
            "version": {"major": 2, "minor": 0, "revision": 0},
            "agent": "anyrelay",
            "event_acks": True,
            "authentication": {"project": "project", "token": TOKEN},
            "contexts": ["default"],
        }
    ]
    assert pair.session.statistics.connections == 1


def test_a_sign_in_without_contexts() -> None:
    pair = Joined(contexts=[])
    pair.connect()
    assert "contexts" not in pair.sent("signalwire.connect")[0]


def test_connecting_when_connected_is_done_at_once() -> None:
    pair = Joined()
    pair.connect()
    assert pair.session.connect(0.0).done
    assert pair.transports == 1


def test_the_transport_is_opened_to_the_proxy() -> None:
    pair = Joined(proxy=ProxyAddress("proxy.example", 3128, None))
    pair.session.connect(0.0)
    assert pair.session.outputs.popleft() == OpenTransport("proxy.example", 3128)


def test_a_connection_that_cannot_be_had_names_the_proxy_on_its_way() -> None:
    pair = Joined(proxy=ProxyAddress("proxy.example", 3128, None))
    connected = pair.session.connect(0.0)
    pair.drop(ConnectionRefusedError("nobody listens"))
    pair.at(10.0)
    assert str(connected.error).endswith(
        "no connection to 127.0.0.1:8080 through the proxy proxy.example:3128: nobody listens"
    )


@pytest.mark.parametrize("code", [401, 403, -32000, -32001, -32002])
def test_three_refused_sign_ins_are_final(code: int) -> None:
    pair = Joined()
    pair.sign_in = (code, "go away")
    connected, served = pair.connect(), pair.session.serve(0.0)
    command = pair.session.execute(0.0, "calling.dial")
    assert pair.session.next_deadline() == 1.0
    assert not connected.done
    pair.retry()
    assert (pair.now, pair.session.next_deadline()) == (1.0, 3.0)
    pair.retry()
    assert (pair.now, pair.session.next_deadline()) == (3.0, None)
    assert pair.session.state is ClientState.CLOSED
    for promise in (connected, served, command):
        with pytest.raises(AuthenticationError, match=f"^RELAY error {code}: go away$"):
            promise.result()


@pytest.mark.parametrize(("settings", "secret"), [({}, TOKEN), ({"jwt_token": "JWT-secret"}, "JWT-secret")])
def test_a_server_that_repeats_the_credentials_does_not_get_them_into_the_error(
    settings: dict[str, Any], secret: str
) -> None:
    pair = Joined(**settings)
    pair.sign_in = (401, f"{secret} is no token of p")
    connected = pair.connect()
    assert "not connected: RELAY error 401: *** is no token of p; next try in 1.0 s" in pair.notes()
    pair.retry()
    pair.retry()
    with pytest.raises(AuthenticationError, match=r"^RELAY error 401: \*\*\* is no token of p$"):
        connected.result()


def test_refusals_that_a_redeployment_can_cause_are_not_final() -> None:
    pair = Joined(connect_timeout=100.0)
    pair.sign_in = (503, "starting")
    connected = pair.connect()
    for _ in range(4):
        pair.retry()
    pair.sign_in = (401, "who?")
    for _ in range(2):
        pair.retry()
    assert not connected.done
    pair.sign_in = {"protocol": "p"}
    pair.retry()
    assert connected.result() is None


def test_bad_credentials_are_final_only_three_times_in_a_row() -> None:
    pair = Joined(connect_timeout=100.0)
    connected = pair.session.connect(0.0)
    for code in (401, 401, 503, 401, 401):
        pair.sign_in = (code, "no")
        pair.retry()
    assert not connected.done
    pair.sign_in = (401, "no")
    pair.retry()
    assert isinstance(connected.error, AuthenticationError)


def test_after_a_success_refusals_cost_the_session_but_are_never_final() -> None:
    pair, call = joined_call()
    pair.drop()
    queued, other = call.answer(0.0), pair.session.execute(0.0, "messaging.send", {})
    pair.sign_in = (401, "expired")
    pair.retry()
    pair.retry()
    assert pair.sent("signalwire.connect")[-1]["protocol"] == "protocol-1"
    assert pair.session.calls == {"call-1": call}
    pair.retry()
    assert pair.session.calls == {}
    assert isinstance(queued.error, ConnectionLost)
    assert not other.done
    for _ in range(3):
        pair.retry()
    assert "protocol" not in pair.sent("signalwire.connect")[-1]
    assert pair.session.state is ClientState.WAITING
    assert pair.session.statistics.sessions_lost == 1
    assert [note.level for note in pair.asked(LogEntry) if "not connected" in note.text][-1] == LogEntry.ERROR


# --- the first connection ------------------------------------------------------------------------------------------------


def test_no_first_connection_within_connect_timeout() -> None:
    pair = Joined()
    connected = pair.session.connect(0.0)
    refused = ConnectionRefusedError("nobody listens")
    pair.drop(refused)
    assert pair.session.state is ClientState.WAITING
    pair.at(1.0)
    pair.drop(refused)
    pair.at(3.0)
    pair.drop(refused)
    assert pair.session.next_deadline() == 7.0
    pair.at(7.0)
    pair.at(10.0)
    with pytest.raises(ConnectFailed, match=r"no connection to 127\.0\.0\.1:8080: nobody listens") as caught:
        connected.result()
    assert caught.value.__cause__ is refused
    assert pair.session.state is ClientState.CLOSED
    assert pair.session.next_deadline() is None
    assert pair.asked(CloseTransport)


def _nothing(_: Joined) -> None:
    pass


def _open_only(pair: Joined) -> None:
    pair.session.transport_opened(0.0)


def _open(pair: Joined) -> None:
    pair.sign_in = None
    pair.open()


@pytest.mark.parametrize(
    ("get_there", "stage"), [(_nothing, "connect"), (_open_only, "shake hands"), (_open, "sign in")]
)
def test_the_cause_of_a_timeout_names_the_stage(get_there: Any, stage: str) -> None:
    pair = Joined(connect_timeout=2.5)
    connected = pair.session.connect(0.0)
    get_there(pair)
    assert pair.session.next_deadline() == 2.5
    pair.at(2.5)
    assert isinstance(connected.error, ConnectFailed)
    assert str(connected.error.__cause__) == f"could not {stage} within 2.5 s"


def test_a_refused_sign_in_shortly_before_the_deadline_is_the_error() -> None:
    pair = Joined(connect_timeout=0.5)
    pair.sign_in = (401, "no")
    connected = pair.connect()
    pair.at(0.5)
    assert isinstance(connected.error, AuthenticationError)


def test_a_deadline_before_anything_went_wrong_has_no_cause() -> None:
    pair = Joined()
    pair.session.serve(0.0)
    pair.at(3.0)
    pair.drop()
    pair.at(4.0)  # a second attempt, which lasts to 14.0
    pair.session._link._last_error = None
    connected = pair.session.connect(3.5)
    pair.at(13.5)
    assert str(connected.error).endswith("no connection to 127.0.0.1:8080")


def test_serving_retries_without_limit() -> None:
    pair = Joined()
    served = pair.session.serve(0.0)
    connected = pair.session.connect(0.0)
    for _ in range(9):
        pair.drop()
        pair.at(pair.session.next_deadline() or 0.0)
    assert isinstance(connected.error, ConnectFailed)
    assert not served.done
    pair.retry()
    assert pair.session.state is ClientState.READY


def test_an_untrusted_certificate_fails_at_once() -> None:
    pair = Joined()
    connected, served = pair.session.connect(0.0), pair.session.serve(0.0)
    distrust = ssl.SSLCertVerificationError("self-signed")
    pair.drop(distrust)
    for promise in (connected, served):
        with pytest.raises(ConnectFailed) as caught:
            promise.result()
        assert caught.value.__cause__ is distrust
    assert pair.session.next_deadline() is None


def test_an_untrusted_certificate_is_retried_after_a_success() -> None:
    pair = Joined()
    pair.connect()
    pair.drop()
    pair.at(1.0)
    pair.drop(ssl.SSLCertVerificationError("expired"))
    assert pair.session.state is ClientState.WAITING


def test_abandoning_the_first_connection_stops_it() -> None:
    pair = Joined()
    first, second = pair.session.connect(0.0), pair.session.connect(0.0)
    first.abandon()
    assert pair.session.state is ClientState.CONNECTING
    second.abandon()
    assert pair.session.state is ClientState.CLOSED
    assert pair.session.next_deadline() is None
    pair.take_outputs()
    assert pair.asked(CloseTransport) == [CloseTransport()]


def test_abandoning_a_wait_for_a_reconnection_does_not_stop_it() -> None:
    pair = Joined()
    pair.connect()
    pair.drop()
    pair.session.connect(0.0).abandon()
    late = pair.session.connect(0.0)
    assert pair.session.state is ClientState.WAITING
    for _ in range(6):
        pair.at(pair.session.next_deadline() or 0.0)
    assert isinstance(late.error, ConnectFailed)
    pair.retry()
    assert pair.session.state is ClientState.READY


def test_abandoning_serve_keeps_the_connection() -> None:
    pair = Joined()
    pair.session.serve(0.0).abandon()
    pair.open()
    assert pair.session.state is ClientState.READY


# --- JWT -----------------------------------------------------------------------------------------------------------------


def test_a_jwt_takes_the_place_of_project_and_token() -> None:
    pair = Joined(jwt_token="jwt-1")
    pair.connect()
    assert pair.sent("signalwire.connect")[0]["authentication"] == {"jwt_token": "jwt-1"}


def test_a_function_gives_a_jwt_for_each_sign_in() -> None:
    def source() -> str:
        return "never called in here"

    pair = Joined(jwt_token=source)
    connected = pair.connect()
    assert pair.asked(FetchToken) == [FetchToken(source)]
    assert pair.sent("signalwire.connect") == []
    pair.session.token_fetched("jwt-1", 0.0)
    pair.session.token_fetched("jwt-2", 0.0)  # from an earlier attempt, for example
    pair.session.token_failed(ValueError("too late"), 0.0)
    pair.settle()
    assert connected.done
    pair.session.reauthenticate(0.0, "jwt-live")
    pair.reconnect()
    assert pair.asked(FetchToken) == [FetchToken(source)]
    pair.session.token_fetched("jwt-3", 1.0)
    assert [each["authentication"] for each in pair.sent("signalwire.connect")] == [
        {"jwt_token": "jwt-1"},
        {"jwt_token": "jwt-3"},
    ]


@pytest.mark.parametrize("token", ["", 5, None, "two\nlines", "\ud800"])
def test_an_invalid_jwt_ends_the_attempt(token: Any) -> None:
    pair = Joined(jwt_token=lambda: "")
    connected = pair.connect()
    pair.session.token_fetched(token, 0.0)
    assert pair.session.state is ClientState.WAITING
    pair.at(10.0)
    assert isinstance(connected.error, ConnectFailed)
    assert "jwt_token" in str(connected.error.__cause__)


def test_a_jwt_that_could_not_be_had_is_the_cause() -> None:
    pair = Joined(jwt_token=lambda: "", connect_timeout=0.5)
    connected = pair.connect()
    failure = OSError("no token server")
    pair.session.token_failed(failure, 0.0)
    pair.at(0.5)
    assert isinstance(connected.error, ConnectFailed)
    assert connected.error.__cause__ is failure


def test_a_renewed_jwt_is_used_for_the_next_sign_in() -> None:
    pair = Joined(jwt_token="jwt-1")
    pair.connect()
    renewed = pair.session.reauthenticate(0.0, "jwt-2")
    assert pair.sent("signalwire.reauthenticate") == [{"authentication": {"jwt_token": "jwt-2"}}]
    assert renewed.done
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["authentication"] == {"jwt_token": "jwt-2"}


# --- back-off ------------------------------------------------------------------------------------------------------------


def test_the_back_off_doubles_up_to_its_maximum() -> None:
    pair = Joined(connect_timeout=1000.0)
    pair.session.serve(0.0)
    waits = []
    for _ in range(8):
        pair.drop()
        deadline = pair.session.next_deadline()
        assert deadline is not None
        waits.append(deadline - pair.now)
        pair.at(deadline)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(("draw", "deadline"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_jitter_draws_the_wait(draw: float, deadline: float) -> None:
    pair = Joined(draw=draw, reconnect=ReconnectPolicy())
    pair.session.serve(0.0)
    pair.drop()
    assert pair.session.next_deadline() == deadline


@pytest.mark.parametrize(("lasted", "wait"), [(4.9, 2.0), (5.0, 1.0)])
def test_a_lasting_connection_resets_the_back_off(lasted: float, wait: float) -> None:
    pair = Joined()
    pair.session.serve(0.0)
    pair.drop()
    pair.retry()
    pair.at(1.0 + lasted)
    pair.drop()
    assert pair.session.next_deadline() == pytest.approx(1.0 + lasted + wait)
    assert pair.session.statistics.connections_lost == 1


def waits_with_a_drop_every(seconds: float, work: Callable[[Joined], object]) -> list[float]:
    """Return the waits of a client whose connections break after some time and some traffic."""
    pair = Joined()
    pair.session.serve(0.0)
    waits = []
    for _ in range(6):
        pair.retry()
        pair.at(pair.now + seconds)
        work(pair)
        pair.drop()
        deadline = pair.session.next_deadline()
        assert deadline is not None
        waits.append(deadline - pair.now)
    return waits


def an_event(pair: Joined) -> None:
    pair.event("calling.call.state", {"call_id": "nobody's"})


def a_command(pair: Joined) -> None:
    pair.session.execute(pair.now, "test.echo")
    pair.settle()


@pytest.mark.parametrize("work", [an_event, a_command])
def test_connections_that_break_soon_but_carry_traffic_last_together(work: Callable[[Joined], object]) -> None:
    assert waits_with_a_drop_every(4.0, work) == [1.0, 1.0, 2.0, 1.0, 2.0, 1.0]


def test_connections_that_break_soon_and_carry_nothing_never_last() -> None:
    assert waits_with_a_drop_every(4.0, lambda pair: None) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]


@pytest.mark.parametrize(("asked", "wait"), [("0", 1.0), ("7", 7.0), ("100000", 300.0)])
def test_retry_after_is_obeyed_within_reason(asked: str, wait: float) -> None:
    pair = Joined()
    pair.session.serve(0.0)
    pair.session.transport_opened(0.0)
    answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n"
    pair.session.receive_data(answer.encode(), 0.0)
    assert pair.session.state is ClientState.WAITING
    assert pair.session.next_deadline() == wait


# --- keep-alive ----------------------------------------------------------------------------------------------------------


def test_pings_are_sent_at_an_interval() -> None:
    pair = Joined(ping_interval=20.0)
    pair.connect()
    pair.at(20.0)  # the pong comes at once
    assert pair.session.next_deadline() == 40.0
    assert pair.session.state is ClientState.READY


def test_no_pong_drops_the_connection() -> None:
    pair = Joined(ping_interval=20.0, ping_timeout=5.0)
    pair.connect()
    pair.server = None  # the network drops everything
    pair.at(20.0)
    assert pair.session.next_deadline() == 25.0
    pair.at(25.0)
    assert pair.session.state is ClientState.WAITING
    assert "did not answer a ping within 5 s; next try in 1.0 s" in pair.notes()[-1]


def test_data_that_comes_in_is_no_pong() -> None:
    pair = Joined(ping_timeout=5.0)
    pair.connect()
    server = pair.server
    assert server is not None
    pair.server = None
    pair.at(30.0)
    server.ping()
    pair.session.receive_data(server.data_to_send(), 31.0)
    assert pair.session.next_deadline() == 35.0


def test_a_slow_reply_affects_no_other_command() -> None:
    pair = Joined(request_timeout=3.0)
    pair.connect()
    pair.silent.add("messaging.send")
    slow = pair.session.execute(0.0, "messaging.send")
    pair.at(3.0)
    assert isinstance(slow.error, TimeoutError)
    assert pair.session.state is ClientState.READY
    assert pair.session.execute(3.0, "messaging.send") is not None
    assert pair.transports == 1


def test_a_deadline_that_passes_while_a_ping_has_no_answer_sends_no_second_ping() -> None:
    pair = Joined()
    pair.connect()
    keep_alive, over = pair.session._link.keep_alive, []
    for seconds in (3.0, 4.0):
        keep_alive.link_timers.after(seconds, over.append, 0.0)
    pair.session.handle_timeout(3.0)
    ping_id = keep_alive.ping_id
    pair.session.handle_timeout(4.0)
    assert keep_alive.ping_id == ping_id != ""
    pair.now = 5.0
    pair.settle()
    assert over == [5.0, 5.0]


def test_pings_of_the_server_are_echoed() -> None:
    pair = Joined()
    pair.connect()
    assert pair.server is not None
    pair.server.ping()
    pair.settle()
    assert pair.server.pongs == 1
    answers: list[str] = []
    pair.server._on_text = lambda way, text: answers.append(text) if way == "rx" else None
    pair.text('{"jsonrpc":"2.0","id":7,"method":"signalwire.ping","params":{"timestamp":1.5,"payload":"x","other":1}}')
    assert answers == ['{"jsonrpc":"2.0","id":7,"result":{"timestamp":1.5,"payload":"x"}}']
    pair.text('{"jsonrpc":"2.0","method":"signalwire.ping"}')  # a notification is not answered
    assert len(answers) == 1


# --- the server closes ------------------------------------------------------------------------------------------------


def test_a_server_that_closes_is_come_back_to() -> None:
    pair = Joined()
    pair.connect()
    assert pair.server is not None
    pair.server.close(1012, "restart")
    pair.settle()
    assert pair.session.state is ClientState.WAITING
    assert "the server closed the connection (1012) restart" in pair.notes()[-1]
    pair.retry()
    assert pair.session.state is ClientState.READY


def test_the_end_of_the_bytes_is_the_end_of_the_connection() -> None:
    pair = Joined()
    pair.connect()
    pair.session.receive_eof(0.0)
    assert pair.session.state is ClientState.WAITING
    pair.session.receive_eof(0.0)
    pair.session.receive_data(b"late", 0.0)
    pair.session.transport_failed(OSError("late"), 0.0)
    pair.session.transport_opened(0.0)
    assert pair.session.state is ClientState.WAITING
    assert pair.session.data_to_send() == b""


def test_after_signalwire_disconnect_events_are_read_and_commands_wait() -> None:
    pair, call = joined_call()
    assert pair.server is not None
    pair.now = 2.0
    pair.server.say_goodbye()
    pair.settle()
    assert pair.session.state is ClientState.READY
    assert pair.session.next_deadline() == 7.0  # the server's time is bounded by the client's
    answered = call.answer(2.0)
    again = pair.session.connect(2.0)
    pair.call_state("ringing")
    pair.now = 3.0
    pair.server.say_goodbye()
    pair.settle()
    assert call.state == "ringing"
    assert pair.sent("calling.answer") == []
    pair.at(7.0)
    assert pair.session.state is ClientState.WAITING
    pair.retry()
    assert again.done
    assert answered.result() == {"code": "200", "message": "Answered"}
    assert pair.session.statistics.sessions_resumed == 1


def test_a_pong_after_signalwire_disconnect_starts_no_more_pings() -> None:
    pair = Joined()
    pair.connect()
    server = pair.server
    assert server is not None
    pair.server = None
    pair.at(30.0)
    server.say_goodbye()
    server.receive_data(pair.session.data_to_send())
    pair.session.receive_data(server.data_to_send(), 31.0)
    assert pair.session.next_deadline() == 36.0


def test_replies_to_a_connection_that_ended_in_the_same_read_are_dropped() -> None:
    pair, call = joined_call()
    assert pair.server is not None
    pair.event("calling.call.state", {"call_id": "call-1", "call_state": "answered"}, settle=False)
    pair.server.close()
    pair.settle()
    assert call.state == "answered"
    assert pair.session.state is ClientState.WAITING
    assert pair.session.data_to_send() == b""


def test_after_signalwire_disconnect_the_server_closes() -> None:
    pair, call = joined_call()
    assert pair.server is not None
    pair.server.say_goodbye()
    pair.settle()
    pair.server.close()
    pair.settle()
    pair.retry()
    assert pair.session.calls == {"call-1": call}


def test_signalwire_disconnect_with_restart_ends_the_session() -> None:
    pair, call = joined_call()
    pair.event("signalwire.authorization.state", {"authorization_state": "old"})
    waiting = call.wait_for_ended(0.0)
    outcome = call.refer_and_wait(0.0, "sip:x@example.com")
    pair.settle()
    assert pair.server is not None
    pair.server.say_goodbye(restart=True)
    pair.settle()
    pair.refer_event("success", sip_notify_response_code="200")  # still counts
    assert outcome.result().succeeded
    assert not waiting.done
    pair.drop()
    assert isinstance(waiting.error, ConnectionLost)
    assert pair.session.calls == {}
    pair.retry()
    assert pair.sent("signalwire.connect")[-1].keys().isdisjoint({"protocol", "authorization_state"})
    assert pair.session.statistics.sessions_lost == 1
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["protocol"] == "protocol-1"


def test_signalwire_disconnect_before_the_sign_in_changes_nothing() -> None:
    pair = Joined()
    pair.sign_in = None
    pair.connect()
    assert pair.server is not None
    pair.server.say_goodbye()
    pair.settle()
    assert pair.session.next_deadline() == 10.0


# --- closing -------------------------------------------------------------------------------------------------------------


def test_closing_sends_a_close_frame_and_fails_every_waiter() -> None:
    pair, call = joined_call()
    served, connected = pair.session.serve(0.0), pair.session.connect(0.0)
    pair.silent.add("calling.answer")
    answered, ended = call.answer(0.0), call.wait_for_ended(0.0)
    pair.settle()
    closed = pair.session.disconnect(0.0)
    again = pair.session.disconnect(0.0)
    assert pair.session.next_deadline() == 1.0
    assert pair.session.state is ClientState.CLOSED
    with pytest.raises(ClientClosed):
        pair.session.execute(0.0, "messaging.send")
    assert not closed.done
    pair.settle()
    assert closed.done
    assert again.done
    assert connected.done
    assert served.result() is None
    assert isinstance(answered.error, ClientClosed)
    assert isinstance(ended.error, ClientClosed)
    assert pair.session.next_deadline() is None
    assert pair.session.disconnect(0.0).done


def test_a_server_that_does_not_answer_the_close_gets_a_second() -> None:
    pair = Joined()
    pair.connect()
    pair.server = None
    closed = pair.session.disconnect(5.0)
    pair.session.data_to_send()
    assert pair.session.next_deadline() == 6.0
    pair.at(6.0)
    assert closed.done
    assert pair.session.next_deadline() is None


@pytest.mark.parametrize("stage", ["idle", "connecting", "shaking hands", "waiting"])
def test_closing_without_a_connection_is_done_at_once(stage: str) -> None:
    pair = Joined()
    promises = [] if stage == "idle" else [pair.session.connect(0.0)]
    if stage == "shaking hands":
        pair.session.transport_opened(0.0)
    elif stage == "waiting":
        pair.drop()
    assert pair.session.disconnect(0.0).done
    assert pair.session.state is ClientState.CLOSED
    assert pair.session.next_deadline() is None
    assert all(isinstance(promise.error, ClientClosed) for promise in promises)


def test_a_sign_in_that_is_answered_while_closing_is_passed_over() -> None:
    pair = Joined()
    pair.sign_in = None
    connected = pair.connect()
    closed = pair.session.disconnect(0.0)
    assert pair.server is not None
    pair.server.reply("c1", {"protocol": "late"})
    pair.session.receive_data(pair.server.data_to_send(), 0.0)
    assert pair.session.next_deadline() == 1.0
    pair.settle()
    assert closed.done
    assert isinstance(connected.error, ClientClosed)


def test_requests_while_closing_are_not_answered_and_start_nothing() -> None:
    pair, _ = joined_call()
    pair.session.takes_messages(True)
    server = pair.server
    assert server is not None
    pair.session.disconnect(0.0)
    server.send_event({"event_type": "calling.call.receive", "params": {"call_id": "call-2"}})
    server.send_event({"event_type": "messaging.receive", "params": {"message_id": "m"}})
    server.say_goodbye(restart=True)
    server.ping()
    pair.session.receive_data(server.data_to_send(), 0.0)
    assert list(pair.session.calls) == ["call-1"]
    pair.settle()
    assert pair.asked(RunHandler) == []
    assert not any("passed back" in text or "about to close" in text for text in pair.notes())
    assert len(server.unacknowledged) == 2
    assert server.pongs == 0


def test_events_while_closing_count() -> None:
    pair, call = joined_call()
    waiting = call.refer_and_wait(0.0, "sip:support@example.com")
    playing = call.play(0.0, {"type": "silence", "duration": 1}, control_id="p")
    pair.settle()
    played, answered, ended = playing.result().wait(0.0), call.wait_for_answered(0.0), call.wait_for_ended(0.0)
    server = pair.server
    assert server is not None
    pair.session.disconnect(0.0)
    reports = {
        "state": {"call_state": "answered"},
        "play": {"control_id": "p", "state": "finished"},
        "refer": {"state": "busy", "sip_notify_response_code": "486"},
    }
    for kind, params in reports.items():
        server.send_event({"event_type": f"calling.call.{kind}", "params": {"call_id": "call-1", **params}})
    pair.session.receive_data(server.data_to_send(), 0.0)
    assert waiting.result().status == "busy"
    assert played.result().params["state"] == "finished"
    assert answered.done
    assert not ended.done, "a waiter for more events gets its error at the end of closing"
    pair.settle()
    assert isinstance(ended.error, ClientClosed)
    assert len(server.unacknowledged) == 3


def test_a_reply_that_comes_while_closing_counts() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.answer")
    answered = call.answer(0.0)
    pair.settle()
    assert pair.server is not None
    pair.session.disconnect(0.0)
    pair.server.reply(pair.commands[-1].id, {"code": "200", "message": "Answered"})
    pair.session.receive_data(pair.server.data_to_send(), 0.0)
    assert answered.result()["message"] == "Answered"


def test_a_transport_that_breaks_while_closing_has_closed() -> None:
    pair = Joined()
    pair.connect()
    closed = pair.session.disconnect(0.0)
    pair.drop()
    assert closed.done
    assert pair.session.statistics.connections_lost == 0


def test_a_closed_client_can_connect_again() -> None:
    pair = Joined()
    pair.connect()
    pair.session.disconnect(0.0)
    pair.settle()
    assert pair.connect().done
    assert pair.session.state is ClientState.READY
    assert "protocol" not in pair.sent("signalwire.connect")[-1]


def test_connecting_while_closing_ends_with_the_close() -> None:
    pair = Joined()
    pair.connect()
    pair.session.disconnect(0.0)
    connected = pair.session.connect(0.0)
    pair.settle()
    assert isinstance(connected.error, ClientClosed)


def test_closing_while_a_jwt_is_fetched() -> None:
    pair = Joined(jwt_token=lambda: "")
    pair.connect()
    pair.session.disconnect(0.0)
    pair.session.token_fetched("jwt", 0.0)
    pair.settle()
    assert pair.session.state is ClientState.CLOSED


# --- what the server sends -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[1]",
        "null",
        '{"jsonrpc":"2.0"}',
        '{"id":"1"}',
        '{"id":null,"error":{"code":-32700}}',
        '{"id":"1","method":5}',
        '{"id":"1","method":"signalwire.event","params":[]}',
        '{"id":"1","method":"signalwire.event","params":{"a":' + "[" * 200 + "]" * 200 + "}}",
        '{"id":"1","method":"signalwire.ping","params":{"payload":' + "[" * 2000 + "]" * 2000 + "}}",
        '{"id":"1","method":"x","params":{"a":NaN}}',
        '{"id":"1","method":"\n"}',
    ],
)
def test_a_broken_message_is_counted_and_ignored(text: str) -> None:
    pair, call = joined_call()
    pair.text(text)
    assert pair.session.statistics.broken_messages == 1
    assert "passed over" in pair.notes()[-1]
    pair.call_state("answered")
    assert call.state == "answered"


def test_a_flood_of_broken_messages_fills_no_log() -> None:
    pair, _ = joined_call()
    pair.notes()
    for _ in range(BROKEN_LOGGED):
        pair.text("{")
    assert len(pair.notes()) == BROKEN_LOGGED
    for _ in range(2 * BROKEN_LOGGED):
        pair.text("{")
    entries = pair.notes()
    assert [note.rpartition("(number ")[2].split(";")[0] for note in entries] == ["200", "300"]
    assert "one in 100 is logged" in entries[0]
    assert pair.session.statistics.broken_messages == 3 * BROKEN_LOGGED


def test_a_binary_message_is_counted_and_ignored() -> None:
    pair, call = joined_call()
    pair.session.receive_data(b"\x82\x02hi", 0.0)
    assert pair.session.statistics.broken_messages == 1
    pair.call_state("answered")
    assert call.state == "answered"


def test_a_pong_frame_means_nothing() -> None:
    pair = Joined()
    pair.connect()
    pair.session.receive_data(b"\x8a\x01x", 0.0)
    assert pair.session.state is ClientState.READY
    assert pair.session.statistics.broken_messages == 0


def test_a_message_over_the_limit_ends_the_connection_only() -> None:
    pair = Joined(max_message_size=2048)
    pair.connect()
    pair.event("x", {"a": "x" * 3000})
    assert pair.session.state is ClientState.WAITING
    pair.retry()
    assert pair.session.state is ClientState.READY


def test_an_unknown_method_is_refused_and_counted() -> None:
    pair = Joined()
    pair.connect()
    assert pair.server is not None
    answers: list[str] = []
    pair.server._on_text = lambda way, text: answers.append(text) if way == "rx" else None
    pair.text('{"jsonrpc":"2.0","id":"9","method":"signalwire.new"}')
    pair.text('{"jsonrpc":"2.0","method":"signalwire.new"}')
    assert len(answers) == 1
    assert '"code":-32601' in answers[0]
    assert pair.session.statistics.unknown_requests == 2


# --- a server that does not read ------------------------------------------------------------------------------------------


def say_without_reading(pair: Joined, mebibytes: int) -> None:
    """Let the server send pings with large replies, and read none."""
    pair.settle()
    assert pair.server is not None
    for number in range(mebibytes):
        ping = encode_request(f"p{number}", "signalwire.ping", {"payload": "x" * 2**20})
        pair.server._connection.send_text(ping)
        pair.session.receive_data(pair.server.data_to_send(), pair.now)


def test_a_server_that_does_not_read_is_left_and_connected_to_again() -> None:
    pair, call = joined_call()
    pair.silent.add("calling.new")
    command = pair.session.execute(0.0, "calling.new", {})
    say_without_reading(pair, 18)
    assert pair.session.state is ClientState.WAITING
    assert isinstance(command.error, ConnectionLost)
    assert any("the server does not read: more than 16 MiB wait to be sent" in note for note in pair.notes())
    assert pair.session.statistics.connections_lost == 1
    pair.retry()
    assert pair.session.state is ClientState.READY
    assert pair.session.calls == {"call-1": call}


def test_bytes_for_a_server_that_does_not_read_are_dropped() -> None:
    pair, _ = joined_call()
    say_without_reading(pair, 18)
    pair.take_outputs()
    (close,) = pair.asked(CloseTransport)
    assert close.final_bytes == b""


def test_a_server_that_takes_longer_to_read_is_not_left() -> None:
    pair, _ = joined_call()
    for _ in range(3):
        say_without_reading(pair, 12)
    assert pair.session.state is ClientState.READY


def test_a_command_over_the_outbox_limit_fails_like_the_others() -> None:
    pair, _ = joined_call()
    say_without_reading(pair, 16)
    assert pair.session.next_deadline() == 30.0
    command = pair.session.execute(0.0, "calling.new", {})
    assert pair.session.next_deadline() == -math.inf  # the front end has to call again at once
    pair.session.handle_timeout(0.0)
    assert isinstance(command.error, ConnectionLost)
    assert pair.session.state is ClientState.WAITING


# --- the table -----------------------------------------------------------------------------------------------------------


def test_from_everywhere_the_link_can_be_closed() -> None:
    assert {state for state, what in TRANSITIONS if what is LinkInput.ABORT} == set(LinkState)


def test_every_state_is_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) | {LinkState.IDLE} == set(LinkState)
    assert {state for state, _ in TRANSITIONS} == set(LinkState)


def test_a_refused_sign_in_is_a_relay_error_with_its_code() -> None:
    pair = Joined(connect_timeout=0.5)
    pair.sign_in = (503, "busy")
    connected = pair.connect()
    pair.at(0.5)
    assert isinstance(connected.error, ConnectFailed)
    cause = connected.error.__cause__
    assert isinstance(cause, RelayError)
    assert cause.code == 503


@pytest.mark.parametrize(("code", "used"), [(401, "better"), (-32602, "better"), (-32002, "better"), (500, "bad")])
def test_a_jwt_that_the_server_refuses_is_not_used_again(code: int, used: str) -> None:
    pair = Joined(token="", project="", jwt_token="good.jwt")
    pair.connect()
    pair.session.reauthenticate(0.0, "better.jwt")
    pair.settle()
    pair.answers["signalwire.reauthenticate"] = (code, "no")
    refused = pair.session.reauthenticate(0.0, "bad.jwt")
    pair.settle()
    assert isinstance(refused.error, RelayError)
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["authentication"] == {"jwt_token": f"{used}.jwt"}


def test_a_refusal_that_comes_late_leaves_the_newer_jwt_alone() -> None:
    pair = Joined(token="", project="", jwt_token="good.jwt")
    pair.connect()
    pair.silent.add("signalwire.reauthenticate")
    pair.session.reauthenticate(0.0, "bad.jwt")
    pair.session.reauthenticate(0.0, "newest.jwt")
    pair.settle()
    assert pair.server is not None
    pair.server.refuse(pair.commands[-2].id, 401, "no")
    pair.settle()
    pair.reconnect()
    assert pair.sent("signalwire.connect")[-1]["authentication"] == {"jwt_token": "newest.jwt"}


@pytest.mark.parametrize("secret", [TOKEN, "state-0123456789"])
def test_the_close_reason_of_the_server_is_shown_without_secrets(secret: str) -> None:
    pair = Joined()
    pair.connect()
    pair.event("signalwire.authorization.state", {"authorization_state": "state-0123456789"})
    pair.reconnect()
    assert pair.server is not None
    pair.server.close(1008, f"bad token {secret}")
    pair.settle()
    entries = [note for note in pair.notes() if "1008" in note]
    assert len(entries) == 1
    assert "bad token ***" in entries[0]
    assert secret not in entries[0]


def test_the_error_for_a_refused_jwt_does_not_show_the_jwt() -> None:
    pair = Joined()
    pair.connect()
    pair.answers["signalwire.reauthenticate"] = (401, "eyJ.new.0123456789 is not valid")
    refused = pair.session.reauthenticate(0.0, "eyJ.new.0123456789")
    pair.settle()
    assert str(refused.error) == "RELAY error 401: *** is not valid"
