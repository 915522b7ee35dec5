"""The state of a running server that programs can read: its URLs, its last messages and its calls."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anyrelay.local.exchange.acted import ACTED_METHODS
from anyrelay.local.server.journal.calls import CallRecord
from anyrelay.local.server.journal.frames import JournalFrame, sent_params
from anyrelay.local.server.journal.journal import Journal
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.server.control_api.relay import ControlledRelay
    from anyrelay.local.server.control_api.server import ControlServer
    from anyrelay.local.sip.phones import SipPhones

__all__ = ["ObservedRelay", "control_server"]


class ObservedRelay(ABC):
    """A running server that describes itself, and keeps a journal."""

    journal: Journal | None
    """The journal; None for a server that keeps none."""
    ca_file: str | None
    """The file of the certificate authority to trust; None without TLS."""
    token: str | None
    """The token that clients must give; None for any token."""
    _phones: SimulatedPhones | SipPhones
    _project: str | None
    _acts: bool
    _control: ControlServer | None

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL that clients connect to."""

    # --- the server

    @property
    def http_url(self) -> str | None:
        """The URL of the control API, such as ``http://127.0.0.1:4010``; None for a server without a control API."""
        return None if self._control is None else self._control.url

    @property
    def http_token(self) -> str | None:
        """The bearer token of the control API; None when none is needed."""
        return None if self._control is None else self._control.token

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point a client at this server: those of our client and of SignalWire's.

        The token is there only when any token will do. SignalWire's clients need a server with TLS.
        """
        variables = {"SIGNALWIRE_SPACE": self.url.removeprefix("wss://")}
        variables["SIGNALWIRE_PROJECT_ID"] = self._project or "local"
        if self.token is None:
            variables["SIGNALWIRE_API_TOKEN"] = "any"  # noqa: S105 - none is needed
        if self.ca_file is not None:
            variables |= {"SIGNALWIRE_RELAY_CA_FILE": self.ca_file, "NODE_EXTRA_CA_CERTS": self.ca_file}
        return variables

    @property
    def acted_commands(self) -> list[str]:
        """The methods of the commands that are acted: scripts give their replies and events, and nothing else happens."""
        return sorted(ACTED_METHODS) if self._acts else []

    @property
    def simulated_phones(self) -> SimulatedPhones | None:
        """The simulated phones behind the server; None with real SIP phones."""
        return self._phones if isinstance(self._phones, SimulatedPhones) else None

    # --- the journal

    def frames(self, *, call_id: str | None = None, method: str | None = None) -> list[JournalFrame]:
        """Return the last RELAY messages, SIP messages and steps of simulated phones, oldest first, without secrets.

        Args:
            call_id: The call; None for every call.
            method: A method, such as ``calling.play`` or ``INVITE``, with its replies; None for every method.

        Raises:
            RuntimeError: The server keeps no journal.
        """
        return list(self._kept_journal().frames(call_id=call_id, method=method))

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of the commands that clients sent, such as ``calling.refer``, without secrets.

        Args:
            method: The RELAY method.

        Returns:
            The parameters of each such command among the last messages, oldest first.

        Raises:
            RuntimeError: The server keeps no journal.
        """
        return sent_params(self.frames(method=method))

    @property
    def calls(self) -> list[CallRecord]:
        """The calls that are up, and the last 2,000 that are over, oldest first.

        Raises:
            RuntimeError: The server keeps no journal.
        """
        return self._kept_journal().calls.all()

    def _kept_journal(self) -> Journal:
        if self.journal is None:
            raise RuntimeError("this server keeps no journal: give LocalRelay journal=True")
        return self.journal

    def _watch(self, phones: SimulatedPhones | SipPhones) -> None:
        """Keep the messages, or the steps, of these phones."""
        if self.journal is None:
            return
        if isinstance(phones, SimulatedPhones):
            phones.watch(self.journal.saw_step)
        else:
            phones.watch(self.journal.saw_sip)


def control_server(
    relay: ControlledRelay, listen: str, token: str | None, allowed_hosts: Sequence[str]
) -> ControlServer:
    """Return the control API of a server.

    Raises:
        ImportError: A module of the control API is not installed; the message says what to do.
        ValueError: `listen` is not host:port.
    """
    try:
        from anyrelay.local.server.control_api.server import ControlServer
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the control API needs {error.name}, which is not installed: pip install 'anyrelay[serve]'"
        ) from None
    return ControlServer(relay, listen, token, allowed_hosts)
