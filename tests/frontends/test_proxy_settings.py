"""Which proxy a client uses: that of its argument, or that of the environment, which is read as curl and Go read it."""

from __future__ import annotations

from typing import Any

import pytest

import anyrelay.sync
from anyrelay import RelayClient
from anyrelay.protocol.transport.proxy import ProxyAddress

PROXY = ProxyAddress("proxy.corp", 3128)
VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def proxy_of(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], **settings: Any) -> ProxyAddress | None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = []
    for client_class in (RelayClient, anyrelay.sync.RelayClient):
        client = client_class(**{"project": "p", "token": "t", "host": "space.example", **settings})
        found.append(client._machine.settings.proxy)
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"HTTPS_PROXY": "proxy.corp:3128"}, PROXY),
        ({"HTTPS_PROXY": "http://proxy.corp:3128"}, PROXY),
        ({"https_proxy": "proxy.corp:3128"}, PROXY),
        ({"https_proxy": "proxy.corp:3128", "HTTPS_PROXY": "other:1"}, PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": "proxy.corp:3128"}, PROXY),
        ({"ALL_PROXY": "proxy.corp:3128"}, PROXY),
        ({"all_proxy": "proxy.corp:3128", "ALL_PROXY": "other:1"}, PROXY),
        ({"HTTPS_PROXY": "proxy.corp:3128", "all_proxy": "socks5://other:1"}, PROXY),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "proxy.corp:3128"}, PROXY),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "  "}, None),
        ({"HTTP_PROXY": "proxy.corp:3128"}, None),
        ({"HTTPS_PROXY": "proxy.corp:3128", "NO_PROXY": "space.example"}, None),
        ({"HTTPS_PROXY": "proxy.corp:3128", "no_proxy": "other.example", "NO_PROXY": "space.example"}, PROXY),
        ({"HTTPS_PROXY": "proxy.corp:3128", "no_proxy": "", "NO_PROXY": "space.example"}, None),
        ({"HTTPS_PROXY": "socks5://other:1", "NO_PROXY": "*"}, None),
    ],
)
def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: ProxyAddress | None
) -> None:
    assert proxy_of(monkeypatch, variables) == proxy


@pytest.mark.parametrize("host", ["wss://[2001:db8::7]:8443", "192.0.2.7:8443", "a.space.example:8443"])
def test_a_server_may_be_an_address_or_have_a_port(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    variables = {"HTTPS_PROXY": "proxy.corp:3128"}
    assert proxy_of(monkeypatch, variables, host=host) == PROXY
    variables["NO_PROXY"] = "2001:db8::/32, 192.0.2.0/24, *.space.example:8443"
    assert proxy_of(monkeypatch, variables, host=host) is None


@pytest.mark.parametrize("none", [False, ""])
@pytest.mark.parametrize("value", ["proxy.corp:3128", "socks5://proxy.corp:1"])
def test_an_argument_turns_the_proxy_off(monkeypatch: pytest.MonkeyPatch, none: Any, value: str) -> None:
    assert proxy_of(monkeypatch, {"HTTPS_PROXY": value}, proxy=none) is None


def test_an_argument_counts_for_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"HTTPS_PROXY": "socks5://other:1", "NO_PROXY": "*"}
    assert proxy_of(monkeypatch, variables, proxy="proxy.corp:3128") == PROXY
    assert proxy_of(monkeypatch, variables, proxy="proxy.corp:3128", host="ws://127.0.0.1:1") == PROXY


def test_a_plain_connection_takes_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_of(monkeypatch, {"HTTPS_PROXY": "socks5://other:1"}, host="ws://127.0.0.1:1") is None


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    ["socks5://zoe:s3cret@proxy.corp:1", "https://zoe:s3cret@proxy.corp", "zoe:s3cret@proxy.corp:99999", "http://"],
)
def test_a_variable_at_fault_is_named_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(ValueError, match=f"^{variable}: .*write http://HOST:PORT") as raised:
        proxy_of(monkeypatch, {variable: value})
    assert "s3cret" not in str(raised.value)
    assert "zoe" not in str(raised.value)


def test_an_argument_at_fault_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^proxy: the scheme must be http"):
        proxy_of(monkeypatch, {"HTTPS_PROXY": "proxy.corp:3128"}, proxy="socks5://proxy.corp:1")
    with pytest.raises(TypeError, match=r"^proxy must be a URL .* False for no proxy, not bool"):
        proxy_of(monkeypatch, {}, proxy=True)
