"""The arguments of `RelayClient`: a mistake raises an error that names it, and says what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay import RelayClient


@pytest.mark.parametrize(
    ("argument", "value", "error", "words"),
    [
        ("project", 5, TypeError, "project must be a string, not int"),
        ("host", 5, ValueError, "host must be a host name"),
        ("contexts", "support", TypeError, r"write \['support'\]"),
        ("contexts", 5, TypeError, "contexts must be a list of names, not int"),
        ("contexts", ["support", 5], TypeError, r"contexts\[1\] must be a string, not int"),
        ("ssl_context", 1, TypeError, "ssl_context must be of the class SSLContext, not int"),
        ("ca_file", 5, TypeError, "ca_file must be the path of a file, not int"),
        ("ca_file", "/nowhere/ca.pem", ValueError, "ca_file '/nowhere/ca.pem' cannot be used: .*No such file"),
        ("proxy", 5, TypeError, "proxy must be a URL such as http://HOST:PORT, or False for no proxy, not int"),
        ("allow_insecure", "yes", TypeError, "allow_insecure must be True or False, not str"),
        ("reconnect", 1, TypeError, "reconnect must be of the class ReconnectPolicy, not int"),
    ],
)
def test_a_wrong_argument_is_named(argument: str, value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        RelayClient(**{"project": "p", "token": "t", "host": "space.example", argument: value})


@pytest.mark.parametrize("missing", ["project", "token"])
def test_missing_credentials_say_how_to_give_them(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for variable in ("SIGNALWIRE_PROJECT_ID", "SIGNALWIRE_API_TOKEN", "SIGNALWIRE_JWT_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    given = {"project": "p", "token": "t"}
    del given[missing]
    with pytest.raises(ValueError, match=rf"{missing} is missing: pass {missing}=… or set the environment variable"):
        RelayClient(**given)
