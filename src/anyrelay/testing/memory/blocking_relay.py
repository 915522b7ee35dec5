"""`SyncMemoryRelay`: blocking handlers against a RELAY server and simulated phones in memory, on virtual time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from attrs import asdict

from anyrelay.local.exchange.ports import TextMessage
from anyrelay.local.process.sync_relay import SyncPhones
from anyrelay.local.process.sync_scripting import SyncScriptedRelay
from anyrelay.local.simulated.callers import describe_caller
from anyrelay.testing.memory.blocking_client import BlockingMemoryClient
from anyrelay.testing.memory.server import CREDENTIALS, HOST, MemoryServer, ServedInMemory
from anyrelay.testing.memory.turns import Turns

if TYPE_CHECKING:
    from anyrelay.local.simulated.phones import SimulatedCaller
    from anyrelay.sync import RelayClient

__all__ = ["SyncMemoryRelay"]


class SyncMemoryRelay(SyncScriptedRelay, ServedInMemory):
    """A RELAY server and simulated phones in memory, for blocking handlers: no socket, no sleep, no event loop.

    Handlers run in threads, one thread at a time. Time is virtual: it moves when every thread waits for RELAY or for a
    phone. `time.sleep` still sleeps: use `sleep` of this class in a test, and `call.wait_for` in a handler::

        with SyncMemoryRelay() as relay:
            relay.phones.add("sip:support@example.com", answers="busy")
            client = relay.client(contexts=["support"])
            client.on_call(handle_call)
            with client:
                caller = relay.phones.dial("sip:alice@example.com", context="support")
                assert caller.ended() == "hangup"
    """

    def __init__(self, *, latency: float = 0.0, limit: float = 86_400.0) -> None:
        """Describe a server; ``with`` starts it.

        Args:
            latency: How long a message takes in each direction, in seconds. Without latency, no command is under way
                when a connection is lost.
            limit: The virtual time at which the test fails, in seconds: a test that waits for ever ends at this time.
        """
        self._latency = latency
        self._limit = limit
        self._server = MemoryServer()
        self._callers: list[SimulatedCaller] = []

    def __enter__(self) -> SyncMemoryRelay:
        """Start the server."""
        self._turns = Turns(self._limit)
        self._turns.parties.append(self._server)
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection and stop the server."""
        self.drop_connections()

    @property
    def now(self) -> float:
        """The virtual time, in seconds; it begins at 0.0."""
        return self._turns.now

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass.

        Args:
            seconds: How much.
        """
        self._turns.wait(lambda: False, self.now + seconds)

    def client(self, contexts: Iterable[str] | None = ("default",), **settings: Any) -> RelayClient:
        """Make a client of this server that is not connected yet.

        Args:
            contexts: The contexts to receive.
            settings: Further arguments of `anyrelay.sync.RelayClient`, such as `request_timeout`.

        Raises:
            ValueError: A setting is not allowed.
            TypeError: A setting has a wrong type, or there is no such setting.
        """
        chosen = {**CREDENTIALS, "host": HOST, "contexts": contexts, **settings}
        return BlockingMemoryClient(self._server, self._turns, self._latency, **chosen)

    @property
    def phones(self) -> SyncPhones:
        """The simulated phones: describe targets, let callers call."""
        return SyncPhones(self)

    def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition holds.

        Args:
            condition: A function that returns whether it holds.
            timeout: The longest wait, in seconds of virtual time.

        Raises:
            TimeoutError: The condition did not hold in time; the message has the state of each caller.
        """
        if not self._turns.wait(condition, self.now + timeout):
            raise TimeoutError(f"not within {timeout:g} s of virtual time: {self._server.describe_callers()}")

    def order(self, do: str, *, order_timeout: float = math.inf, **arguments: Any) -> Any:
        """Follow an order, as the process of `SyncLocalRelay` does; each order names its own time."""
        self._turns.check_thread()
        self._server.settle(self.now)
        match do:
            case "add":
                self._server.phones.add(**arguments)
            case "script":
                self._server.exchange.scripts.set(**arguments)
            case "drop_connections" | "forget_sessions" | "say_goodbye":
                getattr(self._server.exchange, do)(self.now, **arguments)
                self._turns.settle()
            case "text":
                self._text(**arguments)
            case "texts":
                return [asdict(message) for message in self._server.phones.texts]
            case "dial":
                return self._dial(**arguments)
            case "called":
                return self._called(**arguments)
            case _:
                return self._follow_at(self._callers[arguments.pop("caller") - 1], do, arguments)
        return None

    def _follow_at(self, caller: SimulatedCaller, do: str, arguments: dict[str, Any]) -> Any:
        match do:
            case "look":
                return describe_caller(caller)
            case "wait":
                self._wait(caller, **arguments)
            case "text_from":
                self._text(from_number=caller.number, **arguments)
            case _:
                getattr(caller, do)(**arguments)
                self._turns.settle()
        return None

    def _dial(self, *, context: str, wait_for_subscriber: float, **described: Any) -> int:
        sessions = self._server.exchange.sessions
        self._turns.wait(
            lambda: sessions.next_subscriber(context, peek=True) is not None, self.now + wait_for_subscriber
        )
        self._callers.append(self._server.phones.dial(context=context, **described))
        self._turns.settle()
        return len(self._callers)

    def _called(self, *, uri: str, timeout: float) -> int:
        phones, known = self._server.phones, len(self._callers)

        def is_called() -> bool:
            if len(self._callers) == known and (phone := phones.take_called(uri)) is not None:
                self._callers.append(phone)
            return len(self._callers) > known

        self.until(is_called, timeout)
        return len(self._callers)

    def _text(self, *, to: str, media: list[str], wait_for_subscriber: float, **described: Any) -> None:
        exchange = self._server.exchange
        context = exchange.messages.context_of(to)
        self.until(lambda: exchange.sessions.next_subscriber(context, peek=True) is not None, wait_for_subscriber)
        exchange.messages.deliver(TextMessage(to_number=to, media=tuple(media), **described), self.now)
        self._turns.settle()

    def _wait(self, caller: SimulatedCaller, *, state: str, timeout: float) -> None:
        reached = ("answered", "ended") if state == "answered" else ("ended",)
        self.until(lambda: caller.state in reached, timeout)
