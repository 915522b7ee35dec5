"""The blocking clients of `SyncMemoryRelay`: `anyrelay.sync.RelayClient`, one thread at a time, on connections in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from anyrelay.frontend import log
from anyrelay.frontend.binding import accepts
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited, token_error
from anyrelay.protocol.core.handler_queue import HandlerQueue
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
from anyrelay.sync import RelayClient

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.protocol.call.call import CallMachine, Search
    from anyrelay.protocol.core.promise import Promise, Subscription
    from anyrelay.protocol.outbound.message import MessageMachine
    from anyrelay.protocol.session.session import Session
    from anyrelay.testing.memory.server import MemoryServer
    from anyrelay.testing.memory.turns import Turns

__all__ = ["BlockingMemoryClient"]

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=RelayEvent)

JOIN_TIMEOUT = 2.0
"""The longest wait for handlers when a client closes, in seconds, as in `anyrelay.sync`."""


class BlockingMemoryClient(RelayClient):
    """A `RelayClient` of `anyrelay.sync` whose connections lead to a `SyncMemoryRelay`."""

    def __init__(self, server: MemoryServer, turns: Turns, latency: float, **settings: Any) -> None:
        self._memory = (server, turns, latency)
        super().__init__(**settings)

    def _new_driver(self, *args: Any) -> BlockingMemoryDriver:  # type: ignore[override]  # needs the server
        return BlockingMemoryDriver(*self._memory, *args)


class BlockingMemoryDriver:
    """The driver of a client on a connection in memory and on turns, in place of `anyrelay.sync.driver.Driver`."""

    def __init__(
        self,
        server: MemoryServer,
        turns: Turns,
        latency: float,
        session: Session,
        addressed: Callable[[CallMachine | MessageMachine], tuple[Any, Any]],
    ) -> None:
        self.session = session
        self._server = server
        self._turns = turns
        self._latency = latency
        self._addressed = addressed
        self._connection: ClientConnection | None = None
        self._to_server: deque[tuple[float, bytes]] = deque()
        self._to_client: deque[tuple[float, bytes]] = deque()
        self._handlers = 0
        self._threads: set[int] = set()
        self._signals: deque[None] = deque()
        turns.parties.append(self)

    # --- what bound methods use -------------------------------------------------------------------------------------

    def locked(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of the core that needs no time."""
        self._turns.check_thread()
        return function(*args, **kwargs)

    def call_and_wait(
        self, method: Callable[Concatenate[float, P], Promise[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a machine's method with the time, and wait for the promised result."""
        self._turns.check_thread()
        promise = method(self._turns.now, *args, **kwargs)
        try:
            self._turns.wait(lambda: promise.done)
        except BaseException:
            promise.abandon()
            raise
        return promise.result()

    def find(self, method: Callable[Concatenate[float, P], Search[E]], /, *args: P.args, **kwargs: P.kwargs) -> E:
        """Call a machine's method, and wait for the event that the method looks for."""
        self._turns.check_thread()
        search = method(self._turns.now, *args, **kwargs)
        try:
            while not accepts(search, event := self.next_of(search.subscription)):
                pass
        finally:
            search.subscription.close()
        assert event is not None
        return event

    def next_of(self, subscription: Subscription[E]) -> E | None:
        """Wait for the next event of a subscription; None when no event will come."""
        self._turns.wait(lambda: subscription.ready)
        return subscription.take()

    # --- what the client uses ---------------------------------------------------------------------------------------

    def connect(self, method: Callable[[float], Promise[None]]) -> None:
        """Connect the session, and wait for the promised result."""
        self.call_and_wait(method)

    def close(self, method: Callable[Concatenate[float, P], Promise[None]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Close the session, and wait for its end."""
        self.call_and_wait(method, *args, **kwargs)
        self.wait_finished(None)

    def wait_finished(self, _: object) -> None:
        """Wait a while for the handlers of a closed session. A handler waits for none of them: it would wait for itself."""
        if threading.get_ident() not in self._threads:
            self._turns.wait(lambda: self._handlers == 0, self._turns.now + JOIN_TIMEOUT)

    def forget_signals(self) -> None:
        """Forget the signals that were noted before the client has begun to connect."""
        self._signals.clear()

    def note_signal(self) -> None:
        """Note a signal; the next step obeys."""
        self._signals.append(None)

    # --- what the turns use -----------------------------------------------------------------------------------------

    def step(self, now: float) -> bool:
        """Do everything that is due now; return whether anything was."""
        worked = bool(self.session.outputs or self._signals)
        while self._signals:
            self._signals.popleft()
            self.session.signal_received(now)
        while self.session.outputs:
            self._follow(self.session.outputs.popleft(), now)
        if self._connection is not None:
            worked |= self._exchange_bytes(self._connection, now)
        if self.session.is_overdue(now):  # last: arrivals count before deadlines
            self.session.handle_timeout(now)
            worked = True
        return worked

    def next_deadline(self) -> float | None:
        """Return the time of the next deadline or arrival, in seconds; None for never."""
        arrivals = [queue[0][0] for queue in (self._to_server, self._to_client) if queue]
        deadline = self.session.next_deadline()
        return min([*arrivals, *([] if deadline is None else [deadline])], default=None)

    def _exchange_bytes(self, connection: ClientConnection, now: float) -> bool:
        """Send what there is to send, and deliver what arrives now; return whether there was anything."""
        if data := self.session.data_to_send():
            self._to_server.append((now + self._latency, data))
        if data := connection.data_to_send():
            self._to_client.append((now + self._latency, data))
        if self._to_server and self._to_server[0][0] <= now:
            connection.receive_data(self._to_server.popleft()[1], now)
            self._server.settle(now)
            return True
        if self._to_client and self._to_client[0][0] <= now:
            self.session.receive_data(self._to_client.popleft()[1], now)
            return True
        if connection.wants_eof and not self._to_client:
            self._end_connection(connection, now)
            self.session.receive_eof(now)
            return True
        return False

    def _follow(self, output: Output, now: float) -> None:
        match output:
            case OpenTransport():
                self._connection = self._server.connect(now, lambda: None)
                self.session.transport_opened(now)
            case CloseTransport(final_bytes):
                self._close_connection(final_bytes, now)
            case RunHandler(subject):
                self._start(lambda: self._run_handler(subject))
            case HandlerQueue():
                self._start(lambda: self._call_handlers(output))
            case FetchToken(source):
                self._start(lambda: self._fetch_token(source))
            case LogEntry():
                log.write(output)
            case TracedMessage():
                output.trace(output)

    def _close_connection(self, final_bytes: bytes, now: float) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            for _, data in self._to_server:
                connection.receive_data(data, now)
            connection.receive_data(final_bytes, now)
            self._end_connection(connection, now)

    def _end_connection(self, connection: ClientConnection, now: float) -> None:
        self._connection = None
        self._to_server.clear()
        self._to_client.clear()
        self._server.lose(connection, now)

    # --- user code --------------------------------------------------------------------------------------------------

    def _start(self, job: Callable[[], None]) -> None:
        self._handlers += 1

        def run() -> None:
            self._threads.add(threading.get_ident())
            try:
                job()
            finally:
                self._threads.discard(threading.get_ident())
                self._handlers -= 1

        self._turns.start(run, "anyrelay handler")

    def _run_handler(self, subject: CallMachine | MessageMachine) -> None:
        failure: BaseException | None = None
        try:
            handler, wrapper = self._addressed(subject)
            if handler is not None:
                refuse_unawaited(handler, handler(wrapper), NO_COROUTINES)
        except BaseException as error:
            failure = error
        self.session.handler_finished(subject, failure, self._turns.now)

    def _call_handlers(self, queue: HandlerQueue) -> None:
        while (callback := queue.take()) is not None:
            try:
                refuse_unawaited(callback.handler, callback.handler(callback.subject), NO_COROUTINES)
            except BaseException as error:
                self.session.callback_failed(queue, error)

    def _fetch_token(self, source: Callable[[], Any]) -> None:
        try:
            token = source()
            refuse_unawaited(source, token, NO_COROUTINES)
        except BaseException as error:
            self.session.token_failed(token_error(error), self._turns.now)
        else:
            self.session.token_fetched(token, self._turns.now)
