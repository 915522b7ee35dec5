"""The ``anyrelay`` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; the extra ``[cli]`` is needed for it."""
    try:
        from anyrelay.cli.commands import anyrelay
    except ImportError as error:
        sys.exit(f"the anyrelay command needs {error.name}: pip install 'anyrelay[cli]'")
    anyrelay()
