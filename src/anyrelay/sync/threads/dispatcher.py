"""Call the handlers of events and outcomes in worker threads, each queue of callbacks in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from anyrelay.frontend.ending import empty
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.sync.threads.workers import Workers

__all__ = ["HandlerDispatcher"]


class HandlerDispatcher:
    """Makes the callbacks of handler queues, without the core's lock, which would be held just when there are many callbacks.

    One thread at a time empties a handler queue, to which only the core's side adds. The thread hands an empty queue back, and
    the core's side, which alone knows that nothing was added in between, says that no thread serves the queue any more.
    """

    def __init__(
        self,
        workers: Workers,
        failed: Callable[[HandlerQueue, BaseException], None],
        hurry: Callable[[], None],
    ) -> None:
        """Make a dispatcher that has no handler queue yet.

        Args:
            workers: The threads to call handlers in.
            failed: Called in such a thread with the queue and the error of a handler that raised.
            hurry: Called in such a thread when handler queues have to be taken back soon.
        """
        self._workers = workers
        self._failed = failed
        self._hurry = hurry
        self.waiting: deque[HandlerQueue] = deque()
        """The queues with callbacks that no thread makes; `call` finds a thread for them."""
        self.emptied: deque[HandlerQueue] = deque()
        """The queues that a thread found empty."""
        self._on_the_way = False

    def call(self) -> None:
        """Have a thread make the callbacks of the queues that wait; one thread at a time is started for that."""
        if self.waiting and not self._on_the_way:
            self._on_the_way = True
            self._workers.submit(self._run_callbacks)

    def take_back(self) -> None:
        """Take back the queues that were found empty, under the core's lock; those with new callbacks are scheduled again."""
        while self.emptied:
            self.emptied.popleft().release()

    def abandon(self) -> None:
        """Empty the handler queues that wait, under the core's lock."""
        while self.waiting:
            empty(self.waiting.popleft())

    def _run_callbacks(self) -> None:
        """Make the callbacks of one handler queue after another.

        Before it begins with a queue, a thread has another thread started for the next. So no call's handlers wait for those of
        another call, and fewer threads are needed while handlers are quick.
        """
        self._on_the_way = False
        while (handler_queue := self._next()) is not None:
            if self.waiting:
                self.call()
            self._empty(handler_queue)
            self.emptied.append(handler_queue)
            if handler_queue.has_callbacks:  # a callback came meanwhile
                self._hurry()

    def _next(self) -> HandlerQueue | None:
        try:
            return self.waiting.popleft()
        except IndexError:  # another thread took it
            return None

    def _empty(self, handler_queue: HandlerQueue) -> None:
        while callbacks := handler_queue.take_some():
            for callback in callbacks:
                try:
                    refuse_unawaited(callback.handler, callback.handler(callback.subject), NO_COROUTINES)
                except BaseException as error:
                    self._failed(handler_queue, error)
