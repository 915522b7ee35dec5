"""The application of a run with faults; it keeps the outcome of each transfer, and each event."""

from __future__ import annotations

from typing import Any

from anyrelay import CallGone, ConnectionLost, ReferOutcome, RelayError, RelayEvent, RequestTimeout
from tests.faults.faulty_server import EventKey, FaultyServer, key_of
from tests.support.frontend_world import undisguised


class Application:
    """Answers, transfers and hangs up each call, and keeps outcomes and events."""

    def __init__(self, client: Any, server: FaultyServer) -> None:
        self.outcomes: list[tuple[str, ReferOutcome]] = []
        self.not_sent: list[tuple[str, RelayError]] = []
        self.calls: dict[str, Any] = {}
        self.events: list[EventKey] = []
        self.call_events: list[EventKey] = []
        self._client = undisguised(client)
        self._server = server

    def record_event(self, event: RelayEvent) -> None:
        """Keep an event; a handler of `client.on_event`."""
        self.events.append(key_of(event.event_type, event.timestamp, event.params))

    def record_call_event(self, event: RelayEvent) -> None:
        """Keep an event; a handler of `call.on`."""
        self.call_events.append(key_of(event.event_type, event.timestamp, event.params))

    async def handle(self, call: Any) -> None:
        """Answer, transfer and hang up; the handler of `client.on_call`."""
        for event_type in ("calling.call.state", "calling.call.refer"):
            call.on(event_type, self.record_call_event)
        if not await self._repeat_until_accepted(call, call.answer):
            return
        try:
            await call.wait_for_answered(timeout=self._server.settings.answer_time)
        except (RelayError, TimeoutError):
            return  # the call or its session ended
        await self._transfer(call)
        await self._repeat_until_accepted(call, call.hangup)

    async def _transfer(self, call: Any) -> None:
        plan = self._server.plans[call.from_]
        try:
            outcome = await call.refer_and_wait(plan.target, timeout=plan.timeout)
        except RelayError as error:
            self.not_sent.append((plan.uri, error))
        else:
            self.calls[plan.uri] = call
            self.outcomes.append((plan.uri, outcome))

    async def _repeat_until_accepted(self, call: Any, command: Any) -> bool:
        """Repeat a command until the server accepts it; return False once the call is gone."""
        while self._client.calls.get(call.call_id) == undisguised(call):
            try:
                await command()
            except CallGone:
                return False
            except (ConnectionLost, RequestTimeout):
                continue  # the server may have accepted the command
            except RelayError:
                return True  # refused, since an earlier try was accepted
            return True
        return False
