"""How a method of a machine becomes a method of a front end's class: written once, bound twice.

A front end's binder wraps the machine's method in a function that waits in its own way; `dress` makes that function look
like what the user calls (the time, which the front end fills in, is no argument of theirs), and `public` gives the methods
of a class their names.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["dress", "public"]

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_TIME_LINE = re.compile(r"\n *now: The time, in seconds\.")
_EMPTY_ARGS = re.compile(r"\n *Args:\n(?=\n)")


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
