"""Obey SIGINT and SIGTERM while a client runs in the main thread, and give them back to the program's handlers after."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

__all__ = ["obeying_signals"]

NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)
"""The signals that end a program, SIGINT first: once its handler is ours, Python raises no KeyboardInterrupt."""

_restores: list[Callable[[], None]] = []
"""For each block that is open, a function that installs the earlier handlers."""


def _restore_in_child() -> None:
    """Install the program's handlers in a process that was forked in a block.

    A handler written in Python would not do: CPython 3.13.0 does not call it in a process that another thread than the main
    one forked, until that process waits for something.
    """
    while _restores:
        _restores.pop()()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restore_in_child)


@contextlib.contextmanager
def obeying_signals(obey: Callable[[], None]) -> Iterator[None]:
    """Call `obey` for each SIGINT and SIGTERM while the block runs; then install the earlier handlers again.

    Off the main thread Python allows no handlers, and none are installed. A process that is forked in the block handles signals
    with the earlier handlers.

    Args:
        obey: A function that is called in a signal handler, which may have interrupted anything: it must not wait for a lock.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    made_in = os.getpid()
    before: dict[signal.Signals, Any] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == made_in:
            obey()
        else:  # the signal came while the process was being forked
            _restore_in_child()
            signal.raise_signal(number)

    def restore() -> None:
        for number in reversed(before):
            # A handler that was not installed from Python cannot be restored.
            signal.signal(number, signal.SIG_DFL if before[number] is None else before[number])

    _restores.append(restore)
    try:
        for number in NUMBERS:
            before[number] = signal.getsignal(number)
            signal.signal(number, handle)
        yield
    finally:
        if restore in _restores:  # as it is not in a forked process that leaves the block
            _restores.remove(restore)
            restore()
