"""How a method of a machine becomes a method of a front end's class: written once, bound twice.

A front end's binder wraps the machine's method in a function that waits in its own way. That function looks the method up by
its name on the machine, so that a subclass of the machine may override the method. `copy_signature` gives the function the
documentation and the signature that the user sees: without the time, which the front end fills in. `public` gives the methods
of a class their names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar, get_args, overload

from anyrelay.frontend.handlers import refuse_unawaited
from anyrelay.protocol.call.call import Search
from anyrelay.protocol.schema import RelayEvent

__all__ = ["COROUTINE_METHODS", "Bound", "Driver", "accepts", "bound_plain", "copy_signature", "misuse", "public"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)
D_co = TypeVar("D_co", covariant=True)
A = TypeVar("A")
E = TypeVar("E", bound=RelayEvent)
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_TIME_LINE = re.compile(r"\n *now: The time, in seconds\.")
_EMPTY_ARGS = re.compile(r"\n *Args:\n(?=\n)")

COROUTINE_METHODS: Final[set[str]] = set()
"""The names of all public methods that have to be awaited."""


class Driver(Protocol):
    """The members of either front end's driver that the methods of a client, a call, an action and a message use."""

    def locked(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the core that needs no time, while no other thread uses the core."""
        ...

    def note_signal(self) -> None:
        """Note a signal, which the session gets soon; safe in a signal handler, which may have interrupted anything."""

    def forget_signals(self) -> None:
        """Forget the signals that were not handed to the session."""


class Bound(Protocol[D_co, M_co]):
    """An object whose class has bound methods: it has a driver of the class `D_co` and a machine of the class `M_co`."""

    @property
    def _driver(self) -> D_co: ...

    @property
    def _machine(self) -> M_co: ...


def copy_signature(bound: F, method: Callable[..., Any], *, returns: Any = None) -> F:
    """Give `bound` the documentation and the signature of `method`, without the time.

    Args:
        bound: The front end's function.
        method: The machine's method.
        returns: The annotation of the user's result, when it differs from the result of the machine's promise.
    """
    signature = inspect.signature(method)
    parameters = _without_time(signature)
    result = returns if returns is not None else _unwrapped(signature.return_annotation)
    bound.__signature__ = signature.replace(parameters=parameters, return_annotation=result)  # type: ignore[attr-defined]
    bound.__annotations__ = {p.name: p.annotation for p in parameters[1:]} | {"return": result}
    doc = _EMPTY_ARGS.sub("", _TIME_LINE.sub("", method.__doc__ or ""))
    bound.__doc__ = doc
    bound.__is_bound__ = True  # type: ignore[attr-defined]
    return bound


def _without_time(signature: inspect.Signature) -> list[inspect.Parameter]:
    parameters = [p for name, p in signature.parameters.items() if name != "now"]
    # Only the time made the parameters before it positional: without it `self` is an ordinary one.
    parameters[0] = parameters[0].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return parameters


def misuse(
    bound: Bound[object, object], name: str, args: tuple[Any, ...], kwargs: dict[str, Any], error: TypeError
) -> TypeError:
    """Return the error of a call in the caller's terms, if its arguments do not fit; `error` itself if they do.

    Args:
        bound: The object that the user has.
        name: The name of the machine's method that was called.
        args: The arguments that the user gave by position.
        kwargs: The arguments that the user gave by name.
        error: The error that the machine's method raised: its text counts the time too, and names the machine's class.
    """
    signature = inspect.signature(getattr(type(bound._machine), name))
    parameters = _without_time(signature)
    try:
        signature.replace(parameters=parameters).bind(bound, *args, **kwargs)
    except TypeError as wrong:
        from difflib import get_close_matches  # with the first mistake

        names = [p.name for p in parameters[1:]]
        near = [other for word in kwargs if word not in names for other in get_close_matches(word, names, 1)]
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return TypeError(f"{type(bound).__name__}.{name}(): {wrong}{hint}")
    return error


def _unwrapped(annotation: Any) -> Any:
    """Return the ``T`` of an annotation ``Promise[T]`` or ``Search[T]``: annotations are text, since modules postpone them."""
    if not isinstance(annotation, str):
        return annotation
    kind, _, inner = annotation.partition("[")
    return inner[:-1] if kind in ("Promise", "Search") else annotation


@overload
def bound_plain(method: Callable[Concatenate[M, P], T]) -> Callable[Concatenate[Bound[Driver, M], P], T]: ...
@overload
def bound_plain(
    method: Callable[Concatenate[M, P], T], wrapper: Callable[[Any, T], A]
) -> Callable[Concatenate[Bound[Driver, M], P], A]: ...
def bound_plain(method: Callable[..., Any], wrapper: Callable[[Any, Any], Any] | None = None) -> Callable[..., Any]:
    """Bind a method that neither waits nor needs the time.

    Args:
        method: The machine's method.
        wrapper: The class of the object that the user gets for the method's answer; None returns the answer unchanged.
    """
    name = method.__name__

    def bound(self: Bound[Driver, Any], /, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = self._driver.locked(getattr(self._machine, name), *args, **kwargs)
        except TypeError as error:
            raise misuse(self, name, args, kwargs, error) from None
        return answer if wrapper is None else wrapper(self._driver, answer)

    return copy_signature(bound, method, returns=getattr(wrapper, "__name__", None))


def accepts(search: Search[Any], event: RelayEvent | None) -> bool:
    """Return whether a search (`wait_for`) ends with an event; calls the user's predicate, outside the core.

    Args:
        search: The search.
        event: The event, None when no event will come.

    Raises:
        RuntimeError: `event` is None: a search is made to end with an event or an error.
        TypeError: The predicate is a coroutine function.
    """
    if event is None:
        raise RuntimeError("a search ends with an event or an error")
    if search.predicate is None:
        return True
    answer = search.predicate(event)
    refuse_unawaited(search.predicate, answer, "a predicate is a plain function, and returns at once")
    return bool(answer)


def public(module: str) -> Callable[[C], C]:
    """Give a class and its bound methods the names under which the user finds them.

    Args:
        module: The module that hands the class on, such as ``anyrelay.sync``.
    """

    def name(kind: C) -> C:
        kind.__module__ = module
        for base in kind.__mro__[1:]:
            for attribute, value in vars(base).items():
                if getattr(value, "__is_bound__", False) and attribute not in vars(kind):
                    setattr(kind, attribute, _own_copy(value, kind))
        for attribute, value in vars(kind).items():
            if inspect.iscoroutinefunction(value) and not attribute.startswith("_"):
                COROUTINE_METHODS.add(attribute)
            if getattr(value, "__is_bound__", False):
                value.__name__ = attribute
                value.__qualname__ = f"{kind.__name__}.{attribute}"
                value.__module__ = module
        return kind

    return name


def _own_copy(inherited: FunctionType, kind: type) -> FunctionType:
    """Return a copy of an inherited method for a class; its signature names the class's event class in place of ``E``."""
    own = FunctionType(
        inherited.__code__, inherited.__globals__, inherited.__name__, inherited.__defaults__, inherited.__closure__
    )
    own.__kwdefaults__, own.__doc__ = inherited.__kwdefaults__, inherited.__doc__
    own.__dict__.update(inherited.__dict__)
    signature, annotations = inspect.signature(inherited), dict(inherited.__annotations__)
    if signature.return_annotation == "E":
        [base, *_] = kind.__dict__["__orig_bases__"]
        event = get_args(base)[-1]
        name = event.__name__ if isinstance(event, type) else event.__forward_arg__
        annotations["return"] = name.rpartition(".")[2]
        own.__dict__["__signature__"] = signature.replace(return_annotation=annotations["return"])
    own.__annotations__ = annotations
    return own
