"""The work as a program of anyrelay's async front end, on asyncio or trio."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import anyio
from metering import (
    MEDIA,
    SETTLING,
    Listeners,
    Meter,
    check_report,
    expect,
    memory,
    offer,
    refer_device,
    server_share,
)

from anyrelay import Call, PlayEvent, ReferEvent, ReferStatus, RelayClient

Figures = dict[str, Any]


async def report(client: RelayClient) -> Figures:
    """Return what the server counted."""
    return await client.execute("bench.report", {})


async def settled(client: RelayClient) -> Figures:
    """Return what the server counted once every acknowledgement is there."""
    deadline = time.monotonic() + SETTLING
    while (now := await report(client))["unacknowledged"] and time.monotonic() < deadline:
        await anyio.sleep(0.02)
    return now


async def one_call(client: RelayClient, **params: Any) -> Call:
    """Return a call that was offered and answered."""
    answered, calls = anyio.Event(), []

    @client.on_call
    async def handle(call: Call) -> None:
        await call.answer()
        calls.append(call)
        answered.set()

    await client.execute("bench.offer", offer(1, 1, "answered", **params))
    await answered.wait()
    return calls[0]


async def events(client: RelayClient, count: int) -> Figures:
    """Take play events of one call."""
    call, done = await one_call(client), anyio.Event()
    listeners = Listeners(PlayEvent, done.set)
    call.on("calling.call.play", listeners.of_call(call.call_id))
    listeners.expecting(count)
    before, meter = await report(client), Meter()
    await client.execute("bench.events", {"count": count})
    await done.wait()
    after = await report(client)
    figures = meter.stop(count)
    await client.execute("bench.end", {})
    check_report(await settled(client), before, streamed=count)
    expect("wrong events", listeners.wrong, [])
    return {**figures, "server": server_share(before, after)}


async def refer(client: RelayClient, count: int, beside_main: bool) -> Figures:
    """Refer one call again and again; each command has one event. A program of coroutines has but the main thread."""
    call, done = await one_call(client, progress=False), anyio.Event()
    outcomes: list[str] = []

    def listen(event: ReferEvent) -> None:
        outcomes.append(event.state)
        if len(outcomes) == count:
            done.set()

    call.on("calling.call.refer", listen)
    before, meter, trips = await report(client), Meter(), []
    for number in range(count):
        begun = time.perf_counter()
        reply = await call.refer(refer_device(number))
        trips.append(time.perf_counter() - begun)
        expect("code", reply["code"], "200")
    await done.wait()
    figures, after = meter.stop(count), await report(client)
    await client.execute("bench.end", {})
    check_report(await settled(client), before, calling_refer=count)
    expect("outcomes", outcomes, [("success", "busy")[number % 2] for number in range(count)])
    return {**figures, "trip": statistics.median(trips), "server": server_share(before, after)}


async def calls(client: RelayClient, count: int, at_once: int) -> Figures:
    """Answer calls, play, wait for the end of it, refer, wait for the outcome, hang up."""
    done, numbers, finished = anyio.Event(), itertools.count(), itertools.count(1)
    wrong: list[Any] = []

    @client.on_call
    async def handle(call: Call) -> None:
        number = next(numbers)
        try:
            await whole_call(call, number)
        except Exception as error:
            wrong.append(error)
        if next(finished) == count or wrong:
            done.set()

    before, meter = await report(client), Meter()
    await client.execute("bench.offer", offer(count, at_once, "ended"))
    await done.wait()
    figures, after = meter.stop(count), await report(client)
    expect("wrong calls", wrong, [])
    done_right = dict.fromkeys(("calling_answer", "calling_play", "calling_refer", "calling_end"), count)
    check_report(await settled(client), before, **done_right)
    return {**figures, "server": server_share(before, after)}


async def whole_call(call: Call, number: int) -> None:
    """One call of that kind."""
    await call.answer()
    playback = await call.play(MEDIA)
    expect("playback", (await playback.wait()).params["state"], "finished")
    outcome = await call.refer_and_wait(refer_device(number))
    expect("outcome", outcome.status, (ReferStatus.SUCCEEDED, ReferStatus.BUSY)[number % 2])
    await call.hangup()


async def hold(client: RelayClient, count: int, waiting: bool, seconds: float) -> Figures:
    """Hold calls open for a while; their handlers wait for the end, or have returned."""
    held: list[Call] = []
    gone = itertools.count(1)
    all_held, all_gone = anyio.Event(), anyio.Event()

    @client.on_call
    async def handle(call: Call) -> None:
        await call.answer()
        held.append(call)
        if len(held) == count:
            all_held.set()
        if waiting:
            ended = await call.wait_for_ended()
            if ended.params["call_state"] == "ended" and next(gone) == count:
                all_gone.set()

    before, idle = await report(client), memory()
    await client.execute("bench.offer", offer(count, 200, "answered"))
    await all_held.wait()
    await anyio.sleep(seconds)
    after = await settled(client)
    figures = {"memory": (memory() - idle) / count, "server": server_share(before, after)}
    await client.execute("bench.end", {})
    if waiting:
        await all_gone.wait()
    check_report(await settled(client), before, offered=count, calling_answer=count)
    expect("calls that have not ended", [call.call_id for call in held if call.state != "ended"], [])
    return figures


async def growth(
    client: RelayClient, turns: Iterable[None], tell: Callable[[Figures], None], size: int, events: int, calls: int
) -> None:
    """Measure events and calls in each turn, with so many other calls open all the time."""
    phase = anyio.Event()
    listeners = Listeners(PlayEvent, lambda: phase.set())
    wrong: list[Any] = []
    handled, target, whole = 0, 0, False

    @client.on_call
    async def handle(call: Call) -> None:
        nonlocal handled
        try:
            if whole:
                await whole_call(call, handled)
            else:
                await call.answer()
                call.on("calling.call.play", listeners.of_call(call.call_id))
        except Exception as error:
            wrong.append(error)
        handled += 1
        if handled == target or wrong:
            phase.set()

    async def take(count: int, window: int, until: str) -> None:
        nonlocal target, phase
        target, phase = handled + count, anyio.Event()
        await client.execute("bench.offer", offer(count, window, until))
        await phase.wait()
        expect("wrong calls", wrong, [])

    await take(size, 200, "answered")
    whole = True
    for _ in turns:
        before, phase = await settled(client), anyio.Event()
        listeners.expecting(events)
        meter = Meter()
        await client.execute("bench.events", {"count": events})
        await phase.wait()
        of_event = meter.stop(events)["cpu"]
        await settled(client)
        meter = Meter()
        await take(calls, min(calls, 50), "ended")
        of_call = meter.stop(calls)["cpu"]
        check_report(await settled(client), before, calling_refer=calls, streamed=events)
        expect("wrong events", listeners.wrong, [])
        tell({"event": of_event, "call": of_call})


WORKS = {"events": events, "refer": refer, "calls": calls, "hold": hold}


def run(
    front: str, work: str, host: str, sizes: dict[str, Any], turns: Iterable[None], tell: Callable[[Figures], None]
) -> None:
    """Do one work in each turn as the client of one process, and tell its figures; between turns the loop stands still."""

    async def main() -> None:
        client = RelayClient(project="p", token="t", host=host, contexts=["bench"], max_active_calls=20_000)
        async with client:
            if work == "growth":  # what it prepares holds for all turns
                await growth(client, turns, tell, **sizes)
            else:
                for _ in turns:
                    tell(await WORKS[work](client, **sizes))

    anyio.run(main, backend=front)
