"""The example of the reference against ``anyrelay serve`` with real SIP phones: with anyrelay, and with the official SDK.

The example runs unchanged, except that its host is the local server's. The official SDK is the independent reader of the
server's messages.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.support.places import DOCS

EXAMPLE = DOCS / "examples" / "refer_asyncio.py"
TARGET = "sip:support@example.com"
TIMEOUT = 30.0

RUN = """
import os, sys
import {module} as relay

made = relay.RelayClient.__init__
def __init__(self, *args, **kwargs):
    assert kwargs["host"] == "your-space.signalwire.com"
    made(self, *args, **{{**kwargs, "host": os.environ["RELAY_HOST"]}})
relay.RelayClient.__init__ = __init__
exec(compile(sys.stdin.read(), "the page", "exec"))
"""


class Lines:
    """A process, and its lines of output; with JSON, each line as an object."""

    def __init__(self, *command: str, text: str | None = None, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        )
        assert self.process.stdin is not None
        if text is not None:
            self.process.stdin.write(text)
            self.process.stdin.close()
        self.seen: list[str] = []
        self._queue: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def until(self, *words: str) -> str:
        """Return the next line that contains all of the words."""
        while (line := self._queue.get(timeout=TIMEOUT)) is not None:
            self.seen.append(line)
            if all(word in line for word in words):
                return line
        raise AssertionError(f"no line with {words}:\n{''.join(self.seen)}")

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self._reader.join()
        self.process.stdout.close()


@contextlib.contextmanager
def running(*command: str, text: str | None = None, **environment: str) -> Iterator[Lines]:
    lines = Lines(*command, text=text, **environment)
    try:
        yield lines
    finally:
        lines.stop()


def need(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        reason = f"{package} is not installed: pip install -r tests/requirements.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def transfer(module: str, tls_dir: Path | None) -> None:
    """Run the example with the client of a module; a real phone calls and is transferred to another phone."""
    tls = ["--tls-dir", str(tls_dir)] if tls_dir else []
    serve = ["-m", "anyrelay.local", "--json", "--sip", "127.0.0.1:0", "--project", "your-project-id", *tls]
    with (
        running(*serve, "--token", "your-api-token") as server,
        running("-m", "anyrelay.local.sip.phone", "--user", "support") as target,
    ):
        ready = json.loads(server.until('"ready"'))
        uri = json.loads(target.until('"ready"'))["sip"]
        page = EXAMPLE.read_text().replace("from anyrelay import", f"from {module} import").replace(TARGET, uri)
        environment: dict[str, Any] = {"RELAY_HOST": ready["relay"]}
        if tls_dir:
            assert ready["relay"].startswith("wss://")
            # The official client takes no URL, and trusts the CA that this variable names.
            environment = {
                "RELAY_HOST": ready["relay"].removeprefix("wss://"),
                "SIGNALWIRE_RELAY_CA_FILE": ready["ca_file"],
            }
        with running("-c", RUN.format(module=module), text=page, **environment) as application:
            place_call(ready["sip"], server)
            application.until("SIP REFER result", "Starting SIP REFER")
            assert '"sip_notify_response_code": "200"' in server.until("calling.call.refer", '"success"')
            server.until("calling.call.state", '"ended"')
            target.until('"established"')


def place_call(sip: str, server: Lines) -> None:
    """Let a phone call until the application is connected: before that, a call is refused."""
    host = sip.removeprefix("sip:")
    for _ in range(20):
        phone = Lines("-m", "anyrelay.local.sip.phone", "--user", "alice", "--dial", f"sip:default@{host}")
        phones.append(phone)
        if '"established"' in phone.until('"event": "call"', '"state": "e'):
            return
    raise AssertionError("the application never took a call")


phones: list[Lines] = []


@pytest.fixture(autouse=True)
def _phones_are_hung_up() -> Iterator[None]:
    yield
    while phones:
        phones.pop().stop()


@pytest.mark.sip
def test_the_page_runs_as_published() -> None:
    need("baresip", "baresip-python")
    transfer("anyrelay", None)


@pytest.mark.sip
def test_the_page_runs_over_tls(tmp_path: Path) -> None:
    need("baresip", "baresip-python")
    transfer("anyrelay", tmp_path)


@pytest.mark.sip
@pytest.mark.sdk
def test_the_official_sdk_runs_the_page(tmp_path: Path) -> None:
    need("baresip", "baresip-python")
    need("signalwire", "signalwire-sdk")
    transfer("signalwire.relay", tmp_path)
