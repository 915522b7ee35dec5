"""The I/O thread of a client: it reads and writes the socket, keeps the time, and runs the jobs that other threads post.

One lock, the core's, is held around every use of the session, and never around I/O.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import selectors
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from anyrelay.frontend import log
from anyrelay.frontend.ending import abandon, drop
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.session.outputs import (
    CloseTransport,
    FetchToken,
    LogEntry,
    OpenTransport,
    Output,
    RunHandler,
    TracedMessage,
)
from anyrelay.protocol.session.session import ClientState, Session
from anyrelay.sync.dialer import Dialer
from anyrelay.sync.threads.dispatcher import HandlerDispatcher
from anyrelay.sync.threads.poller import PipeWakeup, Poller
from anyrelay.sync.threads.requests import ThreadRequest
from anyrelay.sync.threads.turns import Turns
from anyrelay.sync.threads.waiting import ConnectionPeriod
from anyrelay.sync.threads.workers import MOMENT, Workers
from anyrelay.sync.tokens import TokenFetcher
from anyrelay.sync.transport import Transport

__all__ = ["JOIN_TIMEOUT", "ConnectionPeriod", "IoThread"]

LINGER: Final = 0.001
"""How long the answers to one read wait for a command to be sent with them, in seconds."""

JOIN_TIMEOUT: Final = 2.0
"""How long closing waits for handlers that do not end, in seconds."""

THREADS_AGAIN: Final = 0.25
"""How long the I/O thread waits before it tries again to start a thread, in seconds."""

_AT_REST: Final = frozenset({ClientState.IDLE, ClientState.CLOSED})
"""The states in which a session needs no I/O thread."""

_running: weakref.WeakSet[IoThread] = weakref.WeakSet()


@atexit.register
def _close_forgotten() -> None:
    """Close every client that the program did not close, so that no thread is left when the interpreter ends."""
    forgotten = [each for each in list(_running) if each.made_in == os.getpid()]
    for each in forgotten:
        each.post(each.session.disconnect)
    deadline = time.monotonic() + JOIN_TIMEOUT  # one deadline for all clients
    for each in forgotten:
        each.join(deadline)


class IoThread:
    """The I/O thread of one client: started by `begin`, and ended when the session is closed."""

    def __init__(
        self,
        session: Session,
        addressed: Callable[[CallMachine | MessageMachine], tuple[Any, Any]],
        clock: Callable[[], float],
    ) -> None:
        """Make an I/O thread that does not run yet.

        Args:
            session: The session to drive.
            addressed: Returns the user's handler for a call or a message, and the handler's argument.
            clock: Returns the time, in seconds.
        """
        self.session = session
        self.made_in = os.getpid()
        """The identifier of the process that the client was made in."""
        self.core = threading.Lock()
        """The core's lock."""
        self.thread: threading.Thread | None = None
        """The thread that runs, None while none does."""
        self.period = ConnectionPeriod(None)
        """The client's time since it was connected last."""
        self.period.ended.set()
        self.workers = Workers("anyrelay handler")
        """The threads for user code, and for what may hang."""
        self._addressed = addressed
        self._clock = clock
        self._posted: deque[Callable[[float], object]] = deque()
        self._todo: deque[Output] = deque()
        self.signals: deque[None] = deque()
        """An item for each signal that was not handed to the session yet."""
        self._main_thread = threading.main_thread().ident
        self._wakeup: PipeWakeup | None = None
        self._poller: Poller | None = None
        self.turns = Turns(self._posted)
        """The right to run turns, which a calling thread may have for a while."""
        self._asleep = False
        self._lingers = False
        self._transport = Transport(session, self.core, clock, self._sort_outputs)
        self._dialer = Dialer(self.core, self.workers, self._sort_outputs, self._dialled, self._wake)
        self._tokens = TokenFetcher(session, self.core, self.workers, self.post)
        self._dispatcher = HandlerDispatcher(self.workers, self._callback_failed, self._look_around)

    # --- what other threads use -------------------------------------------------------------------------------------

    def post(self, job: Callable[[float], object]) -> None:
        """Have the I/O thread call a job with the time, and with the core's lock held."""
        self._posted.append(job)
        # A thread that ends sets `thread` first, and looks for jobs then: one of the two threads finds the job.
        if self.thread is None:
            with self.core:
                self._do_posted()
            self._follow_outputs()
        elif self._asleep:
            self.wake_up()
        elif self.turns.pauses:
            self.turns.end_pause()

    def ask(self, request: ThreadRequest[Any]) -> None:
        """Have a request run, in this thread while the I/O thread pauses; its waiter is released when there is a result.

        The main thread runs no turns: Ctrl-C may strike there at any line, and half a change of the core cannot be undone.
        """
        if (caller := threading.get_ident()) != self._main_thread:
            if self.turns.pauses and self.turns.run(request, self._take_turns):
                return
            request.has_result = partial(self.turns.answered, request, caller)
            self.turns.waiting.add(request)
        self.post(request.run)

    def _take_turns(self, request: ThreadRequest[Any]) -> None:
        assert self._poller is not None
        self._posted.append(request.run)
        while request.waiter.locked():
            self._turn(self._poller)

    def _do_posted(self) -> None:
        self._transport.has_unwritten = self._transport.has_unwritten or bool(self._posted)
        while self._posted:
            self._posted.popleft()(self._clock())
        if self._dispatcher.emptied:
            self._dispatcher.take_back()

    def _look_around(self) -> None:
        self.post(lambda _: None)

    def begin(self, job: Callable[[float], object]) -> ConnectionPeriod:
        """Have the I/O thread call a job; start the thread unless it runs. Return the client's period from now on."""
        with self.core:
            begins = self.thread is None or self.session.state is ClientState.CLOSED
            if self.thread is None:
                self._start_thread()
            if begins:
                # A thread that is at the end of the last period goes on with the next; the caller that closed the last returns.
                self.period.ended.set()
                self.period = ConnectionPeriod(self.thread)
            period = self.period
            self._posted.append(job)  # last: when Ctrl-C comes before, the thread has nothing to do, and ends
        self.wake_up()
        return period

    def _start_thread(self) -> None:
        wakeup = PipeWakeup()
        self.turns = Turns(self._posted)
        thread = threading.Thread(target=self._run, args=(wakeup,), name="anyrelay client", daemon=True)
        self.workers.recall()
        _running.add(self)
        self._wakeup, self.thread = wakeup, thread
        try:
            thread.start()  # its first step waits for the lock, and checks whether it is still `self.thread`
        except BaseException:  # no more threads can be started, or Ctrl-C
            self._wakeup = self.thread = None
            wakeup.close()
            _running.discard(self)
            raise

    def join(self, deadline: float) -> None:
        """Wait until no thread of the client runs, or until `deadline` of the monotonic clock; a moment at least."""
        self.period.ended.wait(max(MOMENT, deadline - time.monotonic()))
        self.workers.join(max(MOMENT, deadline - time.monotonic()))

    def _wake(self) -> None:
        """Wake the I/O thread, unless it is awake: the thread sets `_asleep` before it looks for jobs for the last time."""
        if self._asleep:
            self.wake_up()

    def wake_up(self) -> None:
        """Wake the I/O thread, if there is one; from any thread, and from a signal handler."""
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.wake()

    # --- the thread itself ------------------------------------------------------------------------------------------

    def _run(self, wakeup: PipeWakeup) -> None:
        with self.core:
            if self.thread is not threading.current_thread():
                return
        self._poller = poller = Poller(wakeup)
        self.turns.begin()
        try:
            while self._transport.socket is not None or (period := self._stop_if_over()) is None:
                self._turn(poller)
                if self.turns.pause_pays and not (self._transport.has_unwritten or self._transport.left_over):
                    self.turns.pause()
        except Exception as error:  # a bug of ours, or of a logging filter, must not leave a caller waiting
            period = self._stop_because(error)
            with contextlib.suppress(Exception):
                log.write(LogEntry(LogEntry.ERROR, "the client's thread failed", error=error))
        try:
            self._follow_outputs()  # those of jobs that were posted at the last moment
        finally:
            self._transport.close_released(poller)
            poller.close()
            wakeup.close()
            period.ended.set()

    def _stop_if_over(self) -> ConnectionPeriod | None:
        """Return the period that ends, if the session is closed; from then on, this thread is not the client's any more."""
        with self.core:
            return self._stop() if self._is_over and not self._has_work else None

    @property
    def _is_over(self) -> bool:
        return self._transport.socket is None and self.session.state in _AT_REST

    @property
    def _has_work(self) -> bool:
        return bool(self._posted or self._transport.released or self._todo or self.session.outputs)

    def _stop_because(self, error: Exception) -> ConnectionPeriod:
        with self.core:
            with contextlib.suppress(Exception):
                while self._todo:
                    drop(self.session, self._todo.popleft(), self._clock())
                self._dispatcher.abandon()
                abandon(self.session, error, self._clock())
            self._release_socket(b"")
            with contextlib.suppress(Exception):
                self._stop()
            return self.period

    def _stop(self) -> ConnectionPeriod:
        self.thread = None
        self.turns.end()
        _running.discard(self)
        self.workers.dismiss()
        self._do_posted()
        return self.period

    def _turn(self, poller: Poller) -> None:
        """Sleep until bytes, a job, a signal or a deadline comes, and handle all that have come."""
        transport, session = self._transport, self.session
        self._asleep = True
        with self.core:
            sock, blocked = transport.socket, bool(transport.left_over)
            deadline = session.timers.soonest()
            timeout = self._time_to_wait()
        ready = poller.wait(sock, blocked, None if timeout == math.inf else timeout)
        self._asleep = False
        looks = bool(ready & selectors.EVENT_READ) or deadline <= self._clock()
        reads = sock is not None and looks and transport.read(sock)
        with self.core:
            if self._posted:
                self._do_posted()
            if session.timers.soonest() <= self._clock():
                self._run_due(all_read=looks and not reads)
            elif transport.arrivals.due_since is not None:
                transport.arrivals.nothing_is_due()
            while self.signals:
                self.signals.popleft()
                session.signal_received(self._clock())
            if self._dispatcher.emptied:  # meanwhile, and have new callbacks
                self._dispatcher.take_back()
        if self.workers.idle < 0:
            self.workers.start_waiting()
        if session.outputs or self._todo:
            self._follow_outputs()
        if transport.released:
            transport.close_released(poller)
        # Acknowledgements are sent with the next command: a thread that was woken just now may be about to post one.
        self._lingers = reads and not self._lingers and not transport.has_unwritten
        if not self._lingers:
            transport.write()

    def _time_to_wait(self) -> float:
        """Return how long the I/O thread may sleep, in seconds."""
        transport = self._transport
        if self._posted or self._todo or self.session.outputs or transport.released or transport.has_unwritten:
            return 0.0
        if transport.socket is None and self._is_over:
            return 0.0
        # A deadline that was cancelled may end the sleep in vain: that is cheaper than a look for such deadlines here.
        deadline = self.session.timers.soonest()
        if transport.arrivals.due_since is not None:
            deadline = transport.arrivals.next_look(deadline)
        timeout = max(0.0, deadline - self._clock())
        if self.workers.idle < 0:
            timeout = min(timeout, THREADS_AGAIN)
        return min(timeout, LINGER) if self._lingers else timeout

    def _run_due(self, *, all_read: bool) -> None:
        """Handle deadlines that have passed, unless more bytes may have arrived, which the next turn reads first."""
        now = self._clock()
        self.session.handle_soon(now)
        if not self.session.is_overdue(now):
            self._transport.arrivals.nothing_is_due()
        elif self._transport.socket is None or self._transport.arrivals.are_complete(now, all_read=all_read):
            self.session.handle_timeout(now)

    def _sort_outputs(self) -> None:
        """Take the outputs of the session; those that open or close a connection take effect at once.

        Otherwise a socket that was opened for the last attempt could be reported to a session that waits for the next attempt.
        """
        outputs = self.session.outputs
        while outputs:
            match output := outputs.popleft():
                case HandlerQueue():
                    self._dispatcher.waiting.append(output)
                    continue
                case CloseTransport(final_bytes):
                    self._release_socket(final_bytes)
                case OpenTransport():
                    self._dialer.expect()
            self._todo.append(output)

    def _follow_outputs(self) -> None:
        while True:
            with self.core:
                if self.session.outputs:
                    self._sort_outputs()
                output = self._todo.popleft() if self._todo else None
            if self._dispatcher.waiting:
                self._dispatcher.call()
            if output is None:
                return
            self._follow(output)

    def _follow(self, output: Output) -> None:
        match output:
            case RunHandler(subject):
                self.workers.submit(lambda: self._run_handler(subject))
            case LogEntry() as entry:
                log.write(entry)
            case TracedMessage() as message:
                message.trace(message)
            case OpenTransport(host, port):
                self._dialer.start(host, port, self.session.settings.connect_timeout)
            case FetchToken(source):
                self._tokens.start(source)

    def _release_socket(self, final_bytes: bytes) -> None:
        """Stop using the socket, or stop opening it; the core's lock is held."""
        self._dialer.cancel()
        self._transport.release(final_bytes)

    def _dialled(self, result: socket.socket | Exception) -> None:
        """Tell the session how the last connection attempt has ended; the core's lock is held."""
        if isinstance(result, Exception):
            self.session.transport_failed(result, self._clock())
        else:
            self._transport.opened(result)
        self._transport.has_unwritten = True

    # --- user code, in threads of its own ---------------------------------------------------------------------------

    def _run_handler(self, subject: CallMachine | MessageMachine) -> None:
        error: BaseException | None = None
        try:
            handler, wrapper = self._addressed(subject)
            if handler is not None:
                refuse_unawaited(handler, handler(wrapper), NO_COROUTINES)
        except BaseException as raised:
            error = raised
        self.post(lambda now: self.session.handler_finished(subject, error, now))

    def _callback_failed(self, handler_queue: HandlerQueue, error: BaseException) -> None:
        self.post(lambda _: self.session.callback_failed(handler_queue, error))
