"""A server process that takes orders: started, talked to over its pipes, and ended, from any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyrelay.local.json_process import START_TIME, JsonProcess

__all__ = ["TOKEN_VARIABLE", "ServerProcess"]

TOKEN_VARIABLE: Final = "ANYRELAY_SERVE_TOKEN"  # noqa: S105 - the name of one
"""The environment variable of the server's token, which unlike an option is in no list of processes."""

REPLY_TIME: Final = 10.0
"""Seconds in which it is to answer an order, besides what the order itself waits for."""

_ERRORS: Final = {error.__name__: error for error in (ValueError, TypeError, TimeoutError)}
"""What is raised here as what it was there; anything else is a RuntimeError."""


class ServerProcess:
    """One process, whose replies find the threads that wait for them."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            command: The program and its arguments. It ends when its standard input does, and so with this process.
            environment: Variables that it gets besides those of this process, or in their place.
        """
        self._changed = threading.Condition()
        self._ended = False
        self._orders = 0
        self._replies: dict[int | str, dict[str, Any]] = {}
        self._process = JsonProcess(
            command, on_lines=self._took, on_end=self._over, keeps_quiet=False, environment=environment
        )

    def ready(self) -> dict[str, Any]:
        """Wait until it is ready, and return what it says then.

        Raises:
            RuntimeError: It ended before it was; its standard error says why.
            TimeoutError: It was not ready in time.
        """
        return self._wait_for("ready", START_TIME)

    def order(self, do: str, arguments: dict[str, Any], timeout: float = 0.0) -> Any:
        """Send an order and return its result.

        Args:
            do: The order's name.
            arguments: Its arguments.
            timeout: Seconds that the order itself may wait for something.

        Raises:
            RuntimeError: The process ended, or the order broke.
            TimeoutError: No reply came in time, or what was waited for did not happen.
            ValueError: An argument is not allowed.
            TypeError: An argument is of a wrong type.
        """
        with self._changed:
            self._orders += 1
            number = self._orders
        self._process.tell({"id": number, "do": do, **arguments})
        reply = self._wait_for(number, REPLY_TIME + timeout)
        if "error" in reply:
            raise _ERRORS.get(reply["error"], RuntimeError)(reply["message"])
        return reply["result"]

    def stop(self) -> None:
        """End it: its standard input is closed, and it is killed if that is not enough."""
        self._process.stop()

    def _wait_for(self, key: int | str, timeout: float) -> dict[str, Any]:
        with self._changed:
            self._changed.wait_for(lambda: key in self._replies or self._ended, timeout)
            if key in self._replies:
                return self._replies.pop(key)
            if self._ended:
                raise RuntimeError("the server process has ended; its standard error says why")
        raise TimeoutError(f"the server process did not reply within {timeout:g} s")

    def _took(self, events: list[dict[str, Any]]) -> None:
        with self._changed:
            self._replies.update({event.get("id") or event["event"]: event for event in events})
            self._changed.notify_all()

    def _over(self, status: int, final_bytes: str) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
