"""What the public methods of a call need of it: to send a command, and to start an operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema import CallCommand, RelayEvent

__all__ = ["NONE_YET", "CallMethods", "OnCompleted"]

E = TypeVar("E", bound=RelayEvent)
O = TypeVar("O", bound=OperationMachine[Any])  # noqa: E741

OnCompleted: TypeAlias = Callable[[E], Any] | None
"""Called with an operation's final event, once; in the async front end it may be a coroutine function."""

NONE_YET: Final[dict[Any, Any]] = {}
"""Stands for a dict until something has to be put into one: thousands of calls are held open that need none. It stays empty:
whoever adds to such a dict takes a new one when there is nothing in it."""


class CallMethods(ABC):
    """What the public methods of each feature need of their call."""

    @abstractmethod
    def send_command(
        self,
        now: float,
        kind: type[CallCommand],
        *,
        command_observer: CommandObserver | None = None,
        options: CommandOptions = USUAL,
        extra: dict[str, Any] | None = None,
        **params: Any,
    ) -> Promise[Reply]:
        """Send a command on this call."""

    @abstractmethod
    def start_operation(
        self,
        now: float,
        operation: Callable[[Any, str, OnCompleted[E]], O],
        kind: type[CallCommand],
        *,
        control_id: str | None,
        on_completed: OnCompleted[E],
        extra: dict[str, Any],
        **params: Any,
    ) -> Promise[O]:
        """Send a command that starts an operation; the operation listens before the command leaves."""

    @abstractmethod
    def make_id(self) -> str:
        """Make an identifier that was never used before."""
