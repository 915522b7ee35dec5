"""Output and exit statuses of the commands: results on standard output, errors on standard error."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, ParamSpec

import click

from anyrelay.local.logs import printable

__all__ = [
    "DONE",
    "FAILED",
    "STOPPED",
    "TERMINATED",
    "WRONG_USE",
    "Terminated",
    "complain",
    "ends",
    "mute",
    "say",
    "terminable",
]

P = ParamSpec("P")

DONE: Final = 0
"""The command succeeded."""

FAILED: Final = 1
"""The command was started, and failed."""

WRONG_USE: Final = 2
"""The command did not start: an option, an argument or the environment is wrong, or an extra is not installed."""

STOPPED: Final = 128 + signal.SIGINT
"""Ctrl-C."""

TERMINATED: Final = 128 + signal.SIGTERM
"""SIGTERM."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. Code that cleans up after Ctrl-C cleans up after SIGTERM too."""


def say(line: str, **style: Any) -> bool:
    """Print a result; return False when standard output is closed, and print nothing from then on."""
    try:
        click.secho(printable(line), **style)
    except BrokenPipeError:
        mute()
        return False
    return True


def mute() -> None:
    """Send standard output to the null device, so that later output, at exit too, raises no BrokenPipeError."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(words: object) -> None:
    """Print an error on standard error."""
    click.secho(f"anyrelay: {printable(str(words))}", fg="red", err=True)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raise `Terminated` in the block when SIGTERM comes."""

    def obey(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, obey)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ends(command: Callable[P, int]) -> Callable[P, NoReturn]:
    """Use a command's return value as the exit status; turn Ctrl-C and SIGTERM into exit statuses 130 and 143."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> NoReturn:
        try:
            status = command(*args, **kwargs)
        except Terminated:
            complain("terminated")
            status = TERMINATED
        except KeyboardInterrupt:
            complain("stopped")
            status = STOPPED
        sys.exit(status)

    return run
