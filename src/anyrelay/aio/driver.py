"""What drives one session on an event loop: it moves bytes, keeps time, runs handlers, and wakes whoever waits.

It decides nothing about RELAY. One owner task holds everything that a client runs; callers only fill the session and wake
the owner, so that a caller's cancellation never tears what another one sends.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from anyrelay.aio.owner import spawn_owner
from anyrelay.aio.transport import Transport
from anyrelay.frontend import journal
from anyrelay.frontend.process import check_process
from anyrelay.protocol.call import CallMachine
from anyrelay.protocol.events import RelayEvent
from anyrelay.protocol.mailbox import Mailbox
from anyrelay.protocol.outputs import (
    CloseTransport,
    Deliver,
    FetchToken,
    Note,
    OpenTransport,
    Output,
    RunCallHandler,
)
from anyrelay.protocol.promise import Promise, Subscription
from anyrelay.protocol.session import ClientState, Session

__all__ = ["Driver"]

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M")
E = TypeVar("E", bound=RelayEvent)

_own_scope: ContextVar[anyio.CancelScope | None] = ContextVar("anyrelay_handler_scope", default=None)
"""The cancel scope of the handler that runs in this task."""


class Driver:
    """The owner of one client."""

    def __init__(self, session: Session, handle_call: Callable[[CallMachine], Any]) -> None:
        """Make one that does not run yet.

        Args:
            session: What it drives.
            handle_call: Calls the user's `on_call` handler.
        """
        self.session = session
        self._handle_call = handle_call
        self._made_in = os.getpid()
        self._tasks: TaskGroup | None = None
        self._transport: Transport | None = None
        self._handler_scopes: set[anyio.CancelScope] = set()
        self._armed = math.inf
        self._rearm: anyio.Event | None = None
        self._finished: anyio.Event | None = None

    # --- what bound methods use -------------------------------------------------------------------------------------

    def ask(self, method: Callable[Concatenate[M, float, P], T], machine: M, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a machine's method with the time, and do what comes of it."""
        check_process(self._made_in)
        answer = method(machine, anyio.current_time(), *args, **kwargs)
        self.stir()
        return answer

    async def result_of(self, promise: Promise[T]) -> T:
        """Sleep until a promise is done, and return its result; a caller that is cancelled gives it up."""
        if not promise.done:
            ready = anyio.Event()
            promise.on_ready(ready.set)
            try:
                await ready.wait()
            except BaseException:
                promise.abandon()
                self.stir()
                raise
        return promise.result()

    async def next_of(self, subscription: Subscription[E]) -> E | None:
        """Sleep until there is an event to take; None when there will be none."""
        while not subscription.ready:
            ready = anyio.Event()
            subscription.on_ready(ready.set)
            await ready.wait()
        return subscription.take()

    # --- the owner --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the owner task unless it runs; the session is about to be connected."""
        check_process(self._made_in)
        if self._finished is None:
            self._finished = anyio.Event()
            spawn_owner(self._own)

    async def finished(self) -> None:
        """Sleep until the owner task is over; in a handler, which the owner runs, that is not waited for."""
        if (scope := _own_scope.get()) is not None and scope in self._handler_scopes:
            self._handler_scopes.discard(scope)
        elif self._finished is not None:
            await self._finished.wait()

    async def _own(self) -> None:
        finished = self._finished
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._keep_time)
                self.stir()
                # `_keep_time` returns once the session is closed.
        except Exception as error:  # a bug of ours must not take the event loop down with it
            journal.write(Note(Note.ERROR, "the client's owner task failed", error=error))
        finally:
            self._tasks = self._transport = self._finished = None
            if finished is not None:
                finished.set()

    async def _keep_time(self) -> None:
        while self.session.state is not ClientState.CLOSED or self._transport is not None:
            deadline = self.session.next_deadline()
            self._armed = math.inf if deadline is None else deadline
            self._rearm = anyio.Event()
            with anyio.CancelScope(deadline=self._armed):
                await self._rearm.wait()
            self.session.handle_timeout(anyio.current_time())
            self.stir()
        self._armed, self._rearm = math.inf, None
        for scope in list(self._handler_scopes):
            scope.cancel()

    def stir(self) -> None:
        """Do what the session asks for, and wake whoever has to do more."""
        if self._tasks is None:
            return
        while (output := self.session.next_output()) is not None:
            self._follow(output, self._tasks)
        if self._transport is not None:
            self._transport.wake()
        if self._rearm is not None:
            deadline = self.session.next_deadline()
            over = self.session.state is ClientState.CLOSED and self._transport is None
            if over or (deadline is not None and deadline < self._armed):
                self._rearm.set()

    def _follow(self, output: Output, tasks: TaskGroup) -> None:
        match output:
            case Deliver(mailbox):
                tasks.start_soon(self._deliver, mailbox)
            case RunCallHandler(call):
                tasks.start_soon(self._run_call_handler, call)
            case Note() as note:
                journal.write(note)
            case OpenTransport() as order:
                self._transport = Transport(self)
                tasks.start_soon(self._serve, self._transport, order)
            case CloseTransport(last_words):
                if self._transport is not None:
                    self._transport.close(last_words)
                    self._transport = None
            case FetchToken(source):
                tasks.start_soon(self._fetch_token, source)

    # --- the transport ----------------------------------------------------------------------------------------------

    async def _serve(self, transport: Transport, order: OpenTransport) -> None:
        await transport.run(order)

    def transport_opened(self, transport: Transport) -> None:
        """The connection is open."""
        if transport is self._transport:
            self.session.transport_opened(anyio.current_time())
            self.stir()

    def transport_failed(self, transport: Transport, error: Exception) -> None:
        """The connection could not be opened, or broke."""
        if transport is self._transport:
            self.session.transport_failed(error, anyio.current_time())
            self.stir()

    def received(self, transport: Transport, data: bytes) -> None:
        """Bytes came."""
        if transport is self._transport:
            self.session.receive_data(data, anyio.current_time())
            self.stir()

    def received_eof(self, transport: Transport) -> None:
        """No more bytes will come."""
        if transport is self._transport:
            self.session.receive_eof(anyio.current_time())
            self.stir()

    def data_to_send(self, transport: Transport) -> bytes:
        """Return what waits for the connection."""
        return self.session.data_to_send() if transport is self._transport else b""

    # --- user code --------------------------------------------------------------------------------------------------

    async def _run_call_handler(self, call: CallMachine) -> None:
        error: BaseException | None = None
        with self._handler_scope():
            try:
                await self._handle_call(call)
            except Exception as raised:
                error = raised
        self.session.handler_finished(call, error, anyio.current_time())
        self.stir()

    async def _deliver(self, mailbox: Mailbox) -> None:
        with self._handler_scope():
            while (delivery := mailbox.take()) is not None:
                try:
                    answer = delivery.handler(delivery.subject)
                    if inspect.isawaitable(answer):
                        await answer
                except Exception as error:
                    self.session.delivery_failed(mailbox, error)
                    self.stir()

    @contextlib.contextmanager
    def _handler_scope(self) -> Any:
        """Let the owner cancel a handler when the client closes, unless it is the handler that closes it."""
        with anyio.CancelScope() as scope:
            self._handler_scopes.add(scope)
            token = _own_scope.set(scope)
            try:
                yield
            finally:
                _own_scope.reset(token)
                self._handler_scopes.discard(scope)

    async def _fetch_token(self, source: Callable[[], Any]) -> None:
        try:
            # A plain function may block on the network; a coroutine function must run on the loop.
            if inspect.iscoroutinefunction(source):
                token = await source()
            else:
                token = await anyio.to_thread.run_sync(source, abandon_on_cancel=True)
                if inspect.isawaitable(token):
                    token = await token
        except Exception as error:
            self.session.token_failed(error, anyio.current_time())
        else:
            self.session.token_fetched(token, anyio.current_time())
        self.stir()
