"""Threads for user code: as many as are busy, kept for a while when they are not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

__all__ = ["Workers"]

IDLE_TIME: Final = 2.0
"""How long a thread waits for more work before it ends, in seconds."""


class Workers:
    """Runs each job in a thread of its own while it lasts; a thread that is free takes the next one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._dismissed = False
        self._threads: set[threading.Thread] = set()

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job, which must not raise."""
        with self._lock:
            self._stays = True
            if self._idle > 0:
                self._hand_over(job)
                return
            thread = threading.Thread(target=self._work, args=(job,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads are to be had: the next one that is free does it
                self._hand_over(job)
            else:
                self._threads.add(thread)

    def _hand_over(self, job: Callable[[], None] | None) -> None:
        self._idle -= 1
        self._jobs.put(job)

    def _work(self, job: Callable[[], None] | None) -> None:
        while job is not None:
            job()
            job = self._next_job()
        with self._lock:
            self._threads.discard(threading.current_thread())

    def _next_job(self) -> Callable[[], None] | None:
        with self._lock:
            if not self._stays and self._idle >= 0:
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

    def dismiss(self) -> None:
        """Let the idle threads end now, and busy ones when their jobs do."""
        with self._lock:
            self._stays = False
            while self._idle > 0:
                self._hand_over(None)

    def join(self, timeout: float) -> None:
        """Wait for the threads, for up to `timeout` seconds, but not for the one that calls."""
        deadline = time.monotonic() + timeout
        with self._lock:
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
