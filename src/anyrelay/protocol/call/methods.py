"""The base class of a call's public methods: sending a command, and starting an operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import NO_OBSERVER, USUAL, CommandObserver, CommandOptions
from anyrelay.protocol.schema import CallCommand, RelayEvent

__all__ = ["NONE_YET", "NOTHING_CHECKED", "CallMethods", "OnCompleted"]

E = TypeVar("E", bound=RelayEvent)
O = TypeVar("O", bound=OperationMachine[Any])  # noqa: E741

OnCompleted: TypeAlias = Callable[[E], Any] | None
"""Called with an operation's final event, once; in the async front end it may be a coroutine function."""

NONE_YET: Final[dict[Any, Any]] = {}
"""The dict that calls share while their own would be empty: most of thousands of held calls need none. This dict stays empty:
code that adds to an empty dict makes a new dict first."""

NOTHING_CHECKED: Final[Mapping[str, Any]] = {}
"""Marks the fields of a command that need no check when the command is sent, by their names on the wire."""


class CallMethods(ABC):
    """The methods of a call on which the public methods of each feature are built."""

    @abstractmethod
    def send_command(
        self,
        now: float,
        kind: type[CallCommand],
        *,
        command_observer: CommandObserver = NO_OBSERVER,
        options: CommandOptions = USUAL,
        extra: dict[str, Any] | None = None,
        result_if_accepted: object = None,
        checked: Mapping[str, Any] = NOTHING_CHECKED,
        **params: Any,
    ) -> Promise[Any]:
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
        """Send a command that starts an operation; the operation gets events from before the command is sent."""

    @abstractmethod
    def make_id(self) -> str:
        """Make a new unique identifier."""

    @property
    @abstractmethod
    def has_handler(self) -> bool:
        """Whether the call's handler runs, or is about to."""

    @abstractmethod
    def passed(self, now: float) -> None:
        """Forget the call, since it was passed back to routing."""

    @abstractmethod
    def handed_over(self, now: float) -> None:
        """Forget the call, since it was handed to another application."""
