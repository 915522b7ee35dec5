"""What comes in from the server: whether it came before, whose it is, and whether an offered call is taken."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.protocol.call.states import CallState
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.rpc.jsonrpc import METHOD_NOT_FOUND, Request, encode_error, encode_result, fingerprint
from anyrelay.protocol.schema import (
    EVENT_CLASSES,
    AuthorizationStateEvent,
    CallReceiveEvent,
    Command,
    Pass,
    RelayEvent,
    parse_event,
)
from anyrelay.protocol.session.outputs import Layer, LogEntry, Output, RunHandler
from anyrelay.protocol.session.settings import ClientSettings
from anyrelay.protocol.session.states import LinkState
from anyrelay.protocol.session.statistics import Statistics
from anyrelay.protocol.session.supervisor import Link

if TYPE_CHECKING:
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.outbound.message import MessageMachine
    from anyrelay.protocol.outbound.outbound import Outbound
    from anyrelay.protocol.session.observer import Observer

__all__ = ["Incoming"]

EVENTS_REMEMBERED: Final = 4_096
"""Among how many of the last events a duplicate is found."""

PASS_AGAIN_AFTER: Final = 5.0
"""An offer that was passed back and comes again within this many seconds is left alone: nobody else takes it."""

MESSAGES_AT_ONCE: Final = 1_000
"""How many `on_message` handlers run at once: on threads, each has one of its own."""

MESSAGES_WAITING: Final = 10_000
"""How many messages wait for one of them to end; more than these are left out and counted."""


class Incoming(ABC):
    """The way of a request of the server's to the call, dial, message or handler that it is for."""

    settings: ClientSettings
    statistics: Statistics
    calls: dict[str, CallMachine]
    outbound: Outbound
    _link: Link
    outputs: deque[Output]
    _handler_queue: HandlerQueue
    _event_handlers: list[Callable[[RelayEvent], Any]]
    _authorization_state: str
    _running_handlers: set[CallMachine | MessageMachine]
    _draining: bool

    def __init__(self) -> None:
        """Begin with nothing seen, and without handlers of calls and messages."""
        super().__init__()
        self.observer: Observer | None = None
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._passed: OrderedDict[str, float] = OrderedDict()
        self._declined: OrderedDict[str, float] = OrderedDict()
        self._takes_calls = False
        self._takes_messages = False
        self._messages_at_work = 0
        self._messages_waiting: deque[MessageMachine] = deque()
        self._messages_left_out = 0

    @abstractmethod
    def add_call(self, event: RelayEvent) -> CallMachine:
        """Make a call of the session."""

    @abstractmethod
    def make_message(self, message_id: str, event: RelayEvent) -> MessageMachine:
        """Make a message that was received."""

    @abstractmethod
    def log(self, level: int, text: str, *, call_id: str = "", layer: Layer = Layer.CALL) -> None:
        """Ask for a log record."""

    @abstractmethod
    def _send(self, text: str) -> None:
        """Queue an answer for the transport."""

    @abstractmethod
    def _submit_quietly(self, now: float, command: Command) -> bool:
        """Send a command whose reply nobody waits for; False when it cannot be sent."""

    def takes_calls(self, answer: bool) -> None:
        """Say whether there is an `on_call` handler; without one, offers are passed back."""
        self._takes_calls = answer

    def takes_messages(self, answer: bool) -> None:
        """Say whether there is an `on_message` handler."""
        self._takes_messages = answer

    def receive_request(self, request: Request, now: float) -> None:
        """Take in a request of the server's: acknowledge it at once, then handle it."""
        if request.method != "signalwire.event":
            self.statistics.unknown_requests += 1
            if request.id is not None:
                self._send(encode_error(request.id, METHOD_NOT_FOUND, f"unknown method {request.method[:100]}"))
            return
        if request.id is not None:
            self._send(encode_result(request.id, {}))
            if self._is_duplicate(request):
                self.statistics.duplicate_events += 1
                return
        self._receive_event(parse_event(request.params), now)

    def _is_duplicate(self, request: Request) -> bool:
        """An event came before if both its JSON-RPC id and its params are those of one of the last 4,096."""
        # Only a number of each is kept: an identifier may be as long as a message.
        key = fingerprint({"id": request.id, "params": request.params})
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > EVENTS_REMEMBERED:
            self._seen.popitem(last=False)
        return False

    def _receive_event(self, event: RelayEvent, now: float) -> None:
        self.statistics.events += 1
        if event.event_type not in EVENT_CLASSES:
            self.statistics.unknown_events += 1
        if isinstance(event, AuthorizationStateEvent):
            self._authorization_state = event.authorization_state or self._authorization_state
            return
        for handler in self._event_handlers:
            self._handler_queue.post(handler, event)
        call = self.calls.get(event.call_id)
        if self.observer is not None:
            self.observer.event_received(event, call)
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
            self.statistics.stray_events += 1

    def _receive_outbound(self, event: RelayEvent, now: float) -> bool:
        """Hand an event to the dial or message that it is about; False when there is none."""
        match event.event_type:
            case "calling.call.state":
                return self.outbound.receive_leg(event, now)
            case "calling.call.dial":
                return self.outbound.receive_dial(event, now)
            case "messaging.state":
                return self.outbound.receive_message_state(event)
        return False

    def _receive_message(self, event: RelayEvent) -> None:
        message_id = event.params.get("message_id")
        if not self._takes_messages or self._is_closing or not isinstance(message_id, str):
            self.statistics.stray_events += 1
            return
        if len(self._messages_waiting) >= MESSAGES_WAITING:
            self._leave_out_message()
            return
        message = self.make_message(message_id, event)
        self._running_handlers.add(message)
        self._messages_waiting.append(message)
        self._handle_messages()

    def _handle_messages(self) -> None:
        while self._messages_waiting and self._messages_at_work < MESSAGES_AT_ONCE and not self._is_closing:
            self._messages_at_work += 1
            self.outputs.append(RunHandler(self._messages_waiting.popleft()))

    def _leave_out_message(self) -> None:
        self.statistics.dropped_events += 1
        self._messages_left_out += 1
        if self._messages_left_out == 1:
            slow = "the on_message handlers are too slow: they are not told of every message"
            self.log(LogEntry.ERROR, slow, layer=Layer.HANDLER)

    def message_handled(self) -> None:
        """The handler of a message has ended: the next one may begin."""
        self._messages_at_work -= 1
        self._handle_messages()

    def forget_waiting_messages(self) -> None:
        """The client is closed: what no handler has begun with is left."""
        if self._messages_waiting:
            left = f"{len(self._messages_waiting)} messages were left unread when the client was closed"
            self.log(LogEntry.WARNING, left, layer=Layer.HANDLER)
        self._running_handlers.difference_update(self._messages_waiting)
        self._messages_waiting.clear()

    def _receive_offer(self, offer: CallReceiveEvent, now: float) -> None:
        """Take an offered call, or pass it back to routing when this client cannot take it."""
        if self._is_closing:
            return
        _forget_old(self._passed, now)
        _forget_old(self._declined, now)
        if offer.call_id in self._declined:
            return
        full = self._active_calls() >= self.settings.max_active_calls
        if self._takes_calls and not full and not self._draining:
            call = self.add_call(offer)
            self._running_handlers.add(call)
            self.outputs.append(RunHandler(call))
            return
        if offer.call_id in self._passed:
            return
        reason = f"{self.settings.max_active_calls} calls are active" if full else "this client takes no calls now"
        self.log(LogEntry.WARNING, f"an offered call is passed back: {reason}", call_id=offer.call_id)
        if self._submit_quietly(now, Pass(node_id=offer.node_id, call_id=offer.call_id)):
            self._passed[offer.call_id] = now
            self.statistics.calls_passed += 1
            if self.observer is not None:
                self.observer.call_passed_back(offer.call_id)

    @property
    def _is_closing(self) -> bool:
        """Whether nothing can be answered any more: no new work is begun, but what became of the old counts."""
        return self._link.state is LinkState.CLOSING

    def _active_calls(self) -> int:
        """How many calls have not ended; those that have are kept for the grace time of their transfers."""
        limit = self.settings.max_active_calls
        if len(self.calls) < limit:  # nearly always, and then their exact number does not matter
            return len(self.calls)
        return sum(call.state is not CallState.ENDED for call in self.calls.values())


def _forget_old(passed: OrderedDict[str, float], now: float) -> None:
    """Forget the calls that were passed back too long ago, which come first; a flood of offers must not scan the others."""
    while passed and now - next(iter(passed.values())) >= PASS_AGAIN_AFTER:
        passed.popitem(last=False)
