"""A world whose server speaks TLS, under a name that has to be looked up, with an authority of its own."""

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
    """Return a server's context, its certificate good for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(*(names or ("localhost",))).configure_cert(context)
    return context


def ca_file(directory: Path) -> Path:
    """Write the authority's certificate to a file."""
    path = directory / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return path


def encrypted(world: World, directory: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a world a server that speaks TLS, and let its clients trust it by way of the environment."""
    world.relay.close()
    world.relay = ScriptedRelay(server_context())
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(ca_file(directory)))
    return world
