"""Text messages: one machine per message, sent or received (RELAY facts, section 5)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import RelayError
from anyrelay.protocol.call.documented import wait_doc
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.waiters import Waiters
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.fields import check_timeout

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.host import OutboundHost

__all__ = ["TRANSITIONS", "MessageMachine", "MessageState"]


class MessageState(StrEnum):
    """The state of a text message (RELAY facts, section 5)."""

    QUEUED = auto()
    INITIATED = auto()
    SENT = auto()
    DELIVERED = auto()
    """Final: the message arrived."""
    UNDELIVERED = auto()
    """Final: the message did not arrive."""
    FAILED = auto()
    """Final: the message was not sent."""
    RECEIVED = auto()
    """Final: the message was sent to this client."""


_STATES: Final = {state.value: state for state in MessageState}

FINAL: Final = frozenset({MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.FAILED, MessageState.RECEIVED})

_ON_THE_WAY: Final = (MessageState.QUEUED, MessageState.INITIATED, MessageState.SENT)

TRANSITIONS: Final[dict[tuple[MessageState, MessageState], MessageState]] = {
    (before, word): word
    for index, before in enumerate(_ON_THE_WAY)
    for word in (*_ON_THE_WAY[index + 1 :], MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.FAILED)
}
"""A message only moves forward, and may skip states. A late or repeated report changes nothing."""


class MessageMachine:
    """A text message, sent or received."""

    def __init__(
        self,
        host: OutboundHost,
        message_id: str,
        params: dict[str, Any],
        on_completed: Callable[[RelayEvent], Any] | None = None,
        on_over: Callable[[MessageMachine], object] = lambda _: None,
    ) -> None:
        """Make a message from its parameters.

        Args:
            host: The session.
            message_id: The identifier; "" before the reply to ``messaging.send``.
            params: The parameters by their names on the wire: of the command, or of ``messaging.receive``.
            on_completed: Called with the final event, or with an event without a type when the session is lost first.
            on_over: Called when the message has reached a final state.
        """
        self.message_id = message_id
        self.context: str = _text(params, "context")
        self.direction: str = _text(params, "direction") or "outbound"
        self.from_number: str = _text(params, "from_number")
        self.to_number: str = _text(params, "to_number")
        self.body: str = _text(params, "body")
        self.media: list[str] = _texts(params, "media")
        self.tags: list[str] = _texts(params, "tags")
        self.segments: int = _count(params, "segments")
        self.state: MessageState = MessageState.QUEUED
        self.reason: str = ""
        self.result: RelayEvent | None = None
        self.handler_queue: HandlerQueue = host.new_handler_queue("")
        self._host = host
        self._on_over = on_over
        self._on_completed = on_completed
        self._handlers: list[Callable[[RelayEvent], Any]] = []
        self._waiters: Waiters[RelayEvent] = Waiters()
        self._error: RelayError | None = None

    @classmethod
    def received(cls, host: OutboundHost, message_id: str, event: RelayEvent) -> MessageMachine:
        """Make the machine of a received message (``messaging.receive``): its only event is its final event."""
        message = cls(host, message_id, event.params)
        message.direction = _text(event.params, "direction") or "inbound"
        message.state = MessageState.RECEIVED
        message.result = event
        return message

    @property
    def is_done(self) -> bool:
        """Whether the message is in a final state, or its session is over."""
        return self.result is not None or self._error is not None

    @property
    def is_followed(self) -> bool:
        """Whether the message has a handler for its final event, also after its sender gave up."""
        return self._on_completed is not None

    def receive(self, event: RelayEvent) -> None:
        """Receive ``messaging.state`` of this message."""
        word = _STATES.get(_text(event.params, "message_state"))
        moved = TRANSITIONS.get((self.state, word)) if word is not None else None
        if moved is not None:
            self.state = moved
            self.reason = _text(event.params, "reason") or self.reason
            self.segments = _count(event.params, "segments") or self.segments
        for handler in self._handlers:
            self.handler_queue.post(handler, event)
        if moved in FINAL:
            self._end(event)

    def _end(self, event: RelayEvent) -> None:
        self.result = event
        self._on_over(self)
        self._waiters.resolve(event)
        self._call_on_completed(event)

    def _call_on_completed(self, event: RelayEvent) -> None:
        if self._on_completed is not None:
            self.handler_queue.post(self._on_completed, event, never_drop=True)

    def session_lost(self, error: RelayError) -> None:
        """Fail all waiters, since no further event of this message comes."""
        self._error = error
        self._waiters.fail(error)
        self._call_on_completed(RelayEvent(params={"message_id": self.message_id}))

    def on(self, handler: Callable[[RelayEvent], Any]) -> Callable[[], None]:
        """Call a handler with each event of this message, in order.

        Args:
            handler: A function (in the async front end a coroutine function too).

        Returns:
            A function that removes the handler.

        Raises:
            TypeError: `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"handler must be a function, not {type(handler).__name__}")
        self._handlers = [*self._handlers, handler]

        def remove() -> None:
            self._handlers = [each for each in self._handlers if each is not handler]

        return remove

    @wait_doc
    def wait(self, now: float, /, timeout: float | None = None) -> Promise[RelayEvent]:
        """Wait until the message is delivered, undelivered or failed.

        Returns:
            The final event: ``messaging.state``, or ``messaging.receive`` of a received message.

        Raises:
            TimeoutError: `timeout` is over; the message goes on.
            ClientClosed: The client was closed.
            ValueError: `timeout` is negative.
        """
        check_timeout(timeout)
        waiter = self._waiters.add()
        if self.result is not None:
            self._waiters.resolve(self.result)
        elif self._error is not None:
            self._waiters.fail(self._error)
        else:
            waiter.expire(self._host.timers, now, timeout, lambda _: waiter.fail(self._too_late()))
        return waiter

    def _too_late(self) -> TimeoutError:
        return TimeoutError(f"message {self.message_id} is still {self.state}")


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    return value if isinstance(value, str) else ""


def _texts(params: dict[str, Any], name: str) -> list[str]:
    value = params.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []


def _count(params: dict[str, Any], name: str) -> int:
    value = params.get(name)
    return value if isinstance(value, int) else 0
