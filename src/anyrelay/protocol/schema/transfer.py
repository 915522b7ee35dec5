"""Hand a call to another application (``calling.transfer``; RELAY facts, section 3)."""

from __future__ import annotations

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, command
from anyrelay.protocol.schema.fields import is_text

__all__ = ["Transfer"]


@command("calling.transfer", reply="Transferring", operation=True)
@frozen(kw_only=True)
class Transfer(CallCommand):
    """Hand control of a call to another RELAY application or a SWML script (``calling.transfer``)."""

    dest: str = field(validator=is_text(limit=1_000_000, lines=True))
    """The destination: a context, the URL of a SWML script, or inline SWML."""
