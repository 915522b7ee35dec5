"""A handler that makes a coroutine which is never awaited: an error names the handler and the remedy."""

from __future__ import annotations

import asyncio
import functools
import types
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay import Media
from tests.support.frontend_world import World, readers_of, undisguised
from tests.support.scripted_relay import envelope, play_event, refer_event, reply, then

loops = pytest.mark.parametrize("front", ["asyncio", "trio"])
threads = pytest.mark.parametrize("front", ["threads"])

MESSAGE = {"to_number": "+15551230001", "from_number": "+15551230002", "body": "Hi"}


class Told:
    """The log records about handlers."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    @property
    def errors(self) -> list[str]:
        records = [
            each for each in self._caplog.records if each.name == "anyrelay.handler" and each.levelname == "ERROR"
        ]
        return [str(each.exc_info[1]) for each in records if each.exc_info]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    return Told(caplog)


# --- plain functions on an event loop -----------------------------------------------------------------------------------


def greet(call: Any) -> None:
    call.answer()


class Greeter:
    def greet(self, call: Any) -> None:
        self._greet(call)

    def _greet(self, call: Any) -> None:
        call.play(Media.tts("Hello"))

    def __call__(self, call: Any) -> None:
        call.hangup()


def greet_by_another(call: Any) -> None:
    greet(call)


async def politely(call: Any) -> None:
    raise AssertionError("this coroutine is never run")


def keeps_it(call: Any) -> None:
    politely(call)


def closure() -> Callable[[Any], None]:
    def helper(call: Any) -> None:
        call.answer()

    def handle(call: Any) -> None:
        helper(call)

    return handle


PLAIN: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "a function": (greet, "test_unawaited.greet", "Call.answer"),
    "a method": (Greeter().greet, "Greeter.greet", "Call.play"),
    "an object": (Greeter(), "Greeter", "Call.hangup"),
    "a partial": (functools.partial(greet), "test_unawaited.greet", "Call.answer"),
    "one that calls another": (greet_by_another, "greet_by_another", "Call.answer"),
    "one that calls an inner one": (closure(), "closure.<locals>.handle", "Call.answer"),
    "one that calls the user's own": (keeps_it, "keeps_it", "politely"),
}


@loops
@pytest.mark.parametrize("which", PLAIN)
async def test_a_plain_function_that_forgets_to_await_is_named(world: World, told: Told, which: str) -> None:
    handler, name, called = PLAIN[which]
    async with world.client() as client:
        client.on_call(handler)
        world.relay.offer()
        await world.until(lambda: told.errors)
        (error,) = told.errors
        assert name in error
        assert f"'{called}' was never awaited" in error
        assert "an `async def` and write `await`" in error
        assert client.statistics()["handler_errors"] == 1


@loops
async def test_the_call_of_such_a_handler_is_hung_up_as_any_failing_ones(world: World, told: Told) -> None:
    async with world.client(on_handler_error="hangup") as client:
        client.on_call(greet)
        world.relay.offer()
        assert (await world.seen("calling.end"))["reason"] == "error"
    assert len(told.errors) == 1


@loops
async def test_a_plain_function_that_uses_a_coroutine_gets_a_note(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(call: Any) -> None:
        outcome = call.refer_and_wait("sip:support@example.com")
        try:
            assert outcome.succeeded
        finally:
            outcome.close()

    async with world.client() as client:
        client.on_call(handle)
        world.relay.offer()
        await world.until(lambda: "await" in caplog.text)
    assert "A plain function cannot await: make" in caplog.text
    assert "handle an `async def`" in caplog.text


@loops
async def test_plain_handlers_of_events_and_messages_are_named_too(world: World, told: Told) -> None:
    world.relay.script("calling.play", then(play_event("finished")))
    world.relay.script("calling.refer", then(refer_event("200")))
    world.relay.script("messaging.send", reply(message_id="m-1"))
    async with world.client() as client:
        call = await world.taken_call(client)

        def forgets(_: Any) -> None:
            call.hangup()

        client.on_event(forgets)
        call.on("calling.call.odd", forgets)
        world.relay.event(("calling.call.odd", {}))
        await world.until(lambda: len(told.errors) == 2)
        await call.play(Media.tts("Hello"), on_completed=forgets)  # and the event itself
        await world.until(lambda: len(told.errors) == 4)
        await call.start_refer("sip:support@example.com", on_completed=forgets)
        await world.until(lambda: len(told.errors) == 6)
        message = await client.send_message(**MESSAGE)
        message.on(forgets)
        delivered = envelope("messaging.state", {"message_id": "m-1", "message_state": "delivered"})
        world.relay._peer().send(lambda server: server.send_event(delivered))
        await world.until(lambda: len(told.errors) == 8)
        assert all("forgets" in error and "'Call.hangup' was never awaited" in error for error in told.errors)


@loops
async def test_a_plain_function_that_starts_a_task_is_in_order(world: World, told: Told) -> None:
    async with world.client() as client:

        def handle(call: Any) -> None:
            world.spawn(call.answer)

        client.on_call(handle)
        world.relay.offer()
        await world.seen("calling.answer")
        client.on_call(lambda call: call.hangup())  # it is awaited
        world.relay.offer("call-2")
        await world.seen("calling.end")
    assert told.errors == []


@loops
async def test_other_warnings_in_a_plain_handler_are_passed_on(world: World, told: Told) -> None:
    async with world.client() as client:

        def handle(call: Any) -> None:
            warnings.warn("call.answer is something else", UserWarning, stacklevel=1)
            world.spawn(call.answer)

        client.on_call(handle)
        world.relay.offer()
        with pytest.warns(UserWarning, match="something else"):
            await world.seen("calling.answer")
    assert told.errors == []


# --- coroutines that are returned ---------------------------------------------------------------------------------------


@loops
async def test_a_coroutine_function_that_returns_a_coroutine_is_named(world: World, told: Told) -> None:
    async def forgets(call: Any) -> Any:
        return politely(call)

    async with world.client() as client:
        client.on_call(forgets)
        client.on_message(forgets)
        client.on_event(forgets)
        world.relay.offer()
        await world.until(lambda: len(told.errors) == 2)
        received = envelope("messaging.receive", {"message_id": "m-1", "context": "default"})
        world.relay._peer().send(lambda server: server.send_event(received))
        await world.until(lambda: len(told.errors) == 4)
    for error in told.errors:
        assert "forgets returned a coroutine that is never awaited (politely): write `await`" in error


@pytest.mark.parametrize("front", ["asyncio"])
async def test_a_task_that_is_returned_runs(world: World, told: Told) -> None:
    async def handle(call: Any) -> Any:
        return asyncio.create_task(call.answer())

    async with world.client() as client:
        client.on_call(handle)
        world.relay.offer()
        await world.seen("calling.answer")
        await world.until(lambda: not client._machine._drain.handled)
    assert told.errors == []


async def test_a_predicate_is_no_coroutine_function(world: World) -> None:
    async def accept(_: Any) -> bool:
        return True

    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.wait_for, "calling.call.odd", Hidden(accept))
        await world.until(lambda: readers_of(call))
        world.relay.event(("calling.call.odd", {}))
        with pytest.raises(TypeError, match="a predicate is a plain function, and returns at once"):
            await waiting.result()


class Hidden:
    """A callable that returns a coroutine without looking like a coroutine function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


def yields(call: Any) -> Any:
    yield call.answer()


async def yields_later(call: Any) -> Any:
    await call.answer()
    yield


class Yielding:
    def __call__(self, _: Any) -> Any:
        yield


GENERATORS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a function": (yields, "test_unawaited.yields"),
    "a coroutine function": (yields_later, "test_unawaited.yields_later"),
    "an object": (Yielding(), "test_unawaited.Yielding"),
    "a partial": (functools.partial(yields), "test_unawaited.yields"),
    "another function": (Hidden(yields), "test_unawaited.Hidden"),
}


@pytest.mark.parametrize("which", GENERATORS)
async def test_a_handler_with_a_yield_is_named(world: World, told: Told, which: str) -> None:
    handler, name = GENERATORS[which]
    async with world.client() as client:
        undisguised(client).on_call(handler)
        undisguised(client).on_event(handler)
        world.relay.offer()
        await world.until(lambda: len(told.errors) == 2)
    assert all(f"{name} has a `yield` in it, so that nothing in it runs" in error for error in told.errors)


async def test_a_predicate_has_no_yield(world: World) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        waiting = world.spawn(call.wait_for, "calling.call.odd", yields)
        await world.until(lambda: readers_of(call))
        world.relay.event(("calling.call.odd", {}))
        with pytest.raises(TypeError, match="yields has a `yield` in it"):
            await waiting.result()


@pytest.mark.parametrize("front", ["asyncio"])
async def test_a_generator_that_can_be_awaited_is_a_coroutine(world: World, told: Told) -> None:
    @types.coroutine
    def handle(call: Any) -> Any:
        yield from call.answer().__await__()

    async with world.client() as client:
        client.on_call(handle)
        world.relay.offer()
        await world.seen("calling.answer")
        await world.until(lambda: not client._machine._drain.handled)
    assert told.errors == []


@threads
async def test_with_threads_no_handler_returns_a_coroutine(world: World, told: Told) -> None:
    handler = Hidden(politely)
    async with world.client() as client:
        call = undisguised(await world.taken_call(client))
        call.on("calling.call.odd", politely)
        undisguised(client).on_event(handler)
        world.relay.event(("calling.call.odd", {}))
        await world.until(lambda: len(told.errors) == 2)
        undisguised(client).on_call(handler)
        world.relay.offer("call-2")
        await world.until(lambda: len(told.errors) == 4)
    assert all("(politely): with threads a handler is a plain function" in error for error in told.errors)


@threads
def test_with_threads_a_token_is_fetched_by_a_plain_function(world: World) -> None:
    from anyrelay import ConnectFailed

    async def token() -> str:
        return "jwt"

    client = undisguised(world.client(project=None, token=None, jwt_token=token, connect_timeout=0.3))
    with pytest.raises(ConnectFailed, match="leave out its `async`"):
        client.connect()
