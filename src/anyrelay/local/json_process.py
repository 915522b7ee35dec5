"""A child process that speaks JSON, one object a line, over its pipes: started, listened to, told things, and always ended.

It is made of threads and locks alone, so that an event loop of any kind, a thread and a command can all use it. Nobody ever
waits for the other side: what is told goes through a queue, and a child that stops reading, or falls silent, is killed.
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
"""Seconds in which a child is to send its first line."""

STOP_TIME: Final = 3.0
"""Seconds in which a child is to end by itself before it is sent a signal, and again before it is killed."""

LOOK_TIME: Final = 1.0
"""Seconds between two looks at a child that is to send something regularly."""

BACKLOG_LIMIT: Final = 16 * 1024 * 1024
"""Bytes that may wait for a reader who does not read."""

CHUNK: Final = 1 << 16

Message = dict[str, Any]


class ChildError(RuntimeError):
    """A child process did not start, or ended too early; the last lines of its standard error are in the text."""


class LineWriter:
    """Writes JSON lines to a pipe, and never waits for their reader: what the pipe does not take waits in a thread."""

    def __init__(self, descriptor: int, *, on_broken: Callable[[str], None]) -> None:
        """Write to a file descriptor, which stays the caller's but does not block any more.

        Args:
            descriptor: Where to write.
            on_broken: Called once, in any thread, with the reason: nobody reads any more, or not fast enough.
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
        """Write a message, in its turn; it is dropped once nobody reads any more."""
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
        """Write what waits, for `timeout` seconds at most; return whether all of it was written or given up."""
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
        """Write what the pipe takes now, and return how much that was."""
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
    """What it is called in errors."""

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
        """Start it.

        Args:
            command: The program and its arguments. It is to end when its standard input does, and so with this process.
            on_lines: Called with the messages that came, in order, in a thread of its own; the next ones wait for it.
            on_end: Called in that thread after the last message, with the exit status and the last lines of standard error.
            keeps_quiet: Whether its standard error is kept for `on_end` and `ChildError`, rather than shown.
            silence: Seconds without a message after which it is killed; never when None.
            environment: Variables that it gets besides those of this process, or in their place.
        """
        self.args = list(command)
        self.name = self.args[2].rpartition(".")[2] if self.args[1:2] == ["-m"] else self.args[0]
        self._on_lines = on_lines
        self._on_end = on_end
        self._looks = None if silence is None else max(1, round(silence / LOOK_TIME))
        self._first: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._final_bytes: deque[str] = deque(maxlen=5)
        self._process = subprocess.Popen(  # noqa: S603 - our own module, with words from our own options
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if keeps_quiet else None,
            bufsize=0,
            env={**os.environ, **(environment or {})},
            process_group=0,  # a Ctrl-C is this process's, which ends its children itself
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._writer = LineWriter(self._process.stdin.fileno(), on_broken=self._not_read)
        self._stdout = self._process.stdout
        self._readers = [threading.Thread(target=self._read, daemon=True)]
        if self._process.stderr is not None:
            self._readers.append(threading.Thread(target=self._read_errors, daemon=True))
        for reader in reversed(self._readers):  # the first one joins the other, maybe at once
            reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def ready(self, timeout: float = START_TIME) -> Message:
        """Wait for its first message, which says that it is ready, and return it.

        Raises:
            ChildError: It ended before, or took too long.
        """
        try:
            first = self._first.get(timeout=timeout)
        except queue.Empty:
            raise ChildError(f"the {self.name} process was not ready within {timeout:g} s") from None
        if first is None:
            raise ChildError(f"the {self.name} process could not start: {self.final_bytes() or 'no reason given'}")
        return first

    def tell(self, message: Message) -> None:
        """Send it a message, which never waits; a child that has ended gets none."""
        self._writer.put(message)

    def final_bytes(self) -> str:
        """Return the last lines of its standard error, on one line."""
        return " ".join(self._final_bytes)

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """End it: by closing its input, then by signals. Not to be called in `on_lines` or `on_end`."""
        assert self._process.stdin is not None
        if not self._writer.close(STOP_TIME):  # it does not read; a pipe must not be closed while it is written to
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
                    # Looks are counted, not seconds: a machine that slept has not waited for this child.
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
        except subprocess.TimeoutExpired:  # it has closed its output and lives on, of no use to anybody
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
    """End the processes of a list, the youngest first, whatever happens."""
    try:
        yield
    finally:
        for process in reversed(processes):
            process.stop()
