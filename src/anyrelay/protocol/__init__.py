"""The RELAY protocol as machines without I/O: bytes, times and commands in; bytes, deadlines, promises and outputs out.

Nothing in here opens a socket or a file, reads a clock, starts a thread or knows an event loop. Identifiers and jitter
come from factories that are passed in. `tests/test_layers.py` holds this.

The names in ``__all__`` are stable, and an event loop of your own needs no others. The reference of the core describes
them. Each name is imported when a program first uses the name (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.protocol.call.call import CallMachine as CallMachine
    from anyrelay.protocol.call.operation import OperationMachine as OperationMachine
    from anyrelay.protocol.call.refer_machine import ReferMachine as ReferMachine
    from anyrelay.protocol.core.handler_queue import Callback as Callback
    from anyrelay.protocol.core.handler_queue import HandlerQueue as HandlerQueue
    from anyrelay.protocol.core.promise import Promise as Promise
    from anyrelay.protocol.core.promise import Subscription as Subscription
    from anyrelay.protocol.outbound.message import MessageMachine as MessageMachine
    from anyrelay.protocol.session.outputs import CloseTransport as CloseTransport
    from anyrelay.protocol.session.outputs import FetchToken as FetchToken
    from anyrelay.protocol.session.outputs import Layer as Layer
    from anyrelay.protocol.session.outputs import LogEntry as LogEntry
    from anyrelay.protocol.session.outputs import OpenTransport as OpenTransport
    from anyrelay.protocol.session.outputs import Output as Output
    from anyrelay.protocol.session.outputs import RunHandler as RunHandler
    from anyrelay.protocol.session.outputs import TracedMessage as TracedMessage
    from anyrelay.protocol.session.reconnect import ReconnectPolicy as ReconnectPolicy
    from anyrelay.protocol.session.session import ClientState as ClientState
    from anyrelay.protocol.session.session import Session as Session
    from anyrelay.protocol.session.settings import ClientSettings as ClientSettings
    from anyrelay.protocol.session.settings import ServerAddress as ServerAddress
    from anyrelay.protocol.session.settings import parse_host as parse_host
    from anyrelay.protocol.transport.proxy import ProxyAddress as ProxyAddress
    from anyrelay.protocol.transport.proxy import parse_proxy_url as parse_proxy_url
else:  # pragma: no branch
    _MODULES: Final = {
        "call.call": ("CallMachine",),
        "call.operation": ("OperationMachine",),
        "call.refer_machine": ("ReferMachine",),
        "core.handler_queue": ("Callback", "HandlerQueue"),
        "core.promise": ("Promise", "Subscription"),
        "outbound.message": ("MessageMachine",),
        "session.outputs": (
            *("CloseTransport", "FetchToken", "Layer", "LogEntry", "OpenTransport", "Output", "RunHandler"),
            "TracedMessage",
        ),
        "session.reconnect": ("ReconnectPolicy",),
        "session.session": ("ClientState", "Session"),
        "session.settings": ("ClientSettings", "ServerAddress", "parse_host"),
        "transport.proxy": ("ProxyAddress", "parse_proxy_url"),
    }
    _HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}
    __all__ = sorted(_HOME)
    __getattr__, __dir__ = handing_on(globals(), _HOME)
