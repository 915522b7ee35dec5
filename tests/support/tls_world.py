"""A world whose server uses TLS, under a host name, with its own certificate authority."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path

import pytest
import trustme

from tests.support.frontend_world import World
from tests.support.scripted_relay import ScriptedRelay


@functools.cache
def authority() -> trustme.CA:
    """Return the authority that clients of `encrypted` worlds trust."""
    return trustme.CA()


def server_context(*names: str) -> ssl.SSLContext:
    """Return the server's TLS context, with a certificate for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("localhost",))).configure_cert(context)
    return context


def ca_file(directory: Path) -> Path:
    """Write the authority's certificate to a file."""
    path = directory / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


def encrypted(world: World, directory: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a world a TLS server; its clients trust the server through the environment variable."""
    world.relay.close()
    world.relay = ScriptedRelay(server_context())
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(ca_file(directory)))
    return world
