"""A server process that takes orders: started, talked to over its pipes, and ended, from any number of threads."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["TOKEN_VARIABLE", "ServerProcess"]

TOKEN_VARIABLE: Final = "ANYRELAY_SERVE_TOKEN"  # noqa: S105 - the name of one
"""The environment variable of the server's token, which unlike an option is in no list of processes."""

START_TIME: Final = 30.0
"""Seconds in which the process is to be ready."""

REPLY_TIME: Final = 10.0
"""Seconds in which it is to answer an order, besides what the order itself waits for."""

STOP_TIME: Final = 5.0
"""Seconds in which it is to end by itself."""

CHUNK: Final = 65_536

_ERRORS: Final = {error.__name__: error for error in (ValueError, TypeError, TimeoutError)}
"""What is raised here as what it was there; anything else is a RuntimeError."""


class ServerProcess:
    """One process. No thread reads its replies: of those who wait, one reads for all."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            command: The program and its arguments. It ends when its standard input does, and so with this process.
            environment: Variables that it gets besides those of this process, or in their place.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
            # Not in our process group: a Ctrl-C is this process's, which may still want to say goodbye to the server.
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
            env={**os.environ, **(environment or {})},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._buffer = b""
        self._changed = threading.Condition()
        self._being_read = False
        self._ended = False
        self._orders = 0
        self._replies: dict[int | str, dict[str, Any]] = {}

    def ready(self) -> dict[str, Any]:
        """Wait until it is ready, and return what it says then.

        Raises:
            RuntimeError: It ended before it was; its standard error says why.
            TimeoutError: It was not ready in time.
        """
        return self._wait_for("ready", START_TIME)

    def order(self, do: str, arguments: dict[str, Any], patience: float = 0.0) -> Any:
        """Send an order and return its result.

        Args:
            do: The order's name.
            arguments: Its arguments.
            patience: Seconds that the order itself may wait for something.

        Raises:
            RuntimeError: The process ended, or the order broke.
            TimeoutError: No reply came in time, or what was waited for did not happen.
            ValueError: An argument is not allowed.
            TypeError: An argument is of a wrong type.
        """
        with self._changed:
            self._orders += 1
            number = self._orders
            line = json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n"
            try:
                self._stdin.write(line)
                self._stdin.flush()
            except (OSError, ValueError):
                raise RuntimeError("the server process has ended") from None
        reply = self._wait_for(number, REPLY_TIME + patience)
        if "error" in reply:
            raise _ERRORS.get(reply["error"], RuntimeError)(reply["message"])
        return reply["result"]

    def stop(self) -> None:
        """End it: its standard input is closed, and it is killed if that is not enough."""
        with contextlib.suppress(OSError):  # it has ended, and what was not flushed is of no use to anybody
            self._stdin.close()
        try:
            self._process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        self._stdout.close()

    def _wait_for(self, key: int | str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        with self._changed:
            while key not in self._replies:
                left = deadline - time.monotonic()
                if self._ended:
                    raise RuntimeError("the server process has ended; its standard error says why")
                if left <= 0:
                    raise TimeoutError(f"the server process did not reply within {timeout:g} s")
                if self._being_read:
                    self._changed.wait(left)
                else:
                    self._read(left)
            return self._replies.pop(key)

    def _read(self, timeout: float) -> None:
        """Read what there is, for everybody who waits, with the lock released meanwhile."""
        self._being_read = True
        self._changed.release()
        data: bytes | None = None
        try:
            if self._selector.select(timeout):
                data = os.read(self._stdout.fileno(), CHUNK)
        finally:
            self._changed.acquire()
            self._being_read = False
            self._changed.notify_all()
        if data is None:
            return
        if not data:
            self._ended = True
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            event = json.loads(line)
            self._replies[event.get("id") or event["event"]] = event
