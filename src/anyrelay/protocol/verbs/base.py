"""What the verbs of a call stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

from anyrelay.protocol.commands import CallCommand
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.operations import Operation
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Follower, Reply
from anyrelay.protocol.verbs.documented import verb, wait

__all__ = ["NONE_YET", "CallVerbs", "OnCompleted", "verb", "wait"]

E = TypeVar("E", bound=RelayEvent)
O = TypeVar("O", bound=Operation[Any])  # noqa: E741

OnCompleted: TypeAlias = Callable[[E], Any] | None
"""Called with an operation's final event, once; in the async front end it may be a coroutine function."""

NONE_YET: Final[dict[Any, Any]] = {}
"""Stands for a dict until something has to be put into one: thousands of calls are held open that need none. It stays empty:
whoever adds to such a dict takes a new one when there is nothing in it."""


class CallVerbs(ABC):
    """What a verb needs of its call."""

    @abstractmethod
    def order(
        self,
        now: float,
        kind: type[CallCommand],
        *,
        follower: Follower | None = None,
        content_with: tuple[int, ...] = (),
        extra: dict[str, Any] | None = None,
        unanswered_for: float | None = None,
        only_while_queued: bool = False,
        **params: Any,
    ) -> Promise[Reply]:
        """Send a command on this call."""

    @abstractmethod
    def begin(
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
