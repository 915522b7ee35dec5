"""Methods that listen to a call: handlers of its events, iterators over them, and the search for one event."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from attrs import field, frozen

from anyrelay.errors import RelayError
from anyrelay.protocol.call.documented import wait_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Subscription
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.fields import check_handler, check_timeout

__all__ = ["ListeningMethods", "Search"]

E = TypeVar("E", bound=RelayEvent)


@frozen
class Search(Generic[E]):
    """The search for one event: a queue of events, and the user's predicate, which the front end calls."""

    subscription: Subscription[E]
    """The events to search."""
    predicate: Callable[[E], object] | None = None
    """Whether an event is the searched one; None accepts the first event."""


@frozen(eq=False)
class _Listener:
    """A handler that `ListeningMethods.on` registered."""

    event_class: type[RelayEvent]
    event_type: str | None
    handler: Callable[[Any], Any] = field(repr=False)


class ListeningMethods(CallMethods):
    """The listeners to a call's events. The call itself gives them each event, without a step in between."""

    _listeners: tuple[_Listener, ...]
    _subscriptions: dict[Subscription[Any], bool]

    @property
    @abstractmethod
    def is_silent(self) -> bool:
        """Whether the call and its last open transfer have ended: no further event comes."""

    def on(self, event_type: type[E] | str, handler: Callable[[E], Any]) -> Callable[[], None]:
        """Call a handler with each event of one kind, in order; the handler may use the call.

        Args:
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            handler: A function (in the async front end a coroutine function too).

        Returns:
            A function that removes the handler.

        Raises:
            TypeError: `event_type` is neither a class nor a name, or `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"handler must be a function, not {type(handler).__name__}")
        listener = _Listener(*_kind(event_type), handler)
        self._listeners = (*self._listeners, listener)

        def remove() -> None:
            self._listeners = tuple(each for each in self._listeners if each is not listener)

        return remove

    def events(self) -> Subscription[RelayEvent]:
        """Iterate over the events of this call, from now on.

        Returns:
            An iterator that ends after the call's ended event and its last open transfer; iteration may stop earlier.

        Raises:
            QueueOverflow: (while iterating) the reader fell 1,000 events behind.
            ConnectionLost: (while iterating) the session could not be resumed.
        """
        return self._subscribe(RelayEvent, None, raises=False)

    @overload
    def wait_for(
        self,
        now: float,
        /,
        event_type: type[E],
        predicate: Callable[[E], object] | None = None,
        timeout: float | None = None,
    ) -> Search[E]: ...
    @overload
    def wait_for(
        self,
        now: float,
        /,
        event_type: str,
        predicate: Callable[[RelayEvent], object] | None = None,
        timeout: float | None = None,
    ) -> Search[RelayEvent]: ...
    @wait_doc
    def wait_for(
        self,
        now: float,
        /,
        event_type: type[RelayEvent] | str,
        predicate: Callable[[Any], object] | None = None,
        timeout: float | None = None,
    ) -> Search[Any]:
        """Wait for an event that comes after this call of the method.

        Args:
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            predicate: Whether an event is the awaited one; None accepts the first event.

        Returns:
            The event.

        Raises:
            TypeError: `predicate` returned a coroutine; only a plain function is allowed.
            CallGone: The call ended first.
        """
        check_timeout(timeout)
        check_handler(predicate, "predicate")
        subscription = self._subscribe(*_kind(event_type), raises=True)
        if timeout is not None and not subscription.closed:
            name = event_type if isinstance(event_type, str) else event_type.__name__
            expired = TimeoutError(f"no such event on call {self.call_id} within {timeout:g} s: {name}")
            expiry = self.timers.at(now + timeout, lambda _: subscription.end(expired))
            subscription.also_on_close(expiry.cancel)
        return Search(subscription, predicate)

    def _subscribe(
        self, event_class: type[RelayEvent], event_type: str | None, *, raises: bool
    ) -> Subscription[RelayEvent]:
        def forget() -> None:
            self._subscriptions.pop(subscription, None)

        subscription = Subscription(event_class, event_type)
        if self._gone is not None:
            subscription.end(self._gone)
        elif self.is_silent:
            subscription.end(self.ended_error() if raises else None)
        else:
            self._subscriptions = self._subscriptions or {}
            self._subscriptions[subscription] = raises
            subscription.also_on_close(forget)
        return subscription

    def _end_readers(self) -> None:
        """End iterators and fail searches, since no further event of the call comes."""
        for subscription, raises in list(self._subscriptions.items()):
            subscription.end(self.ended_error() if raises else None)

    def _fail_readers(self, error: RelayError) -> None:
        """Fail iterators and searches with the error that ended the session of the call."""
        for subscription in list(self._subscriptions):
            subscription.end(error)


def _kind(event: type[RelayEvent] | str) -> tuple[type[RelayEvent], str | None]:
    if isinstance(event, str):
        return RelayEvent, event
    if isinstance(event, type) and issubclass(event, RelayEvent):
        return event, None
    raise TypeError(f"event_type must be an event class or the name of an event, not {event!r}")
