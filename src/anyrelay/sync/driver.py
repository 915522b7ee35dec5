"""The driver of one session with threads: callers post commands to the I/O thread, and sleep until there is a result.

The driver decides nothing about RELAY.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from anyrelay.frontend.binding import accepts
from anyrelay.frontend.process import check_process
from anyrelay.protocol.call.call import CallMachine, Search
from anyrelay.protocol.core.promise import Promise, Subscription
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.session.session import Session
from anyrelay.sync.io_thread import JOIN_TIMEOUT, ConnectionPeriod, IoThread
from anyrelay.sync.threads.requests import ThreadRequest
from anyrelay.sync.threads.waiting import new_waiter, wait_for_release

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=RelayEvent)


class Driver:
    """The owner of one client."""

    def __init__(
        self,
        session: Session,
        addressed: Callable[[CallMachine | MessageMachine], tuple[Any, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a driver whose I/O thread does not run yet.

        Args:
            session: The session to drive.
            addressed: Returns the user's handler for a call or a message, and the handler's argument.
            clock: Returns the time, in seconds.
        """
        self.io = IoThread(session, addressed, clock)

    # --- what bound methods use -------------------------------------------------------------------------------------

    def locked(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the core that needs no time, with the core's lock held."""
        self._check_caller()
        with self.io.core:
            return function(*args, **kwargs)

    def _check_caller(self) -> None:
        """Check that a call can return.

        Raises:
            ClientClosed: The caller is in a forked process, where a thread that does not exist may hold the lock.
            RuntimeError: This thread runs the client, and would wait for itself: user code runs there as a logging handler or
                as a finalizer.
        """
        check_process(self.io.made_in)
        if self.io.turns.runner == threading.get_ident():
            raise RuntimeError(
                "a client cannot be used in its own I/O thread, where logging handlers and finalizers may run:"
                " let another thread do it"
            )

    def call_and_wait(
        self, method: Callable[Concatenate[float, P], Promise[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Have the I/O thread call a machine's method, and wait for the promised result; Ctrl-C abandons the request."""
        io = self.io
        if os.getpid() != io.made_in or io.turns.runner == threading.get_ident():
            self._check_caller()
        request = ThreadRequest(method, *args, **kwargs)
        try:
            io.ask(request)
            wait_for_release(request.waiter)
        except BaseException:
            self._abandon(request)
            raise
        return request.result()

    def _abandon(self, request: ThreadRequest[Any]) -> None:
        """Have the I/O thread abandon a request, and wait until it has: the request may close the client."""
        waiter = new_waiter()

        def abandon(now: float) -> None:
            try:
                self.io.turns.forget(request)
                request.abandon(now)
            finally:
                waiter.release()

        self.io.post(abandon)
        wait_for_release(waiter)

    def find(self, method: Callable[Concatenate[float, P], Search[E]], /, *args: P.args, **kwargs: P.kwargs) -> E:
        """Have the I/O thread call a machine's method, and wait for the event that the method looks for."""
        begun: list[Search[E]] = []

        def begin(now: float) -> Promise[None]:
            begun.append(method(now, *args, **kwargs))
            return Promise.resolved(None)

        def end(_now: float) -> None:
            for search in begun:
                search.subscription.close()

        try:
            self.call_and_wait(begin)
            (search,) = begun
            while not accepts(search, event := self.next_of(search.subscription)):
                pass
        finally:  # also when Ctrl-C comes between the beginning of the search and here
            self.io.post(end)
        assert event is not None
        return event

    def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until there is an event to take; return None when there will be none."""
        self._check_caller()
        while True:
            with self.io.core:
                if subscription.ready:
                    return subscription.take()
                waiter = new_waiter()
                subscription.on_ready(waiter.release)
            self.io.turns.end_pause()
            wait_for_release(waiter)

    # --- starting and closing ---------------------------------------------------------------------------------------

    def connect(self, method: Callable[[float], Promise[None]]) -> ConnectionPeriod:
        """Call a method that connects the session, wait for the promised result, and return the period that began.

        Args:
            method: `ClientMethods.connect` or `ClientMethods.serve` of the session.
        """
        self._check_caller()
        request = ThreadRequest(method)
        try:
            period = self.io.begin(request.run)
            request.wait()
        except BaseException:
            self._abandon(request)
            raise
        request.result()
        return period

    def forget_signals(self) -> None:
        """Forget the signals that were not handed to the session."""
        self.io.signals.clear()

    def note_signal(self) -> None:
        """Note a signal, and wake the I/O thread, which obeys the signal.

        Safe in a signal handler, which may have interrupted anything, the holder of a lock included. A signal that comes before
        there is a thread is obeyed when the thread has started.
        """
        self.io.signals.append(None)
        self.io.wake_up()

    def close(self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a method that closes the session, and wait until the session is closed."""
        period = self.io.period  # read first: another thread may connect again at any time
        self.call_and_wait(method, *args, **kwargs)
        self.wait_finished(period)

    def wait_finished(self, period: ConnectionPeriod) -> None:
        """Wait for the end of a period whose session is closed: for the I/O thread, and a while for the handlers."""
        period.ended.wait()
        if period.thread is not None and period.thread is not self.io.thread:
            period.thread.join()
        if self.io.thread is None:  # else another thread has connected again
            self.io.workers.join(JOIN_TIMEOUT)
