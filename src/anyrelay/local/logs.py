"""The loggers of the local server, and what their records and its live print must not show.

As in those of the client, every record has a `call_id`, "" when it is about no call. What comes from outside may hold
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
    """Return a text with everything escaped that a terminal would not print as it is: line ends, colours, direction marks."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _complete(record: logging.LogRecord) -> bool:
    record.__dict__.setdefault("call_id", "")
    try:
        text = record.getMessage()
    except Exception:  # a mistake of ours, which logging itself reports once the record is to be written
        return True
    record.msg, record.args = printable(without_url_secrets(text)), None
    return True
