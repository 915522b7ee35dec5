"""A local RELAY server behind a proxy that breaks connections, with callers who keep coming, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from random import Random
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal

from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.server.relay_phones import RelayCaller
from tests.faults.plans import Plan, describe_targets, plans
from tests.faults.truth import PhoneLog
from tests.faults.weather import STORM, Weather
from tests.support.fault_proxy import FaultProxy

AT_ONCE = 100
"""How many calls are in the air at once."""

EventKey = tuple[str, float, str]
"""What tells an event from every other: its type, when it was sent, and its params."""


def key_of(event_type: str, timestamp: float, params: dict[str, Any]) -> EventKey:
    return event_type, timestamp, json.dumps(params, sort_keys=True)


class Storm:
    """The server, the proxy and the callers. What clients connect to is its `url`; `close` ends it all."""

    def __init__(self, seed: int, weather: Weather = STORM) -> None:
        self.weather = weather
        self.phones = PhoneLog()
        self.sent: dict[str, list[EventKey]] = defaultdict(list)
        self.calls_made = 0
        self.plans: dict[str, Plan] = {}
        self._targets = SimulatedPhones(on_step=self.phones.note)
        self._faults_random = Random(f"faults {seed}")
        self._plans = plans(Random(f"plans {seed}"), weather.enough)
        self._deck: list[str] = []
        self._rounds = 0
        with ExitStack() as opened:
            self._portal = opened.enter_context(start_blocking_portal())
            opened.enter_context(self._portal.wrap_async_context_manager(self._standing()))
            self.close = opened.pop_all().close

    @property
    def url(self) -> str:
        """Where clients connect to: the proxy."""
        return f"ws://127.0.0.1:{self.proxy.port}"

    def blow(self, transfers: int, settled: list[Any], patience: float) -> None:
        """Let callers call, and faults happen, until so many transfers are settled and every call is over; blocks.

        Every fault happens at least once: callers keep coming for as long as the first round takes.

        Args:
            transfers: How many.
            settled: Where whoever answers puts the outcome of each.
            patience: Seconds that it may take.
        """
        self._portal.call(self._blow, transfers, settled, patience)

    def calls_of(self, session: str) -> set[str]:
        """Return the call_ids of every call that a session was told of."""
        return {json.loads(params)["call_id"] for _, _, params in self.sent[session]}

    def told_in_time(self, grace: float) -> set[str]:
        """Return the call_ids of every call of whose transfer the server told the outcome soon enough after its end.

        Args:
            grace: How many seconds after the end of the call are soon enough.
        """
        ended: dict[str, float] = {}
        told: dict[str, float] = {}
        for event_type, timestamp, text in [key for sent in self.sent.values() for key in sent]:
            params = json.loads(text)
            if event_type == "calling.call.state" and params["call_state"] == "ended":
                ended[params["call_id"]] = timestamp
            if event_type == "calling.call.refer" and params["state"] != "inProgress":
                told[params["call_id"]] = timestamp
        return {call_id for call_id, at in told.items() if at < ended.get(call_id, at) + grace}

    # --- on its own thread ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _standing(self) -> AsyncIterator[None]:
        async with LocalRelay(self._targets, on_event=self._event_sent) as self.relay:
            describe_targets(self._targets)
            port = int(self.relay.url.rpartition(":")[2])
            async with FaultProxy(port, self._faults_random, stalls=self.weather.stalls) as self.proxy:
                yield

    def _event_sent(self, envelope: dict[str, Any]) -> None:
        key = key_of(envelope["event_type"], envelope["timestamp"], envelope["params"])
        self.sent[envelope["event_channel"]].append(key)

    async def _blow(self, transfers: int, settled: list[Any], patience: float) -> None:
        began = time.monotonic()
        with anyio.fail_after(patience):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._make_trouble)
                await self._let_callers_call(transfers, settled)
                tasks.cancel_scope.cancel()
        self.proxy.calm = True
        self.seconds = time.monotonic() - began

    async def _let_callers_call(self, transfers: int, settled: list[Any]) -> None:
        in_the_air: list[RelayCaller] = []
        while in_the_air or len(settled) < transfers or self._rounds < 2:
            in_the_air = [caller for caller in in_the_air if caller.state != "ended"]
            wanted = AT_ONCE if self._rounds < 2 else min(AT_ONCE, transfers - len(settled))
            for _ in range(wanted - len(in_the_air)):
                in_the_air.append(await self._call())
            await asyncio.sleep(0.01)

    async def _call(self) -> RelayCaller:
        plan = next(self._plans)
        self.plans[plan.uri] = plan
        self.calls_made += 1
        return await self.relay.phones.dial(
            plan.uri,
            on_refer=plan.on_refer,
            patience=self.weather.rings_for,
            hang_up_after=self.weather.lasts_for,
        )

    async def _make_trouble(self) -> None:
        self.proxy.calm = not self.weather.handshakes_break
        while True:
            await asyncio.sleep(self._faults_random.uniform(*self.weather.between_faults))
            if not self._deck:
                self._rounds += 1  # the first is over when the second begins
                self._deck = [kind for kind, number in self.weather.deck.items() for _ in range(number)]
                self._faults_random.shuffle(self._deck)
            if self._strike(self._deck[-1]):
                self._deck.pop()

    def _strike(self, kind: str) -> bool:
        match kind:
            case "goodbye" | "restart":
                self.relay.say_goodbye(restart=kind == "restart")
            case "crash":
                self.relay.forget_sessions()
            case _:
                return self.proxy.strike(kind)
        self.proxy.count(kind)
        return True
