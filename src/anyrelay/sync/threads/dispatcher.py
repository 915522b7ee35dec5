"""Tells handlers what is in the handler queues, each in order, in as few threads as do not keep each other waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from anyrelay.frontend.ending import empty
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.sync.threads.workers import Workers

__all__ = ["HandlerDispatcher"]


class HandlerDispatcher:
    """Threads that attend to handler queues, without the core's lock: it would be held just when there is much to tell.

    One thread at a time empties a handler queue, to which only the core's side adds. The thread hands an empty queue back, and
    the core's side, which alone knows that nothing was added in between, says that no thread serves the queue any more.
    """

    def __init__(
        self,
        workers: Workers,
        failed: Callable[[HandlerQueue, BaseException], None],
        hurry: Callable[[], None],
    ) -> None:
        """Make one that has no handler queue yet.

        Args:
            workers: Where the threads come from.
            failed: Told in such a thread of a handler that raised.
            hurry: Called in such a thread when handler queues have to be taken back soon.
        """
        self._workers = workers
        self._failed = failed
        self._hurry = hurry
        self._waiting: deque[HandlerQueue] = deque()
        self._emptied: deque[HandlerQueue] = deque()
        self._on_the_way = False

    def add(self, handler_queue: HandlerQueue) -> None:
        """Note that there is something in a handler queue; `call` somebody for it."""
        self._waiting.append(handler_queue)

    def call(self) -> None:
        """Call a thread for the handler queues that nobody attends to; never one while another is on its way."""
        if self._waiting and not self._on_the_way:
            self._on_the_way = True
            self._workers.submit(self._run_callbacks)

    def take_back(self) -> None:
        """Take back the queues that were found empty, under the core's lock; those with new callbacks are scheduled again."""
        while self._emptied:
            self._emptied.popleft().release()

    def abandon(self) -> None:
        """Empty the handler queues that nobody attends to, under the core's lock."""
        while self._waiting:
            empty(self._waiting.popleft())

    def _run_callbacks(self) -> None:
        """Attend to one handler queue after another.

        Whoever is at one has called somebody for the next: no call's handlers wait for another's, and yet fewer threads are
        needed while handlers are quick.
        """
        self._on_the_way = False
        while (handler_queue := self._next()) is not None:
            self.call()
            self._empty(handler_queue)
            self._emptied.append(handler_queue)
            if handler_queue.has_callbacks:  # it came in the meantime
                self._hurry()

    def _next(self) -> HandlerQueue | None:
        try:
            return self._waiting.popleft()
        except IndexError:  # somebody else was faster
            return None

    def _empty(self, handler_queue: HandlerQueue) -> None:
        while callbacks := handler_queue.take_some():
            for callback in callbacks:
                try:
                    refuse_unawaited(callback.handler, callback.handler(callback.subject), NO_COROUTINES)
                except (Exception, SystemExit) as error:
                    self._failed(handler_queue, error)
