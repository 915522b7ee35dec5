"""Sign in, renew credentials, keep alive, subscribe to contexts (RELAY facts, section 2)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import Command, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_flag, is_object, is_opaque, is_text, list_of, optional

__all__ = ["AuthorizationStateEvent", "Connect", "Disconnect", "Ping", "Reauthenticate", "Receive", "Unreceive"]


@command("signalwire.connect")
@frozen(kw_only=True)
class Connect(Command):
    """Sign in, or resume a session (RELAY facts, section 2)."""

    version: dict[str, int] = field(validator=is_object)
    """The protocol's version: major, minor, revision."""
    agent: str = field(validator=is_text(empty=True))
    """The client's name and version."""
    event_acks: bool = field(validator=is_flag)
    """Whether the client acknowledges each event."""
    authentication: dict[str, str] = field(repr=False, validator=is_object)
    """Project and token, or a JWT; never shown."""
    contexts: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=256))))
    """The contexts to receive calls and messages of."""
    protocol: str | None = field(default=None, validator=optional(is_opaque))
    """The session to resume."""
    authorization_state: str | None = field(default=None, repr=False, validator=optional(is_opaque))
    """The secret with which it is resumed; never shown."""


@command("signalwire.reauthenticate")
@frozen(kw_only=True)
class Reauthenticate(Command):
    """Renew the credentials of a live session."""

    authentication: dict[str, str] = field(repr=False, validator=is_object)
    """The new JWT; never shown."""


@command("signalwire.ping")
@frozen(kw_only=True)
class Ping(Command):
    """Ask whether the other side is there."""

    timestamp: float | None = field(default=None)
    """Echoed in the reply."""
    payload: str | None = field(default=None)
    """Echoed in the reply."""


@command("signalwire.disconnect")
@frozen(kw_only=True)
class Disconnect(Command):
    """The server is about to close the connection."""

    restart: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the session is over too."""


@command("signalwire.receive", reply="Receiving events")
@frozen(kw_only=True)
class Receive(Command):
    """Receive calls and messages of more contexts."""

    contexts: list[str] = field(validator=list_of(is_text(limit=256)))
    """Their names."""


@command("signalwire.unreceive", reply="Unreceiving events")
@frozen(kw_only=True)
class Unreceive(Command):
    """Receive calls and messages of these contexts no more."""

    contexts: list[str] = field(validator=list_of(is_text(limit=256)))
    """Their names."""


@event("signalwire.authorization.state")
@frozen(kw_only=True)
class AuthorizationStateEvent(RelayEvent):
    """The server hands out a secret with which the session may be resumed; it is never shown."""

    params: dict[str, Any] = field(factory=dict, repr=False)
    """The inner parameters; they hold the secret."""
    authorization_state: str = field(default="", repr=False)
    """Opaque, encrypted; the newest counts."""
