"""Settings: the arguments of a client, checked once."""

from __future__ import annotations

import math
from typing import Any

import pytest

from anyrelay.protocol.session.reconnect import ReconnectPolicy
from anyrelay.protocol.session.settings import DEFAULT_HOST, ClientSettings, ServerAddress, parse_host

HERE = parse_host("ws://127.0.0.1")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (DEFAULT_HOST, ServerAddress("relay.signalwire.com", 443, "/", encrypted=True)),
        ("Space.SignalWire.com", ServerAddress("space.signalwire.com", 443, "/", encrypted=True)),
        ("space.example:8443", ServerAddress("space.example", 8443, "/", encrypted=True)),
        ("192.0.2.1", ServerAddress("192.0.2.1", 443, "/", encrypted=True)),
        ("[2001:db8::1]:8443", ServerAddress("2001:db8::1", 8443, "/", encrypted=True)),
        ("wss://space.example/", ServerAddress("space.example", 443, "/", encrypted=True)),
        ("WSS://space.example:1/relay/v2", ServerAddress("space.example", 1, "/relay/v2", encrypted=True)),
        ("ws://localhost", ServerAddress("localhost", 80, "/", encrypted=False)),
        ("ws://127.8.8.8:8080", ServerAddress("127.8.8.8", 8080, "/", encrypted=False)),
        ("ws://[::1]:8080", ServerAddress("::1", 8080, "/", encrypted=False)),
    ],
)
def test_a_host_in_every_form(host: str, address: ServerAddress) -> None:
    assert parse_host(host) == address


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        " ",
        "a b",
        "space.example/path",
        "http://space.example",
        "user@space.example",
        "wss://",
        "wss:///path",
        "wss://space.example?query",
        "wss://space.example#fragment",
        "space.example\\@evil.example",
        "bücher.example",
        "space.example:0",
        "space.example:65536",
        "space.example:port",
        "2001:db8::1",
        "wss://[2001:db8::1",
        "a..b",
        "a" * 64 + ".example",
    ],
)
def test_an_invalid_host(host: Any) -> None:
    with pytest.raises(ValueError, match="host"):
        parse_host(host)


@pytest.mark.parametrize("host", ["wss://zoe:s3cret@space.example", "s3cret@space.example", "s3cret@ x"])
def test_a_password_in_the_host_is_not_quoted(host: str) -> None:
    with pytest.raises(ValueError, match="host must not carry a user name or a password") as raised:
        parse_host(host)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("host", ["ws://space.example", "ws://192.0.2.1:80", "ws://localhost.example"])
def test_a_token_does_not_travel_in_the_clear_unasked(host: str) -> None:
    with pytest.raises(ValueError, match="the token would travel in the clear"):
        parse_host(host)
    assert not parse_host(host, allow_insecure=True).encrypted


def test_the_defaults() -> None:
    settings = ClientSettings(server=HERE)
    assert (settings.request_timeout, settings.connect_timeout, settings.drain_timeout) == (10.0, 10.0, 30.0)
    assert (settings.ping_interval, settings.ping_timeout, settings.refer_grace) == (30.0, 10.0, 3.0)
    assert (settings.max_active_calls, settings.max_message_size, settings.on_handler_error) == (1000, 10485760, "log")
    assert settings.reconnect == ReconnectPolicy(initial=1.0, maximum=30.0, factor=2.0, jitter=True)
    assert settings.contexts == ()


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("project", 5, TypeError),
        ("project", "a\nb", ValueError),
        ("token", None, TypeError),
        ("token", "\udcff", ValueError),
        ("jwt_token", "", ValueError),
        ("jwt_token", 5, TypeError),
        ("jwt_token", "a\r\nb", ValueError),
        ("contexts", "default", TypeError),
        ("contexts", [""], ValueError),
        ("contexts", [5], TypeError),
        ("contexts", 5, TypeError),
        ("reconnect", 1, TypeError),
        ("reconnect", None, TypeError),
        ("max_active_calls", 0, ValueError),
        ("request_timeout", 0, ValueError),
        ("connect_timeout", math.inf, ValueError),
        ("ping_interval", -1, ValueError),
        ("ping_timeout", math.nan, ValueError),
        ("drain_timeout", -0.1, ValueError),
        ("refer_grace", "3", TypeError),
        ("max_message_size", 1, ValueError),
        ("on_handler_error", "ignore", ValueError),
        ("agent", "", ValueError),
    ],
)
def test_an_invalid_value_names_the_setting(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        ClientSettings(server=HERE, **{name: value})


def test_valid_settings() -> None:
    def source() -> str:
        return "jwt"

    settings = ClientSettings(server=HERE, contexts=["a", "b"], jwt_token=source, drain_timeout=0, refer_grace=0)
    assert settings.contexts == ("a", "b")
    assert settings.jwt_token is source


def test_an_encrypted_server_needs_tls() -> None:
    with pytest.raises(ValueError, match=r"tls is missing: .* the token would travel in the clear"):
        ClientSettings(server=parse_host("space.example"), project="project", token="s3cret")


def test_credentials_are_not_shown() -> None:
    shown = repr(ClientSettings(server=HERE, project="project", token="s3cret", jwt_token="s3cret"))
    assert "project" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(("attempt", "delay"), [(0, 0.5), (1, 1.5), (2, 4.5), (3, 10.0), (64, 10.0), (10_000, 10.0)])
def test_the_back_off(attempt: int, delay: float) -> None:
    policy = ReconnectPolicy(initial=0.5, maximum=10.0, factor=3.0, jitter=False)
    assert policy.delay(attempt, lambda: 0.0) == delay
    jittered = ReconnectPolicy(initial=0.5, maximum=10.0, factor=3.0)
    assert jittered.delay(attempt, lambda: 0.25) == delay / 4


@pytest.mark.parametrize(
    ("name", "value"), [("initial", 0), ("maximum", 3_601), ("factor", 0.9), ("jitter", 1), ("factor", math.nan)]
)
def test_an_invalid_reconnect_policy(name: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=name):
        ReconnectPolicy(**{name: value})
