"""The SIP URIs of telephone numbers."""

from __future__ import annotations

import pytest

from anyrelay.local.process.serve import ServeOptions, serve
from anyrelay.local.sip.dial_plan import SipDialPlan

PLAN = SipDialPlan(
    {
        "+15550001111": "sip:alice@127.0.0.1:5070",
        "+1555*": "sip:{number}@local.example.com;transport=tcp",
        "+1*": "sip:{number}@america.example.com",
        "911": "sip:emergency@127.0.0.1",
    }
)


@pytest.mark.parametrize(
    ("number", "uri"),
    [
        ("+15550001111", "sip:alice@127.0.0.1:5070"),
        ("+1-555-000-1111;ext=7", "sip:alice@127.0.0.1:5070"),
        ("+1(555)0002222", "sip:+15550002222@local.example.com;transport=tcp"),
        ("+12025550000", "sip:+12025550000@america.example.com"),
        ("911", "sip:emergency@127.0.0.1"),
        ("9111", None),
        ("+49301234", None),
        ("", None),
    ],
)
def test_numbers(number: str, uri: str | None) -> None:
    assert PLAN.uri_of(f"tel:{number}") == uri


def test_a_plan_for_every_number() -> None:
    assert SipDialPlan({"*": "sip:{number}@gateway.example.com"}).uri_of("tel:7") == "sip:7@gateway.example.com"


@pytest.mark.parametrize(
    ("pattern", "uri", "complaint"),
    [
        ("", "sip:a@b", "not ''"),
        ("+1*5", "sip:a@b", "not '\\+1\\*5'"),
        ("alice", "sip:a@b", "not 'alice'"),
        ("1", "sips:a@b", "only sip: URIs"),
        ("1", "sip:a@b\r\nX: y", "the SIP URI to call contains"),
    ],
)
def test_what_is_no_plan(pattern: str, uri: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SipDialPlan({pattern: uri})


@pytest.mark.sip
def test_the_option_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(ServeOptions(sip="127.0.0.1:0", dial_plan=["x=sip:a@b"])) == 2
    assert "a dial plan maps numbers such as +15550001111 or +1555*, not 'x'" in capsys.readouterr().err
