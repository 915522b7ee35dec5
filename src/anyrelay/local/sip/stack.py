"""Start and stop the SIP stack of this process, and read its message trace.

`baresip-python` keeps its state in the process: one `SipStack` runs at a time, and another may start once the first has
stopped. The package is imported when a stack starts, so that this module loads without the ``[sip]`` extra.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import attrs

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.addresses import (
    check_dialable,
    enlarge_receive_buffer,
    free_port,
    joined_address,
    split_address,
)
from anyrelay.local.sip.listener import StackListener
from anyrelay.local.sip.message import user_of
from anyrelay.local.sip.native import NativeCall, NativeEvent
from anyrelay.local.sip.trace import SipMessageSeen
from anyrelay.protocol.schema.sip_uri import same_sip_uri

__all__ = ["SipStack", "SipStackError", "is_installed", "stack_error"]

logger = logger_of(__name__)

_BIND_ATTEMPTS = 5


class SipStackError(RuntimeError):
    """The SIP stack cannot be started or used; the text says what to do."""


@attrs.define
class SipStack:
    """A SIP stack with its user agents, which listens on UDP, TCP and, with a certificate, TLS."""

    listen: str = "127.0.0.1:0"
    """The address to listen on, host:port; port 0 picks a free port. It is the domain of the stack's own SIP address too."""
    user: str = "anyrelay"
    """The user part of the stack's own SIP address."""
    display: str = ""
    """The display name of the stack's own SIP address; "" for none."""
    max_calls: int | None = None
    """How many calls there may be at once; the stack refuses a further call with 486. None for as many as the stack can."""
    ring_timeout: int = 120
    """Seconds after which the stack refuses a call without an answer; 0 lets calls ring for ever."""
    certificate: str | None = None
    """A PEM file with a key and its certificates, for TLS at the port after that of `listen`; None for no TLS."""
    transfer_policy: str = "reject"
    """How the stack treats a REFER that a phone sends: ``reject`` (202, then NOTIFY 603), ``manual`` (see
    `NativeCall.on_transfer_request`)."""
    on_event: Callable[[NativeEvent], None] | None = None
    """Called with each event of the stack, on the event loop."""
    on_incoming: Callable[[NativeCall], None] | None = None
    """Called with each incoming call, on the event loop."""
    on_message: Callable[[SipMessageSeen], None] | None = None
    """Called with each SIP message, on the event loop, in the order of the wire."""
    on_death: Callable[[], None] | None = None
    """Called when the stack's thread has died: every call is gone, and this process can start no other stack."""
    listener: StackListener | None = attrs.field(default=None, init=False)
    """The listener in front of the stack's own listeners; None when this build of the stack takes no listener."""
    _runtime: Any = attrs.field(default=None, init=False)
    _agents: dict[str, Any] = attrs.field(factory=dict, init=False)
    _making: int = attrs.field(default=0, init=False)
    """How many calls are being made now."""
    _early: dict[int, list[NativeEvent]] = attrs.field(factory=dict, init=False)
    """The events that came while calls were being made, by the handles of the calls."""
    _tap: _TraceTap | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Check the values that the stack's own syntax has in quoted strings.

        Raises:
            ValueError: The display name has a quote, a backslash or a control character; `listen` is not host:port; or the
                certificate's path has a space.
        """
        if any(sign in '"\\' or not sign.isprintable() for sign in self.display):
            raise ValueError(
                f"a display name cannot contain quotes, backslashes or control characters: {self.display!r}"
            )
        split_address(self.listen)
        if self.certificate is not None and any(sign.isspace() for sign in self.certificate):
            raise ValueError(f"the path of the SIP stack's certificate cannot contain spaces: {self.certificate!r}")

    async def start(self) -> None:
        """Start the stack and listen; `listen` then holds the real port.

        Raises:
            SipStackError: baresip-python is not installed, the address cannot be listened on, or another stack runs in
                this process.
        """
        baresip = _load()
        host, port = split_address(self.listen)
        for attempt in range(_BIND_ATTEMPTS):
            address = joined_address(host, port or free_port(host, with_tls=self.certificate is not None))
            try:
                await self._start_runtime(baresip, address)
                # A user agent takes calls over one transport only; over another transport the stack answers 404.
                for transport in self._transports:
                    await self._agent(self.user, catchall=True, transport=transport)
                if self.listener is not None:
                    self.listener.takes_calls = True
            except baresip.BaresipError as error:
                await self.stop()
                # Another process may have taken the port meanwhile; only a port that `free_port` chose can be changed.
                if port or attempt + 1 == _BIND_ATTEMPTS:
                    raise SipStackError(f"cannot listen for SIP on {address}: {error}") from error
            except BaseException:
                await self.stop()
                raise
            else:
                return

    async def stop(self) -> None:
        """Stop the stack. Calls that are still up are dropped: hang up all calls first."""
        runtime, self._runtime = self._runtime, None
        self._agents.clear()
        if runtime is not None:
            runtime.on_dead = None
            with contextlib.suppress(stack_error()):
                await runtime.close()
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    async def dial(self, to_uri: str, *, user: str | None = None) -> tuple[NativeCall, list[NativeEvent]]:
        """Place a call.

        Args:
            to_uri: The SIP URI to call; a user of this host is called where the user's phone has registered.
            user: The user part to call from; None for the stack's own.

        Returns:
            The call, its INVITE on the way, and the events of the call that `on_event` has got already.

        Raises:
            ValueError: `check_dialable` says why.
            SipStackError: The stack refused to dial.
        """
        to_uri = self._registered(to_uri)
        check_dialable(to_uri)
        agent = await self._agent(user or self.user, catchall=False)
        try:
            return await self._informed(agent.dial(to_uri))
        except stack_error() as error:
            raise SipStackError(f"cannot call {to_uri}: {error}") from error

    def _registered(self, uri: str) -> str:
        """Return the registered SIP URI of a user of this host; any other URI unchanged."""
        user = user_of(uri)
        own = f"sip:{quote(user)}@{self.listen}"
        if self.listener is None or not user or not same_sip_uri(uri.partition(";")[0], own):
            return uri
        return self.listener.registrar.contact_of(user) or uri

    async def accept_transfer(self, call: NativeCall) -> NativeCall:
        """Call the target of the REFER that came on a call; the stack sends the sender of the REFER the NOTIFYs."""
        made, _ = await self._informed(call.accept_transfer())
        return made

    async def _informed(self, making: Awaitable[NativeCall]) -> tuple[NativeCall, list[NativeEvent]]:
        """Wait for a call that is being made, hand the call the events that it missed, and return both.

        The stack's call object takes events only once the coroutine that makes the call goes on; on a busy event loop the call
        can be answered, and referred, before. The call would then refuse to send a REFER, and would not report a REFER that
        came. Events that the call did see come twice, which changes nothing.
        """
        self._making += 1
        try:
            call: Any = await making
            missed = self._early.pop(call.handle, [])
        finally:
            self._making -= 1
            if not self._making:
                self._early.clear()
        for event in missed:
            if call.state.name != "CLOSED":  # a closed call takes no more events
                call._on_stack_event(event)
        return call, missed

    def _heard(self, event: NativeEvent) -> None:
        if self._making and event.call:
            self._early.setdefault(event.call, []).append(event)
        if self.on_event is not None:
            self.on_event(event)

    @property
    def _transports(self) -> tuple[str, ...]:
        return ("udp", "tcp") if self.certificate is None else ("udp", "tcp", "tls")

    async def _start_runtime(self, baresip: Any, address: str) -> None:
        host, _ = split_address(address)
        self.listen = address
        self._tap = _TraceTap(self.on_message or (lambda _: None))
        tls = "" if self.certificate is None else f"sip_certificate {self.certificate}\n"
        runtime = baresip.Runtime()
        runtime.on_dead = self.on_death
        await runtime.start(
            baresip.Config(
                # The stack's search for interfaces skips loopback, so the address is given; a wildcard cannot be given.
                net_interface=None if host in ("0.0.0.0", "::") else host,  # noqa: S104
                max_concurrent_calls=self.max_calls,
                expose_headers=("To",),
                sip_trace=True,
                extra_config_text=(
                    f"sip_listen {address}\nsip_transports {','.join(self._transports)}\n{tls}"
                    f"call_hold_other_calls no\ncall_local_timeout {self.ring_timeout}\n"
                ),
            )
        )
        self._runtime = runtime
        runtime.subscribe(self._heard)
        self._install_listener()
        enlarge_receive_buffer(address)

    def _install_listener(self) -> None:
        try:
            self.listener = StackListener(importlib.import_module("baresip._native").__file__ or "")
            self.listener.install()
        except (ImportError, OSError, AttributeError) as error:
            self.listener = None
            logger.warning(
                "INVITEs that break the SIP stack cannot be kept from it, nor can REFERs be signed: %s", error
            )

    async def call_count(self) -> int:
        """Ask the stack how many calls it has.

        Raises:
            SipStackError: The stack does not answer.
        """
        native = importlib.import_module("baresip._native").lib
        try:
            _, payload = await self._runtime.cmd(native.BP_CMD_CALL_COUNT)
        except stack_error() as error:
            raise SipStackError(str(error)) from error
        return int(json.loads(payload)["calls"])

    async def _agent(self, user: str, *, catchall: bool, transport: str = "udp") -> Any:
        """Find or make the user agent of a user, from which the stack takes the From header of a call."""
        key = f"{user};{transport}"
        if key in self._agents:
            return self._agents[key]
        baresip = _load()
        account = baresip.Account(
            user=user,
            domain=self.listen,
            password="",
            reg_interval=0,
            transport=transport,
            dtmf_mode="auto",  # by RFC 4733, or by SIP INFO to a phone whose SDP has no telephone-event
            # With its default video codecs, the stack sends a re-INVITE after every answer, to announce a video stream that
            # is not there, and the call's audio starts anew. With an unknown codec it sends no re-INVITE.
            extra_params=(
                "video_codecs=none",
                "catchall=yes" if catchall else "catchall=no",
                *(("mediaenc=srtp",) if transport == "tls" else ()),  # for phones that offer it (RFC 4568)
            ),
        )
        named = f'"{self.display}" {account.aor()}' if self.display else account
        agent = await baresip.UserAgent.create(self._runtime, named, transfer_policy=self.transfer_policy)
        if self.on_incoming is not None:
            agent.on_incoming(self.on_incoming)
        self._agents[key] = agent
        return agent


class _TraceTap(logging.Handler):
    """Hands each traced message from the stack's log thread to the event loop, with the time of the log record."""

    def __init__(self, deliver: Callable[[SipMessageSeen], None]) -> None:
        super().__init__(logging.DEBUG)
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._trace = logging.getLogger("baresip.native.sip")
        self._trace_was = self._trace.level, self._trace.propagate
        self._trace.addHandler(self)
        # The trace is logged at DEBUG, and is read here: it must not reach the handlers of the application's root logger.
        self._trace.setLevel(logging.DEBUG)
        self._trace.propagate = False

    def close(self) -> None:
        """Leave the trace as it was."""
        self._trace.removeHandler(self)
        level, self._trace.propagate = self._trace_was
        self._trace.setLevel(level)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        seen = SipMessageSeen.from_trace(record.getMessage(), time.monotonic())
        if seen is not None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(self._guarded, seen)

    def _guarded(self, seen: SipMessageSeen) -> None:
        try:
            self._deliver(seen)
        except Exception:
            logger.exception("a SIP message could not be handled: %s", seen.start_line)


def stack_error() -> type[BaseException]:
    """Return the class of the errors that the stack raises (``baresip.BaresipError``)."""
    raised: type[BaseException] = _load().BaresipError
    return raised


def is_installed(module: str) -> bool:
    """Return whether a module can be found, without an import of the module."""
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # sys.modules bars the module from being imported
        return False


def _load() -> Any:
    """Import the stack.

    Raises:
        SipStackError: The stack is not installed; the text says how to install it.
    """
    try:
        return importlib.import_module("baresip")
    except ImportError as error:
        raise SipStackError(f"SIP phones need baresip-python: pip install 'anyrelay[sip]' ({error})") from error
