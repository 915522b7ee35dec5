"""A child process that reads and writes JSON over its pipes, one object a line, and that is always ended.

The module uses threads and locks alone, so that any event loop, a thread and a command can use it. No thread ever waits for the
other side: messages go through a queue, and a child that stops reading, or stops writing, is killed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import selectors
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

__all__ = ["ChildError", "JsonProcess", "LineWriter", "module_command", "stopping"]

START_TIME: Final = 30.0
"""Seconds in which a child must send its first line."""

STOP_TIME: Final = 3.0
"""Seconds in which a child must end by itself before SIGTERM, and again before SIGKILL."""

LOOK_TIME: Final = 1.0
"""Seconds between two looks at a child that must send messages regularly."""

BACKLOG_LIMIT: Final = 16 * 1024 * 1024
"""Bytes that may wait for a reader that does not read."""

CHUNK: Final = 1 << 16

Message = dict[str, Any]


class ChildError(RuntimeError):
    """A child process did not start, or ended too early; the last lines of its standard error are in the text."""


class LineWriter:
    """Writes JSON lines to a pipe, and never waits for the reader: a thread writes what the pipe does not take at once."""

    def __init__(self, descriptor: int, *, on_broken: Callable[[str], None]) -> None:
        """Write to a file descriptor, which becomes non-blocking; the caller closes it.

        Args:
            descriptor: The file descriptor to write to.
            on_broken: Called once, in any thread, with the reason: the reader closed the pipe, or does not read fast enough.
        """
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._broken = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, message: Message) -> None:
        """Write a message, in its turn; drop the message once the reader is gone."""
        line = orjson.dumps(message) + b"\n"
        reason = ""
        with self._lock:
            if self._broken:
                return
            try:
                rest = line if self._waiting else line[self._written(line) :]
            except OSError as error:
                reason = str(error.strerror)
            else:
                self._waiting += len(rest)
                if self._waiting > BACKLOG_LIMIT:
                    reason = "it does not read what it is told"
                elif rest:
                    self._queue.put(rest)
        if reason:
            self._break(reason)

    def close(self, timeout: float) -> bool:
        """Write the waiting lines, for `timeout` seconds at most; return whether all were written or given up."""
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        writable = select.poll()
        writable.register(self._descriptor, select.POLLOUT)
        while (line := self._queue.get()) is not None:
            lines = [line]
            with contextlib.suppress(queue.Empty):
                while (more := self._queue.get_nowait()) is not None:
                    lines.append(more)
                self._queue.put(None)
            data = rest = b"".join(lines)
            try:
                while rest:
                    rest = rest[self._written(rest) :]
                    if rest:
                        writable.poll()
            except OSError as error:
                self._break(str(error.strerror))
                return
            with self._lock:
                self._waiting -= len(data)

    def _written(self, data: bytes) -> int:
        """Write as much as the pipe takes now, and return the number of bytes."""
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0

    def _break(self, reason: str) -> None:
        with self._lock:
            was_broken, self._broken = self._broken, True
        if not was_broken:
            self._on_broken(reason)


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this package with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


class JsonProcess:
    """A child process whose standard input and output carry JSON lines."""

    args: list[str]
    """The program and its arguments."""
    name: str
    """The name of the process in errors."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_lines: Callable[[list[Message]], None],
        on_end: Callable[[int, str], None] | None = None,
        keeps_quiet: bool = True,
        silence: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the process.

        Args:
            command: The program and its arguments. The program must end with its standard input, and so with this process.
            on_lines: Called with the messages that came, in order, in a thread of its own; later messages wait for its return.
            on_end: Called in that thread after the last message, with the exit status and the last lines of standard error.
            keeps_quiet: Whether standard error is kept for `on_end` and `ChildError`, rather than shown.
            silence: Seconds without a message after which the process is killed; never when None.
            environment: Environment variables of the child, added to those of this process or in their place.
        """
        self.args = list(command)
        self.name = self.args[2].rpartition(".")[2] if self.args[1:2] == ["-m"] else self.args[0]
        self._on_lines = on_lines
        self._on_end = on_end
        self._looks = None if silence is None else max(1, round(silence / LOOK_TIME))
        self._first: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._final_bytes: deque[str] = deque(maxlen=5)
        self._process = subprocess.Popen(  # noqa: S603 - our own module, with our own options
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if keeps_quiet else None,
            bufsize=0,
            env={**os.environ, **(environment or {})},
            process_group=0,  # Ctrl-C reaches this process alone, which ends its children itself
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer = LineWriter(self._process.stdin.fileno(), on_broken=self._not_read)
        self._stdout = self._process.stdout
        self._readers = [threading.Thread(target=self._read, daemon=True)]
        if self._process.stderr is not None:
            self._readers.append(threading.Thread(target=self._read_errors, daemon=True))
        for reader in reversed(self._readers):  # the first reader joins the second, maybe at once
            reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        return self._process.poll()

    def ready(self, timeout: float = START_TIME) -> Message:
        """Wait for the first message, which says that the process is ready, and return the message.

        Raises:
            ChildError: The process ended first, or took too long.
        """
        try:
            first = self._first.get(timeout=timeout)
        except queue.Empty:
            raise ChildError(f"the {self.name} process was not ready within {timeout:g} s") from None
        if first is None:
            raise ChildError(f"the {self.name} process could not start: {self.final_bytes() or 'no reason given'}")
        return first

    def tell(self, message: Message) -> None:
        """Send a message, without waiting; a child that has ended gets none."""
        self._writer.put(message)

    def final_bytes(self) -> str:
        """Return the last lines of standard error, on one line."""
        return " ".join(self._final_bytes)

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the process, by closing its input, then by signals. Not to be called in `on_lines` or `on_end`."""
        assert self._process.stdin is not None
        if not self._writer.close(STOP_TIME):  # the child does not read; a pipe must not be closed during a write
            self._process.kill()
            self._writer.close(STOP_TIME)
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        for end in (None, self._process.terminate, self._process.kill):
            if end is not None:
                end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIME)
                break
        for reader in self._readers:
            reader.join(STOP_TIME)

    def _read(self) -> None:
        buffer, silent, first = b"", 0, True
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(LOOK_TIME):
                    # Looks are counted, not seconds: while the machine slept, the child could not write.
                    silent += 1
                    if self._looks is not None and silent > self._looks:
                        self._final_bytes.append(f"it was silent for {silent * LOOK_TIME:g} s and was killed")
                        self._process.kill()
                    continue
                data = os.read(self._stdout.fileno(), CHUNK)
                if not data:
                    break
                silent = 0
                *lines, buffer = (buffer + data).split(b"\n")
                messages = [message for line in lines if (message := _message_of(line)) is not None]
                if messages and first:
                    self._first.put(messages[0])
                    first = False
                if messages:
                    self._on_lines(messages)
        self._ended()

    def _ended(self) -> None:
        try:
            status = self._process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:  # the child has closed its output and still runs
            self._process.kill()
            status = self._process.wait()
        for reader in self._readers[1:]:
            reader.join(STOP_TIME)
        self._stdout.close()
        self._first.put(None)
        if self._on_end is not None:
            self._on_end(status, self.final_bytes())

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in iter(stream.readline, b""):
                words = line.decode(errors="replace").strip()
                if words:
                    self._final_bytes.append(words[:500])

    def _not_read(self, reason: str) -> None:
        self._final_bytes.append(f"killed: {reason}")
        self._process.kill()


def _message_of(line: bytes) -> Message | None:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


@contextlib.contextmanager
def stopping(processes: list[JsonProcess]) -> Iterator[None]:
    """End the processes of a list after the block, also after an error, the youngest first."""
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()
