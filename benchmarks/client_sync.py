"""The work as a program of anyrelay's blocking front end, in threads."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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

from anyrelay.sync import Call, PlayEvent, ReferEvent, ReferStatus, RelayClient

Figures = dict[str, Any]


def report(client: RelayClient) -> Figures:
    """Return what the server counted."""
    return client.execute("bench.report", {})


def settled(client: RelayClient) -> Figures:
    """Return what the server counted once every acknowledgement is there."""
    deadline = time.monotonic() + SETTLING
    while (now := report(client))["unacknowledged"] and time.monotonic() < deadline:
        time.sleep(0.02)
    return now


def one_call(client: RelayClient, **params: Any) -> Call:
    """Return a call that was offered and answered."""
    answered, calls = threading.Event(), []

    @client.on_call
    def handle(call: Call) -> None:
        call.answer()
        calls.append(call)
        answered.set()

    client.execute("bench.offer", offer(1, 1, "answered", **params))
    answered.wait()
    return calls[0]


def events(client: RelayClient, count: int) -> Figures:
    """Take play events of one call."""
    call, done = one_call(client), threading.Event()
    listeners = Listeners(PlayEvent, done.set)
    call.on("calling.call.play", listeners.of_call(call.call_id))
    listeners.expecting(count)
    before, meter = report(client), Meter()
    client.execute("bench.events", {"count": count})
    done.wait()
    after = report(client)
    figures = meter.stop(count)
    client.execute("bench.end", {})
    check_report(settled(client), before, streamed=count)
    expect("wrong events", listeners.wrong, [])
    return {**figures, "server": server_share(before, after)}


def refer(client: RelayClient, count: int, beside_main: bool) -> Figures:
    """Refer one call again and again; each command has one event."""
    if beside_main:
        with ThreadPoolExecutor(max_workers=1) as beside:
            return beside.submit(refer, client, count, False).result()
    call, done = one_call(client, progress=False), threading.Event()
    outcomes: list[str] = []

    def listen(event: ReferEvent) -> None:
        outcomes.append(event.state)
        if len(outcomes) == count:
            done.set()

    call.on("calling.call.refer", listen)
    before, meter, trips = report(client), Meter(), []
    for number in range(count):
        begun = time.perf_counter()
        reply = call.refer(refer_device(number))
        trips.append(time.perf_counter() - begun)
        expect("code", reply["code"], "200")
    done.wait()
    figures, after = meter.stop(count), report(client)
    client.execute("bench.end", {})
    check_report(settled(client), before, calling_refer=count)
    expect("outcomes", outcomes, [("success", "busy")[number % 2] for number in range(count)])
    return {**figures, "trip": statistics.median(trips), "server": server_share(before, after)}


def calls(client: RelayClient, count: int, at_once: int) -> Figures:
    """Answer calls, play, wait for the end of it, refer, wait for the outcome, hang up."""
    done, numbers, finished = threading.Event(), itertools.count(), itertools.count(1)
    wrong: list[Any] = []

    @client.on_call
    def handle(call: Call) -> None:
        number = next(numbers)
        try:
            whole_call(call, number)
        except Exception as error:
            wrong.append(error)
        if next(finished) == count or wrong:
            done.set()

    before, meter = report(client), Meter()
    client.execute("bench.offer", offer(count, at_once, "ended"))
    done.wait()
    figures, after = meter.stop(count), report(client)
    expect("wrong calls", wrong, [])
    done_right = dict.fromkeys(("calling_answer", "calling_play", "calling_refer", "calling_end"), count)
    check_report(settled(client), before, **done_right)
    return {**figures, "server": server_share(before, after)}


def whole_call(call: Call, number: int) -> None:
    """One call of that kind."""
    call.answer()
    playback = call.play(MEDIA)
    expect("playback", (playback.wait()).params["state"], "finished")
    outcome = call.refer_and_wait(refer_device(number))
    expect("outcome", outcome.status, (ReferStatus.SUCCEEDED, ReferStatus.BUSY)[number % 2])
    call.hangup()


def hold(client: RelayClient, count: int, waiting: bool, seconds: float) -> Figures:
    """Hold calls open for a while; their handlers wait for the end, or have returned."""
    held: list[Call] = []
    gone = itertools.count(1)
    all_held, all_gone = threading.Event(), threading.Event()

    @client.on_call
    def handle(call: Call) -> None:
        call.answer()
        held.append(call)
        if len(held) == count:
            all_held.set()
        if waiting:
            ended = call.wait_for_ended()
            if ended.params["call_state"] == "ended" and next(gone) == count:
                all_gone.set()

    before, idle = report(client), memory()
    client.execute("bench.offer", offer(count, 200, "answered"))
    all_held.wait()
    time.sleep(seconds)
    after = settled(client)
    figures = {"memory": (memory() - idle) / count, "server": server_share(before, after)}
    client.execute("bench.end", {})
    if waiting:
        all_gone.wait()
    check_report(settled(client), before, offered=count, calling_answer=count)
    expect("calls that have not ended", [call.call_id for call in held if call.state != "ended"], [])
    return figures


def growth(
    client: RelayClient, turns: Iterable[None], tell: Callable[[Figures], None], size: int, events: int, calls: int
) -> None:
    """Measure events and calls in each turn, with so many other calls open all the time."""
    phase = threading.Event()
    listeners = Listeners(PlayEvent, lambda: phase.set())
    wrong: list[Any] = []
    numbers, handled, target, whole = itertools.count(), itertools.count(1), 0, False

    @client.on_call
    def handle(call: Call) -> None:
        try:
            if whole:
                whole_call(call, next(numbers))
            else:
                call.answer()
                call.on("calling.call.play", listeners.of_call(call.call_id))
        except Exception as error:
            wrong.append(error)
        if next(handled) == target or wrong:
            phase.set()

    def take(count: int, window: int, until: str) -> None:
        nonlocal target, phase
        target, phase = target + count, threading.Event()
        client.execute("bench.offer", offer(count, window, until))
        phase.wait()
        expect("wrong calls", wrong, [])

    take(size, 200, "answered")
    whole = True
    for _ in turns:
        before, phase = settled(client), threading.Event()
        listeners.expecting(events)
        meter = Meter()
        client.execute("bench.events", {"count": events})
        phase.wait()
        of_event = meter.stop(events)["cpu"]
        settled(client)
        meter = Meter()
        take(calls, min(calls, 50), "ended")
        of_call = meter.stop(calls)["cpu"]
        check_report(settled(client), before, calling_refer=calls, streamed=events)
        expect("wrong events", listeners.wrong, [])
        tell({"event": of_event, "call": of_call})


WORKS = {"events": events, "refer": refer, "calls": calls, "hold": hold}


def run(
    front: str, work: str, host: str, sizes: dict[str, Any], turns: Iterable[None], tell: Callable[[Figures], None]
) -> None:
    """Do one work in each turn as the client of one process, and tell its figures."""
    expect("front end", front, "sync")
    with RelayClient(project="p", token="t", host=host, contexts=["bench"], max_active_calls=20_000) as client:
        if work == "growth":  # what it prepares holds for all turns
            growth(client, turns, tell, **sizes)
        else:
            for _ in turns:
                tell(WORKS[work](client, **sizes))
