"""Every block of Python in these how-to pages runs, in the order of its page; what the pages say of it is checked."""

from __future__ import annotations

import ast
import configparser
import inspect
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import trustme
import yaml
from anyio.to_thread import run_sync as to_thread
from hypothesis import settings

from anyrelay import Call, ClientState, RelayClient
from anyrelay.testing.watched_relay import WatchedRelay
from tests.examples.programs import called, environment, heard, line_of, with_relay
from tests.support.places import DOCS

HOWTO = DOCS / "howto"
ALICE = "sip:alice@example.com"


def blocks(page: str) -> list[CodeType]:
    """Compile the blocks of Python of a page; they may await outside of functions, as cells of a notebook do."""
    text = (HOWTO / f"{page}.md").read_text(encoding="utf-8")
    sources = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [compile(each, f"{page}.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True) for each in sources]


async def run(block: CodeType, names: dict[str, Any]) -> None:
    """Run a block."""
    result = eval(block, names)
    if inspect.iscoroutine(result):
        await result


def with_environment(monkeypatch: pytest.MonkeyPatch, test: Callable[[WatchedRelay], Any]) -> None:
    """Run a test with a server that the environment names."""

    async def main(relay: WatchedRelay) -> None:
        for name, value in environment(relay).items():
            monkeypatch.setenv(name, value)
        await test(relay)

    with_relay(main)


def test_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(relay: WatchedRelay) -> None:
        relay.phones.add("tel:+15551230001")
        connect, dial, play, hang_up, receive, close = blocks("notebook")
        names: dict[str, Any] = {}
        await run(connect, names)
        assert names["client"].state is ClientState.READY
        await run(dial, names)
        assert names["call"].state == "answered"
        await run(play, names)
        assert names["event"].state == "finished"
        assert heard(await called(relay, "tel:+15551230001")) == ["Hello from a notebook."]
        await run(hang_up, names)
        await run(receive, names)
        caller = await relay.phones.dial(ALICE, context="notebook")
        await caller.answered(20)
        with pytest.raises(RuntimeError, match="event loop"):
            names["client"].run()
        await run(close, names)
        assert names["client"].state is ClientState.CLOSED

    with_environment(monkeypatch, main)


async def play_to_nobody(call: Call) -> None:
    await call.answer()
    await call.wait_for_ended()
    await call.play_tts("Hello?")


def test_handler_errors(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def main(relay: WatchedRelay) -> None:
        plain, polite = blocks("handler-errors")
        names: dict[str, Any] = {}
        await run(plain, names)
        async with names["client"]:
            caller = await relay.phones.dial(ALICE, context="orders")
            assert await caller.ended(20) == "hangup"
            await run(polite, names)
            caller = await relay.phones.dial(ALICE, context="orders")
            assert await caller.ended(20) == "hangup"
            assert heard(caller) == ["We have a problem. Call again later."]
            names["client"].on_call(play_to_nobody)
            caller = await relay.phones.dial(ALICE, context="orders", hang_up_after=0.5)
            assert await caller.ended(20) == "hangup"
            await names["client"].drain()

    with caplog.at_level(logging.INFO):
        with_environment(monkeypatch, main)
    logged = {
        name: [each.levelno for each in caplog.records if each.name == name]
        for name in ("anyrelay.handler", "anyrelay.call")
    }
    assert logged == {"anyrelay.handler": [logging.ERROR, logging.ERROR], "anyrelay.call": [logging.INFO]}
    assert caplog.text.count("LookupError: no such order") == 2


def test_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "any")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "any")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.example.com:1080")  # refused, unless the program names a proxy
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("company-ca.pem")
    names: dict[str, Any] = {}
    for block in blocks("proxy"):
        exec(block, names)
    assert "password" not in repr(names["client"])
    with pytest.raises(ValueError, match="socks proxies do not work"):
        RelayClient()


@pytest.fixture
def repeatable() -> Iterator[None]:
    """Let hypothesis try the same cases in each run, unless a test says otherwise."""
    before = settings.get_current_profile_name()
    settings.register_profile("repeatable", derandomize=True)
    settings.load_profile("repeatable")
    yield
    settings.load_profile(before)


@pytest.mark.usefixtures("repeatable")
def test_property_tests() -> None:
    names: dict[str, Any] = {}
    for block in blocks("property-tests"):
        exec(block, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test()


# --- deploy -----------------------------------------------------------------------------------------------------------

DEPLOY = DOCS / "examples" / "deploy"


def test_the_supervisors_wait_for_the_drain() -> None:
    drain = inspect.signature(RelayClient.__init__).parameters["drain_timeout"].default
    unit = configparser.ConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "calls.service", encoding="utf-8")
    assert unit.getfloat("Service", "TimeoutStopSec") > drain
    assert unit["Service"]["Restart"] == "always"
    pod = yaml.safe_load((DEPLOY / "calls.yaml").read_text(encoding="utf-8"))["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > drain
    assert pod["containers"][0]["livenessProbe"]["exec"]["command"][:2] == ["sh", "-c"]


def test_the_program_of_the_container_shows_its_health(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def main(relay: WatchedRelay) -> None:
        monkeypatch.setenv("CONNECTED", str(tmp_path))
        names: dict[str, Any] = {"__name__": "calls"}
        exec((DEPLOY / "calls.py").read_text(encoding="utf-8"), names)
        closed = threading.Event()
        health = threading.Thread(target=names["show_health"], args=[closed, 0.01])
        health.start()
        try:
            assert not names["CONNECTED"].exists()
            await to_thread(names["client"].connect)
            caller = await relay.phones.dial(ALICE, context="calls")
            assert await caller.ended(20) == "hangup"
            assert heard(caller) == ["Thank you for your call."]
            assert names["CONNECTED"].exists()
        finally:
            closed.set()
            await to_thread(names["client"].disconnect)
            health.join()

    with_environment(monkeypatch, main)


# --- examples ---------------------------------------------------------------------------------------------------------


def test_the_table_of_examples_has_the_line_of_each_program() -> None:
    page = (HOWTO / "examples.md").read_text(encoding="utf-8")
    lines = set(re.findall(r"^\| [^|]+ \| `([^`]+)` \|$", page, re.MULTILINE))
    programs = [
        path.name
        for path in (DOCS / "examples").glob("*.py")
        if re.search(r"^Run: ", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert lines == {line_of(name) for name in programs}
    assert len(lines) == 11
