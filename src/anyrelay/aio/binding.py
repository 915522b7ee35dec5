"""The binders of the async front end: each turns a machine's method into a coroutine method, or a plain one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyrelay.frontend.binding import Bound, copy_signature, misuse, misuse_named
from anyrelay.protocol.call.call import Search
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent

__all__ = ["awaiting", "finding", "starting"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
A = TypeVar("A")
E = TypeVar("E", bound=RelayEvent)


def _waiting(
    method: Callable[Concatenate[M, float, P], Promise[T]],
) -> Callable[Concatenate[Bound, P], Coroutine[Any, Any, T]]:
    """Return a coroutine function that awaits what a method promises.

    A call may be held open for hours in here, beside thousands of others: no coroutine is below this one, and it keeps
    nothing that it does not need.
    """

    async def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> T:
        driver = self._driver
        try:
            promise: Promise[T] = driver.call(method, self._machine, *args, **kwargs)
        except TypeError as error:
            raise misuse(self, method, args, kwargs, error) from None
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
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """Bind a method whose promise is awaited."""
    return copy_signature(_waiting(method), method)


def starting(
    method: Callable[Concatenate[M, float, P], Promise[T]], wrapper: Callable[[Any, T], A]
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, A]]:
    """Bind a method that hands out a machine, for which the user gets an object of the class `wrapper`."""
    waiting = _waiting(method)

    async def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> A:
        return wrapper(self._driver, await waiting(self, *args, **kwargs))

    return copy_signature(bound, method, returns=getattr(wrapper, "__name__", None))


def finding(
    method: Callable[Concatenate[M, float, P], Search[E]],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, E]]:
    """Bind a method that looks for an event; the user's predicate is called here, outside the core."""

    async def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> E:
        with misuse_named(self, method, args, kwargs):
            event: E = await self._driver.find(method, self._machine, *args, **kwargs)
        return event

    return copy_signature(bound, method)
