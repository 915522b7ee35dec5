"""A call from its offer to its end, and its transfer (RELAY facts, sections 3 and 4)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.checks import is_number, is_text, list_of, optional
from anyrelay.protocol.commands.base import CallCommand, command
from anyrelay.protocol.values.refer import SipReferDevice, read_refer_device

__all__ = ["Answer", "End", "Pass", "Refer", "Transfer"]


@command("calling.answer", reply="Answered")
@frozen(kw_only=True)
class Answer(CallCommand):
    """Answer an inbound call."""

    codecs: list[str] | None = field(default=None, validator=optional(list_of(is_text(limit=64))))
    """The codecs to offer, in order of preference."""
    max_duration: float | None = field(default=None, validator=optional(is_number(0)))
    """How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or minutes."""


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


@command("calling.refer", reply="Starting SIP REFER")
@frozen(kw_only=True)
class Refer(CallCommand):
    """Transfer a SIP call by SIP REFER (RELAY facts, section 4)."""

    device: SipReferDevice = field(converter=read_refer_device)
    """Where to."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.transfer", reply="Transferring", operation=True)
@frozen(kw_only=True)
class Transfer(CallCommand):
    """Hand control of a call to another RELAY application or a SWML script."""

    dest: str = field(validator=is_text(limit=1_000_000, lines=True))
    """A context, the URL of a SWML script, or inline SWML."""
