"""Threads for user code: as many as are busy, kept for a while when they are not."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Final

from anyrelay.frontend import log
from anyrelay.protocol.session.outputs import Layer, LogEntry

__all__ = ["Workers", "may_hang"]

IDLE_TIME: Final = 2.0
"""How long a thread waits for more work before it ends, in seconds."""

MOMENT: Final = 0.05
"""How long a thread that may hang is waited for, in seconds: nearly always it does not."""

NO_THREADS: Final = (
    "no thread can be started: calls, messages and connection attempts wait until a thread is free or can be started;"
    " raise the limit of threads, or lower max_active_calls"
)

_out_of_reach: Final[set[threading.Thread]] = set()


@contextlib.contextmanager
def may_hang() -> Iterator[None]:
    """Within it, a job does what nobody can put an end to, such as looking up a name: `Workers.join` hardly waits for it."""
    thread = threading.current_thread()
    _out_of_reach.add(thread)
    try:
        yield
    finally:
        _out_of_reach.discard(thread)


class Workers:
    """Runs each job in a thread of its own while it lasts; a thread that is free takes the next one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0  # below zero, so many jobs wait for threads
        self._dismissed = False
        self._lacks_threads = False
        self._threads: set[threading.Thread] = set()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which must not raise; one for which no thread can be started waits for the next that is free."""
        with self._lock:
            lacked_threads = self._lacks_threads
            if self._idle > 0 or not self._start_thread(job):
                self._hand_over(job)
        self._log_change(lacked_threads)

    @property
    def wait_for_threads(self) -> bool:
        """Whether jobs wait because no thread could be started."""
        return self._idle < 0

    def start_waiting(self) -> None:
        """Start threads for the jobs that wait for them, as far as that is possible by now."""
        if not self.wait_for_threads:
            return
        with self._lock:
            lacked_threads = self._lacks_threads
            while self._idle < 0:
                job = self._jobs.get_nowait()  # there is one for each: whoever is about to take one has counted itself
                self._idle += 1
                if job is not None and not self._start_thread(job):
                    self._hand_over(job)
                    break
        self._log_change(lacked_threads)

    def _start_thread(self, job: Callable[[], None]) -> bool:
        """Start a thread for a job; return whether that is possible."""
        thread = threading.Thread(target=self._work, args=(job,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._lacks_threads = True
            return False
        self._lacks_threads = False
        self._threads.add(thread)
        return True

    def _log_change(self, lacked_threads: bool) -> None:
        """Log that no thread can be started, or that they can be again; once, and outside the lock."""
        if self._lacks_threads == lacked_threads:
            return
        if lacked_threads:
            log.write(LogEntry(LogEntry.WARNING, "threads can be started again", layer=Layer.HANDLER))
        else:
            log.write(LogEntry(LogEntry.ERROR, NO_THREADS, layer=Layer.HANDLER))

    def _hand_over(self, job: Callable[[], None] | None) -> None:
        self._idle -= 1
        self._jobs.put(job)

    def _work(self, job: Callable[[], None] | None) -> None:
        while job is not None:
            contextvars.Context().run(job)  # what one handler sets is nothing to the next one in this thread
            job = self._next_job()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next_job(self) -> Callable[[], None] | None:
        with self._lock:
            if self._dismissed and self._idle >= 0:
                return None
            self._idle += 1
        try:
            return self._jobs.get(timeout=IDLE_TIME)
        except Empty:
            pass
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
                return None
        return self._jobs.get()  # one was promised to this thread between the two

    def recall(self) -> None:
        """Keep threads again, for the jobs to come."""
        with self._lock:
            self._dismissed = False

    def dismiss(self) -> None:
        """Let the idle threads end now, and busy ones when their jobs do."""
        with self._lock:
            self._dismissed = True
            while self._idle > 0:
                self._hand_over(None)

    def join(self, timeout: float) -> None:
        """Wait for the threads, for up to `timeout` seconds; one of them that calls waits for none, as others may call too."""
        deadline = time.monotonic() + timeout
        waited_for: set[threading.Thread] = set()
        while threads := self._others() - waited_for:  # more than once, since a job may have called for another
            for thread in threads:
                timeout = max(0.0, deadline - time.monotonic())
                thread.join(min(timeout, MOMENT) if thread in _out_of_reach else timeout)
            waited_for |= threads

    def _others(self) -> set[threading.Thread]:
        with self._lock:
            return set() if threading.current_thread() in self._threads else set(self._threads)
