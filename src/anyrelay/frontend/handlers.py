"""Refuse a handler, predicate or token function that returns a coroutine where none is awaited, or a generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final

__all__ = ["GENERATORS", "NO_COROUTINES", "name_of", "refuse_generator", "refuse_unawaited", "token_error"]

NO_COROUTINES: Final = "with threads a handler is a plain function; leave out its `async` and each `await` in it"
"""The advice for a coroutine function in place of a plain function."""

GENERATORS: Final = (GeneratorType, AsyncGeneratorType)
"""The results of a function with a ``yield`` in it: nothing in the function has run."""


def name_of(handler: Callable[..., Any]) -> str:
    """Return the name of a handler for an error message: module and qualified name."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not hasattr(handler, "__qualname__"):
        handler = type(handler)
    return f"{handler.__module__}.{handler.__qualname__}"


def refuse_unawaited(handler: Callable[..., Any], answer: object, remedy: str) -> None:
    """Check that a function returned no coroutine and no generator, which would never run; other values are ignored.

    Args:
        handler: The user's function.
        answer: The value that the function returned.
        remedy: The advice for a coroutine, at the end of the error's text.

    Raises:
        TypeError: `answer` is a generator, a coroutine, or another awaitable that only runs when it is awaited.
    """
    if answer is None:
        return
    if type(answer) in GENERATORS:
        refuse_generator(handler, answer)
    if not inspect.isawaitable(answer) or hasattr(answer, "add_done_callback"):
        return
    what = getattr(answer, "__qualname__", type(answer).__name__)
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns of it too
    raise TypeError(f"{name_of(handler)} returned a coroutine that is never awaited ({what}): {remedy}")


def refuse_generator(handler: Callable[..., Any], answer: object) -> None:
    """Check that a generator is one that can be awaited, as `types.coroutine` makes them.

    Raises:
        TypeError: The generator can only be iterated over.
    """
    if not inspect.isawaitable(answer):
        raise TypeError(f"{name_of(handler)} has a `yield` in it, so that nothing in it runs: leave out the `yield`")


def token_error(error: BaseException) -> Exception:
    """Return the error of a ``jwt_token`` function; in place of a `SystemExit` and the like, an error that ends no program."""
    if isinstance(error, Exception):
        return error
    return RuntimeError(f"the jwt_token function raised {type(error).__name__}")
