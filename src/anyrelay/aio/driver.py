"""The driver of one session on an event loop: it moves bytes, keeps time, runs handlers, and wakes the tasks that wait.

The driver decides nothing about RELAY. One owner task holds all tasks of a client. A caller only gives the session a command
and wakes the owner, so that the cancellation of one caller never breaks off a message of another.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import anyio
from anyio.lowlevel import cancel_shielded_checkpoint

from anyrelay.aio.backends.base import EventLoop, Scope, Tasks, Transport, Wakeup
from anyrelay.aio.backends.running import running_loop
from anyrelay.aio.connections import Connections
from anyrelay.aio.dialer import Dialer
from anyrelay.aio.dispatcher import HandlerDispatcher
from anyrelay.aio.handlers import call_handler, check_result, is_own_error
from anyrelay.aio.tokens import fetch_token
from anyrelay.frontend import log
from anyrelay.frontend.binding import accepts
from anyrelay.frontend.ending import abandon
from anyrelay.frontend.process import check_process
from anyrelay.protocol.call.call import CallMachine, Search
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.promise import Promise, Subscription
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.schema import RelayEvent
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

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=RelayEvent)

CALLBACK_TIMEOUT: Final = 2.0
"""How long closing waits for handlers of events and outcomes, in seconds; handlers of calls are cancelled at once."""

TURNS_TO_BEGIN: Final = 2
"""The turns of the loop after which each task that was ready has run: trio runs the tasks of a turn in random order."""

_AWAKE: Final = -math.inf
"""The value of `Driver._armed` while the owner does not sleep."""

_own_scope: ContextVar[Scope | None] = ContextVar("anyrelay_own_scope", default=None)
"""The scope that a client runs this task in."""


class Driver:
    """The owner of one client."""

    _schedule_turn: Callable[[], object]
    """Has the loop call `_take_turn`; set while the owner task runs."""

    def __init__(self, session: Session, addressed: Callable[[CallMachine | MessageMachine], tuple[Any, Any]]) -> None:
        """Make a driver whose owner task does not run yet.

        Args:
            session: The session to drive.
            addressed: Returns the user's handler for a call or a message, and the handler's argument.
        """
        self.session = session
        self._addressed = addressed
        self._made_in = os.getpid()
        self._thread: int | None = None
        self._connections = Connections(session, self.pump)
        self._use_loop(None)
        self._context: Context = copy_context()
        self._tasks: Tasks | None = None
        self._children: dict[Scope, float] = {}
        callbacks = functools.partial(self._spawn, "anyrelay callbacks", self._run_child, grace=CALLBACK_TIMEOUT)
        self._dispatcher = HandlerDispatcher(session, callbacks, self.pump)
        self._turn_due = False
        self._failure: Exception | None = None
        self._armed = _AWAKE
        self._rearm = Wakeup()
        self._finished: anyio.Event | None = None
        self._signals: deque[None] = deque()

    # --- what bound methods use -------------------------------------------------------------------------------------

    def call(self, method: Callable[Concatenate[float, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a machine's method with the time, then do what the session asks for."""
        if os.getpid() != self._made_in or self._thread not in (None, threading.get_ident()):
            self._check_caller()
        answer = method(self._now(), *args, **kwargs)
        self.pump()
        return answer

    async def find(self, method: Callable[Concatenate[float, P], Search[E]], /, *args: P.args, **kwargs: P.kwargs) -> E:
        """Call a machine's method and await the event that it looks for."""
        search = self.call(method, *args, **kwargs)
        try:
            while not accepts(search, event := await self.next_of(search.subscription)):
                pass
        finally:
            search.subscription.close()
            self.pump()
        assert event is not None
        return event

    def locked(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the core that needs no time; no lock is needed, since the loop runs nothing else meanwhile."""
        return function(*args, **kwargs)

    def abandon(self, promise: Promise[Any]) -> None:
        """Tell a promise that the task which waited for the promise was cancelled."""
        promise.abandon()
        self.pump()

    async def result_of(self, promise: Promise[T]) -> T:
        """Sleep until a promise is done, and return its result; abandon the promise when the task is cancelled."""
        if not promise.done:
            try:
                await self.sleep(promise)
            except BaseException:
                self.abandon(promise)
                raise
        return promise.result()

    async def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until the subscription has an event, and return the event; return None when no event will come."""
        while not subscription.ready:
            await self._running.sleep(subscription)
        return subscription.take()

    @property
    def _running(self) -> EventLoop:
        """The loop that the client runs in; while the client is not connected, the loop of the caller."""
        return self._loop or running_loop()

    def _use_loop(self, loop: EventLoop | None) -> None:
        """Run in a loop, or in none. The clock and `sleep` are set here, so that a message does not look the loop up."""
        self._loop: EventLoop | None = loop
        self._now: Callable[[], float] = (lambda: running_loop().time()) if loop is None else loop.time
        self.sleep: Callable[[Promise[Any]], Awaitable[object]] = (
            (lambda promise: running_loop().sleep(promise)) if loop is None else loop.sleep
        )
        """Returns an awaitable, which the task awaits at once to sleep until a promise is done."""
        self._connections.now = self._now

    def _check_caller(self) -> None:
        """Check that the caller is in the process and in the thread of the client's event loop.

        Raises:
            ClientClosed: The caller is in a forked process.
            RuntimeError: The caller is in another thread.
        """
        check_process(self._made_in)
        if self._thread not in (None, threading.get_ident()):
            raise RuntimeError(
                "this client runs in the event loop of another thread: call it from there "
                "(anyio.from_thread.run), or use anyrelay.sync, which can be called from any thread"
            )

    # --- the owner --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the owner task unless it runs; the session is about to be connected."""
        self._check_caller()
        if self._finished is None:
            self._thread = threading.get_ident()
            loop = running_loop()
            self._use_loop(loop)
            self._context = copy_context()
            self._connections.dialer = Dialer()  # this loop does not wait for a look-up that an earlier loop started
            self._finished = anyio.Event()  # first: the owner may run at once (`asyncio.eager_task_factory`), and end
            loop.spawn_owner(self._own)
            if self._signals:  # noted before there was a loop; the caller asks the session to connect first
                loop.call_soon(self.obey_signals)
        elif self.session.state is ClientState.CLOSED:
            # The owner has not ended yet and goes on with the next connection; the task that closed the last one returns.
            finished, self._finished = self._finished, anyio.Event()
            finished.set()

    def forget_signals(self) -> None:
        """Forget the signals that were not handed to the session."""
        self._signals.clear()

    def note_signal(self) -> None:
        """Note a signal, and have the loop obey it; safe in a signal handler, which may have interrupted anything."""
        self._signals.append(None)
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon(self.obey_signals)

    def obey_signals(self) -> None:
        """Hand the signals noted so far to the session."""
        while self._signals:
            self._signals.popleft()
            self.call(self.session.signal_received)

    async def close(
        self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Ask the session to close, and wait until the session is closed.

        A task that was started earlier may be about to connect the client. Such tasks begin first, so that
        ``start_soon(client.serve_forever)`` comes before an ``await client.drain()`` that follows at once.
        """
        self._check_caller()
        try:
            if self.session.state in (ClientState.IDLE, ClientState.CLOSED):
                for _ in range(TURNS_TO_BEGIN):
                    await cancel_shielded_checkpoint()
        finally:  # also when the caller was cancelled meanwhile: the caller has asked for the close
            closing = self.call(method, *args, **kwargs)
        await self.wait_closed(self.result_of(closing))

    async def wait_closed(self, closing: Awaitable[None]) -> None:
        """Await `closing`, then the end of the client's tasks; a handler does not wait for its own end."""
        finished, scope = self._finished, _own_scope.get()
        within = scope is not None and scope in self._children
        if scope is not None and within:
            self._children[scope] = math.inf
        await closing
        if finished is not None and not within:
            await finished.wait()

    async def _own(self) -> None:
        try:
            # The caller asks the session to connect first, also where tasks run at once (`asyncio.eager_task_factory`).
            await cancel_shielded_checkpoint()
            over = False
            while not over:
                async with self._running.tasks() as tasks:
                    turns = self._running.turns(tasks, self._take_turn, self._context)
                    self._tasks, self._turn_due, self._schedule_turn = tasks, False, turns.schedule
                    self.pump()
                    await self._keep_time()
                    self._tasks = None
                    turns.stop()
                over = self.session.state is ClientState.CLOSED
        except* Exception as errors:  # a bug of anyrelay must not stop the event loop
            log.write(LogEntry(LogEntry.ERROR, "the client's owner task failed", error=errors))
        finally:
            with contextlib.suppress(Exception):  # the clock too may be gone
                abandon(self.session, ConnectionError("the event loop has ended"), self._now())
            self._dispatcher.abandon()
            self._failure = None
            self._tasks = self._connections.current = self._thread = None
            self._use_loop(None)
            self._children.clear()
            finished, self._finished = self._finished, None
            if finished is not None:
                finished.set()

    async def _keep_time(self) -> None:
        """Handle deadlines until the session is closed and all tasks of the client have ended."""
        while not self._is_closed or self._children or self._dispatcher.waiting:
            if self._is_closed:
                now = self._now()
                for scope, grace in self._children.items():
                    scope.deadline = min(scope.deadline, now + grace)
            deadline = self.session.next_deadline()
            self._armed = math.inf if deadline is None else deadline
            await self._running.sleep_until(self._rearm, self._armed)
            self._armed = _AWAKE
            if self._failure is not None:
                raise self._failure
            self.session.handle_timeout(await self._connections.time_of_judgement())
            self.pump()

    @property
    def _is_closed(self) -> bool:
        return self._connections.current is None and self.session.state is ClientState.CLOSED

    def pump(self) -> None:
        """Do what the session asks for; messages, callbacks and deadlines have to wait for the next turn."""
        if self._tasks is None:
            return
        outputs = self.session.outputs
        while outputs:
            output = outputs.popleft()
            if isinstance(output, HandlerQueue):
                self._dispatcher.waiting.append(output)
            else:
                self._follow(output)
        if not self._turn_due:
            self._turn_due = True
            self._schedule_turn()

    def _follow(self, output: Output) -> None:
        match output:
            case RunHandler(subject):
                self._spawn("anyrelay handler", self._run_handler, subject)
            case LogEntry() as entry:
                log.write(entry)
            case TracedMessage() as message:
                message.trace(message)
            case OpenTransport() as order:
                transport = self.new_transport()
                self._connections.use(transport)
                self._spawn("anyrelay connection", self._run_child, transport.run, order, grace=math.inf)
            case CloseTransport(final_bytes):
                self._connections.close(final_bytes)
            case FetchToken(source):
                self._spawn("anyrelay token", self._run_child, fetch_token, self.session, source, self._now)

    def _spawn(
        self, name: str, function: Callable[..., Coroutine[Any, Any, None]], *args: Any, grace: float = 0.0
    ) -> None:
        """Start a task of the client in a scope of its own; `grace` seconds after the session is closed the task is cancelled.

        The task runs in the context of the code that connected, and not in that of the handler that happens to run now.
        """
        assert self._tasks is not None
        assert self._loop is not None
        scope = self._loop.scope()
        self._children[scope] = grace
        # A copy: a task that runs at once may start another task before this call returns.
        self._context.copy().run(self._tasks.start_soon, function, scope, *args, name=name)

    async def _run_child(self, scope: Scope, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        _own_scope.set(scope)
        try:
            with scope:
                await function(*args)
        finally:
            self._child_ended(scope)

    def _child_ended(self, scope: Scope) -> None:
        del self._children[scope]
        self.pump()

    def new_transport(self) -> Transport:
        """Return a connection that is not open yet; `anyrelay.testing` opens connections in memory instead."""
        return self._running.transport(self._connections)

    # --- user code --------------------------------------------------------------------------------------------------

    async def _run_handler(self, scope: Scope, subject: CallMachine | MessageMachine) -> None:
        # Not inside `_run_child`: a second coroutine would take memory for as long as the call lasts.
        _own_scope.set(scope)
        failure: BaseException | None = None
        try:
            with scope:
                handler, wrapper = self._addressed(subject)
                if handler is not None:
                    answer = call_handler(handler, wrapper)
                    if inspect.isawaitable(answer):  # else the handler is a plain function
                        check_result(handler, await answer)
        except BaseException as error:
            if not is_own_error(error):
                raise
            failure = error
        finally:
            self.session.handler_finished(subject, failure, self._now())
            self._child_ended(scope)

    def _take_turn(self) -> None:
        """Call the handlers that events wait for, send the bytes that wait, and look at the deadlines.

        The tasks that the last bytes woke have run by then, so that the answers of all leave in one write.
        """
        if self._tasks is None:
            return
        try:
            if self._dispatcher.waiting:
                self._dispatcher.call_all()
            self._turn_due = False
            transport = self._connections.current
            if transport is not None:
                transport.flush()
            # A deadline that was cancelled may wake the timekeeper in vain: to look for such deadlines here would cost more.
            is_early = self._armed > _AWAKE and self.session.timers.soonest() < self._armed
            if is_early or (transport is None and self._is_closed):
                self._rearm_timer()
        except Exception as error:  # the owner task fails with it
            self._failure = error
            self._rearm_timer()

    def _rearm_timer(self) -> None:
        """Wake the timekeeper, which sleeps until a deadline that is not the next one any more."""
        self._armed = _AWAKE
        self._rearm.wake()
