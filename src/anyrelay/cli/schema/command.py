"""``anyrelay schema``: print the RELAY protocol as JSON Schema or as AsyncAPI."""

from __future__ import annotations

import json

from anyrelay.cli.ending import DONE, WRONG_USE, complain, say
from anyrelay.cli.schema.asyncapi import asyncapi
from anyrelay.cli.schema.frames import json_schema
from anyrelay.protocol.schema import COMMANDS, EVENT_CLASSES
from anyrelay.protocol.schema.spelling import meant

__all__ = ["FORMATS", "run_schema"]

FORMATS = {"jsonschema": json_schema, "asyncapi": asyncapi}
"""The formats, and what makes a document of each."""


def run_schema(name: str, form: str) -> int:
    """Print a document.

    Args:
        name: A RELAY method or an event type; "" for all of them.
        form: A key of `FORMATS`.

    Returns:
        The exit status: 0, or 2 when there is no such method or event type.
    """
    try:
        document = FORMATS[form](name)
    except LookupError as error:
        other = meant(name, [*COMMANDS, *EVENT_CLASSES])
        complain(f"{error}; did you mean {other!r}?" if other else error)
        return WRONG_USE
    for line in json.dumps(document, indent=2).splitlines():
        if not say(line):
            break
    return DONE
