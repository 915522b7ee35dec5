"""Where the machines' notes go: the standard `logging`, one logger per layer, the call_id in every record."""

from __future__ import annotations

import logging

from anyrelay.protocol.outputs import Note

__all__ = ["write"]

_LOGGER = logging.getLogger("anyrelay.session")


def write(note: Note) -> None:
    """Write one note; its call_id is an attribute of the record, and part of its text when there is one."""
    if not _LOGGER.isEnabledFor(note.level):
        return
    text = f"[{note.call_id}] {note.text}" if note.call_id else note.text
    error = note.error
    trace = (type(error), error, error.__traceback__) if error is not None else None
    _LOGGER.log(note.level, "%s", text, exc_info=trace, extra={"call_id": note.call_id})
