"""The binders of the async front end: each makes a coroutine method of a machine's method."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, Protocol

from anyrelay.frontend import binding
from anyrelay.frontend.binding import A, Bound, E, M, P, T, copy_signature, misuse
from anyrelay.protocol.call.call import Search
from anyrelay.protocol.core.promise import Promise, Subscription

__all__ = ["Driver", "awaiting", "finding", "starting"]


class Driver(binding.Driver, Protocol):
    """The members of the async front end's driver that the methods of a client, a call, an action and a message use."""

    def call(self, method: Callable[Concatenate[float, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a machine's method with the time, and send what the machine wants to send."""
        ...

    def sleep(self, promise: Promise[Any], /) -> Awaitable[object]:
        """Return an object that this task awaits at once, to sleep until a promise is done."""
        ...

    def abandon(self, promise: Promise[Any]) -> None:
        """Tell a promise that the task which waited for the promise was cancelled."""

    async def find(self, method: Callable[Concatenate[float, P], Search[E]], /, *args: P.args, **kwargs: P.kwargs) -> E:
        """Call a machine's method and await the event that it looks for."""
        ...

    async def result_of(self, promise: Promise[T]) -> T:
        """Sleep until a promise is done, and return its result; abandon the promise when the task is cancelled."""
        ...

    async def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until there is an event to take; return None when there will be none."""
        ...

    def start(self) -> None:
        """Start the owner task, unless it runs; the session is about to be connected."""

    async def close(
        self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a method that closes the session, and wait until the session is closed."""

    async def wait_closed(self, closing: Awaitable[None]) -> None:
        """Await an object that ends when the session is closed, then the end of the client's tasks."""


def _waiting(
    method: Callable[Concatenate[M, float, P], Promise[T]],
) -> Callable[Concatenate[Bound[Driver, M], P], Coroutine[Any, Any, T]]:
    """Return a coroutine function that awaits the promise of a machine's method.

    A coroutine of this function may stay open for hours, beside thousands of others. Therefore it awaits no other coroutine,
    and keeps nothing that it does not need.
    """
    name = method.__name__

    async def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> T:
        driver = self._driver
        try:
            promise: Promise[T] = driver.call(getattr(self._machine, name), *args, **kwargs)
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from None
        del self, args, kwargs
        if not promise.done:
            try:
                await driver.sleep(promise)
            except BaseException:
                driver.abandon(promise)
                raise
        return promise.result()

    return bound


def awaiting(
    method: Callable[Concatenate[M, float, P], Promise[T]],
) -> Callable[Concatenate[Bound[Driver, M], P], Coroutine[Any, Any, T]]:
    """Bind a method whose promise is awaited."""
    return copy_signature(_waiting(method), method)


def starting(
    method: Callable[Concatenate[M, float, P], Promise[T]], wrapper: Callable[[Any, T], A]
) -> Callable[Concatenate[Bound[Driver, M], P], Coroutine[Any, Any, A]]:
    """Bind a method that promises a machine; the user gets an object of the class `wrapper` for the machine."""
    waiting = _waiting(method)

    async def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> A:
        return wrapper(self._driver, await waiting(self, *args, **kwargs))

    return copy_signature(bound, method, returns=getattr(wrapper, "__name__", None))


def finding(
    method: Callable[Concatenate[M, float, P], Search[E]],
) -> Callable[Concatenate[Bound[Driver, M], P], Coroutine[Any, Any, E]]:
    """Bind a method that looks for an event; the driver calls the user's predicate outside the core."""
    name = method.__name__

    async def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> E:
        try:
            event: Awaitable[E] = self._driver.find(getattr(self._machine, name), *args, **kwargs)
            return await event
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from error.__cause__

    return copy_signature(bound, method)
