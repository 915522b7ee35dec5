"""URIs that may be sent, compared with an oracle of the grammars: RFC 3261 section 25.1 and RFC 3966 section 3."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyrelay.protocol.schema import SipDevice, SipReferDevice, read_device, read_refer_device
from anyrelay.protocol.schema.sip_uri import check_sip_uri, without_password
from anyrelay.protocol.schema.uri_grammar import fault_in
from anyrelay.testing.strategies import sip_uris
from tests.support.joined import joined_call

# --- the oracle: the ABNF, rule by rule, as one regular expression for each scheme ------------------------------------------

ESCAPED = "%[0-9A-Fa-f]{2}"
UNRESERVED = r"[A-Za-z0-9\-_.!~*'()]"
USER = rf"(?:{UNRESERVED}|{ESCAPED}|[&=+$,;?/])+"
PASSWORD = rf"(?:{UNRESERVED}|{ESCAPED}|[&=+$,])*"
DOMAINLABEL = r"(?:[A-Za-z0-9_]|[A-Za-z0-9_][A-Za-z0-9_-]*[A-Za-z0-9_])"  # with underscores, looser than the RFC
TOPLABEL = r"(?:[A-Za-z_]|[A-Za-z_][A-Za-z0-9_-]*[A-Za-z0-9_])"
HOSTNAME = rf"(?:{DOMAINLABEL}\.)*{TOPLABEL}\.?"
HOST = rf"(?:{HOSTNAME}|(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}|\[(?P<ipv6>[^\]]*)\])"
PARAMCHAR = rf"(?:[\[\]/:&+$]|{UNRESERVED}|{ESCAPED})"
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"
PARAMETER = rf"(?:(?:transport|user|method)={TOKEN}|{PARAMCHAR}+(?:={PARAMCHAR}+)?)"
HNV = rf"(?:[\[\]/?:+$]|{UNRESERVED}|{ESCAPED})"
HEADERS = rf"\?{HNV}+={HNV}*(?:&{HNV}+={HNV}*)*"
SIP = re.compile(
    rf"sips?:(?:{USER}(?::{PASSWORD})?@)?{HOST}(?::(?P<port>[0-9]+))?(?:;{PARAMETER})*(?:{HEADERS})?", re.IGNORECASE
)
PHONEDIGIT = r"[0-9\-.()]"
PHONEDIGIT_HEX = r"[0-9A-Fa-f*#\-.()]"
GLOBAL_DIGITS = rf"\+{PHONEDIGIT}*[0-9]{PHONEDIGIT}*"
LOCAL_DIGITS = rf"{PHONEDIGIT_HEX}*[0-9A-Fa-f*#]{PHONEDIGIT_HEX}*"
URIC = rf"(?:[;/?:@&=+$,]|{UNRESERVED}|{ESCAPED})"
TEL_PARAMETER = rf"(?:;isub={URIC}+|;(?!isub=)[A-Za-z0-9-]+(?:={PARAMCHAR}+)?)"
CONTEXT = rf";phone-context=(?:{HOSTNAME}|{GLOBAL_DIGITS})(?=;|\Z)"
TEL = re.compile(
    rf"tel:(?:{GLOBAL_DIGITS}{TEL_PARAMETER}*|{LOCAL_DIGITS}{TEL_PARAMETER}*{CONTEXT}{TEL_PARAMETER}*)", re.IGNORECASE
)


def may_be_sent(uri: str) -> bool:
    """Whether a URI follows the grammar, and the rules that the RFCs add in words."""
    if uri.lower().startswith("tel:"):
        names = [each.partition("=")[0] for each in re.split(";isub=.", uri.lower())[0].split(";")[1:]]
        return bool(TEL.fullmatch(uri)) and len(names) == len(set(names))
    match = SIP.fullmatch(uri)
    if match is None:
        return False
    if match["ipv6"] is not None:
        try:
            socket.inet_pton(socket.AF_INET6, match["ipv6"])
        except (OSError, ValueError):  # ValueError for a NUL
            return False
    numbers = re.match(r"sips?:(?:[^@]*@)?([0-9]+(?:\.[0-9]+){3})(?=[:;?]|\Z)", uri, re.IGNORECASE)
    small = numbers is None or all(int(part) <= 255 for part in numbers[1].split("."))
    return small and (match["port"] is None or int(match["port"]) <= 65_535)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sip_uris())
def test_uris_of_the_grammar_are_accepted(uri: str) -> None:
    assert may_be_sent(uri)
    assert fault_in(uri) == ""
    assert check_sip_uri(uri, "device") == uri


STRANGE = st.sampled_from(
    [*'@:;?&=%[]{}<>"\\^`|#,/+-._~ \t\r\n\x00\x7fé€0a9Z', "::", "%4", "%zz", ":99999", ";;", "@@", "..", "?a"]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sip_uris(), st.data())
def test_uris_outside_the_grammar_are_rejected(uri: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(0, len(uri)))
        skip = data.draw(st.integers(0, 1))
        uri = uri[:place] + data.draw(STRANGE | st.just("")) + uri[place + skip :]
    assert (fault_in(uri) == "") == may_be_sent(uri), uri


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text() | st.text("sipstel:@;?=%+0a.-[]&", max_size=20).map(lambda rest: "sip:" + rest))
def test_any_text_is_accepted_or_rejected(text: str) -> None:
    assert (fault_in(text) == "") == may_be_sent(text)


TABLE = [
    ("sip:#9@h", "contains '#', which is not allowed in its user part; escape it as %23"),
    ("sip:bob@{host}", "must name a host in ASCII, an IPv4 address, or an IPv6 address in brackets, not '{host}'"),
    ("sip:100%@h", "has a % in its user part that two hexadecimal digits do not follow; a % itself is escaped as %25"),
    ("sip:a@b@h", "has a second @; an @ that is part of a user, a parameter or a header is escaped as %40"),
    ("sip:a@h:99999", "must have a port from 0 to 65535"),
    ("sip:a@h:000000000000065536", "must have a port from 0 to 65535"),
    ("sip:a@h:", "must have a port from 0 to 65535"),
    ("sip:bob@h?Replaces=a@b;to-tag=1", "has a second @"),
    ("sip:bob@h?Replaces=a;to-tag=1", "contains ';', which is not allowed in its headers; escape it as %3B"),
    ("sip:bob@h?Replaces", "has an incomplete header"),
    ("sip:bob@h?", "has an incomplete header"),
    ("sip:bob@h;", "has an empty parameter"),
    ("sip:bob@h;x=", "has an empty parameter"),
    ("sip:bob@h;x=a,b", "contains ',', which is not allowed in its parameters; escape it as %2C"),
    ("sip:bücher@example.com", "contains 'ü', which is not allowed in its user part; escape it as %C3%BC"),
    ("sip:\ud83d@example.com", "half of a surrogate pair, in its user part; no URI can carry that"),
    ("sip:bob@bücher.example", "must name a host in ASCII"),
    ("sip:@h", "has an empty user part"),
    ("sip::pw@h", "has an empty user part"),
    ("sip:a@300.1.2.3", "must name a host"),
    ("sip:a@1.2.3", "must name a host"),
    ("sip:a@-h", "must name a host"),
    ("sip:a@[::1", "must name an IPv6 address in brackets"),
    (
        "sip:a@[::1]5060",
        "must name an IPv6 address in brackets, such as [2001:db8::1], and after it nothing but a port",
    ),
    ("sip:a@[fe80::1%25eth0]", "must name an IPv6 address in brackets"),
    ("sip:a@[1.2.3.4]", "must name an IPv6 address in brackets"),
    ("tel:abc", "is a local number without a context (RFC 3966 section 5.1.5); give it with + and the country code"),
    ("tel:911", "is a local number without a context"),
    ("tel:911;phone-context=1.2.3.4", "is a local number without a context"),
    ("tel:bob@h", "must name a number after tel:, such as tel:+15551234567"),
    ("tel:+", "must name a number after tel:"),
    ("tel:+1;", "has an empty or misnamed parameter"),
    ("tel:+1;x_y=1", "has an empty or misnamed parameter"),
    ("tel:+1;x=1;X=2", "has the parameter x twice"),
    ("tel:+1;x=a b", "contains ' '"),
    ("tel:+1;x=a,b", "contains ',', which is not allowed in its parameters"),
    ("tel:+1;isub=a;b=[;c@", "contains"),
    ("tel:+1;isub=a^b", "contains '^', which is not allowed in its subaddress"),
    ("tel:0;isub=[A;phone-context=A", "contains '[', which is not allowed in its subaddress"),
    ("mailto:bob@h", "must begin with sip:, sips: or tel:"),
    ("bob@h", "must begin with sip:, sips: or tel:"),
]


@pytest.mark.parametrize(("uri", "words"), TABLE)
def test_an_error_says_what_is_wrong_and_what_to_write(uri: str, words: str) -> None:
    assert words in fault_in(uri)


ADVICE = "give the URI without the name and the brackets"


@pytest.mark.parametrize(
    "uri", ['"Ann" <sip:ann@h>', "<sip:ann@h>", "Ann <sip:ann@h>", "sip:ann lee@h", " sip:ann@h", "sip:ann@h\r\nVia: x"]
)
def test_the_error_for_a_name_or_brackets_does_not_suggest_escapes(uri: str) -> None:
    assert ADVICE in fault_in(uri)


@pytest.mark.parametrize("uri", [uri for uri, _ in TABLE])
def test_every_field_for_a_uri_follows_the_grammar(uri: str) -> None:
    _, call = joined_call()
    devices = [[{"type": "sip", "params": {"to": uri}}]]
    ways: list[Callable[[], Any]] = [
        lambda: SipReferDevice(uri),
        lambda: SipDevice(to=uri),
        lambda: read_refer_device({"type": "sip", "params": {"to_uri": uri}}),
        lambda: read_device(devices[0][0]),
        lambda: call.refer(0.0, uri),
        lambda: call.refer_and_wait(0.0, {"type": "sip", "params": {"uri": uri}}),
        lambda: call.connect(0.0, devices),
        lambda: call.host.dial(0.0, devices),
    ]
    if uri.startswith(("sip:", "tel:")):  # any other text is a name or a number
        ways.append(lambda: SipDevice(to="sip:a@h", from_=uri))
    for way in ways:
        with pytest.raises(ValueError, match=r"^(devices\[0\]\[0\]|device|to|from_|uri)"):
            way()


def test_the_caller_may_be_a_name_or_a_number() -> None:
    for caller in ("alice", "+15551234567", "sip:alice@example.com"):
        assert SipDevice(to="sip:a@h", from_=caller).to_params()["from"] == caller


@pytest.mark.parametrize(
    "uri",
    [
        "sip:ann:s3cret@",
        "sip:ann:s3cret#@h",
        "sip:ann:s3cret@h:port",
        "sip:ann:s3cret",
        "ann:s3cret@h",
        "sip:ann:s3cret@h<",
    ],
)
def test_errors_show_no_passwords(uri: str) -> None:
    with pytest.raises(ValueError, match="device") as caught:
        check_sip_uri(uri, "device")
    assert "s3cret" not in str(caught.value)


def test_passwords_in_uris_are_struck_out() -> None:
    assert without_password("to sip:ann:s3cret@h and SIPS:b:s3cret@h:5061") == "to sip:ann:***@h and SIPS:b:***@h:5061"
    assert without_password("sip:ann@h:5060") == "sip:ann@h:5060"
    for device in (SipReferDevice("sip:ann:s3cret@h"), SipDevice(to="sip:ann:s3cret@h", from_="sip:b:s3cret@h")):
        assert "s3cret" not in repr(device)
