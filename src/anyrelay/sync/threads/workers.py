"""Worker threads for user code: one for each job that runs; an idle thread is kept for a while."""

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
"""How long a thread waits for another job before it ends, in seconds."""

MOMENT: Final = 0.05
"""How long `Workers.join` waits for a thread that may hang, in seconds: nearly always the thread does not hang."""

NO_THREADS: Final = (
    "no thread can be started: calls, messages and connection attempts wait until a thread is free or can be started;"
    " raise the limit of threads, or lower max_active_calls"
)

_out_of_reach: Final[set[threading.Thread]] = set()


@contextlib.contextmanager
def may_hang() -> Iterator[None]:
    """Mark a job that cannot be interrupted, such as a name look-up: `Workers.join` hardly waits for the job then."""
    thread = threading.current_thread()
    _out_of_reach.add(thread)
    try:
        yield
    finally:
        _out_of_reach.discard(thread)


class Workers:
    """Runs each job in a thread that has no other job meanwhile; an idle thread takes the next job."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self.idle = 0
        """The number of idle threads; below zero, the number of jobs that wait for `start_waiting`."""
        self._dismissed = False
        self._lacks_threads = False
        self._threads: set[threading.Thread] = set()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which must not raise; a job for which no thread can be started waits for the next idle thread."""
        with self._lock:
            lacked_threads = self._lacks_threads
            if self.idle > 0 or not self._start_thread(job):
                self._hand_over(job)
        if self._lacks_threads != lacked_threads:
            self._log_change(lacked_threads)

    def start_waiting(self) -> None:
        """Start threads for the jobs that wait, as far as threads can be started by now."""
        with self._lock:
            lacked_threads = self._lacks_threads
            while self.idle < 0:
                # There is a job for each: a thread that is about to take a job has counted itself.
                job = self._jobs.get_nowait()
                self.idle += 1
                if job is not None and not self._start_thread(job):
                    self._hand_over(job)
                    break
        if self._lacks_threads != lacked_threads:
            self._log_change(lacked_threads)

    def _start_thread(self, job: Callable[[], None]) -> bool:
        """Start a thread for a job; return whether a thread could be started."""
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
        """Log once that no thread can be started, or that threads can be started again; outside the lock."""
        if lacked_threads:
            log.write(LogEntry(LogEntry.WARNING, "threads can be started again", layer=Layer.HANDLER))
        else:
            log.write(LogEntry(LogEntry.ERROR, NO_THREADS, layer=Layer.HANDLER))

    def _hand_over(self, job: Callable[[], None] | None) -> None:
        self.idle -= 1
        self._jobs.put(job)

    def _work(self, job: Callable[[], None] | None) -> None:
        while job is not None:
            # The next handler in this thread does not see the context variables of this one.
            contextvars.Context().run(job)
            job = self._next_job()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next_job(self) -> Callable[[], None] | None:
        with self._lock:
            if self._dismissed and self.idle >= 0:
                return None
            self.idle += 1
        try:
            return self._jobs.get(timeout=IDLE_TIME)
        except Empty:
            pass
        with self._lock:
            if self.idle > 0:
                self.idle -= 1
                return None
        return self._jobs.get()  # between the two blocks, a job was handed to this thread

    def recall(self) -> None:
        """Keep idle threads again, after `dismiss`."""
        with self._lock:
            self._dismissed = False

    def dismiss(self) -> None:
        """Let the idle threads end now, and busy ones when their jobs do."""
        with self._lock:
            self._dismissed = True
            while self.idle > 0:
                self._hand_over(None)

    def join(self, timeout: float) -> None:
        """Wait for the threads to end, for up to `timeout` seconds; a call from one of them waits for none of the others."""
        deadline = time.monotonic() + timeout
        waited_for: set[threading.Thread] = set()
        while threads := self._others() - waited_for:  # more than once, since a job may have submitted another
            for thread in threads:
                timeout = max(0.0, deadline - time.monotonic())
                thread.join(min(timeout, MOMENT) if thread in _out_of_reach else timeout)
            waited_for |= threads

    def _others(self) -> set[threading.Thread]:
        with self._lock:
            return set() if threading.current_thread() in self._threads else set(self._threads)
