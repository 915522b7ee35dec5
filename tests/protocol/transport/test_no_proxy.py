"""Which servers `NO_PROXY` names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.transport.no_proxy import bypasses_proxy


@pytest.mark.parametrize(
    ("no_proxy", "named", "not_named"),
    [
        ("*", ["example.com", "192.0.2.1", "::1"], []),
        ("other.example, *", ["example.com"], []),
        ("", [], ["example.com", "::1"]),
        (" , ,", [], ["example.com"]),
        # names
        (
            "example.com",
            ["example.com", "a.example.com", "b.a.example.com"],
            ["notexample.com", "com", "example.com.org"],
        ),
        (".example.com", ["example.com", "a.example.com"], ["notexample.com"]),
        ("*.example.com", ["a.example.com", "b.a.example.com"], ["example.com", "notexample.com"]),
        ("EXAMPLE.com", ["example.COM", "A.Example.Com"], []),
        ("example.com.", ["example.com", "a.example.com."], []),
        ("bücher.example", ["xn--bcher-kva.example", "BÜCHER.example"], ["bucher.example"]),
        ("localhost", ["localhost"], ["127.0.0.1", "::1"]),
        ("a.example b.example\tc.example", ["a.example", "b.example", "c.example"], ["d.example"]),
        ("a.example,b.example , c.example", ["a.example", "b.example", "c.example"], ["d.example"]),
        ("com", ["example.com"], ["example.org"]),
        (".", [], ["example.com", "."]),
        ("*.", [], ["example.com"]),
        ("*com", ["example.com"], []),  # read as com
        ("a..b", [], ["a.b"]),
        # addresses
        ("192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.11"]),
        ("2.1", [], ["192.0.2.1"]),
        (".0.2.1", [], ["192.0.2.1"]),
        ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]),
        ("[::1]", ["::1", "0::1"], ["::2"]),
        ("2001:DB8::1", ["2001:db8::1", "2001:db8:0::1"], ["2001:db8::2"]),
        # networks
        ("192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.3.0", "::1", "example.com"]),
        ("10.1.2.3/8", ["10.255.0.1"], ["11.0.0.1"]),
        ("0.0.0.0/0", ["192.0.2.1"], ["::1", "example.com"]),
        ("2001:db8::/32", ["2001:db8:ffff::1"], ["2001:db9::1", "10.0.0.1"]),
        ("[2001:db8::]/32", ["2001:db8:ffff::1"], ["2001:db9::1"]),
        ("::1/64", ["::1", "::ffff"], ["1::1"]),
        ("fe80::/10", ["fe80::1%eth0"], []),
        ("192.0.2.0/99", [], ["192.0.2.0"]),
        ("192.0.2.0/", [], ["192.0.2.0"]),
        ("example.com/24", [], ["192.0.2.0", "example.com"]),
        # ports
        ("example.com:443", ["example.com", "a.example.com"], []),
        ("example.com:8443", [], ["example.com"]),
        ("*:443", ["example.com", "::1"], []),
        ("192.0.2.1:443", ["192.0.2.1"], []),
        ("192.0.2.1:80", [], ["192.0.2.1"]),
        ("[::1]:443", ["::1"], ["::2"]),
        ("[::1]:80", [], ["::1"]),
        ("::1:443", ["::1:443"], ["::1"]),  # without brackets it is all address
        ("example.com:", [], ["example.com"]),
        ("example.com:https", [], ["example.com"]),
        (":443", [], ["example.com"]),
    ],
)
def test_the_servers_that_no_proxy_names(no_proxy: str, named: list[str], not_named: list[str]) -> None:
    assert [host for host in [*named, *not_named] if bypasses_proxy(no_proxy, host, 443)] == named


@given(st.text(), st.text(min_size=1), st.integers(1, 65_535))
def test_no_value_raises(no_proxy: str, host: str, port: int) -> None:
    assert bypasses_proxy(no_proxy, host, port) in (True, False)
    assert bypasses_proxy(f"{no_proxy},*", host, port)
