"""Refuse a handler, predicate or token function that returns a coroutine where none is awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

__all__ = ["NO_COROUTINES", "name_of", "refuse_unawaited"]

NO_COROUTINES: Final = "with threads a handler is a plain function; leave out its `async` and each `await` in it"
"""The advice for a coroutine function in place of a plain function."""


def name_of(handler: Callable[..., Any]) -> str:
    """Return the name of a handler for an error message: module and qualified name."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    if not hasattr(handler, "__qualname__"):
        handler = type(handler)
    return f"{handler.__module__}.{handler.__qualname__}"


def refuse_unawaited(handler: Callable[..., Any], answer: object, remedy: str) -> None:
    """Check that a function did not return a coroutine, which would never run. Other values, tasks and futures are ignored.

    Args:
        handler: The user's function.
        answer: The value that the function returned.
        remedy: The advice for the user, at the end of the error's text.

    Raises:
        TypeError: `answer` is a coroutine, or another awaitable that only runs when it is awaited.
    """
    if answer is None or not inspect.isawaitable(answer) or hasattr(answer, "add_done_callback"):
        return
    what = getattr(answer, "__qualname__", type(answer).__name__)
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns of it too
    raise TypeError(f"{name_of(handler)} returned a coroutine that is never awaited ({what}): {remedy}")
