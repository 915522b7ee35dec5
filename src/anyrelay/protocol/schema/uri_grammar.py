"""The grammar of SIP, SIPS and TEL URIs: find the fault of a URI, and describe the fault in words.

SIP and SIPS follow RFC 3261 section 25.1 (its IPv6 addresses as RFC 5954 corrects them), TEL follows RFC 3966 sections 3 and
5.1.5. One rule is looser: host names may have underscores, since many do.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["fault_in"]

_NOT_IN_A_URI: Final = re.compile(r"[\x00-\x20\x7f<>\"]")
_ESCAPED: Final = "%[0-9A-Fa-f]{2}"
_UNRESERVED: Final = r"A-Za-z0-9\-_.!~*'()"


def _one_or_more(characters: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[{characters}]|{_ESCAPED})+")


_USER: Final = _one_or_more(rf"{_UNRESERVED}&=+$,;?/")
_PASSWORD: Final = _one_or_more(rf"{_UNRESERVED}&=+$,")
_PARAMETER: Final = _one_or_more(rf"{_UNRESERVED}\[\]/:&+$")
_HEADER: Final = _one_or_more(rf"{_UNRESERVED}\[\]/?:+$")
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_PASSWORD_PART: Final = "password"  # noqa: S105 - its name in messages
_TAKE_TOKENS: Final = frozenset({"transport", "user", "method"})
_PORT: Final = re.compile(r"[0-9]+")
_PORT_MAX: Final = 65_535

_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_TOP_LABEL: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")
_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")

_GLOBAL_NUMBER: Final = re.compile(r"\+[-.()]*[0-9][0-9\-.()]*")
_LOCAL_NUMBER: Final = re.compile(r"[-.()]*[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*")
_TEL_NAME: Final = re.compile(r"[A-Za-z0-9-]+")
_SUBADDRESS: Final = _one_or_more(rf"{_UNRESERVED};/?:@&=+$,")
_SUBADDRESS_AND_MORE: Final = re.compile(rf"{_SUBADDRESS.pattern}(?:;{_TEL_NAME.pattern}(?:={_PARAMETER.pattern})?)*")


def fault_in(uri: str) -> str:
    """Describe the fault of a URI; "" for none. The text shows no part of a password."""
    if found := _NOT_IN_A_URI.search(uri):
        return f"contains {found.group()!r}; give the URI without the name and the brackets, and without blanks"
    scheme, colon, rest = uri.partition(":")
    match scheme.lower() if colon else "":
        case "sip" | "sips":
            return _fault_in_sip(rest)
        case "tel":
            return _fault_in_tel(rest)
    return "must begin with sip:, sips: or tel:"


def _fault_in_sip(rest: str) -> str:
    userinfo, at, address = rest.partition("@")
    if not at:
        userinfo, address = "", rest
    if "@" in address:
        return "has a second @; an @ that is part of a user, a parameter or a header is escaped as %40"
    address, question, headers = address.partition("?")
    host, *parameters = address.split(";")
    user, colon, password = userinfo.partition(":")
    return (
        (_fault("user part", user, _USER) if at else "")
        or (_fault(_PASSWORD_PART, password, _PASSWORD) if colon and password else "")
        or _fault_in_address(host)
        or next(filter(None, map(_fault_in_parameter, parameters)), "")
        or (next(filter(None, map(_fault_in_header, headers.split("&"))), "") if question else "")
    )


def _fault_in_address(address: str) -> str:
    """Describe the fault of a host and its port."""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            return "must name an IPv6 address in brackets, such as [2001:db8::1], and after it nothing but a port"
        port = rest[1:] if rest else None
    else:
        host, colon, rest = address.partition(":")
        port = rest if colon else None
        if not host:
            return "must name a host, such as example.com"
        if not _is_host(host):
            return f"must name a host in ASCII, an IPv4 address, or an IPv6 address in brackets, not {host[:80]!r}"
    if port is not None and not (_PORT.fullmatch(port) and len(port.lstrip("0")) <= 5 and int(port) <= _PORT_MAX):
        return f"must have a port from 0 to {_PORT_MAX} after the colon"  # a password may follow, and is not shown
    return ""


def _is_host(text: str) -> bool:
    if _IPV4.fullmatch(text):
        return all(int(part) <= 255 for part in text.split("."))
    *labels, top = text.removesuffix(".").split(".")
    return bool(_TOP_LABEL.fullmatch(top)) and all(map(_LABEL.fullmatch, labels))


def _is_ipv6(text: str) -> bool:
    if "%" in text:  # a zone is only valid on one machine
        return False
    from ipaddress import IPv6Address  # imported for the first IPv6 address

    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _fault_in_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    if not name or (equals and not value):
        return "has an empty parameter; write ;name or ;name=value"
    if equals and name.lower() in _TAKE_TOKENS and _TOKEN.fullmatch(value):
        return ""
    return _fault("parameters", name, _PARAMETER) or (_fault("parameters", value, _PARAMETER) if equals else "")


def _fault_in_header(header: str) -> str:
    name, equals, value = header.partition("=")
    if not name or not equals:
        return "has an incomplete header; write ?name=value&name=value"
    return _fault("headers", name, _HEADER) or (_fault("headers", value, _HEADER) if value else "")


def _fault_in_tel(rest: str) -> str:
    number, *parameters = rest.split(";")
    if not (_GLOBAL_NUMBER.fullmatch(number) or _LOCAL_NUMBER.fullmatch(number)):
        return "must name a number after tel:, such as tel:+15551234567"
    names: set[str] = set()
    for place, parameter in enumerate(parameters):
        name, equals, value = parameter.partition("=")
        name = name.lower()
        if name == "isub" and value:
            # A subaddress may hold semicolons: text after it that looks like parameters may belong to it.
            rest = ";".join([value, *parameters[place + 1 :]])
            if not _SUBADDRESS_AND_MORE.fullmatch(rest):
                return _fault("subaddress", rest, _SUBADDRESS)
            break
        if not _TEL_NAME.fullmatch(name) or (equals and not value):
            return "has an empty or misnamed parameter; write ;name or ;name=value"
        if name in names:
            return f"has the parameter {name} twice (RFC 3966 section 3)"
        if equals and (fault := _fault("parameters", value, _PARAMETER)):
            return fault
        names.add(name)
    if not number.startswith("+") and not any(map(_is_context, parameters)):
        return (
            "is a local number without a context (RFC 3966 section 5.1.5); give it with + and the country code, "
            "or with ;phone-context= and a domain name or the beginning of a global number"
        )
    return ""


def _is_context(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.lower() == "phone-context" and (
        bool(_GLOBAL_NUMBER.fullmatch(value)) or (_is_host(value) and not _IPV4.fullmatch(value))
    )


def _fault(part: str, text: str, allowed: re.Pattern[str]) -> str:
    """Name the character that is not allowed in a part of a URI; an empty part is not allowed either."""
    if not text:
        return f"has an empty {part}"
    if allowed.fullmatch(text):
        return ""
    matched = allowed.match(text)
    character = text[matched.end() if matched else 0]
    if character == "%":
        return f"has a % in its {part} that two hexadecimal digits do not follow; a % itself is escaped as %25"
    if "\ud800" <= character <= "\udfff":
        return f"contains {character!r}, half of a surrogate pair, in its {part}; no URI can carry that"
    if part == _PASSWORD_PART:
        return f"contains a character that is not allowed in its {part}; escape it as %XX"
    escape = "".join(f"%{byte:02X}" for byte in character.encode())
    return f"contains {character!r}, which is not allowed in its {part}; escape it as {escape}"
