"""The members of a server that its control API uses."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from anyrelay.local.server.ringing import RingingRelay
from anyrelay.local.server.scripting import ScriptedRelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyrelay.local.server.faults import ServerFaults
    from anyrelay.local.server.journal.journal import Journal
    from anyrelay.local.server.relay_phones import RelayPhones
    from anyrelay.local.simulated.phones import SimulatedPhones

__all__ = ["ControlledRelay"]


class ControlledRelay(ScriptedRelay, RingingRelay):
    """A running server that its control API can drive."""

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
