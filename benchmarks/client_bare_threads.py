"""The floors of a client with threads: what it costs to hand an event, or a command and its reply, to another thread.

Both are the blocking client of `client_bare`. In one, a thread sends and reads, and another thread hears of the events, as
handlers do. In the other, a third thread sends and reads: the caller posts its command to that thread, and sleeps.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

from client_bare import BareBlocking, Figures, Heard, do_blocking


class HeardInThread(Heard):
    """What the events told, each of which is handed to a thread of its own too."""

    def __init__(self) -> None:
        super().__init__()
        self._events: SimpleQueue[Figures | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._hear)
        self._thread.start()

    def __call__(self, event: Figures) -> None:
        """Count an event, and hand it on."""
        super().__call__(event)
        self._events.put(event)

    def _hear(self) -> None:
        while self._events.get() is not None:
            pass

    def close(self) -> None:
        """End the thread."""
        self._events.put(None)
        self._thread.join()


class BareHandOver(BareBlocking):
    """A client whose callers post their commands to the thread that sends and reads."""

    def __init__(self, host: str) -> None:
        """Connect and sign in, and start the thread."""
        super().__init__(host)
        self._posted: deque[tuple[str, Figures, threading.Lock]] = deque()
        self._waiting: dict[str, threading.Lock] = {}
        self._results: dict[threading.Lock, Figures] = {}
        self._wakeup, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def command(self, method: str, params: Figures) -> Figures:
        """Post a command, and sleep until its result is here."""
        answered = threading.Lock()
        answered.acquire()
        self._posted.append((method, params, answered))
        os.write(self._wake, b"c")
        answered.acquire()
        return self._results.pop(answered)

    def read_while(self, goes_on: Callable[[], object]) -> None:
        """Sleep as long as something goes on, since the other thread reads."""
        while goes_on():
            time.sleep(0.001)

    def close(self) -> None:
        """End the thread, and close the connection."""
        os.close(self._wake)
        self._thread.join()
        os.close(self._wakeup)
        super().close()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        poll.register(self, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == self._wakeup:
                    if not os.read(self._wakeup, 100):
                        return
                    while self._posted:
                        method, params, answered = self._posted.popleft()
                        self._waiting[self.send(method, params)] = answered
                else:
                    self._read_all()

    def _read_all(self) -> None:
        self.read()
        while self._socket.pending():
            self.read()
        for id_ in list(self.replies):
            answered = self._waiting.pop(id_)
            self._results[answered] = self.replies.pop(id_)
            answered.release()


def run(
    front: str, work: str, host: str, sizes: dict[str, Any], turns: Iterable[None], tell: Callable[[Figures], None]
) -> None:
    """Do one work in each turn, each time with a new client, and tell its figures."""
    for _ in turns:
        client = BareBlocking(host) if front == "bare-handler" else BareHandOver(host)
        heard = HeardInThread()
        tell(do_blocking(client, heard, work, sizes["count"]))
        heard.close()
