"""Which thread runs the turns of a client, in which it reads, writes and keeps the time: the I/O thread, or a calling thread.

While one thread alone sends command after command, the I/O thread pauses. The calling thread then runs the turns until its
reply has come, so that no thread has to be woken for the command or the reply (docs/explanation/architecture.md).
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable, Sized
from typing import Any, Final

from anyrelay.sync.threads.requests import ThreadRequest
from anyrelay.sync.threads.waiting import new_waiter

__all__ = ["PAUSE", "Turns"]

PAUSE: Final = 0.002
"""How long the I/O thread sleeps at a time while it pauses, in seconds; no thread may read for up to twice this time."""


class Turns:
    """The right to run turns. One thread at a time has it, the I/O thread first."""

    def __init__(self, jobs: Sized) -> None:
        """Give the right to the I/O thread, which is about to start.

        Args:
            jobs: The jobs that no turn has run yet.
        """
        self._jobs = jobs
        self._lock = threading.Lock()
        self._lock.acquire()
        self.runner = 0
        """The identifier of the thread that runs turns, 0 while no thread does."""
        self.pauses = False
        """Whether the I/O thread pauses, so that a calling thread may run turns."""
        self.pause_pays = False
        """Whether one thread sends command after command."""
        self._pause_ends = new_waiter()
        self.waiting: set[ThreadRequest[Any]] = set()
        """The requests of threads beside the main one that another thread runs."""
        self._latest_caller = 0
        self._runs = 0
        self._failure: Exception | None = None

    # --- what any thread uses ---------------------------------------------------------------------------------------

    def end_pause(self) -> None:
        """Have the I/O thread go on now, if it pauses and no other thread runs turns: there is something to do or to read."""
        if self.pauses and not self._lock.locked():
            with contextlib.suppress(RuntimeError):  # another thread has just done that
                self._pause_ends.release()

    def forget(self, request: ThreadRequest[Any]) -> None:
        """Note that the caller of a request waits no more."""
        self.waiting.discard(request)

    def run(self, request: ThreadRequest[Any], take_turns: Callable[[ThreadRequest[Any]], None]) -> bool:
        """Run turns in the calling thread until its request has a result, if the I/O thread pauses.

        Args:
            request: The request of the calling thread.
            take_turns: Runs the request, and then turns until the request has a result.

        Returns:
            Whether this thread has run turns.
        """
        if not self.pauses or not self._lock.acquire(blocking=False):
            return False
        self.runner = threading.get_ident()
        try:
            # The core's observers do not see the context variables of this thread: it handles the events of other calls too.
            contextvars.Context().run(take_turns, request)
        except Exception as error:
            self._failure = error
        except BaseException as error:
            # Another thread raised the error in this one, perhaps in the midst of a change of the core.
            self._failure = RuntimeError(f"{type(error).__name__} was raised in a thread that ran the client")
            raise
        finally:
            self._runs += 1
            self.runner = 0
            self._lock.release()
            if self.waiting or self._failure is not None or self._jobs:
                self.end_pause()
        return True

    # --- what the I/O thread uses -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Note that the I/O thread runs turns now."""
        self.runner = threading.get_ident()

    def end(self) -> None:
        """Note that the I/O thread runs no more turns; no other thread will either."""
        self.runner = 0

    def answered(self, request: ThreadRequest[Any], caller: int) -> None:
        """Wake the caller of a request. A pause pays when one thread sends command after command and no other thread waits."""
        self.waiting.discard(request)
        self.pause_pays = caller == self._latest_caller
        self._latest_caller = caller
        request.waiter.release()

    def pause(self) -> None:
        """Let calling threads run turns, if that pays, until no thread has run any for `PAUSE` seconds.

        Raises:
            Exception: The error of a turn in another thread: the state of the core is not to be trusted any more.
        """
        self.pause_pays = False
        if self.waiting:
            return
        self._pause_ends.acquire(blocking=False)  # an earlier pause may have been ended too late
        self.runner = 0
        self.pauses = True
        self._lock.release()
        runs = -1
        while runs != self._runs and not self._jobs:  # a job that is posted from now on ends the pause
            runs = self._runs
            if self._pause_ends.acquire(timeout=PAUSE):
                break
        self.pauses = False
        self._lock.acquire()  # waits for the thread that runs turns
        self.runner = threading.get_ident()
        if self._failure is not None:
            raise self._failure
