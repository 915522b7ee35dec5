"""The members of a server that its control API uses."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.server.faults import ServerFaults
    from anyrelay.local.server.journal.journal import Journal
    from anyrelay.local.server.relay_phones import RelayPhones
    from anyrelay.local.simulated.phones import SimulatedPhones

__all__ = ["ControlledRelay"]


class ControlledRelay(Protocol):
    """A running server; `LocalRelay` is one."""

    exchange: Exchange
    """The exchange of the server."""
    journal: Journal | None
    """The journal of the server; None for none."""
    faults: ServerFaults
    """The faults that are made on purpose."""
    on_reset: Callable[[], None]
    """Called after a reset, to describe the phones and scripts of the seed again."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL that RELAY clients connect to."""

    @property
    @abstractmethod
    def sip_uri(self) -> str | None:
        """The SIP URI that real phones call; None with simulated phones."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at the server, without secrets."""

    @property
    @abstractmethod
    def acted_commands(self) -> list[str]:
        """The methods of the commands whose replies and events scripts give."""

    @property
    @abstractmethod
    def simulated_phones(self) -> SimulatedPhones | None:
        """The simulated phones; None with real SIP phones."""

    @property
    @abstractmethod
    def phones(self) -> RelayPhones:
        """The simulated phones of the running server."""

    def follow_outputs(self) -> None:
        """Follow the outputs of the exchange; to be called after each use of it."""

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition is true, `timeout` seconds at most, else raise TimeoutError."""

    async def ring(
        self, uri: str, *, context: str = "default", ring_time: float = 30.0, wait_for_subscriber: float = 5.0
    ) -> Leg:
        """Send a SIP phone an INVITE, and offer its call to a context once the phone answers."""
        ...

    async def until_step(self, condition: Callable[[], bool], timeout: float) -> None:
        """Do the same for a condition that only a step of the server makes true."""

    def drop_connections(self) -> None:
        """Close every client's transport without a word."""

    def forget_sessions(self) -> None:
        """Drop every connection and every session with its calls."""

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect``, and close its connection a second later."""

    def script(
        self,
        method: str,
        *,
        code: int = 200,
        message: str | None = None,
        reply: Mapping[str, Any] | None = None,
        events: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        """Set the reply to an acted command."""

    async def text(
        self,
        *,
        to: str,
        body: str = "",
        from_number: str = "+15550000000",
        media: Iterable[str] = (),
        wait_for_subscriber: float = 5.0,
    ) -> None:
        """Let a text message arrive."""
