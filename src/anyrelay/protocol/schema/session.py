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
    """Sign in, or resume a session (``signalwire.connect``; RELAY facts, section 2)."""

    version: dict[str, int] = field(validator=is_object)
    """The protocol's version: major, minor, revision."""
    agent: str = field(validator=is_text(empty=True))
    """The client's name and version."""
    event_acks: bool = field(validator=is_flag)
    """Whether the client acknowledges each event."""
    authentication: dict[str, str] = field(repr=False, validator=is_object)
    """The credentials: project and token, or a JWT; never shown."""
    contexts: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=256))))
    """The contexts whose calls and messages the client receives."""
    protocol: str | None = field(default=None, validator=optional(is_opaque))
    """The identifier of the session to resume."""
    authorization_state: str | None = field(default=None, repr=False, validator=optional(is_opaque))
    """The secret that resumes the session; never shown."""


@command("signalwire.reauthenticate")
@frozen(kw_only=True)
class Reauthenticate(Command):
    """Renew the credentials of a live session (``signalwire.reauthenticate``)."""

    authentication: dict[str, str] = field(repr=False, validator=is_object)
    """The new JWT; never shown."""


@command("signalwire.ping")
@frozen(kw_only=True)
class Ping(Command):
    """Check that the other side answers (``signalwire.ping``)."""

    timestamp: float | None = field(default=None)
    """A number that the reply repeats."""
    payload: str | None = field(default=None)
    """A value that the reply repeats."""


@command("signalwire.disconnect")
@frozen(kw_only=True)
class Disconnect(Command):
    """The server announces that it will close the connection (``signalwire.disconnect``)."""

    restart: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the session ends too."""


@command("signalwire.receive", reply="Receiving events")
@frozen(kw_only=True)
class Receive(Command):
    """Receive the calls and messages of more contexts (``signalwire.receive``)."""

    contexts: list[str] = field(validator=list_of(is_text(limit=256)))
    """The names of the contexts."""


@command("signalwire.unreceive", reply="Unreceiving events")
@frozen(kw_only=True)
class Unreceive(Command):
    """Stop receiving the calls and messages of some contexts (``signalwire.unreceive``)."""

    contexts: list[str] = field(validator=list_of(is_text(limit=256)))
    """The names of the contexts."""


@event("signalwire.authorization.state")
@frozen(kw_only=True)
class AuthorizationStateEvent(RelayEvent):
    """The server sends the secret that resumes the session, which is never shown (``signalwire.authorization.state``)."""

    params: dict[str, Any] = field(factory=dict, repr=False)
    """The inner parameters, with the secret."""
    authorization_state: str = field(default="", repr=False)
    """The secret, encrypted by the server; the newest one is valid."""
