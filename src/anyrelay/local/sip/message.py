"""Read a SIP message as tolerantly as the SIP stack, beyond the grammar (RFC 3261 sections 7.3 and 25).

This module reads header names in any case and in their compact forms, white space before the colon, folded lines, LF alone,
tabs and quoted strings: every message that the stack accepts must be readable here, or an outcome would be missed.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

import attrs

__all__ = ["SipMessage", "address_of", "branch_of", "read_message", "tag_of", "user_of"]

_HEAD_END: Final = re.compile(r"\n\r*\n")
_FOLD: Final = re.compile(r"\r*\n[ \t\r]+")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETED: Final = re.compile(r"<([^>]*)>")
_CSEQ: Final = re.compile(r"([0-9]+)\s+(\S+)")
_STATUS: Final = re.compile(r"[0-9]{3}(?![0-9])")

_COMPACT: Final = {
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
"""The compact forms of header names (RFC 3261 section 7.3.3, and the RFCs of the newer headers)."""


@attrs.frozen
class SipMessage:
    """A request or a response."""

    method: str
    """The method of a request, as the request spells it; "" for a response."""
    uri: str
    """The Request-URI; "" for a response."""
    code: int
    """The status code of a response; 0 for a request."""
    headers: dict[str, list[str]]
    """The values of each header, in order, by its long name in small letters."""
    body: str
    """The text after the head."""

    def header(self, name: str) -> str:
        """Return the first value of a header, by its long name in small letters; "" when there is none."""
        values = self.headers.get(name)
        return values[0] if values else ""

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.header("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """The number and the method of CSeq, the method in capitals; -1 and "" when they cannot be read."""
        found = _CSEQ.search(self.header("cseq"))
        return (int(found[1]), found[2].upper()) if found and len(found[1]) < 12 else (-1, "")


def read_message(text: str) -> SipMessage | None:
    """Read a SIP message.

    Args:
        text: The whole message.

    Returns:
        The message; None when the first line is neither a request line nor a status line.
    """
    text = text.lstrip("\r\n")
    end = _HEAD_END.search(text)
    head, body = (text[: end.start()], text[end.end() :]) if end else (text, "")
    start, *lines = _FOLD.sub(" ", head).split("\n")
    words = start.rstrip("\r").split(" ", 2)
    if len(words) == 3 and words[2] == "SIP/2.0":
        method, uri, code = words[0], words[1], 0
    elif len(words) > 1 and words[0].upper().startswith("SIP/") and _STATUS.match(words[1]):
        method, uri, code = "", "", int(words[1][:3])
    else:
        return None
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon and name:
            headers.setdefault(_COMPACT.get(name, name), []).append(value.strip())
    return SipMessage(method, uri, code, headers, body)


def address_of(value: str) -> str:
    """Take the URI out of a header such as To: ``"Name" <sip:user@host>;tag=1``, or a bare URI."""
    plain = _QUOTED.sub("", value) if value.lstrip().startswith('"') else value
    bracketed = _BRACKETED.search(plain)
    return bracketed[1].strip() if bracketed else plain.partition(";")[0].strip()


def tag_of(value: str) -> str:
    """Take the tag out of a From or To header; "" when it has none."""
    plain = _QUOTED.sub("", value)
    return _parameter(plain.rpartition(">")[2] if ">" in plain else plain, "tag")


def branch_of(value: str) -> str:
    """Take the branch out of the topmost Via, which may share its line with others; "" when it has none."""
    return _parameter(_QUOTED.sub("", value).partition(",")[0], "branch")


def user_of(uri: str) -> str:
    """Take the user out of a SIP URI, its escapes decoded (RFC 3261 section 19.1.1); "" when it has none."""
    scheme, _, rest = uri.partition(":")
    user, at, _ = rest.rpartition("@")
    if scheme.strip().lower() not in ("sip", "sips") or not at:
        return ""
    return unquote(user.partition(":")[0].partition(";")[0])


def _parameter(text: str, name: str) -> str:
    found = re.search(rf";\s*{name}\s*=\s*([^;,\s]+)", text, re.IGNORECASE)
    return found[1] if found else ""
