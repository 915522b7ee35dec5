"""What the tests of the commands leave as they found it: a command that runs in this process sets the levels of loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def levels_of_loggers() -> Iterator[None]:
    """Give the loggers of the client back the levels that they had."""
    loggers = [logging.getLogger(f"anyrelay.{layer}") for layer in ("connection", "call", "handler")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
