"""Which thread should read the socket of a blocking client? Three designs without RELAY, one request after another.

``python benchmarks/who_reads.py`` prints the CPU time and the median round trip of each. The peer is a process that returns
each message. ``docs/explanation/architecture.md`` draws the conclusion.
"""

from __future__ import annotations

import os
import select
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import report

REQUESTS: Final = 2_000
"""How many requests are sent in one turn."""

TURNS: Final = 5
"""How often each design is measured, the designs in turn."""

MESSAGE: Final = bytes(200)

UNREAD_TIME: Final = 0.001
"""The time without a reading caller, in seconds, after which the I/O thread reads."""


class Caller:
    """A client whose calling thread gives each request to the I/O thread, which writes and reads: anyrelay's design."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._out, self._in = os.pipe()
        self._requests: deque[bytes] = deque()
        self._answers: deque[bytes] = deque()
        self._answered = threading.Lock()
        self._answered.acquire()
        threading.Thread(target=self._run, daemon=True).start()

    def call(self, message: bytes) -> bytes:
        """Send a message and return its answer."""
        self._requests.append(message)
        os.write(self._in, b"x")
        self._answered.acquire()
        return self._answers.popleft()

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._socket, self._out], [], [])
            if self._out in readable:
                os.read(self._out, 64)
                while self._requests:
                    self._socket.send(self._requests.popleft())
            if self._socket in readable:
                if not (answer := self._socket.recv(4096)):
                    return
                self._answers.append(answer)
                self._answered.release()


class WritingCaller(Caller):
    """A client whose calling thread writes, while the I/O thread reads."""

    def call(self, message: bytes) -> bytes:
        """Send a message and return its answer."""
        self._socket.send(message)
        self._answered.acquire()
        return self._answers.popleft()


class ReadingCaller(Caller):
    """A client whose calling thread writes, and reads while it waits; else the I/O thread reads."""

    def __init__(self, sock: socket.socket) -> None:
        self._seat = threading.Lock()
        self._last_call = 0.0
        super().__init__(sock)

    def call(self, message: bytes) -> bytes:
        """Send a message and return its answer."""
        self._last_call = time.monotonic()
        self._socket.send(message)
        if not self._seat.acquire(blocking=False):
            os.write(self._in, b"x")  # the I/O thread sleeps in the seat
            self._seat.acquire()
        try:
            return self._socket.recv(4096)
        finally:
            self._seat.release()

    def _run(self) -> None:
        while True:
            with self._seat:
                readable, _, _ = select.select([self._socket, self._out], [], [])
                if self._out in readable:
                    os.read(self._out, 64)
                elif not self._socket.recv(1, socket.MSG_PEEK):
                    return
            while time.monotonic() - self._last_call < UNREAD_TIME:
                time.sleep(UNREAD_TIME)


DESIGNS: Final = {
    "the I/O thread writes and reads": Caller,
    "the caller writes, the I/O thread reads": WritingCaller,
    "the caller writes, and reads while it waits": ReadingCaller,
}


def measure(design: type[Caller]) -> tuple[float, float]:
    """Return the CPU time of a request and the median round trip, in microseconds."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, __file__, "--peer", str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()]):
            theirs.close()
            client, trips = design(ours), []
            client.call(MESSAGE)
            began = time.process_time()
            for _ in range(REQUESTS):
                sent = time.perf_counter()
                client.call(MESSAGE)
                trips.append(time.perf_counter() - sent)
            cpu = time.process_time() - began
            ours.shutdown(socket.SHUT_RDWR)
    return cpu / REQUESTS * 1e6, statistics.median(trips) * 1e6


def return_everything(sock: socket.socket) -> None:
    """Be the peer."""
    while message := sock.recv(4096):
        sock.send(message)


def main() -> None:
    """Run as a program."""
    if sys.argv[1:2] == ["--peer"]:
        return_everything(socket.socket(fileno=int(sys.argv[2])))
        return
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in DESIGNS}
    with ThreadPoolExecutor(max_workers=1) as beside_main:  # a thread in which Ctrl-C never strikes
        for _ in range(TURNS):
            for name, design in DESIGNS.items():
                figures[name].append(beside_main.submit(measure, design).result())
    rows = [
        [name, *(f"{statistics.median(each):.0f} µs" for each in zip(*found, strict=True))]
        for name, found in figures.items()
    ]
    print(report.aligned(["design", "CPU per request", "round trip"], rows))


if __name__ == "__main__":
    main()
