"""Route the events of the server: drop duplicates, find the call, take or pass offered calls and messages."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from anyrelay.protocol.call.states import CallState
from anyrelay.protocol.rpc.jsonrpc import fingerprint
from anyrelay.protocol.schema import AuthorizationStateEvent, CallReceiveEvent, Pass, RelayEvent
from anyrelay.protocol.schema.codec import read_event
from anyrelay.protocol.session.host import SessionHost
from anyrelay.protocol.session.outputs import Layer, LogEntry, RunHandler

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.message import MessageMachine
    from anyrelay.protocol.session.drain import Drain

__all__ = ["EventRouter"]

EVENTS_REMEMBERED: Final = 4_096
"""Among how many of the last events a duplicate is found."""

PASS_AGAIN_AFTER: Final = 5.0
"""An offer that was passed back and comes again within this many seconds is left alone: no other client takes it."""

MESSAGES_AT_ONCE: Final = 1_000
"""How many `on_message` handlers run at once: on threads, each has one of its own."""

MESSAGES_WAITING: Final = 10_000
"""How many messages wait for a handler to end; further messages are dropped and counted."""


class EventRouter:
    """Hands each event to the call, dial, message or handler that the event is for."""

    def __init__(self, host: SessionHost, drain: Drain) -> None:
        """Begin with nothing seen, and without handlers.

        Args:
            host: The session.
            drain: Knows which handlers run; while it is on, no call is taken.
        """
        self._host = host
        self._drain = drain
        self.authorization_state = ""
        """The newest secret with which the session may be resumed; "" while there is none."""
        self.event_handlers: list[Callable[[RelayEvent], Any]] = []
        """The `on_event` handlers."""
        self._handler_queue = host.new_handler_queue("")
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._passed: OrderedDict[str, float] = OrderedDict()
        self._declined: OrderedDict[str, float] = OrderedDict()
        self._takes_calls = False
        self._takes_messages = False
        self._messages_at_work = 0
        self._messages_waiting: deque[MessageMachine] = deque()
        self._messages_left_out = 0

    def session_over(self) -> None:
        """The session is over: its events and its secret mean nothing to the next session."""
        self._seen.clear()
        self.authorization_state = ""

    def decline(self, call_id: str, now: float) -> None:
        """A handler passed the call back: the call is not offered to a handler again at once."""
        self._declined[call_id] = now

    def takes_calls(self, answer: bool) -> None:
        """Say whether there is an `on_call` handler; without one, offers are passed back."""
        self._takes_calls = answer

    def takes_messages(self, answer: bool) -> None:
        """Say whether there is an `on_message` handler."""
        self._takes_messages = answer

    def receive_event(self, id_: str | int | None, params: dict[str, Any], now: float) -> None:
        """Take in an event, unless the server sent it before.

        An event came before if both its JSON-RPC id and its params are those of one of the last 4,096.
        """
        host = self._host
        if id_ is not None:
            # Only a number of each is kept: an identifier may be as long as a message.
            try:
                key = hash(orjson.dumps((id_, params), option=orjson.OPT_SORT_KEYS))
            except TypeError:  # half of a surrogate pair, which `fingerprint` takes
                key = fingerprint((id_, params))
            if key in self._seen:
                host.statistics.duplicate_events += 1
                return
            self._seen[key] = None
            if len(self._seen) > EVENTS_REMEMBERED:
                self._seen.popitem(last=False)
        event = read_event(params)
        host.statistics.events += 1
        if type(event) is RelayEvent:  # no class is known for its type
            host.statistics.unknown_events += 1
        if isinstance(event, AuthorizationStateEvent):
            self.authorization_state = event.authorization_state or self.authorization_state
            return
        for handler in self.event_handlers:
            self._handler_queue.post(handler, event)
        call = host.calls.get(event.call_id)
        if host.observer is not None:
            host.observer.event_received(event, call)
        if call is not None and isinstance(event, CallReceiveEvent) and call.is_leaving:
            call.handed_over(now)  # offered again, to this very client, before the reply to the command
            call = None
        if call is not None and event.event_type != "calling.call.dial":  # a dial's own, even where it names its winner
            call.receive(event, now)
        elif isinstance(event, CallReceiveEvent) and event.call_id and event.call_state != CallState.ENDED:
            self._receive_offer(event, now)
        elif event.event_type == "messaging.receive":
            self._receive_message(event)
        elif not self._receive_outbound(event, now) and event.call_id:
            host.statistics.stray_events += 1

    def _receive_outbound(self, event: RelayEvent, now: float) -> bool:
        """Hand an event to the dial or message that it belongs to; return False when there is none."""
        match event.event_type:
            case "calling.call.state":
                return self._host.outbound.receive_leg(event, now)
            case "calling.call.dial":
                return self._host.outbound.receive_dial(event, now)
            case "messaging.state":
                return self._host.outbound.receive_message_state(event)
        return False

    def _receive_message(self, event: RelayEvent) -> None:
        message_id = event.params.get("message_id")
        if not self._takes_messages or self._host.is_closing or not isinstance(message_id, str):
            self._host.statistics.stray_events += 1
            return
        if len(self._messages_waiting) >= MESSAGES_WAITING:
            self._leave_out_message()
            return
        message = self._host.make_message(message_id, event)
        self._drain.handled.add(message)
        self._messages_waiting.append(message)
        self._handle_messages()

    def _handle_messages(self) -> None:
        while self._messages_waiting and self._messages_at_work < MESSAGES_AT_ONCE and not self._host.is_closing:
            self._messages_at_work += 1
            self._host.outputs.append(RunHandler(self._messages_waiting.popleft()))

    def _leave_out_message(self) -> None:
        self._host.statistics.dropped_events += 1
        self._messages_left_out += 1
        if self._messages_left_out == 1:
            slow = "the on_message handlers are too slow: they are not told of every message"
            self._host.log(LogEntry.ERROR, slow, layer=Layer.HANDLER)

    def message_handled(self) -> None:
        """The handler of a message has ended: the next one may begin."""
        self._messages_at_work -= 1
        self._handle_messages()

    def forget_waiting_messages(self) -> None:
        """The client is closed: what no handler has begun with is left."""
        if self._messages_waiting:
            left = f"{len(self._messages_waiting)} messages were left unread when the client was closed"
            self._host.log(LogEntry.WARNING, left, layer=Layer.HANDLER)
        self._drain.handled.difference_update(self._messages_waiting)
        self._messages_waiting.clear()

    def _receive_offer(self, offer: CallReceiveEvent, now: float) -> None:
        """Take an offered call, or pass it back to routing when this client cannot take it."""
        if self._host.is_closing:
            return
        if self._passed or self._declined:
            _forget_old(self._passed, now)
            _forget_old(self._declined, now)
        if offer.call_id in self._declined:
            return
        full = self._is_full()
        if self._takes_calls and not full and not self._drain.is_on:
            call = self._host.add_call(offer)
            self._drain.handled.add(call)
            self._host.outputs.append(RunHandler(call))
            return
        if offer.call_id in self._passed:
            return
        reason = (
            f"{self._host.settings.max_active_calls} calls are active" if full else "this client takes no calls now"
        )
        self._host.log(LogEntry.WARNING, f"an offered call is passed back: {reason}", call_id=offer.call_id)
        if self._host.submit_quietly(now, Pass(node_id=offer.node_id, call_id=offer.call_id)):
            self._passed[offer.call_id] = now
            self._host.statistics.calls_passed += 1
            if self._host.observer is not None:
                self._host.observer.call_passed_back(offer.call_id)

    def _is_full(self) -> bool:
        """Whether as many calls as the settings allow have not ended; calls that have ended may be kept for a while."""
        limit, calls = self._host.settings.max_active_calls, self._host.calls
        # Nearly always there are fewer calls, and then it does not matter which have ended.
        return len(calls) >= limit and sum(call.state is not CallState.ENDED for call in calls.values()) >= limit


def _forget_old(passed: OrderedDict[str, float], now: float) -> None:
    """Forget the calls that were passed back too long ago, which come first; a flood of offers must not scan the others."""
    while passed and now - next(iter(passed.values())) >= PASS_AGAIN_AFTER:
        passed.popitem(last=False)
