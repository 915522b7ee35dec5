"""Call handlers on an event loop, plain functions too, and raise when a plain function made a coroutine and lost it."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, Final
from weakref import WeakKeyDictionary

import anyio

from anyrelay.frontend.binding import COROUTINE_METHODS
from anyrelay.frontend.handlers import GENERATORS, name_of, refuse_generator, refuse_unawaited

__all__ = ["call_handler", "check_result", "is_own_error"]

NEVER_AWAITED: Final = "was never awaited"
"""The end of Python's own warning about a coroutine that was made and not awaited."""

_suspects: WeakKeyDictionary[FunctionType, bool] = WeakKeyDictionary()
"""Whether a function may make coroutines, for each function that was examined."""


def call_handler(handler: Callable[[Any], Any], subject: object) -> Any:
    """Call a handler, and return its answer; the caller awaits an answer that can be awaited.

    Raises:
        TypeError: The handler is a plain function, and made a coroutine that it neither awaited nor returned; or it is a
            generator function.
        BaseException: The error of the handler.
    """
    if (type(handler) is FunctionType and _suspects.get(handler) is False) or not _is_suspect(handler):
        answer = handler(subject)
    else:
        answer = _call_suspect(handler, subject)
    if type(answer) in GENERATORS:
        refuse_generator(handler, answer)
    return answer


def _call_suspect(handler: Callable[[Any], Any], subject: object) -> Any:
    """Call a plain function that may make coroutines."""
    remedy = f"make {name_of(handler)} an `async def` and write `await` before each such call"
    # Python reports a forgotten coroutine by a warning alone. Catching warnings takes 30 µs; so only suspects are watched.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = handler(subject)
        except Exception as error:
            if "coroutine" in str(error):
                error.add_note(f"A plain function cannot await: {remedy}.")
            raise
    forgotten = [_first_line(each) for each in caught if NEVER_AWAITED in _first_line(each)]
    for other in caught:
        if NEVER_AWAITED not in _first_line(other):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno, source=other.source)
    if forgotten:
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError(f"the handler {name_of(handler)} is a plain function: {', '.join(forgotten)}; {remedy}")
    return answer


def check_result(handler: Callable[[Any], Any], result: object) -> None:
    """Check that a handler that was awaited did not return one more coroutine.

    Raises:
        TypeError: `result` is a coroutine, which would never run.
    """
    if result is not None:
        refuse_unawaited(handler, result, "write `await` before the call that made it")


def is_own_error(error: BaseException) -> bool:
    """Return whether an error is a handler's own, whatever its class; Ctrl-C and the end of the handler's task are not."""
    if isinstance(error, Exception):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_own_error, error.exceptions))
    return not isinstance(error, KeyboardInterrupt | GeneratorExit | anyio.get_cancelled_exc_class())


def _first_line(warning: warnings.WarningMessage) -> str:
    return str(warning.message).partition("\n")[0]


def _is_suspect(handler: Callable[..., Any]) -> bool:
    """Return whether a plain function may make coroutines: its code, or a called function's, names a coroutine function."""
    function: object = handler if isinstance(handler, FunctionType) else _function_of(handler)
    if not isinstance(function, FunctionType):
        return False
    suspect = _suspects.get(function)
    if suspect is None:
        is_plain = not inspect.iscoroutinefunction(function)
        owner = getattr(handler, "__self__", None)
        suspect = _suspects[function] = is_plain and _mentions_coroutines(function, owner, set())
    return suspect


def _function_of(handler: Any) -> object:
    while isinstance(handler, functools.partial):
        handler = handler.func
    function = handler if inspect.isroutine(handler) else getattr(type(handler), "__call__", None)  # noqa: B004
    return getattr(function, "__func__", function)


def _mentions_coroutines(function: FunctionType, owner: object, seen: set[FunctionType]) -> bool:
    seen.add(function)
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    if names & COROUTINE_METHODS:
        return True
    mentioned = [function.__globals__.get(name) for name in names]
    mentioned += [getattr(type(owner), name, None) for name in names] if owner is not None else []
    mentioned += [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    for other in mentioned:
        if inspect.iscoroutinefunction(other):
            return True
        if (
            isinstance(other, FunctionType)
            and other.__module__ == function.__module__
            and other not in seen
            and _mentions_coroutines(other, owner, seen)
        ):
            return True
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Return the code of a function, and of the functions that are defined in the function."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
