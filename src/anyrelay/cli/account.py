"""A client from environment variables; errors name variables and options, which a user of the command line can change."""

from __future__ import annotations

import logging
import os
from typing import Any, Final

from anyrelay.errors import AuthenticationError, ConnectFailed, LocalError, RelayError
from anyrelay.protocol.session.settings import parse_host
from anyrelay.sync import RelayClient

__all__ = ["explain", "make_client"]

_MEANINGS: Final = {"SIGNALWIRE_PROJECT_ID": "your project's identifier", "SIGNALWIRE_API_TOKEN": "your API token"}

_VARIABLES: Final = {
    "project": "SIGNALWIRE_PROJECT_ID",
    "token": "SIGNALWIRE_API_TOKEN",
    "jwt_token": "SIGNALWIRE_JWT_TOKEN",
    "ca_file": "SIGNALWIRE_RELAY_CA_FILE",
    "contexts": "--context",
}
"""The variable or option for each argument of `RelayClient`; the client's errors begin with the argument."""


def make_client(contexts: tuple[str, ...] = (), **settings: Any) -> RelayClient:
    """Make a client from environment variables, and log to standard error.

    Args:
        contexts: The contexts to receive.
        settings: Further arguments of `RelayClient`.

    Raises:
        ValueError: A variable is missing or wrong; the message names the variable.
    """
    if not os.environ.get("SIGNALWIRE_JWT_TOKEN"):
        for variable, what in _MEANINGS.items():
            if not os.environ.get(variable):
                raise ValueError(f"{variable} is not set: export {variable}=…, {what} (a local server takes anything)")
    space = os.environ.get("SIGNALWIRE_SPACE")
    if space:
        try:
            parse_host(space)
        except ValueError:
            shown = "one with a user name in it" if "@" in space else repr(space)
            raise ValueError(
                "SIGNALWIRE_SPACE must be a host such as your-space.signalwire.com, HOST:PORT, a wss:// URL, or a ws:// URL"
                f" of this machine, not {shown}"
            ) from None
    logging.basicConfig(format="anyrelay: %(message)s")
    try:
        return RelayClient(contexts=contexts, **settings)
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        raise ValueError(f"{_VARIABLES.get(name.partition('[')[0], name)} {rest}") from error


def explain(error: RelayError) -> str:
    """Return an error's text and the variable to check."""
    words = error.message if isinstance(error, LocalError) else str(error)
    if isinstance(error, AuthenticationError):
        return f"{words}; check SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN (or SIGNALWIRE_JWT_TOKEN)"
    if isinstance(error, ConnectFailed):
        return f"{words}; SIGNALWIRE_SPACE says where to connect"
    return words
