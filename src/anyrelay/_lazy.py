"""How a package hands names on: each is imported when it is first asked for (PEP 562), so that few cost little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["handing_on"]


def handing_on(
    package: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: Its ``globals()``; a name that was asked for once stays there.
        homes: The full name of the module that defines each name.

    Returns:
        The two functions, in that order.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value = package[name] = getattr(import_module(homes[name]), name)
        return value

    def names() -> list[str]:
        return sorted({*package, *homes})

    return get, names
