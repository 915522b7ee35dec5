"""Which servers a client trusts, which way it connects, and which errors an HTTP server causes, on each front end."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from anyrelay import ConnectFailed
from tests.support.frontend_world import World, undisguised
from tests.support.scripted_relay import ScriptedRelay
from tests.support.tls_world import authority, ca_file, encrypted, server_context


@pytest.fixture
def world(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return encrypted(world, tmp_path, monkeypatch)


# --- TLS ----------------------------------------------------------------------------------------------------------------


async def test_by_default_certificate_and_host_name_are_verified(world: World) -> None:
    context = undisguised(world.client())._machine.settings.tls
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_tls_is_refused(world: World) -> None:
    context = server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(world, ScriptedRelay(context)) as url:
        with pytest.raises(ConnectFailed, match=r"(?i)version|protocol"):
            await world.client(host=url, connect_timeout=1.5).connect()
        lenient = ssl.create_default_context()
        authority().configure_trust(lenient)
        lenient.set_ciphers("ALL:@SECLEVEL=0")
        lenient.minimum_version = ssl.TLSVersion.TLSv1_1
        async with world.client(host=url, ssl_context=lenient):
            pass  # so it was the version


async def test_tls_1_2_is_accepted(world: World) -> None:
    context = server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(world, ScriptedRelay(context)) as url, world.client(host=url) as client:
        assert (await client.execute("test.echo"))["code"] == "200"


async def test_a_certificate_for_another_name_is_refused(world: World) -> None:
    async with serving(world, ScriptedRelay(server_context("elsewhere.example"))) as url:
        with pytest.raises(ConnectFailed, match="'localhost'") as caught:
            await world.client(host=url).connect()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        with pytest.raises(ConnectFailed, match="IP address mismatch"):
            await world.client(host=url.replace("localhost", "127.0.0.1")).connect()


async def test_the_authority_by_parameter_counts_for_more_than_that_of_the_environment(
    world: World, tmp_path: Path
) -> None:
    async with world.client():  # by the environment
        pass
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(ConnectFailed, match="certificate verify failed"):
        await world.client(ca_file=other).connect()


async def test_the_systems_authorities_are_trusted_and_no_others(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SIGNALWIRE_RELAY_CA_FILE")
    with pytest.raises(ConnectFailed, match="certificate verify failed"):
        await world.client().connect()
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path)))  # where OpenSSL looks for the system's
    async with world.client():
        pass


async def test_an_ssl_context_of_the_user(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGNALWIRE_RELAY_CA_FILE")
    context = ssl.create_default_context()
    authority().configure_trust(context)
    async with world.client(ssl_context=context) as client:
        await client.execute("test.echo")


@contextlib.asynccontextmanager
async def serving(world: World, relay: ScriptedRelay) -> Any:
    try:
        yield relay.url
    finally:
        await world.aside(relay.close)


# --- by way of a proxy --------------------------------------------------------------------------------------------------


class Proxy:
    """An HTTP proxy that wants credentials, and notes the targets of its requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, credentials: str = "ann:open%20sesame") -> str:
        return f"http://{credentials}@127.0.0.1:{self._listener.getsockname()[1]}"

    def _start(self, function: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=function, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            line, *headers = client.recv(65_536).decode().split("\r\n")
            sent = next((head.partition("Basic ")[2] for head in headers if "Basic " in head), "")
            self.requests.append((line, base64.b64decode(sent).decode()))
            if self.requests[-1][1] != "ann:open sesame":
                client.sendall(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 10\r\n\r\nno entry!\n")
                return
            target = line.split(" ")[1].rpartition(":")
            with socket.create_connection((target[0], int(target[2]))) as server:
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                self._start(self._pass_on, client, server)
                self._pass_on(server, client)

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.mark.parametrize("told", ["by parameter", "by the environment"])
async def test_through_a_proxy_with_credentials(
    world: World, proxy: Proxy, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if told == "by the environment":
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
    async with world.client(**({"proxy": proxy.url()} if told == "by parameter" else {})) as client:
        await client.execute("test.echo", {"text": "x" * 100_000})
        world.relay.drop()
        await world.until(lambda: len(world.relay.sent("signalwire.connect")) == 2)
    assert proxy.requests == [(f"CONNECT localhost:{world.relay.port} HTTP/1.1", "ann:open sesame")] * 2


async def test_no_proxy_names_who_is_reached_directly(
    world: World, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url())
    monkeypatch.setenv("NO_PROXY", "example.com,localhost")
    async with world.client():
        pass
    assert proxy.requests == []


async def test_a_proxy_that_refuses_is_quoted(world: World, proxy: Proxy) -> None:
    client = world.client(proxy=proxy.url("ann:close"), connect_timeout=1.5)
    await refused(client, "the proxy refused to connect: HTTP 407, saying 'no entry!")


# --- a server that is none ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def http_server(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Run an HTTP server that gives each request the same answer; yields its URL, and the list of its requests."""
    asked: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    asked.append(sock.recv(65_536))
                    sock.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}", asked
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 5\r\n\r\nMoved",
            "HTTP 302, it points to 'https://elsewhere.example/', saying 'Moved'",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html>Welcome!", "HTTP 200, saying '<html>Welcome!'"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP 404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
    ],
    ids=["a redirect", "a web page", "404", "no HTTP"],
)
async def test_the_answer_of_an_http_server_is_quoted(world: World, answer: bytes, words: str) -> None:
    with http_server(answer) as (url, _):
        await refused(world.client(host=url, connect_timeout=1.5), words)


async def refused(client: Any, words: str) -> None:
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    await client.disconnect()  # and its last connection is closed, too
    assert words in str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_retry_after_of_a_server_is_obeyed(world: World, status: str) -> None:
    for asks, tries_again in (("", True), ("Retry-After: 100\r\n", False)):
        refusal = f"HTTP/1.1 {status}\r\n{asks}Content-Length: 4\r\n\r\nbusy"
        with http_server(refusal.encode()) as (url, asked):
            await refused(world.client(host=url, connect_timeout=1.5), f"HTTP {status[:3]}, saying 'busy'")
        assert (len(asked) > 1) is tries_again
