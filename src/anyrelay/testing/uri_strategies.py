"""Hypothesis strategies for SIP, SIPS and TEL URIs, drawn by the grammars: RFC 3261 section 25.1 and RFC 3966 section 3."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["sip_uris"]

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_ALPHANUM: Final = _LETTERS + _DIGITS
_UNRESERVED: Final = _ALPHANUM + "-_.!~*'()"
_PARAM_CHARACTERS: Final = _UNRESERVED + "[]/:&+$"


_ESCAPES: Final = ("%00", "%20", "%25", "%40", "%41", "%3b", "%c3%A9", "%FF")


def _texts(characters: str, min_size: int = 1, max_size: int = 6) -> SearchStrategy[str]:
    """Draw text of some characters and of escapes; one draw for each, since URIs are drawn often."""
    return st.lists(st.sampled_from((*characters, *_ESCAPES)), min_size=min_size, max_size=max_size).map("".join)


def _labels(first: str) -> SearchStrategy[str]:
    """Draw a part of a host name, which ends as it begins: with no hyphen."""
    longer = st.tuples(
        st.sampled_from(first),
        st.text(_ALPHANUM + "-", max_size=4),
        st.sampled_from(_ALPHANUM),
    ).map("".join)
    return st.sampled_from(first) | longer


_NAMES: Final = st.tuples(
    st.lists(_labels(_ALPHANUM), max_size=2).map(lambda labels: "".join(f"{label}." for label in labels)),
    _labels(_LETTERS),
    st.sampled_from(["", "."]),
).map("".join)
_HOSTS: Final = st.one_of(
    _NAMES,
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
    st.ip_addresses(v=6).map(lambda address: f"[{address.exploded.upper()}]"),
    st.ip_addresses(v=4).map(lambda address: f"[::ffff:{address}]"),
    st.just("my_host.example.com"),  # looser than the grammar
)
_USERS: Final = _texts(_UNRESERVED + "&=+$,;?/")
_PASSWORDS: Final = _texts(_UNRESERVED + "&=+$,", min_size=0)
_TOKENS: Final = st.text(_ALPHANUM + "-.!%*_+`'~", min_size=1, max_size=6)
_PARAMS: Final = st.one_of(
    _texts(_PARAM_CHARACTERS),
    st.tuples(_texts(_PARAM_CHARACTERS), _texts(_PARAM_CHARACTERS)).map("=".join),
    st.tuples(st.sampled_from(["transport", "user", "method", "Transport"]), _TOKENS).map("=".join),
    st.integers(0, 255).map(lambda ttl: f"ttl={ttl}"),
    _HOSTS.map(lambda host: f"maddr={host}"),
    st.sampled_from(["lr", "transport=tcp", "transport=TLS", "user=phone", "x=1", "X=2"]),
)
_HEADER_CHARACTERS: Final = _UNRESERVED + "[]/?:+$"
_HEADERS: Final = st.tuples(_texts(_HEADER_CHARACTERS), _texts(_HEADER_CHARACTERS, min_size=0)).map("=".join)


def _unique(params: SearchStrategy[str]) -> SearchStrategy[str]:
    """Draw parameters, none of them twice (RFC 3261 section 19.1.1, RFC 3966 section 3)."""
    several = st.lists(params, max_size=3, unique_by=lambda param: param.partition("=")[0].lower())
    return several.map(lambda each: "".join(f";{param}" for param in each))


@st.composite
def _sip(draw: st.DrawFn) -> str:
    parts = [draw(st.sampled_from(["sip:", "sips:", "SIP:", "Sips:"]))]
    if draw(st.booleans()):
        parts += [draw(_USERS), draw(st.just("") | _PASSWORDS.map(lambda password: f":{password}")), "@"]
    parts += [draw(_HOSTS), draw(st.just("") | st.integers(0, 65_535).map(lambda port: f":{port}"))]
    parts.append(draw(_unique(_PARAMS)))
    headers = draw(st.lists(_HEADERS, max_size=2))
    return "".join([*parts, "?" if headers else "", "&".join(headers)])


_SEPARATORS: Final = "-.()"
_GLOBAL_NUMBERS: Final = st.tuples(
    st.text(_SEPARATORS, max_size=2), st.sampled_from(_DIGITS), st.text(_DIGITS + _SEPARATORS, max_size=8)
).map(lambda parts: "+" + "".join(parts))
_LOCAL_NUMBERS: Final = st.tuples(
    st.text(_SEPARATORS, max_size=2),
    st.sampled_from(_DIGITS + "ABCDEFabcdef*#"),
    st.text(_DIGITS + "ABCDEFabcdef*#" + _SEPARATORS, max_size=8),
).map("".join)
_TEL_PARAMS: Final = st.one_of(
    st.text(_ALPHANUM + "-", min_size=1, max_size=6),
    st.tuples(st.text(_ALPHANUM + "-", min_size=1, max_size=6), _texts(_PARAM_CHARACTERS)).map("=".join),
    st.text(_DIGITS + _SEPARATORS, min_size=1, max_size=5).map(lambda digits: f"ext={digits}"),
    _texts(_UNRESERVED + "/?:@&=+$,").map(lambda address: f"isub={address}"),
).filter(lambda param: param.partition("=")[0].lower() != "phone-context" and param.lower() not in ("ext", "isub"))


@st.composite
def _tel(draw: st.DrawFn) -> str:
    scheme, params = draw(st.sampled_from(["tel:", "TEL:"])), draw(_unique(_TEL_PARAMS))
    if draw(st.booleans()):
        return scheme + draw(_GLOBAL_NUMBERS) + params
    context = draw(_NAMES | _GLOBAL_NUMBERS)
    number = draw(_LOCAL_NUMBERS)
    return (
        scheme
        + number
        + draw(st.sampled_from([f";phone-context={context}{params}", f"{params};phone-context={context}"]))
    )


def sip_uris() -> SearchStrategy[str]:
    """Draw a sip, sips or tel URI that may be sent: any that the grammar allows, and host names with underscores."""
    return _sip() | _tel()
