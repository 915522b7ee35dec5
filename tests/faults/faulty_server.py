"""A local RELAY server behind a proxy that breaks connections, with new callers all the time, in its own thread."""

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
from tests.faults.fault_settings import EVERY_FAULT, FaultSettings
from tests.faults.phone_log import PhoneLog
from tests.faults.plans import Plan, describe_targets, plans
from tests.support.fault_proxy import FaultProxy

AT_ONCE = 100
"""The number of calls at a time."""

EventKey = tuple[str, float, str]
"""The key of an event: its type, the time at which it was sent, and its params."""


def key_of(event_type: str, timestamp: float, params: dict[str, Any]) -> EventKey:
    return event_type, timestamp, json.dumps(params, sort_keys=True)


class FaultyServer:
    """The server, the proxy and the callers. Clients connect to `url`; `close` ends everything."""

    def __init__(self, seed: int, settings: FaultSettings = EVERY_FAULT) -> None:
        self.settings = settings
        self.phones = PhoneLog()
        self.sent: dict[str, list[EventKey]] = defaultdict(list)
        self.calls_made = 0
        self.plans: dict[str, Plan] = {}
        self._targets = SimulatedPhones(on_step=self.phones.note)
        self._faults_random = Random(f"faults {seed}")
        self._plans = plans(Random(f"plans {seed}"), settings.outcome_time)
        self._faults_left: list[str] = []
        self._rounds = 0
        with ExitStack() as opened:
            self._portal = opened.enter_context(start_blocking_portal())
            opened.enter_context(self._portal.wrap_async_context_manager(self._started()))
            self.close = opened.pop_all().close

    @property
    def url(self) -> str:
        """The URL of the proxy."""
        return f"ws://127.0.0.1:{self.proxy.port}"

    def run(self, transfers: int, settled: list[Any], timeout: float) -> None:
        """Make calls and faults until `transfers` transfers are settled and every call has ended; blocks.

        Every fault happens at least once: new callers call until the first round of faults is over.

        Args:
            transfers: The number of transfers.
            settled: The list to which the application adds each outcome.
            timeout: The longest time, in seconds.
        """
        self._portal.call(self._run, transfers, settled, timeout)

    def calls_of(self, session: str) -> set[str]:
        """Return the call_ids in the events of a session."""
        return {json.loads(params)["call_id"] for _, _, params in self.sent[session]}

    def reported_in_time(self, grace: float) -> set[str]:
        """Return the call_ids of transfers whose outcome the server sent soon after the end of the call.

        Args:
            grace: The longest time after the end of the call, in seconds.
        """
        ended: dict[str, float] = {}
        reported: dict[str, float] = {}
        for event_type, timestamp, text in [key for sent in self.sent.values() for key in sent]:
            params = json.loads(text)
            if event_type == "calling.call.state" and params["call_state"] == "ended":
                ended[params["call_id"]] = timestamp
            if event_type == "calling.call.refer" and params["state"] != "inProgress":
                reported[params["call_id"]] = timestamp
        return {call_id for call_id, at in reported.items() if at < ended.get(call_id, at) + grace}

    # --- in its own thread ------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[None]:
        async with LocalRelay(self._targets, on_event=self._event_sent) as self.relay:
            describe_targets(self._targets)
            port = int(self.relay.url.rpartition(":")[2])
            async with FaultProxy(port, self._faults_random, stalls=self.settings.stalls) as self.proxy:
                yield

    def _event_sent(self, envelope: dict[str, Any]) -> None:
        key = key_of(envelope["event_type"], envelope["timestamp"], envelope["params"])
        self.sent[envelope["event_channel"]].append(key)

    async def _run(self, transfers: int, settled: list[Any], timeout: float) -> None:
        began = time.monotonic()
        with anyio.fail_after(timeout):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._make_faults)
                await self._keep_calling(transfers, settled)
                tasks.cancel_scope.cancel()
        self.proxy.breaks_handshakes = False
        self.seconds = time.monotonic() - began

    async def _keep_calling(self, transfers: int, settled: list[Any]) -> None:
        active: list[RelayCaller] = []
        while active or len(settled) < transfers or self._rounds < 2:
            active = [caller for caller in active if caller.state != "ended"]
            wanted = AT_ONCE if self._rounds < 2 else min(AT_ONCE, transfers - len(settled))
            for _ in range(wanted - len(active)):
                active.append(await self._call())
            await asyncio.sleep(0.01)

    async def _call(self) -> RelayCaller:
        plan = next(self._plans)
        self.plans[plan.uri] = plan
        self.calls_made += 1
        return await self.relay.phones.dial(
            plan.uri,
            on_refer=plan.on_refer,
            patience=self.settings.ring_time,
            hang_up_after=self.settings.call_time,
        )

    async def _make_faults(self) -> None:
        self.proxy.breaks_handshakes = self.settings.handshakes_break
        while True:
            await asyncio.sleep(self._faults_random.uniform(*self.settings.between_faults))
            if not self._faults_left:
                self._rounds += 1  # the first round is over when the second begins
                self._faults_left = [kind for kind, number in self.settings.faults.items() for _ in range(number)]
                self._faults_random.shuffle(self._faults_left)
            if self._make_fault(self._faults_left[-1]):
                self._faults_left.pop()

    def _make_fault(self, kind: str) -> bool:
        match kind:
            case "disconnect" | "restart":
                self.relay.say_goodbye(restart=kind == "restart")
            case "crash":
                self.relay.forget_sessions()
            case _:
                return self.proxy.make_fault(kind)
        self.proxy.count(kind)
        return True
