"""The loggers of the local server, and what their records and its live print must not show.

As in those of the client, every record has a `call_id`, "" when it is about no call. What comes from outside may hold
anything: characters that drive a terminal are escaped, and URLs lose what is often secret.
"""

from __future__ import annotations

import logging
import re

from anyrelay.protocol.schema.secrets import scrub

__all__ = ["logger_of", "printable", "scrub_frame", "without_url_secrets"]

_URL = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)(?P<userinfo>[^\s\"'<>/?#\\]{0,1000}@)?(?P<rest>[^\s\"'<>?#\\]*)"
    r"(?P<query>[?#][^\s\"'<>\\]*)?"
)
# Lengths are limited, or a message of nothing but "sip:" would take minutes.
_SIP_PASSWORD = re.compile(r"(?P<user>\bsips?:[^\s\"'<>@:;?\\]{0,200}):[^\s\"'<>\\]{0,200}@", re.IGNORECASE)
_SESSION = re.compile(r"\b(signalwire_[0-9A-Za-z-]+)_[0-9A-Za-z-]+")


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


def without_url_secrets(text: str) -> str:
    """Return a text whose URLs have lost user names, passwords, queries and fragments, and SIP URIs their passwords."""
    return _SIP_PASSWORD.sub(r"\g<user>@", _URL.sub(_stripped, text))


def scrub_frame(text: str) -> str:
    """Return the text of a RELAY message, JSON as before, with its secrets struck out: a session's whole name is one."""
    return _SESSION.sub(r"\1_***", without_url_secrets(scrub(text)))


def _stripped(found: re.Match[str]) -> str:
    rest = found["rest"].rpartition("@")[2] if "@" in found["rest"].partition("/")[0] else found["rest"]
    return f"{found['scheme']}{rest}{'?…' if found['query'] else ''}"


def _complete(record: logging.LogRecord) -> bool:
    record.__dict__.setdefault("call_id", "")
    try:
        text = record.getMessage()
    except Exception:  # a mistake of ours, which logging itself reports once the record is to be written
        return True
    record.msg, record.args = printable(without_url_secrets(text)), None
    return True
