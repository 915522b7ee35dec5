"""What drives one session with threads: it moves bytes, keeps time, runs handlers, and wakes whoever waits.

It decides nothing about RELAY. One I/O thread reads and writes the socket, keeps the time, and gives the session the commands
that other threads post. One lock is held around every use of the session, and never around I/O.
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
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from anyrelay.frontend import log
from anyrelay.frontend.arrivals import Arrivals
from anyrelay.frontend.binding import accepts
from anyrelay.frontend.dialer import Address, connect_to_any, look_up
from anyrelay.frontend.ending import abandon, drop
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited
from anyrelay.frontend.process import check_process
from anyrelay.protocol.call.call import CallMachine, Search
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.promise import Promise, Subscription
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.session.outputs import CloseTransport, FetchToken, LogEntry, OpenTransport, Output, RunHandler
from anyrelay.protocol.session.session import ClientState, Session
from anyrelay.sync.threads.dispatcher import HandlerDispatcher
from anyrelay.sync.threads.poller import PipeWakeup, Poller
from anyrelay.sync.threads.requests import ThreadRequest
from anyrelay.sync.threads.waiting import OnceEvent, new_waiter, wait_for_release
from anyrelay.sync.threads.workers import MOMENT, Workers, may_hang

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=RelayEvent)

READ_SIZE: Final = 65_536
"""How much is read at once, in bytes."""

LINGER: Final = 0.001
"""How long what one read provoked waits for more to be sent with it, in seconds."""

JOIN_TIMEOUT: Final = 2.0
"""How long closing waits for handlers that do not end, in seconds."""

THREADS_AGAIN: Final = 0.25
"""How long after no thread could be started it is tried again, in seconds."""

_AT_REST: Final = frozenset({ClientState.IDLE, ClientState.CLOSED})
"""What a session is in that needs no thread."""

_running: weakref.WeakSet[Driver] = weakref.WeakSet()


@atexit.register
def _close_forgotten() -> None:
    """Close every client that nobody closed, so that no thread is left when the interpreter ends."""
    forgotten = [driver for driver in list(_running) if driver.belongs_here]
    for driver in forgotten:
        driver.post(driver.session.disconnect)
    deadline = time.monotonic() + JOIN_TIMEOUT  # one for all of them
    for driver in forgotten:
        driver.finished(deadline)


class ConnectionPeriod:
    """A client's time from one connect to the next, or to its end; whoever closes it waits for the end of that time."""

    def __init__(self, thread: threading.Thread | None) -> None:
        self.ended = OnceEvent()
        self.thread = thread


class Driver:
    """The owner of one client."""

    def __init__(
        self,
        session: Session,
        addressed: Callable[[CallMachine | MessageMachine], tuple[Any, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one that does not run yet.

        Args:
            session: What it drives.
            addressed: Returns the user's handler for a call or a message, and what it is given.
            clock: Tells the time, in seconds.
        """
        self.session = session
        self._addressed = addressed
        self._clock = clock
        self._made_in = os.getpid()
        self._core = threading.Lock()
        self._posted: deque[Callable[[float], object]] = deque()
        self._unwritten = False
        self._left_over: bytes | memoryview = b""
        self._socket: socket.socket | None = None
        self._to_close: list[tuple[socket.socket, bytes]] = []
        self._todo: deque[Output] = deque()
        self._arrivals = Arrivals()
        self._dials = 0
        self._undialled: int | None = None
        self._looks_up = False
        self._fetches_token = False
        self._thread: threading.Thread | None = None
        self._wakeup: PipeWakeup | None = None
        self._workers = Workers("anyrelay handler")
        self._dispatcher = HandlerDispatcher(self._workers, self._callback_failed, self._look_around)
        self._asleep = False
        self._lingers = False
        self._period = ConnectionPeriod(None)
        self._period.ended.set()
        self._signals: deque[None] = deque()

    # --- what bound methods use -------------------------------------------------------------------------------------

    def locked(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call something of the core's that needs no time."""
        self._check_caller()
        with self._core:
            return function(*args, **kwargs)

    def _check_caller(self) -> None:
        """Raise what tells that a call could never return.

        Raises:
            ClientClosed: This is a forked process, where the lock may be held by a thread that is not there.
            RuntimeError: This is the I/O thread, which would wait for itself: user code gets into it as a logging handler or
                a finalizer.
        """
        check_process(self._made_in)
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "a client cannot be used in its own I/O thread, where logging handlers and finalizers may run:"
                " let another thread do it"
            )

    def call_and_wait(
        self, method: Callable[Concatenate[float, P], Promise[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Have the I/O thread call a machine's method, and wait for the promised result; Ctrl-C abandons the request."""
        self._check_caller()
        request = ThreadRequest(method, *args, **kwargs)
        try:
            self.post(request.run)
            request.wait()
        except BaseException:
            self._abandon(request)
            raise
        return request.result()

    def _abandon(self, request: ThreadRequest[Any]) -> None:
        """Have an request given up, and wait until it is: the client may be closed by it."""
        waiter = new_waiter()

        def abandon(now: float) -> None:
            try:
                request.abandon(now)
            finally:
                waiter.release()

        self.post(abandon)
        wait_for_release(waiter)

    def post(self, job: Callable[[float], object]) -> None:
        """Have the I/O thread do something under the core's lock, told the time."""
        self._posted.append(job)
        if self._thread is None:  # a thread that leaves looks for more once it has said so: one of the two finds it
            with self._core:
                self._do_posted()
            self._follow_outputs()
        else:
            self._wake()

    def _do_posted(self) -> None:
        self._unwritten = self._unwritten or bool(self._posted)
        while self._posted:
            self._posted.popleft()(self._clock())
        self._dispatcher.take_back()

    def _look_around(self) -> None:
        self.post(lambda _: None)

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
        finally:  # also when Ctrl-C comes between its beginning and here
            self.post(end)
        assert event is not None
        return event

    def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until there is an event to take; None when there will be none."""
        self._check_caller()
        while True:
            with self._core:
                if subscription.ready:
                    return subscription.take()
                waiter = new_waiter()
                subscription.on_ready(waiter.release)
            wait_for_release(waiter)

    # --- starting and closing ---------------------------------------------------------------------------------------

    @property
    def belongs_here(self) -> bool:
        """Whether this is the process that the client was made in."""
        return os.getpid() == self._made_in

    def connect(self, method: Callable[[float], Promise[None]]) -> ConnectionPeriod:
        """Ask the session to connect, wait for what it promises, and return the time that began with it."""
        self._check_caller()
        request = ThreadRequest(method)
        try:
            period = self._begin(request.run)
            request.wait()
        except BaseException:
            self._abandon(request)
            raise
        request.result()
        return period

    def _begin(self, job: Callable[[float], object]) -> ConnectionPeriod:
        """Have the I/O thread do something; it is started unless it runs."""
        with self._core:
            begins = self._thread is None or self.session.state is ClientState.CLOSED
            if self._thread is None:
                self._start_thread()
            if begins:
                # A thread that is at the end of the last connection goes on with the next; who closed that one is not kept.
                self._period.ended.set()
                self._period = ConnectionPeriod(self._thread)
            period = self._period
            self._posted.append(job)  # last: when Ctrl-C strikes before, the thread has nothing to do, and leaves
        self._wake_up()
        return period

    def _start_thread(self) -> None:
        wakeup = PipeWakeup()
        thread = threading.Thread(target=self._run, args=(wakeup,), name="anyrelay client", daemon=True)
        self._signals.clear()
        self._workers.recall()
        _running.add(self)
        self._wakeup, self._thread = wakeup, thread
        try:
            thread.start()  # its first step waits for the lock, and finds whether it is still wanted
        except BaseException:  # no more threads are to be had, or Ctrl-C
            self._wakeup = self._thread = None
            wakeup.close()
            _running.discard(self)
            raise

    def close(self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Ask the session to close, and wait until it has."""
        period = self._period  # before anything is asked: somebody may connect again at any time
        self.call_and_wait(method, *args, **kwargs)
        self.wait_finished(period)

    def wait_finished(self, period: ConnectionPeriod) -> None:
        """Wait for the end of a time whose session is closed: for the I/O thread, and a while for the handlers."""
        period.ended.wait()
        if period.thread is not None and period.thread is not self._thread:
            period.thread.join()
        if self._thread is None:  # else somebody has connected again
            self._workers.join(JOIN_TIMEOUT)

    def finished(self, deadline: float) -> None:
        """Wait until nothing runs any more, or until `deadline` of the monotonic clock; a moment at least."""
        self._period.ended.wait(max(MOMENT, deadline - time.monotonic()))
        self._workers.join(max(MOMENT, deadline - time.monotonic()))

    def signal(self) -> None:
        """LogEntry a signal; safe in a signal handler, which may have interrupted anything, a lock's holder included."""
        self._signals.append(None)
        self._wake_up()

    def _wake(self) -> None:
        """Wake the I/O thread, unless it is awake: it says that it sleeps before it looks around for the last time."""
        if self._asleep:
            self._wake_up()

    def _wake_up(self) -> None:
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.wake()

    # --- the I/O thread ---------------------------------------------------------------------------------------------

    def _run(self, wakeup: PipeWakeup) -> None:
        with self._core:
            if self._thread is not threading.current_thread():
                return
        poller = Poller(wakeup)
        try:
            while (period := self._stop_if_over()) is None:
                self._turn(poller)
        except Exception as error:  # a bug of ours, or a logging filter's, must not leave anybody waiting
            period = self._stop_because(error)
            with contextlib.suppress(Exception):
                log.write(LogEntry(LogEntry.ERROR, "the client's thread failed", error=error))
        try:
            self._follow_outputs()  # of what was posted at the last moment
        finally:
            self._close_released(poller)
            poller.close()
            wakeup.close()
            period.ended.set()

    def _stop_if_over(self) -> ConnectionPeriod | None:
        """Return what ends when the session is closed; from then on, this thread is not the client's any more."""
        with self._core:
            return self._stop() if self._is_over and not self._has_work else None

    @property
    def _is_over(self) -> bool:
        return self._socket is None and self.session.state in _AT_REST

    @property
    def _has_work(self) -> bool:
        return bool(self._posted or self._to_close or self._todo or self.session.outputs)

    def _stop_because(self, error: Exception) -> ConnectionPeriod:
        with self._core:
            with contextlib.suppress(Exception):
                while self._todo:
                    drop(self.session, self._todo.popleft(), self._clock())
                self._dispatcher.abandon()
                abandon(self.session, error, self._clock())
            self._release_socket(b"")
            with contextlib.suppress(Exception):
                self._stop()
            return self._period

    def _stop(self) -> ConnectionPeriod:
        self._thread = None
        _running.discard(self)
        self._workers.dismiss()
        self._do_posted()
        return self._period

    def _turn(self, poller: Poller) -> None:
        """Wait for whatever comes first, and deal with it."""
        self._asleep = True
        with self._core:
            sock, blocked = self._socket, bool(self._left_over)
            deadline = self.session.next_deadline()
            timeout = self._time_to_wait()
        ready = poller.wait(sock, blocked, None if timeout == math.inf else timeout)
        self._asleep = False
        looks = bool(ready & selectors.EVENT_READ) or (deadline is not None and deadline <= self._clock())
        reads = sock is not None and looks and self._read(sock)
        with self._core:
            self._do_posted()
            self._run_due(all_read=looks and not reads)
            while self._signals:
                self._signals.popleft()
                self.session.signal_received(self._clock())
            self._dispatcher.take_back()  # what was handed back since, and has more to tell by now
        self._workers.start_waiting()
        self._follow_outputs()
        self._close_released(poller)
        # Acknowledgements ride with the next command: whoever was woken just now may be about to give one.
        self._lingers = reads and not self._lingers and not self._unwritten
        if not self._lingers:
            self._write()

    def _time_to_wait(self) -> float:
        """Return how long there is nothing to do, in seconds."""
        if self._has_work or self._unwritten or self._is_over:
            return 0.0
        deadline = self.session.next_deadline()
        timeout = math.inf
        if deadline is not None:
            timeout = max(0.0, self._arrivals.next_look(deadline) - self._clock())
        if self._workers.wait_for_threads:
            timeout = min(timeout, THREADS_AGAIN)
        return min(timeout, LINGER) if self._lingers else timeout

    def _run_due(self, *, all_read: bool) -> None:
        """Do what is due, unless more may have arrived: that counts before it, and is read in the next turn."""
        now = self._clock()
        self.session.handle_soon(now)
        if not self.session.is_overdue(now):
            self._arrivals.nothing_is_due()
        elif self._socket is None or self._arrivals.are_complete(now, all_read=all_read):
            self.session.handle_timeout(now)

    def _read(self, sock: socket.socket) -> bool:
        """Read once; return whether there was something, and so may be more."""
        try:
            data = sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._tell(sock, Session.transport_failed, error)
            return False
        if not data:
            self._tell(sock, Session.receive_eof)
            return False
        self._arrivals.read(len(data), self._clock())
        self._tell(sock, Session.receive_data, data)
        return True

    def _tell(self, sock: socket.socket, method: Callable[..., None], *args: Any) -> None:
        """Tell the session of something that happened to a socket, unless it let go of that one."""
        with self._core:
            self._sort_outputs()
            if sock is self._socket:
                method(self.session, *args, self._clock())

    def _sort_outputs(self) -> None:
        """Take what the session asks for. What concerns the transport holds at once.

        Otherwise a socket that was opened for the last attempt could be reported to a session that waits for the next one.
        """
        outputs = self.session.outputs
        while outputs:
            match output := outputs.popleft():
                case HandlerQueue():
                    self._dispatcher.add(output)
                    continue
                case CloseTransport(final_bytes):
                    self._release_socket(final_bytes)
                case OpenTransport():
                    self._dials += 1
                    self._undialled = self._dials
            self._todo.append(output)

    def _follow_outputs(self) -> None:
        while True:
            with self._core:
                self._sort_outputs()
                output = self._todo.popleft() if self._todo else None
            self._dispatcher.call()
            if output is None:
                return
            self._follow(output)

    def _follow(self, output: Output) -> None:
        match output:
            case RunHandler(subject):
                self._workers.submit(lambda: self._run_handler(subject))
            case LogEntry() as entry:
                log.write(entry)
            case OpenTransport(host, port):
                with self._core:
                    at_it, self._looks_up = self._looks_up, True
                if not at_it:  # else whoever is at it opens the connection for this attempt, and not for an earlier one
                    self._workers.submit(lambda: self._dial(host, port))
            case FetchToken(source):
                with self._core:
                    at_it, self._fetches_token = self._fetches_token, True
                if not at_it:  # else the session takes the token, whichever attempt asked for it
                    self._workers.submit(lambda: self._fetch_token(source))

    def _release_socket(self, final_bytes: bytes) -> None:
        """Let go of the socket, or of the one that is being opened; it is closed outside the lock."""
        self._dials += 1
        self._undialled = None
        self._arrivals = Arrivals()
        if self._socket is not None:
            # Something that is left over is on its way in the I/O thread, or blocked: then the last words come too late.
            self._to_close.append((self._socket, b"" if self._left_over else final_bytes))
        self._socket, self._left_over = None, b""

    def _close_released(self, poller: Poller) -> None:
        with self._core:
            released, self._to_close = self._to_close, []
        for sock, final_bytes in released:
            poller.forget(sock)
            with contextlib.suppress(OSError), sock:
                if final_bytes:
                    sock.send(final_bytes)

    def _write(self) -> None:
        """Write what waits, as far as the socket takes it."""
        while self._write_what_waits():
            pass

    def _write_what_waits(self) -> bool:
        """Write once; return whether there may be more that the socket takes."""
        self._unwritten = False
        with self._core:
            sock = self._socket
            if sock is None:
                return False
            held_back = bool(self._left_over)
            self._left_over = data = self._left_over or self.session.data_to_send()
        if not data:
            return False
        try:
            sent = sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._tell(sock, Session.transport_failed, error)
            return False
        with self._core:
            if sock is self._socket:
                # No copy of the rest is made: it may be many megabytes in many small steps.
                self._left_over = memoryview(data)[sent:] if sent < len(data) else b""
        return held_back and sent == len(data)

    # --- what runs in threads of its own ----------------------------------------------------------------------------

    def _dial(self, host: str, port: int) -> None:
        """Look a name up, which may hang for long, and open a connection for the attempt that is the last one by then.

        Nobody waits for this thread, and there is one at most that looks up.
        """
        addresses: list[Address] = []
        error: Exception | None = None
        sock: socket.socket | None = None
        with may_hang():
            try:
                addresses = look_up(host, port)
            except Exception as raised:  # not only OSError: a name that IDNA cannot encode is a UnicodeError
                error = raised
            with self._core:
                self._looks_up = False
                self._sort_outputs()
                dial, self._undialled = self._undialled, None
            if dial is not None and error is None:
                try:
                    sock = connect_to_any(addresses, self.session.settings.connect_timeout)
                except OSError as raised:
                    error = raised
        with self._core:
            self._sort_outputs()
            wanted = dial == self._dials
            if wanted and sock is not None:
                self._socket, self._left_over = sock, b""
                self.session.transport_opened(self._clock())
            elif wanted and error is not None:
                self.session.transport_failed(error, self._clock())
            self._unwritten = True
        if sock is not None and not wanted:
            sock.close()
        self._wake()

    def _run_handler(self, subject: CallMachine | MessageMachine) -> None:
        error: BaseException | None = None
        try:
            handler, wrapper = self._addressed(subject)
            if handler is not None:
                refuse_unawaited(handler, handler(wrapper), NO_COROUTINES)
        except (Exception, SystemExit) as raised:
            error = raised
        self.post(lambda now: self.session.handler_finished(subject, error, now))

    def _callback_failed(self, handler_queue: HandlerQueue, error: BaseException) -> None:
        self.post(lambda _: self.session.callback_failed(handler_queue, error))

    def _fetch_token(self, source: Callable[[], Any]) -> None:
        """Ask for a token, which may hang for long: there is one thread at most that does."""
        token: Any = None
        failure: Exception | None = None
        try:
            with may_hang():
                token = source()
                refuse_unawaited(source, token, NO_COROUTINES)
        except Exception as error:
            failure = error
        except SystemExit:
            failure = RuntimeError("the jwt_token function raised SystemExit")

        def tell(now: float) -> None:
            self._fetches_token = False
            if failure is None:
                self.session.token_fetched(token, now)
            else:
                self.session.token_failed(failure, now)

        self.post(tell)
