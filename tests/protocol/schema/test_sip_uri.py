"""SIP URIs: which may be sent in a REFER, and when two are equivalent (RFC 3261 section 19.1.4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.schema.sip_uri import MAX_URI_LENGTH, check_sip_uri, same_sip_uri


@pytest.mark.parametrize(
    "uri",
    [
        "sip:support@example.com",
        "SIPS:alice:pw@example.com:5061;transport=tcp?subject=x",
        "sip:example.com",
        "sip:[2001:db8::1]:5070",
        "sip:alice@[2001:db8::1]",
        "tel:+1-555-0100;ext=5",
        "sip:a%20b@example.com",
        "sip:a;b?c@example.com",
    ],
)
def test_valid_uris_are_accepted(uri: str) -> None:
    assert check_sip_uri(uri, "device") == uri


@pytest.mark.parametrize(
    ("uri", "error", "words"),
    [
        (None, TypeError, "device must be a SIP URI as a string, not NoneType"),
        ("", ValueError, "device is empty"),
        ("sip:" + "a" * MAX_URI_LENGTH, ValueError, f"is {MAX_URI_LENGTH + 4} characters long; at most"),
        ("sip:a@b\r\nVia: c", ValueError, r"device contains '\\r'; give the URI without the name and the brackets"),
        ("sip:a@b>;x=<", ValueError, "device contains '>'; give the URI without"),
        ('"Ann" <sip:a@b>', ValueError, "device contains '\"'; give the URI without"),
        ("sip:a b@c", ValueError, "device contains ' '; give the URI without"),
        ("sip:bücher@example.com", ValueError, "device contains 'ü', which is not allowed in its user part; escape it"),
        ("sip", ValueError, "device must begin with sip:, sips: or tel:"),
        ("http://example.com", ValueError, "device must begin with sip:, sips: or tel:"),
        ("sip:", ValueError, "device must name a host"),
        ("sip:alice@", ValueError, "device must name a host"),
        ("sip:alice@:5060", ValueError, "device must name a host"),
        ("sip:alice@host:port", ValueError, "device must have a port from 0 to 65535"),
        ("sip:alice@[2001:db8::1", ValueError, "device must name an IPv6 address in brackets"),
        ("tel:", ValueError, "device must name a number after tel:"),
    ],
)
def test_invalid_uris_are_rejected(uri: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        check_sip_uri(uri, "device")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # the examples of 19.1.4
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        # more examples
        ("<sip:alice@example.com>", "sip:alice@example.com"),
        ("sip:a%3bb@example.com", "sip:a%3Bb@example.com"),
        ("sip:[2001:DB8::1]:5060", "sip:[2001:db8::1]:5060"),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"),
        ("sip:a@[2001:db8::G]", "sip:a@[2001:DB8::g]"),
        ("tel:+1-555-(0100)", "tel:+15550100"),
        ("tel:+15550100;ext=5;isub=a", "TEL:+15550100;ISUB=A;ext=5"),
        ('"Ann <x>" <sip:ann@h;lr>;tag=1', "sip:ann@h;lr"),
        ("Ann <sip:ann@h>", " sip:ann@h "),
        ("no URI", "no URI"),
    ],
)
def test_equivalent_uris(one: str, other: str) -> None:
    assert same_sip_uri(one, other)
    assert same_sip_uri(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:alice@example.com", "sips:alice@example.com"),
        ("sip:alice:a@example.com", "sip:alice:b@example.com"),
        ("sip:a%3Bb@example.com", "sip:a;b@example.com"),  # an escaped reserved character is another character
        ("sip:a?b@example.com", "sip:a@example.com"),
        ("sip:%ff@example.com", "sip:%fe@example.com"),
        ("tel:+15550100;ext=5", "tel:+15550100"),
        ("tel:+15550100;ext=5", "tel:+15550100;ext=6"),
        ('"<sip:a@b>" <sip:c@d>', "sip:a@b"),
        ("no URI", "No URI"),
        ("sip:a@b", "no URI"),
        ("sip:a@b;x=" + "y" * MAX_URI_LENGTH, "sip:a@b"),
    ],
)
def test_different_uris(one: str, other: str) -> None:
    assert not same_sip_uri(one, other)
    assert not same_sip_uri(other, one)


@given(st.text(), st.text())
def test_any_text_can_be_compared(one: str, other: str) -> None:
    assert same_sip_uri("sip:" + one, "sip:" + other) == same_sip_uri("sip:" + other, "sip:" + one)
    assert same_sip_uri(one, one)
