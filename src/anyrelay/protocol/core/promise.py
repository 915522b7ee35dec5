"""Promises of one result, and bounded queues of events: the core hands them out instead of callbacks.

A front end only needs to know how to sleep until one of them is ready (`on_ready`), and how to tell that its caller gave
up (`Promise.abandon`, `Subscription.close`). No user code ever runs from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from anyrelay.errors import QueueOverflow, RelayError

if TYPE_CHECKING:
    from anyrelay.protocol.schema import RelayEvent

__all__ = ["Promise", "Subscription"]

T = TypeVar("T")
U = TypeVar("U")
E = TypeVar("E", bound="RelayEvent")

EVENT_QUEUE_LIMIT = 1_000
"""How many events a subscription holds for a reader that is slow."""


class Promise(Generic[T]):
    """A result to come for one waiter: a value or an error, exactly once.

    The first of `resolve` and `fail` counts; whatever comes later is dropped, since a deadline and an answer may race.
    """

    __slots__ = ("_error", "_on_abandon", "_value", "_waker", "done")

    done: bool
    """Whether the result is there."""

    def __init__(self, on_abandon: Callable[[], None] | None = None) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waker: Callable[[], None] | None = None
        self._on_abandon = on_abandon

    @classmethod
    def resolved(cls, value: T) -> Promise[T]:
        """Return a promise that has its value already."""
        promise = cls()
        promise.resolve(value)
        return promise

    @property
    def ready(self) -> bool:
        """Whether a waiter need not sleep (the same word as a subscription's)."""
        return self.done

    @property
    def error(self) -> BaseException | None:
        """The error of the promise; None while the promise is open, or when it has a value."""
        return self._error

    def resolve(self, value: T) -> None:
        """Keep the promise with `value` and wake its waiter."""
        if not self.done:
            self.done = True
            self._value = value
            self._on_abandon = None
            if self._waker is not None:
                waker, self._waker = self._waker, None
                waker()

    def fail(self, error: BaseException) -> None:
        """Break the promise with `error` and wake its waiter."""
        if not self.done:
            self.done = True
            self._error = error
            self._on_abandon = None
            if self._waker is not None:
                waker, self._waker = self._waker, None
                waker()

    def result(self) -> T:
        """Return the value.

        Raises:
            BaseException: The error the promise was broken with; a `RelayError` as a fresh copy, so that an error shared by
                many waiters never carries another one's traceback.
            RuntimeError: The promise is not done yet.
        """
        if not self.done:
            raise RuntimeError("this promise has no result yet; wait until it is ready")
        if self._error is not None:
            raise self._error.renewed() if isinstance(self._error, RelayError) else self._error
        return self._value  # type: ignore[return-value]

    def then(self, change: Callable[[T], U]) -> Promise[U]:
        """Return a promise of this one's value changed by `change`; it takes this one's only waiter."""
        changed: Promise[U] = Promise(self.abandon)

        def pass_on() -> None:
            if self._error is not None:
                changed.fail(self._error)
            else:
                changed.resolve(change(self._value))  # type: ignore[arg-type]

        self.on_ready(pass_on)
        return changed

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` once when the result is there; at once when the promise is done already."""
        if self.done:
            waker()
        else:
            self._waker = waker

    def abandon(self) -> None:
        """Note that no caller waits any more: a command that was not sent is withdrawn; a sent one is only forgotten."""
        self._waker = None
        if self._on_abandon is not None:
            on_abandon, self._on_abandon = self._on_abandon, None
            on_abandon()


class Subscription(Generic[E]):
    """A bounded queue of events for one reader, filled from the moment it was opened."""

    __slots__ = (
        "_closed",
        "_detached",
        "_error",
        "_limit",
        "_on_close",
        "_queue",
        "_waker",
        "event_class",
        "event_type",
    )

    event_class: type[E]
    """Only events of this class (or a subclass) are queued."""
    event_type: str | None
    """Only events of this RELAY type are queued, or of any type when None."""

    def __init__(
        self,
        event_class: type[E],
        event_type: str | None = None,
        *,
        limit: int = EVENT_QUEUE_LIMIT,
    ) -> None:
        self.event_class = event_class
        self.event_type = event_type
        self._limit = limit
        self._on_close: list[Callable[[], None]] = []
        self._queue: deque[E] = deque()
        self._closed = False
        self._detached = False
        self._error: BaseException | None = None
        self._waker: Callable[[], None] | None = None

    @property
    def ready(self) -> bool:
        """Whether `take` has an event to return, or no more events come."""
        return bool(self._queue) or self._closed

    @property
    def closed(self) -> bool:
        """Whether nothing more will be queued; what is queued may still be taken."""
        return self._closed

    def offer(self, event: RelayEvent) -> None:
        """Queue an event of the subscribed kind; a full queue ends the subscription with `QueueOverflow`."""
        if self._closed or not isinstance(event, self.event_class):
            return
        if self._detached:
            self.close()
            return
        if self.event_type is not None and event.event_type != self.event_type:
            return
        if len(self._queue) >= self._limit:
            self.end(QueueOverflow(f"a reader fell {self._limit} events behind; read events() faster, or filter them"))
            return
        self._queue.append(event)
        self._wake()

    def take(self) -> E | None:
        """Take the next event; None when there is none now, or none ever again (see `closed`).

        Raises:
            QueueOverflow: The reader was too slow and events were lost.
            TimeoutError: The subscription's deadline has passed.
            RelayError: The call is gone, or the session it belonged to.
        """
        if self._queue:
            return self._queue.popleft()
        if self._error is not None:
            raise self._error.renewed() if isinstance(self._error, RelayError) else self._error
        return None

    def end(self, error: BaseException | None = None) -> None:
        """Queue nothing more; the reader takes what is left, then gets `error`, or a plain end when None."""
        if not self._closed:
            self._closed = True
            self._error = error
            on_close, self._on_close = self._on_close, []
            for action in on_close:
                action()
            self._wake()

    def also_on_close(self, action: Callable[[], None]) -> None:
        """Call `action` too when the subscription ends, for whatever reason."""
        self._on_close.append(action)

    def close(self) -> None:
        """End the subscription, since its reader has gone."""
        self._queue.clear()
        self.end()

    def detach(self) -> None:
        """Say that the reader is gone for good, in the middle of anything: the next event finds it closed.

        For a reader that was forgotten: who collects garbage does so in any thread, under any lock.
        """
        self._detached = True

    def on_ready(self, waker: Callable[[], None]) -> None:
        """Call `waker` once when there is something to take; at once when there is already."""
        if self.ready:
            waker()
        else:
            self._waker = waker

    def _wake(self) -> None:
        if self._waker is not None:
            waker, self._waker = self._waker, None
            waker()
