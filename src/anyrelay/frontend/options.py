"""Make the settings of a client from its arguments, the environment and CA files."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Literal

from anyrelay.protocol.schema.fields import Named, instance_of, is_flag, optional
from anyrelay.protocol.session.settings import DEFAULT_HOST, ClientSettings, JwtToken, ServerAddress, parse_host
from anyrelay.protocol.transport.no_proxy import bypasses_proxy
from anyrelay.protocol.transport.proxy import ProxyAddress, parse_proxy_url

__all__ = ["client_settings"]

PROXY_VARIABLES: Final = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""The environment variables of the proxy; the first that is not empty counts, as with curl."""

NO_PROXY_VARIABLES: Final = ("no_proxy", "NO_PROXY")
"""The environment variables that name the servers to be reached without the proxy."""


def client_settings(
    *,
    project: str | None,
    token: str | None,
    jwt_token: JwtToken | None,
    host: str | None,
    contexts: Iterable[str] | None,
    max_active_calls: int | None,
    ssl_context: ssl.SSLContext | None,
    ca_file: str | os.PathLike[str] | None,
    proxy: str | Literal[False] | None,
    allow_insecure: bool,
    **others: Any,
) -> ClientSettings:
    """Return the settings of a client; an argument wins over its environment variable.

    Raises:
        ValueError: An argument is missing or not allowed; the message names it, and says how to give it.
        TypeError: An argument has a wrong type.
        OSError: The CA file cannot be read.
    """
    is_flag(None, Named("allow_insecure"), allow_insecure)
    optional(instance_of(ssl.SSLContext))(None, Named("ssl_context"), ssl_context)
    if ca_file is not None and not isinstance(ca_file, str | os.PathLike):
        raise TypeError(f"ca_file must be the path of a file, not {type(ca_file).__name__}")
    environ = os.environ
    project = project or environ.get("SIGNALWIRE_PROJECT_ID", "")
    token = token or environ.get("SIGNALWIRE_API_TOKEN", "")
    jwt_token = jwt_token or environ.get("SIGNALWIRE_JWT_TOKEN") or None
    if jwt_token is None:
        _need(project, "project", "SIGNALWIRE_PROJECT_ID")
        _need(token, "token", "SIGNALWIRE_API_TOKEN")
    server = parse_host(host or environ.get("SIGNALWIRE_SPACE") or DEFAULT_HOST, allow_insecure=allow_insecure)
    return ClientSettings(
        project=project,
        token=token,
        jwt_token=jwt_token,
        server=server,
        tls=_tls(server, ssl_context, ca_file or environ.get("SIGNALWIRE_RELAY_CA_FILE")),
        proxy=_proxy(server, proxy),
        contexts=() if contexts is None else contexts,
        max_active_calls=_max_active_calls() if max_active_calls is None else max_active_calls,
        agent=_agent(),
        **others,
    )


def _need(value: str, name: str, variable: str) -> None:
    if not value:
        raise ValueError(
            f"{name} is missing: pass {name}=… or set the environment variable {variable} "
            "(or use jwt_token=… or SIGNALWIRE_JWT_TOKEN instead of project and token)"
        )


def _max_active_calls() -> int:
    text = os.environ.get("RELAY_MAX_ACTIVE_CALLS", "")
    if not text:
        return 1000
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"RELAY_MAX_ACTIVE_CALLS must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _tls(
    server: ServerAddress, given: ssl.SSLContext | None, ca_file: str | os.PathLike[str] | None
) -> ssl.SSLContext | None:
    """Return the TLS context, which verifies certificates and host names, and speaks TLS 1.2 at least; None for plain TCP."""
    if not server.encrypted:
        return None
    if given is not None:
        return given
    try:
        context = ssl.create_default_context(cafile=os.fspath(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file {os.fspath(ca_file or '')!r} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy(server: ServerAddress, given: str | Literal[False] | None) -> ProxyAddress | None:
    """Return the proxy of the argument; without an argument, the proxy of the environment for this server.

    The proxy of the environment serves encrypted connections, to servers that ``NO_PROXY`` does not name. The environment is
    not read when the argument names a proxy, or is False.
    """
    if given is False or given == "":
        return None
    if given is not None:
        return parse_proxy_url(given)
    variable = _first_set(PROXY_VARIABLES)
    if not server.encrypted or variable is None:
        return None
    exceptions = _first_set(NO_PROXY_VARIABLES)
    if exceptions is not None and bypasses_proxy(os.environ[exceptions], server.host, server.port):
        return None
    return parse_proxy_url(os.environ[variable], variable)


def _first_set(variables: tuple[str, ...]) -> str | None:
    """Return the first of some variables that is set and not empty, None when there is none."""
    return next((variable for variable in variables if os.environ.get(variable, "").strip()), None)


@cache
def _agent() -> str:
    # importlib.metadata costs milliseconds at import, so it is asked when a client is made, and only then.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"anyrelay/{version('anyrelay')}"
    except PackageNotFoundError:
        return "anyrelay"
