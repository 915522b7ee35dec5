"""Faxes (RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.checks import is_text, optional
from anyrelay.protocol.commands.base import OperationCommand, command

__all__ = ["ReceiveFax", "ReceiveFaxStop", "SendFax", "SendFaxStop"]


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
