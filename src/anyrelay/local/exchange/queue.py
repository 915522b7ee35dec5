"""``calling.queue.enter`` and ``calling.queue.leave`` at the exchange, and the ``calling.call.queue`` events.

A queue exists while calls wait in it. A device of type ``queue`` of ``calling.connect`` takes the call that has waited longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.protocol.schema import QueueEnter, QueueLeave

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["QueueFeature"]

QUEUE_LIMIT: Final = 1_000
"""How many calls may wait in one queue."""


@define(eq=False)
class _Waiting:
    """A call that waits."""

    call: Call
    queue: _Queue
    control_id: str
    status_url: str | None


@define(eq=False)
class _Queue:
    """A queue of calls."""

    queue_id: str
    name: str
    waiting: list[_Waiting] = field(factory=list)
    """The calls, the longest waiting first."""


class QueueFeature(Feature):
    """Queues by name."""

    def __init__(self, host: ExchangeHost) -> None:
        """Make the feature without queues."""
        super().__init__(host)
        self._queues: dict[str, _Queue] = {}
        self._by_call: dict[Call, _Waiting] = {}
        self.commands = {QueueEnter: ServedCommand(self._enter), QueueLeave: ServedCommand(self._leave)}

    def _enter(self, command: QueueEnter, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if call in self._by_call:
            raise CommandRefused(409, "The call waits in a queue already")
        queue = self._queues.get(command.queue_name) or _Queue(self.host.new_id(), command.queue_name)
        if len(queue.waiting) >= QUEUE_LIMIT:
            raise CommandRefused(429, f"{QUEUE_LIMIT} calls wait in this queue already")
        self._queues[queue.name] = queue
        waiting = _Waiting(call, queue, command.control_id, command.status_url)
        queue.waiting.append(waiting)
        self._by_call[call] = waiting
        self._tell(waiting, "entered", len(queue.waiting), now)

    def _leave(self, command: QueueLeave, call: Call, now: float) -> None:
        waiting = self._by_call.get(call)
        if waiting is None or waiting.queue.name != command.queue_name:
            raise CommandRefused(404, "The call does not wait in this queue")
        self._remove(waiting, "left", now)

    def take(self, name: str, now: float) -> Call | None:
        """Take the call out of a queue that has waited longest; None when no call waits."""
        queue = self._queues.get(name)
        if queue is None:
            return None
        waiting = queue.waiting[0]
        self._remove(waiting, "left", now)
        return waiting.call

    def _remove(self, waiting: _Waiting, status: str, now: float) -> None:
        """Take a call out of its queue, and tell the clients of those behind it their new positions."""
        queue = waiting.queue
        place = queue.waiting.index(waiting)
        del queue.waiting[place]
        del self._by_call[waiting.call]
        if not queue.waiting:
            del self._queues[queue.name]
        if status:
            self._tell(waiting, status, 0, now)
        for position, behind in enumerate(queue.waiting[place:], place + 1):
            self._tell(behind, "waiting", position, now)

    def _tell(self, waiting: _Waiting, status: str, position: int, now: float) -> None:
        queue = waiting.queue
        params = {
            "control_id": waiting.control_id,
            "status": status,
            "id": queue.queue_id,
            "name": queue.name,
            "position": position,
            "size": len(queue.waiting),
        }
        self.tell(waiting.call, "calling.call.queue", params, now, waiting.status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Take a call that is over out of its queue."""
        if call in self._by_call:
            self._remove(self._by_call[call], "", now)
