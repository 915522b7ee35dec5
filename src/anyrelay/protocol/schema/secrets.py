"""Strike secrets out of text that is shown: logs, errors, the repr of a message."""

from __future__ import annotations

import re
from typing import Any

import orjson

from anyrelay.protocol.schema.json_text import json_of_any
from anyrelay.protocol.schema.sip_uri import without_password

__all__ = ["scrub", "shown"]

_SECRET = re.compile(
    r'("(?:[a-z_]*token|[a-z_]*password|authorization_state|proxy_authorization)"\s*:\s*)"(?:\\.|[^"\\])*"?'
)


def scrub(text: str) -> str:
    """Return the text of a message for a log, with the values of its secrets struck out."""
    return without_password(_SECRET.sub(r'\1"***"', text))


def shown(params: Any) -> str:
    """Return parameters as JSON text for a repr, with secrets struck out."""
    try:
        return scrub(orjson.dumps(params, default=repr).decode())
    except TypeError:
        return scrub(json_of_any(params, default=repr))
