"""``anyrelay doctor``: each check is broken once, its advice is followed, and then it passes."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from anyrelay.cli.commands import anyrelay
from anyrelay.cli.doctor import checkup, network
from anyrelay.cli.doctor.findings import Finding, Verdict
from anyrelay.errors import RelayError, RequestTimeout
from anyrelay.testing.watched_relay import ThreadedRelay

AUTHORITY = trustme.CA()
SECRET = "a-secret-token"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SIGNALWIRE_", "RELAY_")) or "PROXY" in name.upper()]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "my-project")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", SECRET)


@pytest.fixture(scope="module")
def relay() -> Iterator[ThreadedRelay]:
    with ThreadedRelay() as relay:
        yield relay


@pytest.fixture(scope="module")
def encrypted_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadedRelay]:
    with ThreadedRelay(tls_dir=tmp_path_factory.mktemp("certificates")) as relay:
        yield relay


@pytest.fixture
def authority_file(tmp_path: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def examine(check: str, *contexts: str, timeout: float = 10.0, sip_port: int = 0) -> Finding:
    """Run every check, and return the finding of one."""
    findings = list(checkup.examine(contexts, timeout, sip_port))
    assert SECRET not in repr(findings)
    [found] = [finding for finding in findings if finding.check == check]
    return found


def is_failure(finding: Finding, words: str, remedy: str) -> None:
    assert finding.verdict is Verdict.FAILED
    assert words in finding.words
    assert remedy in finding.remedy
    assert "\n" not in finding.words + finding.remedy


def is_warning(finding: Finding, words: str, remedy: str) -> None:
    assert finding.verdict is Verdict.WARNED
    assert words in finding.words
    assert remedy in finding.remedy


def has_passed(finding: Finding, words: str = "") -> None:
    assert (finding.verdict, finding.remedy) == (Verdict.PASSED, "")
    assert words in finding.words


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve each connection with a function meanwhile; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    one, _ = listener.accept()
                except OSError:
                    return
                with (
                    contextlib.suppress(OSError),
                    one if tls is None else tls.wrap_socket(one, server_side=True) as client,
                ):
                    serve(client)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10.0)


def tls_context(*names: str, **certificate: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names, **certificate).configure_cert(context)
    return context


def answering(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        client.recv(65_536)
        client.sendall(answer)

    return serve


# --- variables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SIGNALWIRE_PROJECT_ID", "", "SIGNALWIRE_PROJECT_ID is not set"),
        ("SIGNALWIRE_API_TOKEN", "", "SIGNALWIRE_API_TOKEN is not set"),
        ("SIGNALWIRE_SPACE", "https://x", "SIGNALWIRE_SPACE must be a host"),
        ("RELAY_MAX_ACTIVE_CALLS", "many", "RELAY_MAX_ACTIVE_CALLS must be a whole number"),
    ],
)
def test_variables(variable, value, words, relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    right = os.environ.get(variable, "10")
    monkeypatch.setenv(variable, value)
    is_failure(examine("variables"), words, f"export {variable}=")
    assert examine("TCP").verdict is Verdict.SKIPPED
    monkeypatch.setenv(variable, right)
    has_passed(examine("variables"), "project my-project at ws://127.0.0.1")


def test_a_space_that_is_not_set(monkeypatch):
    monkeypatch.setattr(network, "look_up", refused_look_up)
    is_warning(examine("variables"), "relay.signalwire.com is used", "export SIGNALWIRE_SPACE=")


# --- network ------------------------------------------------------------------------------------------------------------


def refused_look_up(host: str, port: int) -> Any:
    raise socket.gaierror(-2, "Name or service not known")


def test_name_look_up(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", "no-such-space.signalwire.com")
    with monkeypatch.context() as patched:
        patched.setattr(network, "look_up", refused_look_up)
        is_failure(
            examine("name look-up"), "no-such-space.signalwire.com is not known", "correct the host in SIGNALWIRE_SPACE"
        )
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    has_passed(examine("name look-up"), "127.0.0.1 is 127.0.0.1")


def test_a_name_look_up_that_hangs(monkeypatch):
    hanging = threading.Event()
    monkeypatch.setenv("SIGNALWIRE_SPACE", "slow.signalwire.com")
    monkeypatch.setattr(network, "look_up", lambda host, port: hanging.wait(60))
    is_failure(examine("name look-up", timeout=0.1), "no answer within 0.1 s", "getent hosts slow.signalwire.com")
    hanging.set()


def test_tcp(relay, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("SIGNALWIRE_SPACE", f"ws://127.0.0.1:{port}")
    is_failure(examine("TCP"), "does not accept connections", f"a firewall lets TCP to port {port} pass")
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    has_passed(examine("TCP"), "the server accepts connections")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
        (b"", "closed the connection"),
    ],
)
def test_proxy(answer, words, encrypted_relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", encrypted_relay.url)
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", encrypted_relay.ca_file)
    with serving(answering(answer)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@127.0.0.1:{port}")
        is_failure(examine("proxy"), words, "name the server in NO_PROXY")
        monkeypatch.setenv("NO_PROXY", "localhost")
        findings = list(checkup.examine(("default",), 10.0, 0))
    assert "proxy" not in [finding.check for finding in findings]
    assert [finding.check for finding in findings if finding.verdict is not Verdict.PASSED] in ([], ["extras"])


def test_a_proxy_that_connects(monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", "localhost:8443")
    with serving(answering(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        has_passed(examine("proxy"), "127.0.0.1 connects to localhost port 8443")


def test_tls(encrypted_relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", encrypted_relay.url)
    is_failure(examine("TLS"), "is not trusted", "SIGNALWIRE_RELAY_CA_FILE")
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", encrypted_relay.ca_file)
    has_passed(examine("TLS"), "certificate valid for")


def test_a_certificate_for_another_name(authority_file, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(authority_file))
    with serving(answering(b""), tls_context("another.example.com")) as port:
        monkeypatch.setenv("SIGNALWIRE_SPACE", f"localhost:{port}")
        is_failure(examine("TLS"), "mismatch", "name the host in SIGNALWIRE_SPACE as the certificate does")


@pytest.mark.parametrize(
    ("days", "verdict", "words", "remedy"),
    [
        (3, Verdict.WARNED, "runs out in", "renew the server's certificate"),
        (-3, Verdict.FAILED, "expired", "check this machine's clock"),
    ],
)
def test_a_certificate_that_runs_out(days, verdict, words, remedy, authority_file, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_RELAY_CA_FILE", str(authority_file))
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    with serving(answering(b""), tls_context("localhost", not_after=until)) as port:
        monkeypatch.setenv("SIGNALWIRE_SPACE", f"localhost:{port}")
        finding = examine("TLS", timeout=0.5)
    assert finding.verdict is verdict
    assert words in finding.words
    assert remedy in finding.remedy


def test_a_server_without_tls(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url.replace("ws://", "wss://"))
    is_failure(examine("TLS"), "does not speak TLS", "needs ws://HOST:PORT")
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    is_warning(examine("TLS"), "is not encrypted", "use wss://")


def test_clock(monkeypatch):
    def serve(client: socket.socket) -> None:
        client.recv(65_536)
        client.sendall(f"HTTP/1.1 426 Upgrade Required\r\nDate: {email.utils.formatdate(usegmt=True)}\r\n\r\n".encode())

    with serving(serve) as port:
        monkeypatch.setenv("SIGNALWIRE_SPACE", f"ws://127.0.0.1:{port}")
        with monkeypatch.context() as patched:
            wrong = SimpleNamespace(time=lambda: time.time() + 3_600, monotonic=time.monotonic)
            patched.setattr(network, "time", wrong)
            is_warning(examine("clock", timeout=1.0), "ahead of the server's", "timedatectl set-ntp true")
        has_passed(examine("clock", timeout=1.0), "of the server's")


# --- account ------------------------------------------------------------------------------------------------------------


def test_sign_in(monkeypatch):
    with ThreadedRelay(token="the-right-token") as relay:
        monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
        is_failure(examine("sign-in"), "check SIGNALWIRE_PROJECT_ID", "copy project and token from the dashboard again")
        monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "the-right-token")
        has_passed(examine("sign-in"), "the server accepts the credentials")


def test_a_server_that_is_no_relay_server(monkeypatch):
    with serving(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as port:
        monkeypatch.setenv("SIGNALWIRE_SPACE", f"ws://127.0.0.1:{port}")
        is_failure(examine("sign-in", timeout=1.0), "404", "check that SIGNALWIRE_SPACE names a RELAY server")


def test_ping(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)

    def unanswered(*_: Any) -> None:
        raise RequestTimeout("no reply to signalwire.ping")

    with monkeypatch.context() as patched:
        patched.setattr("anyrelay.sync.RelayClient.execute", unanswered)
        is_failure(examine("ping"), "no reply to signalwire.ping", "keeps idle WebSocket connections open")
    with monkeypatch.context() as patched:
        patched.setattr(checkup, "SLOW_PING", 0.0)
        is_warning(examine("ping"), "the server replies within", "nearer to the server")
    has_passed(examine("ping"), "the server replies within")


def test_contexts(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    is_warning(examine("contexts"), "is offered no calls", "anyrelay doctor --context NAME")
    has_passed(examine("contexts", "sales", "support"), "subscribed to sales, support")

    def refused(*_: Any) -> None:
        raise RelayError(404, "no such context")

    monkeypatch.setattr("anyrelay.sync.RelayClient.receive", refused)
    is_failure(examine("contexts", "sales"), "no such context", "check the names of the contexts")


# --- this machine -------------------------------------------------------------------------------------------------------


def test_extras(monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "")
    with monkeypatch.context() as patched:
        patched.setattr(checkup, "EXTRAS", {"cli": ("click",), "sip": ("no_such_module",)})
        is_warning(examine("extras"), "installed: cli; not: sip", "pip install 'anyrelay[sip]'")
        patched.setattr(checkup, "EXTRAS", {"cli": ("click",)})
        has_passed(examine("extras"), "installed: cli")


@pytest.mark.parametrize(("kind", "name"), [(socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")])
def test_ports(kind, name, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "")
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        is_warning(examine("ports", sip_port=port), f"{name} port {port}", "anyrelay serve --sip 127.0.0.1:5070")
    has_passed(examine("ports", sip_port=port), "are free")


# --- the command --------------------------------------------------------------------------------------------------------


def test_the_exit_status_and_the_signs(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)
    done = CliRunner().invoke(anyrelay, ["doctor", "--context", "default"])
    assert done.exit_code == 0
    assert [line[0] for line in done.stdout.splitlines()][:4] == ["✓", "✓", "✓", "!"]
    assert "  → use wss://" in done.stdout
    monkeypatch.setenv("SIGNALWIRE_SPACE", "ws://127.0.0.1:9")
    done = CliRunner().invoke(anyrelay, ["doctor", "--json"])
    assert done.exit_code == 1
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert findings[2]["verdict"] == "failed"
    assert set(findings[2]) == {"check", "verdict", "words", "remedy"}
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "")
    done = CliRunner().invoke(anyrelay, ["doctor"])
    assert done.exit_code == 2
    assert done.stdout.startswith("✗ variables")
    assert "\n- name look-up not tried\n" in done.stdout
