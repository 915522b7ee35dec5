"""A server process that takes orders over its pipes, from any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from anyrelay.local.json_process import START_TIME, JsonProcess

__all__ = ["TOKEN_VARIABLE", "ServerProcess"]

TOKEN_VARIABLE: Final = "ANYRELAY_SERVE_TOKEN"  # noqa: S105 - the name of one
"""The environment variable of the server's token; the list of processes shows options, and no variables."""

REPLY_TIME: Final = 10.0
"""Seconds in which the process must answer an order, besides the time that the order itself waits."""

_ERRORS: Final = {error.__name__: error for error in (ValueError, TypeError, TimeoutError)}
"""The errors of the process that are raised here as the same class; any other error is a RuntimeError."""


class ServerProcess:
    """A server process, whose replies are handed to the threads that wait for them."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the process.

        Args:
            command: The program and its arguments. The program ends with its standard input, and so with this process.
            environment: Environment variables of the process, added to those of this process or in their place.
        """
        self._changed = threading.Condition()
        self._ended = False
        self._orders = 0
        self._replies: dict[int | str, dict[str, Any]] = {}
        self._process = JsonProcess(
            command, on_lines=self._took, on_end=self._over, keeps_quiet=False, environment=environment
        )

    def ready(self) -> dict[str, Any]:
        """Wait until the process is ready, and return its first event.

        Raises:
            RuntimeError: The process ended first; its standard error says why.
            TimeoutError: The process was not ready in time.
        """
        return self._wait_for("ready", START_TIME)

    def order(self, do: str, arguments: dict[str, Any], timeout: float = 0.0) -> Any:
        """Send an order and return its result.

        Args:
            do: The order's name.
            arguments: The order's arguments.
            timeout: Seconds that the order itself may wait for something.

        Raises:
            RuntimeError: The process ended, or the order failed with an error of another class.
            TimeoutError: No reply came in time, or the event that the order waits for did not happen.
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
        """Close the standard input of the process, and kill the process if it does not end."""
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
