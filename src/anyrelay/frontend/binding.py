"""How a method of a machine becomes a method of a front end's class: written once, bound twice.

A front end's binder wraps the machine's method in a function that waits in its own way; `dress` makes that function look
like what the user calls (the time, which the front end fills in, is no argument of theirs), and `public` gives the methods
of a class their names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from anyrelay.frontend.handlers import refuse_unawaited
from anyrelay.protocol.call import Search
from anyrelay.protocol.events import RelayEvent

__all__ = ["Bound", "accepts", "dress", "plain", "public"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
A = TypeVar("A")
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_TIME_LINE = re.compile(r"\n *now: The time, in seconds\.")
_EMPTY_ARGS = re.compile(r"\n *Args:\n(?=\n)")


class Bound(Protocol):
    """What a class needs for its methods to be bound."""

    _machine: Any
    _driver: Any


def dress(bound: F, method: Callable[..., Any], *, returns: Any = None) -> F:
    """Give `bound` the documentation and the signature of `method`, without the time.

    Args:
        bound: The front end's function.
        method: The machine's method.
        returns: The annotation of what the user gets, when it is not what the machine's promise is of.
    """
    signature = inspect.signature(method)
    parameters = [p for name, p in signature.parameters.items() if name != "now"]
    # Only the time made the parameters before it positional: without it `self` is an ordinary one.
    parameters[0] = parameters[0].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    result = returns if returns is not None else _unwrapped(signature.return_annotation)
    bound.__signature__ = signature.replace(parameters=parameters, return_annotation=result)  # type: ignore[attr-defined]
    bound.__annotations__ = {p.name: p.annotation for p in parameters[1:]} | {"return": result}
    doc = _EMPTY_ARGS.sub("", _TIME_LINE.sub("", method.__doc__ or ""))
    bound.__doc__ = doc
    bound.__is_bound__ = True  # type: ignore[attr-defined]
    return bound


def _unwrapped(annotation: Any) -> Any:
    """Return what a promise is of: the annotations are text, since every module postpones them."""
    if not isinstance(annotation, str):
        return annotation
    found = re.fullmatch(r"(?:Promise|Search)\[(.*)\]", annotation)
    return found.group(1) if found else annotation


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


def accepts(search: Search[Any], event: RelayEvent | None) -> bool:
    """Whether an event is the one that a search is for; the user's predicate is called here, outside the core.

    Raises:
        RuntimeError: There is no event, and none will come: a search is made to end with an event or an error.
        TypeError: The predicate is a coroutine function.
    """
    if event is None:
        raise RuntimeError("a search ends with an event or an error")
    if search.predicate is None:
        return True
    answer = search.predicate(event)
    refuse_unawaited(search.predicate, answer, "a predicate is a plain function, and answers at once")
    return bool(answer)


def public(module: str) -> Callable[[C], C]:
    """Give a class and its bound methods the names under which the user finds them.

    Args:
        module: The module that hands the class on, such as ``anyrelay.sync``.
    """

    def name(kind: C) -> C:
        kind.__module__ = module
        for attribute, value in vars(kind).items():
            if getattr(value, "__is_bound__", False):
                value.__name__ = attribute
                value.__qualname__ = f"{kind.__name__}.{attribute}"
                value.__module__ = module
        return kind

    return name
