"""The test kit: hypothesis strategies, the in-memory wire, virtual time for asyncio and trio."""

from __future__ import annotations

import asyncio
import importlib
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest
from attrs import fields
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from anyrelay import testing
from anyrelay.errors import AuthenticationError, ConnectFailed, ConnectionLost, RelayError
from anyrelay.protocol.schema import (
    COMMANDS,
    EVENT_CLASSES,
    Command,
    ReferEvent,
    decode_command,
    encode_command,
    parse_event,
)
from anyrelay.protocol.schema.sip_uri import check_sip_uri, same_sip_uri
from anyrelay.protocol.session.session import ClientState
from anyrelay.testing import virtual_time
from anyrelay.testing.strategies import commands, events, refer_histories, sip_uris
from anyrelay.testing.virtual_time import VirtualLoop, virtual_backend
from anyrelay.testing.wire import IncomingCommand, SignIn, Wire, accept
from anyrelay.testing.wire_connection import Direction, Fate

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
once = settings(max_examples=3_000, deadline=None, derandomize=True, database=None, phases=[Phase.generate])

# --- the package --------------------------------------------------------------------------------------------------------------


def test_names_are_handed_on_when_they_are_asked_for() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__module__.startswith(("anyrelay.testing.", "anyrelay.frontend.trace"))
        assert name in dir(testing)
    with pytest.raises(AttributeError, match="no_such"):
        _ = testing.no_such


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("", {"hypothesis", "pytest", "trio", "anyio"}),
        (".wire", {"hypothesis", "pytest", "trio", "anyio"}),
        (".virtual_time", {"hypothesis", "pytest", "trio"}),
    ],
)
def test_a_module_brings_only_what_it_needs(module: str, absent: set[str]) -> None:
    code = f"import sys, anyrelay.testing{module}; print(*sorted({absent!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []


# --- strategies ---------------------------------------------------------------------------------------------------------------


@quick
@given(sip_uris())
def test_sip_uris_may_be_sent(uri: str) -> None:
    assert check_sip_uri(uri, "uri") == uri
    assert same_sip_uri(uri, uri)


@quick
@given(commands())
def test_commands_may_be_sent_and_are_read_back_the_same(command: Command) -> None:
    assert decode_command(command.method, encode_command(command)) == command


def test_commands_of_one_method() -> None:
    command = find(commands("calling.play"), lambda _: True, settings=once)
    assert type(command) is COMMANDS["calling.play"]


def test_fields_that_may_be_left_out_are_drawn_too() -> None:
    answer = find(commands("calling.answer"), lambda drawn: "codecs" in encode_command(drawn), settings=once)
    assert encode_command(answer)["codecs"]


@quick
@given(events())
def test_events_are_read_whatever_is_wrong_with_them(envelope: dict[str, Any]) -> None:
    event = parse_event(envelope)
    assert event.params == (envelope["params"] if isinstance(envelope.get("params"), dict) else {})


@quick
@given(events(wild=False))
def test_tame_events_have_every_field_in_its_type(envelope: dict[str, Any]) -> None:
    event = parse_event(envelope)
    assert type(event) is EVENT_CLASSES[envelope["event_type"]]
    assert event.timestamp == envelope["timestamp"]
    for each in fields(type(event)):
        name = each.metadata.get("wire", each.name)
        if name in envelope["params"]:
            assert getattr(event, each.name) == envelope["params"][name]


@quick
@given(refer_histories(min_size=1, max_size=3))
def test_refer_histories(history: list[dict[str, Any]]) -> None:
    assert 1 <= len(history) <= 3
    for params in history:
        assert parse_refer(params).params == params


@pytest.mark.parametrize(
    ("kind", "readable"), [(str, True), (int, True), (float, True), (str, False), (type(None), False)]
)
def test_codes_come_in_every_guise(kind: type, readable: bool) -> None:
    def has(history: list[dict[str, Any]]) -> bool:
        return any(
            type(params.get("sip_notify_response_code", b"absent")) is kind and (code is not None) is readable
            for params in history
            for code in [parse_refer(params).notify_response_code]
        )

    assert find(refer_histories(), has, settings=once)


def parse_refer(params: dict[str, Any]) -> ReferEvent:
    event = parse_event({"event_type": "calling.call.refer", "params": params})
    assert isinstance(event, ReferEvent)
    return event


def test_targets_may_be_given() -> None:
    def names_both(history: list[dict[str, Any]]) -> bool:
        return {"sip:a@x", "sip:b@x"} <= {
            each.get("sip_refer_to") for each in history if each.get("sip_refer_to") != []
        }

    assert find(refer_histories(targets=st.sampled_from(["sip:a@x", "sip:b@x"])), names_both, settings=once)


# --- the wire -----------------------------------------------------------------------------------------------------------------


def signed_in(**more: Any) -> Wire:
    wire = Wire(**more)
    assert wire.connect().done
    return wire


def test_the_example_of_the_documentation() -> None:
    wire = Wire(on_command=accept)
    wire.connect()
    call = wire.offer_call("c1")
    outcome = call.refer_and_wait(wire.now, "sip:support@example.com", timeout=30)
    wire.settle()
    wire.call_event("c1", "refer", state="busy", sip_notify_response_code="486")
    assert outcome.result().status == "busy"


def test_a_session_on_the_wire() -> None:
    wire = signed_in(contexts=("sales",), token="secret")
    assert wire.session.state is ClientState.READY
    assert wire.session.relay_protocol == "protocol-1"
    (connect,) = wire.sent("signalwire.connect")
    assert connect["contexts"] == ["sales"]
    assert connect["authentication"]["token"] == "secret"
    wire.ping_client()
    assert wire.server is not None
    assert wire.server.pongs == 1
    wire.disconnect()
    assert wire.session.state is ClientState.CLOSED
    assert wire.server is None
    assert [note.text for note in wire.notes] == ["signed in"]


def test_commands_wait_until_they_are_taken() -> None:
    wire = signed_in()
    call = wire.offer_call("c1", context="sales", tag="t")
    assert (call.context, call.tag) == ("sales", "t")
    answered, played = call.answer(wire.now), call.play(wire.now, {"type": "silence", "duration": 1})
    other = wire.session.execute(wire.now, "vendor.thing", {"x": 1})
    wire.advance(1.5)
    assert [each.method for each in wire.commands] == ["calling.answer", "calling.play", "vendor.thing"]
    with pytest.raises(LookupError, match=r"no calling\.refer waits; there are"):
        wire.take("calling.refer")
    play = wire.take("calling.play")
    assert (play.at, play.connection) == (0.0, 1)
    assert play.params["play"] == [{"type": "silence", "params": {"duration": 1}}]
    play.refuse(409, "not now")
    assert isinstance(played.error, RelayError)
    wire.take("calling.answer").reply()
    assert answered.result() == {"code": "200", "message": "Answered"}
    unknown = wire.take("vendor.thing")
    assert unknown.command is None
    unknown.reply()
    assert other.result() == {"code": "200", "message": ""}
    assert wire.commands == []


def test_a_script_answers_commands() -> None:
    def script(command: IncomingCommand) -> None:
        if command.method == "calling.refer":
            wire.call_event("c1", "refer", state="inProgress")
            command.reply()
            wire.call_event("c1", "refer", state="success", sip_notify_response_code="200")

    wire = signed_in(on_command=script)
    outcome = wire.offer_call("c1").refer_and_wait(wire.now, "sip:a@example.com")
    wire.settle()
    assert outcome.result().succeeded
    assert len(outcome.result().events) == 2


def test_a_client_that_takes_no_calls_passes_them_back() -> None:
    wire = signed_in(takes_calls=False)
    with pytest.raises(LookupError, match="did not take call c1"):
        wire.offer_call("c1")
    assert wire.take("calling.pass").params["call_id"] == "c1"


def test_handlers_run_and_raise() -> None:
    wire = Wire()
    heard: list[Any] = []

    def on_call(call: Any) -> None:
        heard.append(call.call_id)
        call.on("calling.call.state", lambda event: heard.append(event.call_state))
        call.on("calling.call.play", lambda event: 1 / 0)
        if call.call_id == "c2":
            raise ValueError("no")

    wire.on_call = on_call
    wire.connect()
    wire.offer_call("c1")
    wire.offer_call("c2")
    assert wire.offered == []
    wire.call_state("c1", "answered")
    assert heard == ["c1", "c2", "answered"]
    wire.call_event("c1", "play", state="playing")
    assert wire.session.statistics.handler_errors == 2
    assert [type(note.error) for note in wire.notes if note.error] == [ValueError, ZeroDivisionError]
    assert [delivery.subject.event_type for delivery in wire.delivered] == ["calling.call.state", "calling.call.play"]


def test_a_handler_that_is_finished_by_hand() -> None:
    wire = signed_in()
    call = wire.offer_call("c1")
    assert wire.offered == [call]
    wire.finish_handler(call, RuntimeError("no"))
    assert wire.offered == []
    assert wire.session.statistics.handler_errors == 1


def test_delays_keep_the_order_and_what_arrives_comes_before_what_is_due() -> None:
    wire = signed_in(on_command=accept)
    call = wire.offer_call("c1")
    reader = call.events()
    wire.delay[Direction.TO_CLIENT] = 2.0
    wire.call_event("c1", "play", number=1)
    wire.delay[Direction.TO_CLIENT] = 0.5
    wire.call_event("c1", "play", number=2)
    wire.advance(1.75)
    assert reader.take() is None
    wire.advance(0.25)
    assert [event.params["number"] for event in (reader.take(), reader.take()) if event] == [1, 2]
    wire.delay = {Direction.TO_SERVER: 4.0, Direction.TO_CLIENT: 6.0}
    late = call.answer(wire.now)
    wire.advance(20.0)
    assert late.result()["code"] == "200"  # its time was over in the very moment of the answer
    assert wire.now == 22.0


def test_a_leap_handles_everything_late_and_at_once() -> None:
    wire = signed_in()
    call = wire.offer_call("c1")
    outcome = call.refer_and_wait(wire.now, "sip:a@example.com", timeout=5)
    wire.jump(3_600.0)
    assert wire.now == 3_600.0
    assert outcome.result().elapsed == 3_600.0


@pytest.mark.parametrize("bytewise", [False, True])
def test_everything_arrives_byte_by_byte_too(bytewise: bool) -> None:
    wire = Wire(on_command=accept)
    wire.bytewise = bytewise
    assert wire.connect().done
    outcome = wire.offer_call("c1").refer_and_wait(wire.now, "sip:a@example.com")
    wire.settle()
    wire.call_event("c1", "refer", state="busy", text="é" * 200)
    assert outcome.result().status == "busy"
    assert wire.disconnect().done


def test_what_is_on_its_way_gets_lost_with_the_connection() -> None:
    wire = signed_in()
    call = wire.offer_call("c1")
    wire.delay = dict.fromkeys(Direction, 1.0)
    lost = call.answer(wire.now)
    wire.settle()
    wire.cut()
    assert isinstance(lost.error, ConnectionLost)
    assert wire.session.state is ClientState.WAITING
    assert [each.message["method"] for each in wire.log if each.fate is Fate.LOST] == ["calling.answer"]
    wire.cut()  # there is nothing to cut
    wire.advance(60.0)
    assert wire.session.state is ClientState.READY
    assert wire.sent("calling.answer") == [{"node_id": "node", "call_id": "c1"}]
    assert wire.commands == []


def test_a_dead_connection_that_the_client_does_not_notice() -> None:
    wire = signed_in(ping_interval=30.0, ping_timeout=10.0)
    wire.cut(client_notices=False)
    wire.cut(client_notices=False)
    assert wire.server is None
    answered = wire.session.execute(wire.now, "vendor.thing")
    wire.advance(39.75)
    assert "RequestTimeout" in repr(answered.error)
    assert wire.session.state is ClientState.READY
    wire.advance(0.25)
    assert wire.session.state is ClientState.WAITING
    wire.advance(5.0)
    assert wire.session.statistics.sessions_resumed == 1


@pytest.mark.parametrize("redeliver", [True, False])
def test_events_that_were_not_acknowledged_come_again_after_a_resumption(redeliver: bool) -> None:
    wire = signed_in()
    wire.redeliver = redeliver
    reader = wire.offer_call("c1").events()
    wire.delay[Direction.TO_SERVER] = 1.0
    wire.call_event("c1", "play", number=1)  # arrives, but its acknowledgement does not
    wire.cut()
    wire.delay[Direction.TO_SERVER] = 0.0
    wire.call_event("c1", "play", number=2)
    wire.advance(5.0)
    taken = [event.params["number"] for event in iter(reader.take, None) if event]
    assert taken == [1, 2]
    # The offer was acknowledged before, the first playback was not.
    assert wire.session.statistics.duplicate_events == redeliver


def test_an_event_is_repeated_on_demand() -> None:
    wire = signed_in()
    wire.offer_call("c1")
    id_ = wire.call_event("c1", "play", state="playing")
    wire.repeat_event(id_)
    assert wire.session.statistics.duplicate_events == 1
    wire.cut()
    wire.repeat_event(id_)
    wire.advance(5.0)
    assert wire.session.statistics.duplicate_events == 1


@pytest.mark.parametrize(
    ("sign_in", "forgets"),
    [(SignIn.RESUME, False), (SignIn.RESUME, True), (SignIn.ANEW, False), (SignIn.UNRESTORED, False)],
)
def test_sessions_are_resumed_or_not(sign_in: SignIn, forgets: bool) -> None:
    wire = signed_in()
    wire.offer_call("c1")
    wire.sign_in = sign_in
    if forgets:
        wire.forget_session()
    wire.cut()
    wire.advance(5.0)
    resumed = sign_in is SignIn.RESUME and not forgets
    assert wire.session.state is ClientState.READY
    assert set(wire.session.calls) == ({"c1"} if resumed else set())
    assert wire.session.relay_protocol == ("protocol-2" if forgets or sign_in is SignIn.ANEW else "protocol-1")


def test_a_client_that_comes_back_before_the_server_noticed() -> None:
    wire = signed_in()
    wire.offer_call("c1")
    wire.delay[Direction.TO_SERVER] = 3.0
    wire.ping_client()
    first = wire.server
    wire.session.transport_failed(OSError("network changed"), wire.now)
    wire.settle()
    wire.delay[Direction.TO_SERVER] = 0.0
    wire.advance(1.5)
    assert wire.session.state is ClientState.READY
    assert wire.server is not first
    assert "c1" in wire.session.calls
    wire.advance(10.0)  # the final bytes of the old connection arrive, without effect
    assert wire.session.state is ClientState.READY


def test_sign_ins_are_refused_and_ignored() -> None:
    wire = Wire()
    wire.sign_in = SignIn.REFUSE
    refused = wire.connect()
    wire.advance(10.0)
    assert isinstance(refused.error, AuthenticationError)
    wire.sign_in = SignIn.IGNORE
    ignored = wire.connect()
    wire.advance(10.0)
    assert isinstance(ignored.error, ConnectFailed)
    assert wire.server is None
    wire.say_goodbye()  # without a connection
    assert wire.sent("signalwire.connect")


def test_signalwire_disconnect_and_a_close() -> None:
    wire = signed_in()
    wire.offer_call("c1")
    wire.say_goodbye()
    wire.close_by_server(1001, "deployment")
    wire.advance(5.0)
    assert set(wire.session.calls) == {"c1"}
    wire.say_goodbye(restart=True)
    wire.close_by_server()
    wire.advance(5.0)
    assert wire.session.calls == {}
    assert wire.session.relay_protocol == "protocol-2"


def test_connections_that_take_their_time_or_fail() -> None:
    wire = Wire(jitter=0.5)
    wire.reachable = False
    wire.connect()
    assert wire.session.state is ClientState.WAITING
    wire.reachable, wire.connect_takes = True, 2.0
    wire.advance(2.25)
    assert wire.session.state is ClientState.CONNECTING
    wire.advance(0.25)
    assert wire.session.state is ClientState.READY
    wire.connect_takes = 20.0
    wire.cut()
    wire.disconnect()
    wire.advance(60.0)
    assert wire.session.state is ClientState.CLOSED


def test_tokens_are_fetched() -> None:
    tokens = iter(["jwt-1"])
    wire = Wire(jwt_token=lambda: next(tokens), token="", project="")
    wire.connect()
    assert wire.session.state is ClientState.READY
    assert wire.sent("signalwire.connect")[0]["authentication"] == {"jwt_token": "jwt-1"}
    wire.cut()
    wire.advance(2.0)
    assert any("StopIteration" in repr(note) or "next try" in note.text for note in wire.notes)
    assert wire.session.state is not ClientState.READY


def test_an_answer_to_a_connection_that_is_gone_goes_nowhere() -> None:
    wire = signed_in()
    call = wire.offer_call("c1")
    call.answer(wire.now)
    command = wire.take("calling.answer")
    wire.cut()
    command.reply()
    wire.advance(5.0)
    command.reply()
    assert wire.session.statistics.unknown_answers == 0


# --- virtual time -------------------------------------------------------------------------------------------------------------

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def run(main: Callable[[], Awaitable[Any]], backend: str) -> Any:
    name, options = virtual_backend(backend)
    return anyio.run(main, backend=name, backend_options=options)


@backends
def test_an_hour_is_over_at_once(backend: str) -> None:
    order: list[str] = []

    async def nap(name: str, seconds: float) -> None:
        await anyio.sleep(seconds)
        order.append(f"{name} at {anyio.current_time() - start:.2f}")

    start = 0.0

    async def main() -> None:
        nonlocal start
        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(nap, "long", 3_600.0)
            tasks.start_soon(nap, "short", 0.25)
        with pytest.raises(TimeoutError):
            with anyio.fail_after(60.0):
                await anyio.sleep_forever()
        order.append(f"{anyio.current_time() - start:.2f}")

    began = time.monotonic()
    run(main, backend)
    assert order == ["short at 0.25", "long at 3600.00", "3660.00"]
    assert time.monotonic() - began < 30


def test_virtual_time_begins_at_zero() -> None:
    async def main() -> float:
        await asyncio.sleep(1.5)
        return asyncio.get_running_loop().time()

    assert run(main, "asyncio") == 1.5


def test_the_loop_refuses_real_sockets() -> None:
    async def main() -> None:
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            with pytest.raises(RuntimeError, match="in-memory"):
                await asyncio.get_running_loop().sock_recv(one, 1)
            with pytest.raises(RuntimeError, match="in-memory"):
                asyncio.get_running_loop().add_reader(one, print)

    run(main, "asyncio")


def test_the_loop_refuses_threads_of_its_own() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="threads"):
            await asyncio.to_thread(time.time)
        with pytest.raises(RuntimeError, match="threads"):
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    run(main, "asyncio")


def test_another_thread_may_wake_the_loop() -> None:
    async def main() -> str:
        return await anyio.to_thread.run_sync(lambda: time.strftime("ok"))

    assert run(main, "asyncio") == "ok"


def test_who_waits_for_ever_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "WAKE_TIMEOUT", 0.01)
    loop = VirtualLoop()
    try:
        with pytest.raises(RuntimeError, match="never happen"):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


def test_there_are_two_backends() -> None:
    with pytest.raises(ValueError, match="asyncio or trio"):
        virtual_backend("curio")


def test_the_modules_say_what_is_theirs() -> None:
    for name in ("scripted_server", "strategies", "virtual_time", "wire", "wire_connection"):
        module = importlib.import_module(f"anyrelay.testing.{name}")
        assert set(module.__all__) <= set(vars(module))
