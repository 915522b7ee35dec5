"""Send and receive faxes (``calling.send_fax``, ``calling.receive_fax``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event, text_in
from anyrelay.protocol.schema.fields import is_text, optional

__all__ = ["FaxEvent", "ReceiveFax", "ReceiveFaxStop", "SendFax", "SendFaxStop"]


@command("calling.send_fax")
@frozen(kw_only=True)
class SendFax(OperationCommand):
    """Send a fax (``calling.send_fax``)."""

    document: str = field(validator=is_text())
    """The URL of the document, a PDF."""
    identity: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The sender's identity, as the receiving machine shows it."""
    header_info: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The text at the head of each page."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.send_fax.stop", operation=True)
@frozen(kw_only=True)
class SendFaxStop(OperationCommand):
    """Stop sending a fax (``calling.send_fax.stop``)."""


@command("calling.receive_fax")
@frozen(kw_only=True)
class ReceiveFax(OperationCommand):
    """Receive a fax (``calling.receive_fax``)."""

    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""


@command("calling.receive_fax.stop", operation=True)
@frozen(kw_only=True)
class ReceiveFaxStop(OperationCommand):
    """Stop receiving a fax (``calling.receive_fax.stop``)."""


@event("calling.call.fax")
@frozen(kw_only=True)
class FaxEvent(OperationEvent):
    """A page of a fax has been sent or received, or the fax has ended (``calling.call.fax``)."""

    state: str = ""
    """``finished`` or ``error``, where the server writes the state beside the fax; "" otherwise."""
    fax: dict[str, Any] = field(factory=dict)
    """The ``type`` of the report (page, finished, error) and its ``params``."""

    @property
    def type(self) -> str:
        """The kind of the report: page, finished or error; "" when the event has none."""
        return text_in(self.fax, "type")

    @property
    def document(self) -> str:
        """The URL of the fax; "" when the event has none."""
        return text_in(self.fax.get("params"), "document")
