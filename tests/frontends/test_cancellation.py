"""Each `await` of the async front end is cancelled in turn, on both loops and over TLS: other tasks do not notice.

An operation is run again and again; the first time it is cancelled when it sleeps for the first time, then when it sleeps
for the second time, until it is not cancelled. There are three ways to cancel: a cancel scope, and on asyncio
``Task.cancel()``, either when the task falls asleep, or in the moment in which the task is woken.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyrelay import ClientState, Media
from tests.support.frontend_world import SUPPORT, Running, World, commands_waiting, readers_of
from tests.support.scripted_relay import (
    Peer,
    ScriptedRelay,
    envelope,
    play_event,
    refer_event,
    reply,
    state_event,
    then,
)
from tests.support.tls_world import encrypted

PHONES = [[{"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}]]
MESSAGE = {"to_number": "+15551230001", "from_number": "+15551230002", "body": "Hi"}

WAYS = [("asyncio", "by a scope"), ("asyncio", "asleep"), ("asyncio", "as it is woken"), ("trio", "by a scope")]

each_way = pytest.mark.parametrize(("front", "way"), WAYS)


@pytest.fixture
def world(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return encrypted(world, tmp_path, monkeypatch)


# --- cutting an operation short -----------------------------------------------------------------------------------------


class Attempt:
    """One run of an operation: it counts its sleeps, and is cancelled at the `at`-th sleep."""

    def __init__(self, world: World, way: str, at: int) -> None:
        self.world = world
        self.number = at
        self.client: Any = None
        self.call: Any = None
        self.meanwhile: dict[int, Callable[[], Any]] = {}
        """What happens elsewhere as soon as it sleeps for the n-th time."""
        self.others: list[Running] = []
        """Who else is at the client; they are waited for."""
        self._way = way
        self._sleeps = 0
        self._cancel: Callable[[], Any] = NotImplemented

    async def run(self, operation: Callable[[Attempt], Awaitable[Any]]) -> bool:
        """Run it; return whether it slept often enough to be cancelled."""
        if self._way == "by a scope":
            with anyio.CancelScope() as scope:
                self._cancel = scope.cancel
                await self._stepping(operation(self))
        else:
            task = asyncio.get_running_loop().create_task(self._stepping(operation(self)))
            self._cancel = task.cancel
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        for other in self.others:
            await other.result()
        return self._sleeps >= self.number

    async def _stepping(self, operation: Awaitable[Any]) -> None:
        await _Steps(operation, self._sleeps_on)

    def _sleeps_on(self, trap: Any) -> None:
        """Note that the operation is about to sleep until the event loop's object `trap` wakes it."""
        self._sleeps += 1
        self.meanwhile.get(self._sleeps, lambda: None)()
        if self._sleeps != self.number:
            return
        if self._way == "as it is woken" and isinstance(trap, asyncio.Future):
            trap.add_done_callback(lambda _: self._cancel())  # before the loop's own, which wakes the task
        else:
            self._cancel()

    def report(self, event: tuple[str, dict[str, Any]], after: str) -> Callable[[], None]:
        """Return a function that reports an event of the operation that the last command `after` started."""
        event_type, params = event

        def tell() -> None:
            control_id = self.world.relay.sent(after)[-1]["control_id"]
            self.world.relay.event((event_type, {"control_id": control_id, **params}), self.call.call_id)

        return tell

    def state(self, state: str) -> Callable[[], None]:
        """Return a function that brings the call into a state."""
        return lambda: self.world.relay.event(state_event(state), self.call.call_id)


class _Steps:
    """An awaitable that awaits another, and reports each sleep."""

    def __init__(self, inner: Awaitable[Any], sleeps: Callable[[Any], None]) -> None:
        self._inner = inner
        self._sleeps = sleeps

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        resume: Callable[[], Any] = partial(steps.send, None)
        while True:
            try:
                trap = resume()
            except StopIteration as end:
                return end.value
            self._sleeps(trap)
            try:
                answer = yield trap
            except BaseException as error:
                resume = partial(steps.throw, error)
            else:
                resume = partial(steps.send, answer)


def tasks() -> list[str]:
    return sorted(task.name or "" for task in anyio.get_running_tasks())


# --- what is cut short while the client is connected --------------------------------------------------------------------

Operation = Callable[[Attempt], Awaitable[Any]]


async def play_and_wait(attempt: Attempt) -> None:
    attempt.meanwhile[2] = attempt.report(play_event("finished"), "calling.play")
    action = await attempt.call.play(Media.tts("Hello"))
    await action.wait(timeout=5)


async def play_pause_and_stop(attempt: Attempt) -> None:
    action = await attempt.call.play(Media.tts("Hello"))
    await action.pause()
    await action.stop()


async def collect_and_wait(attempt: Attempt) -> None:
    result = {"type": "digit", "params": {"digits": "1", "terminator": "#"}}
    attempt.meanwhile[2] = attempt.report(("calling.call.collect", {"result": result}), "calling.collect")
    action = await attempt.call.collect(digits={"max": 1})
    await action.wait()


async def refer_and_wait(attempt: Attempt) -> None:
    attempt.world.relay.script("calling.refer", then(refer_event("200")))
    assert (await attempt.call.refer_and_wait(SUPPORT)).succeeded


async def start_refer_and_wait(attempt: Attempt) -> None:
    attempt.meanwhile[2] = lambda: attempt.world.relay.event(refer_event("486"), attempt.call.call_id)
    action = await attempt.call.start_refer(SUPPORT)
    assert not (await action.wait()).succeeded


async def wait_for(attempt: Attempt) -> None:
    attempt.meanwhile[1] = lambda: attempt.world.relay.event(("calling.call.odd", {"n": 1}), attempt.call.call_id)
    assert (await attempt.call.wait_for("calling.call.odd")).params["n"] == 1


async def wait_for_ended(attempt: Attempt) -> None:
    attempt.meanwhile[1] = attempt.state("ended")
    await attempt.call.wait_for_ended(timeout=5)


async def events(attempt: Attempt) -> None:
    attempt.meanwhile |= {1: attempt.state("answered"), 2: attempt.state("ending"), 3: attempt.state("ended")}
    stream = attempt.call.events()
    try:
        assert [event.call_state async for event in stream] == ["answered", "ending", "ended"]
    finally:
        await stream.aclose()


async def dial(attempt: Attempt) -> None:
    def answer(_: ScriptedRelay, peer: Peer, command: Any) -> None:
        call = {"call_id": f"leg-{attempt.number}", "node_id": "node-1", "tag": command.params["tag"]}
        dialed = {"tag": call["tag"], "node_id": "node-1", "dial_state": "answered"}
        reply()(attempt.world.relay, peer, command)
        peer.connection.send_event(envelope("calling.call.state", call | {"call_state": "created"}))
        peer.connection.send_event(envelope("calling.call.dial", dialed | {"call": call | {"dial_winner": True}}))

    attempt.world.relay.script("calling.dial", answer)
    await attempt.client.dial(PHONES)


async def send_message_and_wait(attempt: Attempt) -> None:
    message_id = f"message-{attempt.number}"
    delivered = envelope("messaging.state", {"message_id": message_id, "message_state": "delivered"})
    attempt.world.relay.script("messaging.send", reply(message_id=message_id))
    attempt.meanwhile[2] = lambda: attempt.world.relay._peer().send(lambda server: server.send_event(delivered))
    message = await attempt.client.send_message(**MESSAGE)
    await message.wait()


CONNECTED: dict[str, Operation] = {
    "execute": lambda attempt: attempt.client.execute("test.echo", {"text": "x" * 200_000}),
    "receive": lambda attempt: attempt.client.receive(["more"]),
    "unreceive": lambda attempt: attempt.client.unreceive(["more"]),
    "reauthenticate": lambda attempt: attempt.client.reauthenticate("jwt"),
    "connect when connected already": lambda attempt: attempt.client.connect(),
    "send_message and wait": send_message_and_wait,
    "dial": dial,
    "answer": lambda attempt: attempt.call.answer(),
    "hangup": lambda attempt: attempt.call.hangup(),
    "play and wait": play_and_wait,
    "play, pause and stop": play_pause_and_stop,
    "collect and wait": collect_and_wait,
    "refer": lambda attempt: attempt.call.refer(SUPPORT),
    "start_refer and wait": start_refer_and_wait,
    "refer_and_wait": refer_and_wait,
    "wait_for": wait_for,
    "wait_for_ended": wait_for_ended,
    "events": events,
}

SLEEPS = {"connect when connected already": 0, "play and wait": 2, "play, pause and stop": 3, "collect and wait": 2}
SLEEPS |= {"start_refer and wait": 2, "send_message and wait": 2, "events": 3}


@each_way
@pytest.mark.parametrize("name", CONNECTED)
async def test_a_cancelled_caller_disturbs_no_other(world: World, way: str, name: str) -> None:
    async with world.client() as client:
        await world.taken_call(client, call_id="warm-up")
        before = tasks()
        for number in itertools.count(1):
            attempt = Attempt(world, way, number)
            attempt.client = client
            attempt.call = await world.taken_call(client, call_id=f"call-{number}")
            was_cut_short = await attempt.run(CONNECTED[name])
            assert (await client.execute("test.echo"))["code"] == "200"
            assert (readers_of(attempt.call), commands_waiting(client)) == (0, 0)
            await world.until(lambda: tasks() == before)
            if not was_cut_short:
                break
            if name == "dial":  # a leg without a waiter is hung up
                await world.seen("calling.end", number)
        assert number >= SLEEPS.get(name, 1) + 1
        statistics = client.statistics()
        assert {key: statistics[key] for key in ("connections", "connections_lost", "broken_messages")} == {
            "connections": 1,
            "connections_lost": 0,
            "broken_messages": 0,
        }
        (peer,) = world.relay._peers
        assert peer.connection.broken_messages == 0


@each_way
async def test_an_event_is_not_lost_with_its_reader(world: World, way: str) -> None:
    async with world.client() as client:
        call = await world.taken_call(client)
        stream = call.events()
        attempt = Attempt(world, way, 1)
        attempt.call = call
        attempt.meanwhile[1] = attempt.state("answered")
        assert await attempt.run(lambda _: anext(stream))
        assert (await anext(stream)).call_state == "answered"
        await stream.aclose()


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_cancelled_caller_breaks_off_no_tls_record(world: World) -> None:
    async with world.client() as client:
        (peer,) = world.relay._peers
        with peer.lock:  # the server reads no more, so that what is written stays half-way
            sent = [world.spawn(client.execute, "test.echo", {"n": n, "text": "x" * 500_000}) for n in range(12)]
            await world.until(lambda: client.statistics()["frames_sent"] >= 12)
            await world.sleep(0.02)
            for running in sent[::2]:
                running.scope.cancel()
        for running in sent[1::2]:
            assert (await running.result())["code"] == "200"
        await world.seen("test.echo", 12)
        assert client.statistics()["connections_lost"] == peer.connection.broken_messages == 0


# --- what opens and closes a client -------------------------------------------------------------------------------------


async def connected(attempt: Attempt) -> None:
    await attempt.client.connect()


async def with_open_work(attempt: Attempt) -> None:
    await attempt.client.connect()
    attempt.call = await attempt.world.taken_call(attempt.client)
    await attempt.call.play(Media.tts("Hello"))


async def without_a_line(attempt: Attempt) -> None:
    await attempt.client.connect()
    await attempt.world.aside(attempt.world.relay.go_down)
    await attempt.world.until(lambda: attempt.client.state is not ClientState.READY)


async def nothing(_: Attempt) -> None:
    pass


async def in_a_with_block(attempt: Attempt) -> None:
    async with attempt.client:
        await attempt.client.execute("test.echo")


async def drain(attempt: Attempt) -> None:
    attempt.meanwhile[1] = attempt.report(play_event("finished"), "calling.play")
    await attempt.client.drain()


async def serve_forever(attempt: Attempt) -> None:
    async def end() -> None:
        await attempt.world.until(lambda: attempt.client.state in (ClientState.READY, ClientState.CLOSED))
        await attempt.client.disconnect()

    attempt.meanwhile[1] = lambda: attempt.others.append(attempt.world.spawn(end))
    await attempt.client.serve_forever()


async def execute_when_the_line_is_back(attempt: Attempt) -> None:
    attempt.meanwhile[1] = attempt.world.relay.come_back
    await attempt.client.execute("test.echo")


OPENING_AND_CLOSING: dict[str, tuple[Operation, Operation, bool]] = {
    "connect": (nothing, connected, False),
    "async with": (nothing, in_a_with_block, True),
    "disconnect": (connected, lambda attempt: attempt.client.disconnect(), True),
    "disconnect what was never connected": (nothing, lambda attempt: attempt.client.disconnect(), False),
    "drain": (with_open_work, drain, True),
    "serve_forever": (nothing, serve_forever, True),
    "a command that waits for the line": (without_a_line, execute_when_the_line_is_back, False),
}
"""What comes before, the operation, and whether it leaves a closed client however it ends."""


@each_way
@pytest.mark.parametrize("name", OPENING_AND_CLOSING)
async def test_opening_and_closing_may_be_cancelled(world: World, way: str, name: str) -> None:
    prepare, operation, closes = OPENING_AND_CLOSING[name]

    async def token() -> str:
        await world.sleep(0)
        return "jwt"

    await in_a_with_block(attempt_with(world, way, 1, token))  # what is made once stays
    before = tasks()
    for number in itertools.count(1):
        attempt = attempt_with(world, way, number, token)
        await prepare(attempt)
        was_cut_short = await attempt.run(operation)
        if closes:
            await world.state(attempt.client, ClientState.CLOSED)
            await world.until(lambda: tasks() == before)
        await attempt.client.disconnect()
        await in_a_with_block(attempt)
        assert attempt.client.state is ClientState.CLOSED
        await world.until(lambda: tasks() == before)
        await world.aside(world.relay.wait_until_quiet)
        if not was_cut_short:
            break
    assert number >= (1 if name == "disconnect what was never connected" else 2)


def attempt_with(world: World, way: str, number: int, token: Callable[[], Any]) -> Attempt:
    attempt = Attempt(world, way, number)
    attempt.client = world.client(project=None, token=None, jwt_token=token)
    return attempt
