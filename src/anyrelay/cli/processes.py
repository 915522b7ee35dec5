"""Child processes that print one JSON object per line: started, listened to, and always ended."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

__all__ = ["ChildError", "JsonProcess"]

START_PATIENCE: Final = 15.0
"""How long a child may take until it is ready, in seconds."""

STOP_PATIENCE: Final = 3.0
"""How long a child may take to end before it is killed, in seconds."""


class ChildError(RuntimeError):
    """A child process did not start, or ended too early; its last words are in the message."""


class JsonProcess:
    """A Python module run as a process of its own, its lines handed on as they come."""

    def __init__(self, module: str, *arguments: str, on_line: Callable[[dict[str, Any]], None]) -> None:
        """Start it.

        Args:
            module: The module to run.
            arguments: Its command line.
            on_line: Called with each line, in a thread of its own.
        """
        self._name = module.rpartition(".")[2]
        self._on_line = on_line
        self._ready: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=5)
        # Its standard input is ours to close: a child that sees it closed ends, even when we were killed.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, with words from our own options
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,  # Ctrl-C is for us; we end our children ourselves
        )
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_complaints, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def ready(self) -> dict[str, Any]:
        """Wait for its first line, which says that it is ready, and return it.

        Raises:
            ChildError: It ended before, or took too long.
        """
        try:
            first = self._ready.get(timeout=START_PATIENCE)
        except queue.Empty:
            raise ChildError(f"the {self._name} process was not ready within {START_PATIENCE:g} s") from None
        if first is None:
            raise ChildError(
                f"the {self._name} process could not start: {' '.join(self._last_words) or 'no reason given'}"
            )
        return first

    def tell(self, order: dict[str, Any]) -> None:
        """Send it an order, as a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        first = True
        for line in self._process.stdout:
            with contextlib.suppress(json.JSONDecodeError):
                message = json.loads(line)
                if first:
                    self._ready.put(message)
                    first = False
                self._on_line(message)
        for reader in self._readers[1:]:
            reader.join(STOP_PATIENCE)
        self._ready.put(None)

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        self._last_words.extend(line.strip() for line in self._process.stderr if line.strip())

    def stop(self) -> None:
        """End it: by closing its input, then by signals."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        for end in (None, self._process.terminate, self._process.kill):
            if end is not None:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_PATIENCE)
                break
        for reader in self._readers:
            reader.join(STOP_PATIENCE)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def stopping(processes: list[JsonProcess]) -> Iterator[None]:
    """End the processes of a list, the youngest first, whatever happens."""
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()
