"""Send and receive faxes (``calling.send_fax``, ``calling.receive_fax``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_text, optional

__all__ = ["FaxEvent", "ReceiveFax", "ReceiveFaxStop", "SendFax", "SendFaxStop"]


@command("calling.send_fax")
@frozen(kw_only=True)
class SendFax(OperationCommand):
    """Send a fax."""

    document: str = field(validator=is_text())
    """The document: the URL of a PDF."""
    identity: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Who sends it, as the other machine shows it."""
    header_info: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """What stands at the head of each page."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.send_fax.stop", operation=True)
@frozen(kw_only=True)
class SendFaxStop(OperationCommand):
    """Stop sending a fax."""


@command("calling.receive_fax")
@frozen(kw_only=True)
class ReceiveFax(OperationCommand):
    """Receive a fax."""

    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.receive_fax.stop", operation=True)
@frozen(kw_only=True)
class ReceiveFaxStop(OperationCommand):
    """Stop receiving a fax."""


@event("calling.call.fax")
@frozen(kw_only=True)
class FaxEvent(RelayEvent):
    """A fax has come on."""

    control_id: str = ""
    """Which fax."""
    state: str = ""
    """``finished`` or ``error``, where the server writes it beside the fax; "" otherwise."""
    fax: dict[str, Any] = field(factory=dict)
    """Its ``type`` (page, finished, error) and its ``params``."""
