"""Strike secrets out of text that is shown: logs, errors, the repr of a message."""

from __future__ import annotations

import re
from typing import Any

import orjson

from anyrelay.protocol.schema.json_text import json_of_any
from anyrelay.protocol.schema.sip_uri import without_password

__all__ = ["scrub", "scrub_frame", "shown", "without_url_secrets"]

_SECRET = re.compile(
    r'("(?:[a-z_]*token|[a-z_]*password|authorization_state|proxy_authorization)"\s*:\s*)"(?:\\.|[^"\\])*"?'
)
_URL = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)(?P<userinfo>[^\s\"'<>/?#\\]{0,1000}@)?(?P<rest>[^\s\"'<>?#\\]*)"
    r"(?P<query>[?#][^\s\"'<>\\]*)?"
)
# Lengths are limited, or a message of nothing but "sip:" would take minutes.
_SIP_PASSWORD = re.compile(r"(?P<user>\bsips?:[^\s\"'<>@:;?\\]{0,200}):[^\s\"'<>\\]{0,200}@", re.IGNORECASE)
_SESSION = re.compile(r"\b(signalwire_[0-9A-Za-z-]+)_[0-9A-Za-z-]+")


def scrub(text: str) -> str:
    """Return the text of a message for a log, with the values of its secrets struck out."""
    return without_password(_SECRET.sub(r'\1"***"', text))


def shown(params: Any) -> str:
    """Return parameters as JSON text for a repr, with secrets struck out."""
    try:
        return scrub(orjson.dumps(params, default=repr).decode())
    except TypeError:
        return scrub(json_of_any(params, default=repr))


def without_url_secrets(text: str) -> str:
    """Return a text whose URLs have lost user names, passwords, queries and fragments, and SIP URIs their passwords."""
    return _SIP_PASSWORD.sub(r"\g<user>@", _URL.sub(_stripped, text))


def scrub_frame(text: str) -> str:
    """Return the text of a RELAY message, still JSON, with its secrets struck out; the whole name of a session is a secret."""
    return _SESSION.sub(r"\1_***", without_url_secrets(scrub(text)))


def _stripped(found: re.Match[str]) -> str:
    rest = found["rest"].rpartition("@")[2] if "@" in found["rest"].partition("/")[0] else found["rest"]
    return f"{found['scheme']}{rest}{'?…' if found['query'] else ''}"
