"""The local RELAY server: an exchange on a real socket, on a real clock, for asyncio and trio alike.

`exchange.py` has the rules of RELAY; this module listens, moves bytes, and starts and stops the parts of the server.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio.abc import SocketListener, SocketStream

from anyrelay.local.exchange.credentials import Credentials
from anyrelay.local.exchange.exchange import Exchange
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import Reach
from anyrelay.local.server.addresses import addresses_of, is_on_loopback, listened_port, parse_address, shown_host
from anyrelay.local.server.admission import Admission
from anyrelay.local.server.clients import ClientWakeup, serve_client
from anyrelay.local.server.control_api.relay import ControlledRelay
from anyrelay.local.server.exchange_driver import ExchangeDriver
from anyrelay.local.server.faults import ServerFaults
from anyrelay.local.server.journal.journal import Journal
from anyrelay.local.server.observed import ObservedRelay, control_server
from anyrelay.local.server.observers import Frame, Observers
from anyrelay.local.server.phone_events import FollowedPhoneEvents
from anyrelay.local.server.recordings import RecordingServer
from anyrelay.local.server.relay_phones import RelayPhones
from anyrelay.local.server.upgrades import UpgradePolicy
from anyrelay.local.simulated.client_leg import ClientCalls
from anyrelay.local.simulated.media import ExchangeClock
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    import ssl

    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.server.certificates import ServerCertificate
    from anyrelay.local.sip.phones import SipPhones

__all__ = ["LocalRelay"]

logger = logger_of(__name__)

FINAL_BYTES_TIME: Final = 0.5
"""Seconds in which the last bytes must be sent to clients, and the last POSTs, when the server stops."""

DIAL_EVENTS: Final = ("first", "last")
"""The place of ``calling.call.dial`` once a leg is answered: before or after ``calling.call.state``."""

TOKEN_BYTES: Final = 24
"""How many random bytes are in a token that the server makes."""


class LocalRelay(ObservedRelay, ControlledRelay):
    """A RELAY server on this machine, with phones behind it.

    In its ``async with`` block, clients can connect to its `url`::

        async with LocalRelay(phones=SimulatedPhones()) as relay:
            relay.phones.add("sip:support@example.com", answers="busy")
            caller = await relay.phones.dial("sip:alice@example.com")
    """

    def __init__(
        self,
        phones: SimulatedPhones | SipPhones | None = None,
        *,
        listen: str = "127.0.0.1:0",
        tls_dir: str | os.PathLike[str] | None = None,
        project: str | None = None,
        token: str | None = None,
        require_token: bool = True,
        allowed_hosts: Sequence[str] = (),
        on_frame: Callable[[Frame], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
        max_connections: int = 1_000,
        numbers: Mapping[str, str] | None = None,
        act: bool = False,
        accounts: Mapping[str, str] | None = None,
        dial_event: str = "last",
        strict: bool = False,
        journal: bool | None = None,
        http: str | None = None,
        http_token: str | None = None,
    ) -> None:
        """Describe a server; nothing happens before ``async with``.

        Args:
            phones: The phones behind the server; simulated phones when None.
            listen: The address for clients, host:port; port 0 picks a free port.
            tls_dir: The directory where certificates are found or made; None for plain ws.
            project: The project that clients must name; None for any project.
            token: The token (or JWT) that clients must give. When None, any token will do on the loopback interface; where
                other machines reach the server, it makes a token, which the attribute `token` names.
            require_token: Whether a token is made in that case; if not, every machine that reaches the server may sign in.
            allowed_hosts: Hosts that a ``status_url`` may lead to besides loopback, and by which clients may reach this
                server: names, or addresses in numbers.
            on_frame: Called with each RELAY message, on the event loop.
            on_event: Called with the envelope of each RELAY event, whether or not a client gets the event.
            max_connections: How many clients are served at once; further clients are turned away.
            numbers: The context that each number belongs to, for calls and text messages. A number without an entry belongs
                to the context of the same name.
            act: Whether scripts act the commands that need SignalWire's cloud with SIP phones too.
            accounts: Further projects, each with its token. With accounts alone, clients must name an account.
            dial_event: The place of ``calling.call.dial`` with ``answered``: ``last``, after the leg's ``calling.call.state``,
                as RELAY documents; or ``first``, 50 ms before.
            strict: Whether to refuse (-32602) commands that RELAY's own schema does not allow: parameters that RELAY does
                not have, numbers where RELAY has strings, media whose parameters are not under ``params``.
            journal: Whether `frames` and `calls` are kept; None keeps them with simulated phones, and with `http`.
            http: The address of the control API, host:port; None for no control API. The control API needs asyncio.
            http_token: The bearer token of the control API. When None, no token is needed on the loopback interface; where
                other machines reach the server, it makes a token, which the attribute `http_token` names.

        Raises:
            ValueError: `listen` or `http` is not host:port, or `dial_event` is another word.
        """
        if dial_event not in DIAL_EVENTS:
            raise ValueError(f"dial_event must be one of {', '.join(DIAL_EVENTS)}, not {dial_event!r}")
        self._phones = SimulatedPhones() if phones is None else phones
        self._host, self._port = parse_address(listen)
        self._tls_dir = tls_dir
        self._credentials = partial(Credentials, project, accounts=dict(accounts or {}))
        self.token = token
        self._project = project
        self._require_token = require_token and not accounts
        self._upgrades = UpgradePolicy(self._host, allowed_hosts)
        self._reach = Reach(allowed_hosts=allowed_hosts)
        keeps = journal if journal is not None else http is not None or isinstance(self._phones, SimulatedPhones)
        self.journal: Journal | None = Journal(lambda: self.exchange) if keeps or http is not None else None
        self._observers = Observers(on_frame, on_event, self.journal)
        self._watch(self._phones)
        self._control = None if http is None else control_server(self, http, http_token, allowed_hosts)
        self._numbers = numbers
        self._dial_event = dial_event
        self._strict = strict
        self._acts = act or isinstance(self._phones, SimulatedPhones)
        self._tls: ssl.SSLContext | None = None
        self._admission = Admission(max_connections)
        self._closed = anyio.Event()
        self.ca_file: str | None = None
        self.on_reset: Callable[[], None] = lambda: None
        """Called after a reset by the control API, to describe the phones and scripts of the seed again."""

    @property
    def url(self) -> str:
        """The URL that clients connect to: ``ws://127.0.0.1:PORT``, or with TLS ``wss://localhost:PORT``."""
        host = shown_host(self._host)
        if self._tls and host in ("127.0.0.1", "[::1]"):
            host = "localhost"
        return f"{'wss' if self._tls else 'ws'}://{host}:{self._port}"

    @property
    def phones(self) -> RelayPhones:
        """The simulated phones: describe targets, let callers call.

        Raises:
            RuntimeError: Real SIP phones are behind this server: dial its `sip_uri` with one.
        """
        if not isinstance(self._phones, SimulatedPhones):
            raise RuntimeError("this server has real SIP phones: let one call its sip_uri, or ring one with relay.ring")
        return RelayPhones(self, self._phones)

    @property
    def sip_uri(self) -> str | None:
        """The SIP URI that real phones call, a context in front of the host; None with simulated phones."""
        return None if isinstance(self._phones, SimulatedPhones) else self._phones.uri

    async def __aenter__(self) -> LocalRelay:
        """Start the server, and listen.

        Raises:
            OSError: The address cannot be listened on.
            CertificatesMissingError: `tls_dir` was given and cryptography is not installed.
        """
        if self._tls_dir is not None:
            from anyrelay.local.server.certificates import find_or_make

            self._use_certificate(find_or_make(self._tls_dir))
            self.ca_file = str(self._certificate.ca_file)
        listener = await anyio.create_tcp_listener(local_host=self._host or None, local_port=self._port)
        self._listeners = [one for one in listener.listeners if isinstance(one, SocketListener)]
        self._port = listened_port(listener)
        if self.token is None and self._require_token and not all(map(is_on_loopback, self._listeners)):
            self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.exchange: Exchange = self._new_exchange()
        self.faults: ServerFaults = ServerFaults(self.exchange)
        self._driver = ExchangeDriver(self.exchange, self._reach)
        self._recording_server = RecordingServer(self.exchange.recordings, self._upgrades)
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        try:
            await self._recording_server.listen(self._host, shown_host(self._host))
            self.exchange.recordings_url = self._recording_server.url
            if self._control is not None:
                self._control.listen()
            await self._start_phones()
        except BaseException:
            await listener.aclose()
            await self._recording_server.aclose()
            if self._control is not None:
                self._control.close()
            self._tasks.cancel_scope.cancel()
            await self._tasks.__aexit__(None, None, None)
            raise
        self._start_tasks()
        return self

    def _new_exchange(self) -> Exchange:
        return Exchange(
            new_id=lambda: str(uuid.uuid4()),
            epoch=time.time() - anyio.current_time(),
            credentials=self._credentials(token=self.token),
            on_text=self._observers.text_observer,
            on_event=self._observers.event_observer,
            acts=self._acts,
            numbers=self._numbers,
            dial_event_first=self._dial_event == "first",
            strict=self._strict,
        )

    async def _start_phones(self) -> None:
        if isinstance(self._phones, SimulatedPhones):
            self._phones.start(self.exchange)
        else:
            await self._phones.start(FollowedPhoneEvents(self.exchange, self.follow_outputs))
            self.exchange.dial_plan.own_hosts = [self._phones.uri.removeprefix("sip:")]
            self.exchange.dialer = self._phones
            self.exchange.client_calls = ClientCalls(self.exchange, ExchangeClock(self.exchange))

    def _start_tasks(self) -> None:
        for listener in self._listeners:
            self._tasks.start_soon(self._accept, listener)
        self._tasks.start_soon(self._driver.run)
        if self._tls_dir is not None:
            from anyrelay.local.server.certificates import keep_renewed

            self._tasks.start_soon(keep_renewed, self._tls_dir, self._certificate, self._use_certificate)
        self._tasks.start_soon(self._recording_server.run)
        if self._control is not None:
            self._tasks.start_soon(self._control.run)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Close every connection and stop listening."""
        with anyio.CancelScope(shield=True):
            if self._control is not None:
                await self._control.stop()
            for listener in self._listeners:
                await listener.aclose()
            if not isinstance(self._phones, SimulatedPhones):
                await self._phones.stop()
            for connection in list(self.exchange.connections):
                connection.close(anyio.current_time(), 1001, "going away")
            self.follow_outputs()
            with contextlib.suppress(TimeoutError):
                await self._driver.until(lambda: self._driver.is_idle, FINAL_BYTES_TIME)
        self._tasks.cancel_scope.cancel()
        try:
            if isinstance(error, Exception):
                # The error of the block leaves unchanged, and not in a group of one error.
                await self._tasks.__aexit__(None, None, None)
                return None
            return await self._tasks.__aexit__(kind, error, trace)
        finally:
            with anyio.CancelScope(shield=True):
                await self._recording_server.aclose()
            self._closed.set()

    async def wait_closed(self) -> None:
        """Wait until the server has stopped."""
        await self._closed.wait()

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a condition is true, checked whenever something has happened.

        Args:
            condition: The condition.
            timeout: The longest wait, in seconds.

        Raises:
            TimeoutError: The condition was not true in time.
        """
        await self._driver.until(condition, timeout)

    def follow_outputs(self) -> None:
        """Handle the deadlines that have passed, and follow the exchange's outputs; to be called after each use of it."""
        self._driver.follow_outputs()

    def _use_certificate(self, certificate: ServerCertificate) -> None:
        self._tls, self._certificate = certificate.server_context(), certificate

    # --- clients ----------------------------------------------------------------------------------------------------

    async def _accept(self, listener: SocketListener) -> None:
        while True:
            try:
                stream = await listener.accept()
            except anyio.ClosedResourceError:
                return
            except OSError as error:  # mostly, no file descriptor is left: the other clients must be served on
                logger.warning("a client could not be accepted: %s", error)
                await anyio.sleep(0.1)
                continue
            peer, local = addresses_of(stream)
            if not self._admission.has_place() and not self._drop_unsigned(peer):
                logger.warning("a client was turned away: %d are connected", self._admission.open)
                await stream.aclose()
                continue
            connection = self.exchange.open_connection(
                anyio.current_time(),
                tls=self._tls,
                peer=peer,
                check_upgrade=partial(self._upgrades.refusal, local, peer),
            )
            self._admission.opened(connection)
            self._tasks.start_soon(self._serve_client, connection, stream)

    def _drop_unsigned(self, newcomer: str) -> bool:
        """Drop a connection without a sign-in for a new one; return False when there is none."""
        oldest = self._admission.take_oldest_unsigned(newcomer)
        if oldest is None:
            return False
        oldest.drop(anyio.current_time())
        self.follow_outputs()
        return True

    def _follow_client(self, connection: ClientConnection) -> None:
        """Follow what a client's bytes brought; drop a connection when those without a sign-in hold too many bytes."""
        if connection.session is None and (largest := self._admission.take_largest_unsigned()) is not None:
            logger.warning("dropped a connection from %s: too many bytes before the sign-in", largest.peer)
            largest.drop(anyio.current_time())
        self.follow_outputs()

    async def _serve_client(self, connection: ClientConnection, stream: SocketStream) -> None:
        self._driver.wakeups[connection] = wakeup = ClientWakeup()
        self.follow_outputs()
        try:
            await serve_client(connection, stream, wakeup, partial(self._follow_client, connection))
        finally:
            self._admission.closed()
            if self.journal is not None:
                self.journal.saw_end(connection)
            del self._driver.wakeups[connection]
            self._driver.announce_step()
