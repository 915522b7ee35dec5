"""The loggers of the local server, and what their records and its live print must not show.

As in the client's log, every record has a `call_id`, "" for a record that belongs to no call. Text from outside may hold
anything: characters that drive a terminal are escaped, and URLs lose what is often secret.
"""

from __future__ import annotations

import logging

from anyrelay.protocol.schema.secrets import without_url_secrets

__all__ = ["logger_of", "printable"]


def logger_of(module: str) -> logging.Logger:
    """Return the logger of a module, whose records have a `call_id` and are fit to be shown."""
    logger = logging.getLogger(module)
    logger.addFilter(_complete)
    return logger


def printable(text: str) -> str:
    """Return a text with all characters escaped that a terminal would not print: line ends, colours, direction marks."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _complete(record: logging.LogRecord) -> bool:
    record.__dict__.setdefault("call_id", "")
    try:
        text = record.getMessage()
    except Exception:  # a bug of anyrelay, which logging itself reports when it writes the record
        return True
    record.msg, record.args = printable(without_url_secrets(text)), None
    return True
