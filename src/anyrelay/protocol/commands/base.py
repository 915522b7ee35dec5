"""One attrs class per RELAY command: its name on the wire, its fields with their units and ranges, its reply.

A command is checked when it is made, on the client's side and on the server's alike: a field that is not allowed is a
`ValueError` or `TypeError` that names it. What a class does not name is kept in `extra` and sent as given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from attrs import field, fields, frozen

from anyrelay.protocol.checks import (
    is_flag,
    is_integer,
    is_number,
    is_object,
    is_opaque,
    is_text,
    list_of,
    one_of,
    optional,
)
from anyrelay.protocol.converter import from_wire, to_wire
from anyrelay.protocol.values import Media, SipReferDevice

__all__ = [
    "COMMANDS",
    "Answer",
    "CallCommand",
    "Command",
    "Connect",
    "Disconnect",
    "End",
    "Pass",
    "Ping",
    "Play",
    "PlayPause",
    "PlayResume",
    "PlayStop",
    "PlayVolume",
    "Reauthenticate",
    "Receive",
    "Refer",
    "Transfer",
    "Unreceive",
    "decode_command",
    "encode_command",
    "make_command",
]

COMMANDS: dict[str, type[Command]] = {}
"""The class of each method that has one."""

C = TypeVar("C", bound="type[Command]")
K = TypeVar("K", bound="Command")


def command(method: str, *, reply: str = "", operation: bool = False) -> Callable[[C], C]:
    """Enter the class below in `COMMANDS`.

    Args:
        method: Its name on the wire.
        reply: The message of the server's reply, as far as it is known.
        operation: Whether a 404 says that an operation, queue or conference is not known, rather than the call.
    """

    def enter(kind: C) -> C:
        kind.method, kind.reply, kind.names_operation = method, reply, operation
        COMMANDS[method] = kind
        return kind

    return enter


@frozen(kw_only=True)
class Command:
    """Any command."""

    method: ClassVar[str] = ""
    reply: ClassVar[str] = ""
    names_operation: ClassVar[bool] = False

    extra: dict[str, Any] = field(factory=dict, repr=False)
    """Parameters that the class does not name, sent as given."""


@frozen(kw_only=True)
class CallCommand(Command):
    """A command on a call (RELAY facts, section 3)."""

    node_id: str = field(validator=is_opaque)
    """The node that holds the call."""
    call_id: str = field(validator=is_opaque)
    """The call."""


@frozen(kw_only=True)
class OperationCommand(CallCommand):
    """A command on an operation of a call."""

    control_id: str = field(validator=is_text(limit=256))
    """The operation."""


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


@command("calling.answer", reply="Answered")
@frozen(kw_only=True)
class Answer(CallCommand):
    """Answer an inbound call."""

    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, in the unit the server reads (documented as minutes)."""


@command("calling.end", reply="Disconnecting call")
@frozen(kw_only=True)
class End(CallCommand):
    """End a call."""

    reason: str = field(validator=is_text(limit=64))
    """The end reason, usually ``hangup``."""


@command("calling.pass", reply="Passing call")
@frozen(kw_only=True)
class Pass(CallCommand):
    """Give an offered call back, to be offered to another subscriber."""


@command("calling.play", reply="Playing")
@frozen(kw_only=True)
class Play(OperationCommand):
    """Play media on a call."""

    play: tuple[Media, ...] = field()
    """What to play, in order."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    direction: str | None = field(default=None, validator=optional(one_of("listen", "speak", "both")))
    """Who hears it."""
    loop: int | None = field(default=None, validator=optional(is_integer(0, unit="times")))
    """How often it is played; 0 is for ever."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.play.stop", operation=True)
@frozen(kw_only=True)
class PlayStop(OperationCommand):
    """Stop a playback."""


@command("calling.play.pause", operation=True)
@frozen(kw_only=True)
class PlayPause(OperationCommand):
    """Pause a playback."""


@command("calling.play.resume", operation=True)
@frozen(kw_only=True)
class PlayResume(OperationCommand):
    """Go on with a paused playback."""


@command("calling.play.volume", operation=True)
@frozen(kw_only=True)
class PlayVolume(OperationCommand):
    """Change a playback's volume."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@command("calling.refer", reply="Starting SIP REFER")
@frozen(kw_only=True)
class Refer(CallCommand):
    """Transfer a SIP call by SIP REFER (RELAY facts, section 4)."""

    device: SipReferDevice = field()
    """Where to."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.transfer", reply="Transferring")
@frozen(kw_only=True)
class Transfer(CallCommand):
    """Hand control of a call to another RELAY application or a SWML script."""

    dest: str = field(validator=is_text(limit=1_000_000, lines=True))
    """A context, the URL of a SWML script, or inline SWML."""


def make_command(kind: type[K], extra: dict[str, Any], **params: Any) -> K:
    """Make a command of keywords; those in `extra` that it has a field for are checked as that field.

    Raises:
        ValueError: A field is not allowed.
        TypeError: A field has a wrong type, or is given twice.
    """
    known = {a.name: extra[a.name] for a in fields(kind) if a.name in extra and a.name != "extra"}
    return kind(**params, **known, extra={name: value for name, value in extra.items() if name not in known})


def encode_command(command: Command) -> dict[str, Any]:
    """Return the JSON-RPC params of a command."""
    return to_wire(command)


def decode_command(method: str, params: dict[str, Any]) -> Command:
    """Read a client's request.

    Raises:
        LookupError: No such method is known.
        ValueError: A parameter is missing or not allowed.
        TypeError: A parameter has a wrong type.
    """
    kind = COMMANDS.get(method)
    if kind is None:
        raise LookupError(f"unknown method {method}")
    return from_wire(kind, params)
