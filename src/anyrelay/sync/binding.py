"""The binders of the blocking front end: each turns a machine's method into one that waits in the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from anyrelay.frontend.binding import dress
from anyrelay.protocol.call import Search
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.promise import Promise

if TYPE_CHECKING:
    from anyrelay.sync.driver import Driver

__all__ = ["Bound", "blocking", "finding", "plain", "starting"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
A = TypeVar("A")
E = TypeVar("E", bound=RelayEvent)


class Bound(Protocol):
    """What a class needs for its methods to be bound."""

    _machine: Any
    _driver: Driver


def blocking(method: Callable[Concatenate[M, float, P], Promise[T]]) -> Callable[Concatenate[Any, P], T]:
    """Bind a method whose promise is waited for."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> T:
        driver = self._driver
        return driver.result_of(driver.ask(method, self._machine, *args, **kwargs))

    return dress(bound, method)


def starting(
    method: Callable[Concatenate[M, float, P], Promise[T]], face: Callable[[Any, T], A]
) -> Callable[Concatenate[Any, P], A]:
    """Bind a method that hands out a machine, for which the user gets an object of the class `face`."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> A:
        driver = self._driver
        return face(driver, driver.result_of(driver.ask(method, self._machine, *args, **kwargs)))

    return dress(bound, method, returns=getattr(face, "__name__", None))


def finding(method: Callable[Concatenate[M, float, P], Search[E]]) -> Callable[Concatenate[Any, P], E]:
    """Bind a method that looks for an event; the user's predicate is called here, outside the core and its lock."""

    def bound(self: Bound, /, *args: P.args, **kwargs: P.kwargs) -> E:
        driver = self._driver
        search = driver.ask(method, self._machine, *args, **kwargs)
        try:
            while (event := driver.next_of(search.subscription)) is not None:
                if search.predicate is None or search.predicate(event):
                    return event
        finally:
            driver.locked(search.subscription.close)
        raise RuntimeError("a search ends with an event or an error")  # it is made to end with an error

    return dress(bound, method)


@overload
def plain(method: Callable[Concatenate[M, P], T]) -> Callable[Concatenate[Any, P], T]: ...
@overload
def plain(method: Callable[Concatenate[M, P], T], face: Callable[[Any, T], A]) -> Callable[Concatenate[Any, P], A]: ...
def plain(method: Callable[..., Any], face: Callable[[Any, Any], Any] | None = None) -> Callable[..., Any]:
    """Bind a method that neither waits nor needs the time; for what it hands out the user gets a `face`, if one is given."""

    def bound(self: Bound, /, *args: Any, **kwargs: Any) -> Any:
        answer = self._driver.locked(method, self._machine, *args, **kwargs)
        return answer if face is None else face(self._driver, answer)

    return dress(bound, method, returns=getattr(face, "__name__", None))
