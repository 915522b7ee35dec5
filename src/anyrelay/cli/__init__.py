"""The ``anyrelay`` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, which needs the extra ``[cli]``."""
    try:
        from anyrelay.cli.commands import anyrelay
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write(f"anyrelay: this needs {error.name}, which is not installed: pip install 'anyrelay[cli]'\n")
        sys.exit(2)  # the statuses are those of anyrelay.cli.ending, which needs click itself
    except KeyboardInterrupt:  # during the import
        sys.exit(130)
    anyrelay()
