"""Import the public names of a package when a program first uses each (PEP 562), so that few names cost little."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["handing_on"]


def handing_on(
    package: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: The package's ``globals()``, which keep each name once it was used.
        homes: The full name of the module that defines each name.

    Returns:
        ``__getattr__`` and ``__dir__``, in that order.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value = package[name] = getattr(import_module(homes[name]), name)
        return value

    def names() -> list[str]:
        return sorted({*package, *homes})

    return get, names
