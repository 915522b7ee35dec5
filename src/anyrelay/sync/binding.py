"""The binders of the blocking front end: each turns a machine's method into one that waits in the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyrelay.frontend.binding import Bound, copy_signature, misuse, misuse_named
from anyrelay.protocol.call.call import Search
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent

__all__ = ["blocking", "finding", "starting"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
A = TypeVar("A")
E = TypeVar("E", bound=RelayEvent)


def starting(
    method: Callable[Concatenate[M, float, P], Promise[T]], wrapper: Callable[[Any, T], A]
) -> Callable[Concatenate[Any, P], A]:
    """Bind a method that hands out a machine, for which the user gets an object of the class `wrapper`."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> A:
        try:
            machine: T = self._driver.call_and_wait(method, self._machine, *args, **kwargs)
        except TypeError as error:
            raise misuse(self, method, args, kwargs, error) from None
        return wrapper(self._driver, machine)

    return copy_signature(bound, method, returns=getattr(wrapper, "__name__", None))


def blocking(method: Callable[Concatenate[M, float, P], Promise[T]]) -> Callable[Concatenate[Any, P], T]:
    """Bind a method whose promise is waited for."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            value: T = self._driver.call_and_wait(method, self._machine, *args, **kwargs)
        except TypeError as error:
            raise misuse(self, method, args, kwargs, error) from None
        return value

    return copy_signature(bound, method)


def finding(method: Callable[Concatenate[M, float, P], Search[E]]) -> Callable[Concatenate[Any, P], E]:
    """Bind a method that looks for an event; the user's predicate is called here, outside the core and its lock."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> E:
        with misuse_named(self, method, args, kwargs):
            event: E = self._driver.find(method, self._machine, *args, **kwargs)
        return event

    return copy_signature(bound, method)
