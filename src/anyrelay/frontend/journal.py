"""Where the machines' notes go: the standard `logging`, one logger per layer, the call_id in every record."""

from __future__ import annotations

import logging
from typing import Final

from anyrelay.protocol.outputs import Layer, Note

__all__ = ["write"]

_LOGGERS: Final = {layer: logging.getLogger(f"anyrelay.{layer}") for layer in Layer}


def write(note: Note) -> None:
    """Write one note; its call_id is an attribute of the record ("" for none), and part of its text when there is one."""
    logger = _LOGGERS[note.layer]
    if not logger.isEnabledFor(note.level):
        return
    text = f"[{note.call_id}] {note.text}" if note.call_id else note.text
    # A server's words may have half of a surrogate pair in them, which no stream can write.
    text = text.encode("utf-8", "backslashreplace").decode()
    error = note.error
    trace = (type(error), error, error.__traceback__) if error is not None else None
    logger.log(note.level, "%s", text, exc_info=trace, extra={"call_id": note.call_id})
