"""`MemoryRelay` and `SyncMemoryRelay`: handlers against a server in memory, on virtual time, on three front ends."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from anyrelay import ClientState, ConnectionLost, DialFailed, RelayError
from anyrelay.testing import MemoryRelay, SyncMemoryRelay, run_virtual

ALICE, SUPPORT = "sip:alice@example.com", "sip:support@example.com"

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])
targets = pytest.mark.parametrize(
    ("answers", "status", "end"),
    [("answer", "succeeded", 2.3), ("busy", "busy", 2.3), ("silent", "unknown", 30.3), ("reject", "rejected", 0.3)],
)


@pytest.fixture(autouse=True)
def no_socket_and_no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens a socket to another place than a loop's own pipe, or that sleeps."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a test in memory used a socket or slept")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.setattr(time, "sleep", refuse)


async def transfer(answers: str, record: dict[str, Any]) -> None:
    async with MemoryRelay() as relay:
        relay.phones.add(SUPPORT, answers=answers, ring_time=2.0)
        client = relay.client(contexts=["support"])
        began = anyio.current_time()

        @client.on_call
        async def handle(call: Any) -> None:
            await call.answer()
            await (await call.play_silence(0.3)).wait()
            record["outcome"] = await call.refer_and_wait(SUPPORT, timeout=30)
            record["elapsed"] = anyio.current_time() - began
            await call.hangup()

        async with client:
            caller = await relay.phones.dial(ALICE, context="support")
            record["reason"] = await caller.ended(60)
        record["sent"] = [params["device"]["params"]["to"] for params in relay.sent("calling.refer")]


def transfer_in_threads(answers: str, record: dict[str, Any]) -> None:
    with SyncMemoryRelay() as relay:
        relay.phones.add(SUPPORT, answers=answers, ring_time=2.0)
        client = relay.client(contexts=["support"])

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            call.play_silence(0.3).wait()
            record["outcome"] = call.refer_and_wait(SUPPORT, timeout=30)
            record["elapsed"] = relay.now
            call.hangup()

        with client:
            caller = relay.phones.dial(ALICE, context="support")
            record["reason"] = caller.ended(60)
        record["sent"] = [params["device"]["params"]["to"] for params in relay.sent("calling.refer")]


@pytest.mark.parametrize("front", ["asyncio", "trio", "threads"])
@targets
def test_a_transfer_takes_virtual_time_alone(front: str, answers: str, status: str, end: float) -> None:
    record: dict[str, Any] = {}
    if front == "threads":
        transfer_in_threads(answers, record)
    else:
        run_virtual(transfer, answers, record, backend=front)
    assert record["outcome"].status == status
    assert record["elapsed"] == pytest.approx(end, abs=0.1)
    assert record["reason"] == "hangup"
    assert record["sent"] == [SUPPORT]


def test_the_order_of_messages_is_the_same_in_each_run() -> None:
    def lines(run: Callable[[], Any]) -> list[tuple[float, int, bool, str]]:
        return [(frame.time, frame.connection, frame.from_client, frame.method) for frame in run()]

    def blocking() -> Any:
        with SyncMemoryRelay() as relay:
            client = relay.client()
            client.on_call(lambda call: [call.answer(), call.play_silence(1.0).wait(), call.hangup()])
            with client:
                for number in range(3):
                    relay.phones.dial(f"sip:caller-{number}@example.com")
                relay.sleep(5.0)
            return relay.frames()

    first = lines(blocking)
    assert lines(blocking) == first
    assert sum(method == "calling.end" for *_, method in first) == 3


@backends
def test_a_session_is_resumed_after_a_lost_connection(backend: str) -> None:
    async def main() -> None:
        async with MemoryRelay() as relay:
            client = relay.client()
            taken = anyio.Event()
            calls = []

            @client.on_call
            async def handle(call: Any) -> None:
                await call.answer()
                calls.append(call)
                taken.set()
                await call.wait_for_ended()

            async with client:
                caller = await relay.phones.dial(ALICE)
                await taken.wait()
                relay.drop_connections()
                await relay.until(lambda: client.statistics()["sessions_resumed"] == 1, 10)
                await calls[0].hangup()
                assert await caller.ended() == "hangup"
                assert client.statistics()["sessions_resumed"] == 1
                relay.say_goodbye()
                await relay.until(lambda: client.statistics()["sessions_resumed"] == 2, 10)
                relay.forget_sessions()
                await relay.until(lambda: client.state is ClientState.WAITING, 10)

    run_virtual(main, backend=backend)


def test_a_blocking_session_is_resumed_or_lost() -> None:
    with SyncMemoryRelay() as relay:
        client = relay.client()
        errors = []

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            try:
                call.wait_for_ended()
            except ConnectionLost as error:
                errors.append(error)

        with client:
            caller = relay.phones.dial(ALICE)
            caller.answered()
            relay.drop_connections()
            relay.until(lambda: client.statistics()["sessions_resumed"] == 1, 10)
            assert len(client.calls) == 1
            relay.say_goodbye()
            relay.until(lambda: client.statistics()["sessions_resumed"] == 2, 10)
            relay.forget_sessions()
            relay.until(lambda: bool(errors), 10)
            assert caller.ended() == "hangup"


def test_a_dial_and_the_events_of_its_call() -> None:
    with SyncMemoryRelay() as relay:
        relay.phones.add(SUPPORT, ring_time=3.0)
        with relay.client() as client:
            call = client.dial([[{"type": "sip", "params": {"to": SUPPORT, "from": ALICE}}]])
            assert relay.now == pytest.approx(3.0)
            events = call.events()
            played = call.play([{"type": "tts", "text": "Hello"}], status_url="https://example.com/hook")
            assert played.wait().state == "finished"
            call.hangup()
            states = [event.params.get("state") or event.params.get("call_state") for event in events]
            assert states == ["playing", "finished", "ending", "ended"]
            assert [url for url, _ in relay.posts] == ["https://example.com/hook"] * 2
            with pytest.raises(DialFailed):
                client.dial([[{"type": "sip", "params": {"to": "sip:none@example.com", "from": ALICE}}]])
            with pytest.raises(RelayError, match="unknown method"):
                client.execute("calling.made_up", {"call_id": call.call_id, "node_id": call.node_id})


def test_events_and_tokens_of_a_blocking_client_run_in_turn() -> None:
    with SyncMemoryRelay() as relay:
        client = relay.client(project=None, token=None, jwt_token=lambda: "a-token")
        seen: list[str] = []
        client.on_event(lambda event: seen.append(event.event_type))
        client.on_event(lambda event: 1 / 0)
        with client:
            relay.phones.dial(ALICE, hang_up_after=1.0)
            relay.sleep(10.0)
        assert seen[:2] == ["calling.call.receive", "calling.call.state"]
        assert client.statistics()["handler_errors"] == len(seen)
        assert [frame.params["authentication"] for frame in relay.frames() if frame.method == "signalwire.connect"] == [
            {"jwt_token": "***"}
        ]


def test_run_and_serve_forever_of_a_blocking_client_end_with_it() -> None:
    with SyncMemoryRelay() as relay:
        client = relay.client()

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            client.disconnect()

        relay._server.phones.later(0.0, lambda now: None)
        relay._turns.start(lambda: relay.phones.dial(ALICE), "test")
        client.serve_forever()
        assert client.state is ClientState.CLOSED
        client._driver.note_signal()
        relay.sleep(1.0)
        assert client.state is ClientState.CLOSED


@pytest.mark.parametrize("front", ["asyncio", "trio", "threads"])
def test_a_call_takes_milliseconds(front: str) -> None:
    def once() -> float:
        began = time.process_time()
        if front == "threads":
            transfer_in_threads("busy", {})
        else:
            run_virtual(transfer, "busy", {}, backend=front)
        return time.process_time() - began

    # Usually 3 to 6 ms; the bound allows for a busy machine. What measures coverage would be measured too.
    traced, traced_in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        assert min(once() for _ in range(10)) < 0.02
    finally:
        sys.settrace(traced)
        threading.settrace(traced_in_threads)  # type: ignore[arg-type]


@pytest.mark.parametrize("front", ["asyncio", "trio", "threads"])
def test_texts_and_acted_commands(front: str) -> None:
    received: list[Any] = []

    async def main() -> None:
        async with MemoryRelay() as relay:
            relay.script("calling.denoise", code=409, message="not now")
            client = relay.client(contexts=["+15551230000", "default"])

            @client.on_message
            async def on_message(message: Any) -> None:
                received.append((message.body, message.from_number))

            async with client:
                await relay.text(to="+15551230000", body="Hello", from_number="+15559990000")
                await relay.until(lambda: bool(received), 5.0)

    def blocking() -> None:
        with SyncMemoryRelay() as relay:
            client = relay.client(contexts=["+15551230000", "default"])
            client.on_message(lambda message: received.append((message.body, message.from_number)))
            relay.script("messaging.send", code=402, message="no money")
            with client:
                relay.text(to="+15551230000", body="Hello", from_number="+15559990000")
                relay.until(lambda: bool(received), 5.0)
                with pytest.raises(RelayError, match="no money"):
                    client.send_message(to_number="+15551110000", from_number="+15551230000", body="Hi")
            assert relay.phones.texts == []

    if front == "threads":
        blocking()
    else:
        run_virtual(main, backend=front)
    assert received == [("Hello", "+15559990000")]


def test_a_caller_of_a_blocking_relay_sends_a_text_from_its_own_number() -> None:
    received: list[Any] = []
    with SyncMemoryRelay() as relay:
        client = relay.client(contexts=["+15551230000", "default"])
        client.on_message(lambda message: received.append((message.body, message.from_number)))
        client.on_call(lambda call: call.answer())
        with client:
            caller = relay.phones.dial("sip:+15559990000@example.com")
            caller.text("Hello", to="+15551230000")
            relay.until(lambda: bool(received), 5.0)
            caller.hang_up()
            caller.ended()
    assert received == [("Hello", "+15559990000")]


def test_a_blocking_handler_that_closes_its_client_does_not_wait_for_itself() -> None:
    times: list[float] = []
    with SyncMemoryRelay() as relay:
        client = relay.client()

        @client.on_call
        def close(call: Any) -> None:
            times.append(relay.now)
            client.disconnect()
            times.append(relay.now)

        client.connect()
        relay.phones.dial("sip:alice@example.com").hang_up()
        relay.until(lambda: len(times) == 2, 5.0)
    assert times == [0.0, 0.0]


# --- what is refused ----------------------------------------------------------------------------------------------------


def test_real_time_is_refused_with_the_remedies() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="run_virtual") as caught:
            async with MemoryRelay():
                pass
        assert "virtual_backend('asyncio')" in str(caught.value)
        assert "pytest_asyncio_loop_factories" in str(caught.value)

    asyncio.run(main())
    anyio.run(main, backend="trio")


@backends
def test_a_test_that_waits_for_ever_ends_at_the_limit(backend: str) -> None:
    async def main() -> None:
        async with MemoryRelay(limit=600.0) as relay, relay.client():
            await anyio.sleep_forever()

    with pytest.raises(RuntimeError, match="600 s of virtual time are over"):
        run_virtual(main, backend=backend)


@pytest.mark.parametrize("where", ["test", "handler"])
def test_a_blocking_test_that_waits_for_ever_ends_at_the_limit(where: str) -> None:
    with SyncMemoryRelay(limit=600.0) as relay:
        client = relay.client()

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            if where == "handler":
                call.wait_for_ended()

        with client:
            relay.phones.dial(ALICE)
            with pytest.raises(RuntimeError, match="600 s of virtual time are over"):
                relay.until(lambda: False, 10_000.0)


@backends
def test_a_phone_that_does_not_get_there_is_named(backend: str) -> None:
    async def main() -> None:
        async with MemoryRelay() as relay:
            client = relay.client()
            client.on_call(lambda call: anyio.sleep_forever())
            async with client:
                caller = await relay.phones.dial(ALICE)
                with pytest.raises(
                    TimeoutError, match=r"not within 5 s of virtual time: sip:alice@example.com is ringing"
                ):
                    await caller.answered()

    run_virtual(main, backend=backend)


def test_a_blocking_phone_that_does_not_get_there_is_named() -> None:
    with SyncMemoryRelay() as relay:
        with pytest.raises(TimeoutError, match="no phone has called"):
            relay.until(lambda: False, 1.0)
        caller = relay.phones.dial(ALICE, wait_for_subscriber=2.0)
        assert (caller.state, caller.end_reason, relay.now) == ("ended", "noAnswer", 3.0)


def test_a_condition_may_look_at_a_phone_while_a_handler_ends() -> None:
    with SyncMemoryRelay() as relay, relay.client() as client:
        client.on_call(lambda call: call.hangup())
        caller = relay.phones.dial(ALICE)
        relay.until(lambda: caller.state == "ended", 5.0)
        assert caller.end_reason == "hangup"


def test_another_thread_is_refused() -> None:
    errors: list[RuntimeError] = []
    with SyncMemoryRelay() as relay, relay.client() as client:

        def use() -> None:
            for action in (
                lambda: client.receive(["x"]),
                lambda: client.calls["x"],
                lambda: relay.phones.add(SUPPORT),
                lambda: relay.sleep(1.0),
            ):
                try:
                    action()
                except RuntimeError as error:
                    errors.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert len(errors) == 4
    for error in errors:
        assert "one thread at a time" in str(error)
        assert "SyncLocalRelay" in str(error)


@backends
def test_an_error_of_the_block_leaves_as_it_is(backend: str) -> None:
    async def main() -> None:
        async with MemoryRelay() as relay, relay.client():
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_virtual(main, backend=backend)


def test_the_settings_of_a_client_are_checked() -> None:
    with SyncMemoryRelay() as relay:
        with pytest.raises(TypeError, match="nonsense"):
            relay.client(nonsense=1)
        assert relay.client(contexts=["a", "b"]).contexts == ["a", "b"]
