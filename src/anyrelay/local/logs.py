"""The loggers of the local server: as in those of the client, every record has a `call_id`, "" when it is about no call."""

from __future__ import annotations

import logging

__all__ = ["logger_of"]


def logger_of(module: str) -> logging.Logger:
    """Return the logger of a module, which gives a `call_id` to every record that has none."""
    logger = logging.getLogger(module)
    logger.addFilter(_with_call_id)
    return logger


def _with_call_id(record: logging.LogRecord) -> bool:
    record.__dict__.setdefault("call_id", "")
    return True
