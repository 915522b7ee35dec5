"""The binders of the blocking front end: each makes a method that waits in the calling thread of a machine's method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Protocol

from anyrelay.frontend import binding
from anyrelay.frontend.binding import A, Bound, E, M, P, T, copy_signature, misuse
from anyrelay.protocol.call.call import Search
from anyrelay.protocol.core.promise import Promise, Subscription

__all__ = ["Driver", "blocking", "finding", "starting"]


class Driver(binding.Driver, Protocol):
    """The members of the blocking front end's driver that the methods of a client, a call, an action and a message use."""

    def call_and_wait(
        self, method: Callable[Concatenate[float, P], Promise[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Have the I/O thread call a machine's method with the time, and wait for the promised result."""
        ...

    def find(self, method: Callable[Concatenate[float, P], Search[E]], /, *args: P.args, **kwargs: P.kwargs) -> E:
        """Have the I/O thread call a machine's method, and wait for the event that the method looks for."""
        ...

    def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until there is an event to take; return None when there will be none."""
        ...

    def connect(self, method: Callable[[float], Promise[None]]) -> Any:
        """Call a method that connects the session, wait for the promised result, and return the argument of `wait_finished`."""

    def close(self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a method that closes the session, and wait until the session is closed."""

    def wait_finished(self, period: Any) -> None:
        """Wait until the session is closed, then a while for the handlers."""


def blocking(
    method: Callable[Concatenate[M, float, P], Promise[T]],
) -> Callable[Concatenate[Bound[Driver, M], P], T]:
    """Bind a method whose promise the calling thread waits for."""
    name = method.__name__

    def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            value: T = self._driver.call_and_wait(getattr(self._machine, name), *args, **kwargs)
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from None
        return value

    return copy_signature(bound, method)


def starting(
    method: Callable[Concatenate[M, float, P], Promise[T]], wrapper: Callable[[Any, T], A]
) -> Callable[Concatenate[Bound[Driver, M], P], A]:
    """Bind a method that promises a machine; the user gets an object of the class `wrapper` for the machine."""
    name = method.__name__

    def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> A:
        try:
            machine: T = self._driver.call_and_wait(getattr(self._machine, name), *args, **kwargs)
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from None
        return wrapper(self._driver, machine)

    return copy_signature(bound, method, returns=getattr(wrapper, "__name__", None))


def finding(
    method: Callable[Concatenate[M, float, P], Search[E]],
) -> Callable[Concatenate[Bound[Driver, M], P], E]:
    """Bind a method that looks for an event; the driver calls the user's predicate outside the core and its lock."""
    name = method.__name__

    def bound(self: Bound[Driver, M], /, *args: P.args, **kwargs: P.kwargs) -> E:
        try:
            event: E = self._driver.find(getattr(self._machine, name), *args, **kwargs)
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from error.__cause__
        return event

    return copy_signature(bound, method)
