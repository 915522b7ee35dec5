"""Verbs that listen to a call: handlers of its events, iterators over them, and searches for one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from attrs import field, frozen

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol.call.methods import NONE_YET, CallMethods
from anyrelay.protocol.core.promise import Subscription
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.fields import check_timeout

__all__ = ["ListeningMethods", "Search"]

E = TypeVar("E", bound=RelayEvent)


@frozen
class Search(Generic[E]):
    """A reader that looks for one event: its queue, and the user's predicate, which the front end calls."""

    subscription: Subscription[E]
    """The events to look at."""
    predicate: Callable[[E], object] | None = None
    """Whether an event is the one; None takes the first."""


@frozen(eq=False)
class _Listener:
    """A handler that `ListeningMethods.on` registered."""

    event_class: type[RelayEvent]
    event_type: str | None
    handler: Callable[[Any], Any] = field(repr=False)

    def wants(self, event: RelayEvent) -> bool:
        return isinstance(event, self.event_class) and self.event_type in (None, event.event_type)


class ListeningMethods(CallMethods):
    """Who hears of a call's events. The call itself tells them, so that an event takes no detour."""

    call_id: str
    timers: Timers
    _gone: RelayError | None

    def __init__(self) -> None:
        """Begin with nobody who listens."""
        super().__init__()
        self._listeners: tuple[_Listener, ...] = ()
        self._subscriptions: dict[Subscription[Any], bool] = NONE_YET

    @property
    @abstractmethod
    def is_silent(self) -> bool:
        """Whether the call has ended, and with it its last open transfer: nothing more will be heard of it."""

    @abstractmethod
    def ended_error(self) -> CallGone:
        """Return what is raised for a call that has ended."""

    def on(self, event_type: type[E] | str, handler: Callable[[E], Any]) -> Callable[[], None]:
        """Call a handler with each event of one kind, in order; it may use the call.

        Args:
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            handler: A function (in the async front end a coroutine function too).

        Returns:
            A function that takes the handler off again.

        Raises:
            TypeError: `event_type` is neither, or `handler` cannot be called.
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
            An iterator that ends after the call's ended event and its last open transfer; it may be dropped before.

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
    def wait_for(
        self,
        now: float,
        /,
        event_type: type[RelayEvent] | str,
        predicate: Callable[[Any], object] | None = None,
        timeout: float | None = None,
    ) -> Search[Any]:
        """Wait for an event that comes from now on.

        Args:
            now: The time, in seconds.
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            predicate: Whether an event is the one waited for; None takes the first.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event.

        Raises:
            TimeoutError: `timeout` is over.
            TypeError: `predicate` returned a coroutine: it has to be a plain function.
            CallGone: The call ended first.
            ConnectionLost: The session could not be resumed.
        """
        check_timeout(timeout)
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
        """Nothing more will be heard of the call: iterators stop, and searches were in vain."""
        for subscription, raises in list(self._subscriptions.items()):
            subscription.end(self.ended_error() if raises else None)

    def _fail_readers(self, error: RelayError) -> None:
        """Nothing more can be heard of the call."""
        for subscription in list(self._subscriptions):
            subscription.end(error)


def _kind(event: type[RelayEvent] | str) -> tuple[type[RelayEvent], str | None]:
    if isinstance(event, str):
        return RelayEvent, event
    if isinstance(event, type) and issubclass(event, RelayEvent):
        return event, None
    raise TypeError(f"event_type must be an event class or the name of an event, not {event!r}")
