"""What a client's application saw of a storm: the outcome of each transfer, and each event that it was told."""

from __future__ import annotations

from typing import Any

from anyrelay import CallGone, ConnectionLost, ReferOutcome, RelayError, RelayEvent, RequestTimeout
from tests.faults.storm import EventKey, Storm, key_of
from tests.support.frontend_world import undisguised


class Ledger:
    """The application: it answers, transfers, hangs up, and writes down what it saw."""

    def __init__(self, client: Any, storm: Storm) -> None:
        self.outcomes: list[tuple[str, ReferOutcome]] = []
        self.not_sent: list[tuple[str, RelayError]] = []
        self.calls: dict[str, Any] = {}
        self.heard: list[EventKey] = []
        self.heard_by_calls: list[EventKey] = []
        self._client = undisguised(client)
        self._storm = storm

    def hear(self, event: RelayEvent) -> None:
        """Of `client.on_event`."""
        self.heard.append(key_of(event.event_type, event.timestamp, event.params))

    def hear_of_call(self, event: RelayEvent) -> None:
        """Of `call.on`."""
        self.heard_by_calls.append(key_of(event.event_type, event.timestamp, event.params))

    async def handle(self, call: Any) -> None:
        """Of `client.on_call`: answer, transfer, hang up."""
        for event_type in ("calling.call.state", "calling.call.refer"):
            call.on(event_type, self.hear_of_call)
        if not await self._insist(call, call.answer):
            return
        try:
            await call.wait_for_answered(timeout=self._storm.weather.answered_within)
        except (RelayError, TimeoutError):
            return  # it ended, or its session did
        await self._transfer(call)
        await self._insist(call, call.hangup)

    async def _transfer(self, call: Any) -> None:
        plan = self._storm.plans[call.from_]
        try:
            outcome = await call.refer_and_wait(plan.target, timeout=plan.patience)
        except RelayError as error:
            self.not_sent.append((plan.uri, error))
        else:
            self.calls[plan.uri] = call
            self.outcomes.append((plan.uri, outcome))

    async def _insist(self, call: Any, command: Any) -> bool:
        """Give a command until the server has it; False once there is no such call any more."""
        while self._client.calls.get(call.call_id) == undisguised(call):
            try:
                await command()
            except CallGone:
                return False
            except (ConnectionLost, RequestTimeout):
                continue  # the server may have it or not
            except RelayError:
                return True  # refused, since it had been taken before
            return True
        return False
