"""SIP URIs: which URI may be sent in a REFER, and when two URIs are equal (RFC 3261 section 19.1)."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Final

from attrs import field, frozen

__all__ = ["SipUri", "check_sip_uri", "same_sip_uri", "without_password"]

MAX_URI_LENGTH: Final = 2_048
"""The longest URI that is sent, in characters. RFC 3261 sets no limit, but a REFER has to fit a datagram."""

_UP_TO_AT: Final = re.compile(r"[^@\"\s]++@?")
_USER: Final = re.compile(r"sips?:[^:]++:", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"<([^<>]*)>[^<>]*\Z")
"""A URI in brackets, as in a header; a name before the brackets may have brackets too."""
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_PORT = re.compile(r"[0-9]{0,5}")
_RESERVED: Final = frozenset(";/?:@&=+$,")
_COMPARED_PARAMS: Final = frozenset({"transport", "user", "ttl", "method", "maddr"})


@frozen
class SipUri:
    """The parts of a SIP, SIPS or TEL URI, in the form in which RFC 3261 section 19.1.4 compares them."""

    scheme: str
    """sip, sips or tel, in lower case."""
    user: str
    """The user part with needless escapes undone and its case kept; for tel the number without visual separators."""
    password: str = field(repr=False)
    """The text after a colon in the user part; "" for none."""
    host: str
    """The host in lower case; "" for tel."""
    port: str
    """The port as written; "" for none: a missing port does not equal 5060."""
    params: dict[str, str] = field(eq=False)
    """The URI parameters, with names and values in lower case; `same_sip_uri` compares them by rules of their own."""
    headers: dict[str, str]
    """The headers after the question mark, with names in lower case."""


def check_sip_uri(uri: object, where: str) -> str:
    """Return the URI if it follows the grammar of RFC 3261 section 25.1, or of RFC 3966 for tel.

    Args:
        uri: The URI.
        where: The name of the field with the URI, for the text of an error.

    Raises:
        TypeError: `uri` is not a string.
        ValueError: `uri` is empty, too long, has a scheme other than sip, sips and tel, or does not follow the grammar; the
            error says where, and what to write instead.
    """
    if not isinstance(uri, str):
        raise TypeError(f"{where} must be a SIP URI as a string, not {type(uri).__name__}")
    return _checked(uri, where)


@lru_cache(maxsize=512)
def _checked(uri: str, where: str) -> str:
    if not uri:
        raise ValueError(f"{where} is empty; give a SIP URI such as sip:support@example.com")
    if len(uri) > MAX_URI_LENGTH:
        raise ValueError(f"{where} is {len(uri)} characters long; at most {MAX_URI_LENGTH} are sent")
    # Imported for the first URI: compiling the patterns of the grammar takes 3 ms.
    from anyrelay.protocol.schema.uri_grammar import fault_in

    if fault := fault_in(uri):
        raise ValueError(f"{where} {fault}")
    return uri


def without_password(text: str) -> str:
    """Return text for a log, with the passwords of its SIP URIs struck out (RFC 3261 section 19.1.1)."""
    return _UP_TO_AT.sub(_strike_password, text) if "@" in text else text


def _strike_password(piece: re.Match[str]) -> str:
    """Strike out the password in a piece of text that ends with the first @; each piece is searched once."""
    text = piece[0]
    user = _USER.search(text) if text.endswith("@") else None
    return text if user is None else f"{text[: user.end()]}***@"


def same_sip_uri(one: str, other: str) -> bool:
    """Whether two URIs are equivalent: sip and sips by RFC 3261 section 19.1.4, tel by RFC 3966 section 4.

    A URI may be in brackets, with a name before them and parameters behind. Text that is no URI is only equivalent to itself.
    """
    if one == other:
        return True
    if max(len(one), len(other)) > MAX_URI_LENGTH:
        return False
    first, second = _parse(one), _parse(other)
    if first is None or second is None or first != second:
        return False
    return first.params == second.params if first.scheme == "tel" else _same_params(first.params, second.params)


def _same_params(one: dict[str, str], other: dict[str, str]) -> bool:
    # 19.1.4: a parameter in both must match; user, ttl, method and maddr (and transport, by its examples) must also
    # match when only one URI has it; any other parameter that only one URI has is ignored.
    shared = one.keys() & other.keys()
    alone = one.keys() ^ other.keys()
    return all(one[name] == other[name] for name in shared) and not (alone & _COMPARED_PARAMS)


@lru_cache(maxsize=512)
def _parse(uri: str) -> SipUri | None:
    bracketed = _BRACKETED.search(uri)
    scheme, colon, rest = (bracketed[1] if bracketed else uri.strip()).partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips", "tel"):
        return None
    if scheme == "tel":
        number, _, param_part = rest.partition(";")
        user, password, host, port, header_part = re.sub(r"[-.()]", "", number), "", "", "", ""
    else:
        # A user part may hold question marks and semicolons: it is split off before headers and parameters.
        userinfo, _, rest = rest.rpartition("@")
        user, _, password = userinfo.partition(":")
        rest, _, header_part = rest.partition("?")
        hostport, _, param_part = rest.partition(";")
        host, port = _split_port(hostport)
        user, password, host = _unescaped(user), _unescaped(password), _compared_host(host)
    if not (host or (scheme == "tel" and user)) or not _PORT.fullmatch(port):
        return None
    return SipUri(scheme, user, password, host, port, _pairs(param_part, ";"), _pairs(header_part, "&"))


def _split_port(hostport: str) -> tuple[str, str]:
    if hostport.startswith("["):  # an IPv6 reference: a colon inside it does not begin the port
        host, bracket, rest = hostport.partition("]")
        return host + bracket if bracket else "", rest.removeprefix(":")
    host, _, port = hostport.partition(":")
    return host, port


def _compared_host(host: str) -> str:
    """Return a host in lower case, an IPv6 address in its shortest form (RFC 5954 section 4.2)."""
    if host.startswith("["):
        from ipaddress import IPv6Address  # imported for the first IPv6 address

        with suppress(ValueError):
            return f"[{IPv6Address(host[1:-1])}]"
    return host.lower()


def _unescaped(text: str) -> str:
    # 19.1.4: a character equals its escape, unless the character is reserved.
    def plain(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return escape[0].upper() if character in _RESERVED else character

    return _ESCAPE.sub(plain, text)


def _pairs(text: str, separator: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(separator) if item)
    return {_unescaped(name).lower(): _unescaped(value).lower() for name, _, value in pairs}
