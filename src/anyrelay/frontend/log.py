"""Write log entries of the core to the standard `logging`: one logger for each layer, the call_id in every record."""

from __future__ import annotations

import logging
from typing import Final

from anyrelay.protocol.session.outputs import Layer, LogEntry

__all__ = ["write"]

_LOGGERS: Final = {layer: logging.getLogger(f"anyrelay.{layer}") for layer in Layer}


def write(entry: LogEntry) -> None:
    """Write a log entry. The record's attribute ``call_id`` is the entry's, "" for none; a call_id begins the text too."""
    logger = _LOGGERS[entry.layer]
    if not logger.isEnabledFor(entry.level):
        return
    text = f"[{entry.call_id}] {entry.text}" if entry.call_id else entry.text
    # A text of the server may have half of a surrogate pair in it, which no stream can write.
    text = text.encode("utf-8", "backslashreplace").decode()
    error = entry.error
    trace = (type(error), error, error.__traceback__) if error is not None else None
    logger.log(entry.level, "%s", text, exc_info=trace, extra={"call_id": entry.call_id})
