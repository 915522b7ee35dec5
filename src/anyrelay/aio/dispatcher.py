"""Calling the handlers of events and outcomes on an event loop, each queue of callbacks in order."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, TypeAlias

from anyrelay.aio.handlers import call_handler, check_result, is_own_error
from anyrelay.frontend.ending import empty
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.session.session import ClientState, Session

__all__ = ["HandlerDispatcher"]

_Pending: TypeAlias = tuple[Callable[[Any], Any], Awaitable[Any]]
"""A handler, and the object that the handler returned, which has to be awaited."""


class HandlerDispatcher:
    """Calls handlers in the task that asks for it; a queue whose handler has to be awaited gets a task of its own."""

    def __init__(self, session: Session, spawn: Callable[..., None], pump: Callable[[], None]) -> None:
        """Make a dispatcher that has no queue yet.

        Args:
            session: The session, which gets the errors of handlers.
            spawn: Starts a task: called with a coroutine function and its arguments.
            pump: Does what the session asks for.
        """
        self.waiting: deque[HandlerQueue] = deque()
        """The queues with callbacks that no task makes."""
        self._session = session
        self._spawn = spawn
        self._pump = pump

    def call_all(self) -> None:
        """Make the callbacks of all queues that wait."""
        while self.waiting:
            handler_queue = self.waiting[0]
            if (pending := self._call_until_pending(handler_queue)) is not None:
                self._spawn(self._await_handlers, handler_queue, pending)
            self.waiting.popleft()

    def abandon(self) -> None:
        """Empty the queues that wait: the event loop has ended."""
        while self.waiting:
            empty(self.waiting.popleft())

    def _call_until_pending(self, handler_queue: HandlerQueue) -> _Pending | None:
        """Make a queue's callbacks up to the first whose handler has to be awaited; return None when the queue is empty."""
        while (callback := handler_queue.take()) is not None:
            try:
                answer = copy_context().run(call_handler, callback.handler, callback.subject)
            except BaseException as error:
                self._failed(handler_queue, error)
            else:
                if answer is not None and inspect.isawaitable(answer):
                    return callback.handler, answer
        return None

    async def _await_handlers(self, handler_queue: HandlerQueue, pending: _Pending | None) -> None:
        try:
            while pending is not None:
                handler, answer = pending
                try:
                    check_result(handler, await answer)
                except BaseException as error:
                    self._failed(handler_queue, error)
                pending = self._call_until_pending(handler_queue)
        finally:
            if handler_queue.scheduled:  # this task was cancelled, and no other makes the callbacks that are left
                self._release(handler_queue)

    def _release(self, handler_queue: HandlerQueue) -> None:
        """Empty a queue, unless the client was connected again: then its callbacks are made later."""
        if self._session.state is ClientState.CLOSED:
            empty(handler_queue)
        else:
            self.waiting.append(handler_queue)
            self._pump()

    def _failed(self, handler_queue: HandlerQueue, error: BaseException) -> None:
        """Note that a handler raised; raise again what is not the handler's own error."""
        if not is_own_error(error):
            raise error
        self._session.callback_failed(handler_queue, error)
        self._pump()
