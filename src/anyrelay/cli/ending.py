"""What the commands say and how they end: results on standard output, complaints on standard error, exit statuses."""

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
"""What was asked for was done."""

FAILED: Final = 1
"""It was tried, and failed."""

WRONG_USE: Final = 2
"""Nothing was tried: an option, an argument or the environment is wrong, or an extra is not installed."""

STOPPED: Final = 128 + signal.SIGINT
"""Ctrl-C."""

TERMINATED: Final = 128 + signal.SIGTERM
"""SIGTERM."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came. What tidies up after Ctrl-C tidies up after this."""


def say(line: str, **style: Any) -> bool:
    """Print a result; False when nobody reads any more, and from then on nothing is printed."""
    try:
        click.secho(line, **style)
    except BrokenPipeError:
        mute()
        return False
    return True


def mute() -> None:
    """Let standard output lead nowhere, so that what is still to be printed, at exit too, breaks no pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(words: object) -> None:
    """Print what is wrong on standard error."""
    click.secho(f"anyrelay: {words}", fg="red", err=True)


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
    """Make what a command returns its exit status, and let it end in order when it is stopped in any moment."""

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
