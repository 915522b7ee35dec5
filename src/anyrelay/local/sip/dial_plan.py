"""The dial plan of real phones: the SIP URI at which the phone of a telephone number is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from anyrelay.local.sip.addresses import check_dialable

__all__ = ["SipDialPlan", "is_tel", "number_of"]

_PATTERN: Final = re.compile(r"\+?[0-9#]*\*?")
_SEPARATORS: Final = re.compile(r"[-.()]")
"""The visual separators of a tel URI (RFC 3966 section 3)."""


class SipDialPlan:
    """Maps telephone numbers to SIP URIs.

    A pattern is a number, such as ``+15550001111``, or the beginning of numbers with ``*`` at its end, such as ``+1555*`` or
    ``*`` alone. The longest pattern that fits decides, a number before all beginnings. ``{number}`` in the URI stands for the
    number that is called: ``{"+1*": "sip:{number}@gateway.example.com"}``.
    """

    def __init__(self, uris: Mapping[str, str]) -> None:
        """Take in the SIP URI of each pattern.

        Raises:
            ValueError: A pattern is neither a number nor the beginning of numbers, or the stack cannot call a URI.
        """
        for pattern, uri in uris.items():
            if not pattern or not _PATTERN.fullmatch(pattern):
                raise ValueError(f"a dial plan maps numbers such as +15550001111 or +1555*, not {pattern!r}")
            check_dialable(uri.replace("{number}", "+1"))
        self._uris = dict(uris)
        self._beginnings = sorted((pattern for pattern in uris if pattern.endswith("*")), key=len, reverse=True)

    def uri_of(self, tel_uri: str) -> str | None:
        """Return the SIP URI at which a ``tel`` URI (RFC 3966) is called; None when the plan has none."""
        number = number_of(tel_uri)
        if number in self._uris:
            return self._uris[number].replace("{number}", number)
        for pattern in self._beginnings:
            if number.startswith(pattern[:-1]):
                return self._uris[pattern].replace("{number}", number)
        return None


def number_of(tel_uri: str) -> str:
    """Return the number of a ``tel`` URI, without its parameters and visual separators."""
    return _SEPARATORS.sub("", tel_uri.partition(":")[2].partition(";")[0])


def is_tel(uri: str) -> bool:
    """Return whether a URI is a ``tel`` URI."""
    return uri.lower().startswith("tel:")
