"""The examples of the documentation run unchanged, each in a process of its own, against the local server.

The three refer_*.py, which are SignalWire's example, name the host ``your-space.signalwire.com``. The tests run them by
`runpy` in a process in which `RelayClient` connects to the local server in place of that host; the server asks for the
project and token of the example. All other examples read their host from SIGNALWIRE_SPACE.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.metadata import entry_points
from pathlib import Path

import anyio
import pytest
from anyio.streams.text import TextReceiveStream

from anyrelay.local import LocalRelay, SimulatedPhones
from tests.support.places import DOCS
from tests.typing.pages import RUN

EXAMPLES = DOCS / "examples"
SUPPORT = "sip:support@example.com"

THE_PAGE = "6efe6ce5783be445f1e9c73f6a365976d1740bb05fbb3f5acc622b16fe8d9d06"
"""The SHA-256 of the example on SignalWire's page on ``call.refer()``."""

WITH_HOST = """
import os, runpy, sys
import anyrelay, anyrelay.sync

def use_local_server(kind):
    made = kind.__init__
    def __init__(self, *args, **kwargs):
        assert kwargs["host"] == "your-space.signalwire.com"
        made(self, *args, **{**kwargs, "host": os.environ["LOCAL_RELAY"]})
    kind.__init__ = __init__

use_local_server(anyrelay.RelayClient)
use_local_server(anyrelay.sync.RelayClient)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


class Program:
    """A running example, and its output."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self.process = process
        self._output = TextReceiveStream(process.stdout)
        self.printed = ""

    async def prints(self, pattern: str) -> re.Match[str]:
        """Wait for output that matches the pattern; drop the output up to there."""
        while (found := re.search(pattern, self.printed)) is None:
            self.printed += await self._output.receive()
        self.printed = self.printed[found.end() :]
        return found


@contextlib.asynccontextmanager
async def running(*arguments: str | Path, **environment: str) -> AsyncIterator[Program]:
    """Run a program until the end of the block, then end the program with Ctrl-C."""
    process = await anyio.open_process(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
    )
    async with process:
        try:
            yield Program(process)
        except BaseException:
            process.kill()
            raise
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(10):
            assert await process.wait() == 0


def run_async(function, *args):
    async def main():
        with anyio.fail_after(60):
            await function(*args)

    anyio.run(main)


# --- the page's example -------------------------------------------------------------------------------------------------


def read(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def test_only_the_import_of_the_page_is_changed():
    page = read("refer_asyncio.py").replace("from anyrelay import", "from signalwire.relay import")
    assert hashlib.sha256(page.encode()).hexdigest() == THE_PAGE


async def run_the_page(name: str) -> None:
    phones = SimulatedPhones(pace=20)
    async with LocalRelay(phones, project="your-project-id", token="your-api-token") as relay:
        relay.phones.add(SUPPORT)
        async with running("-c", WITH_HOST, EXAMPLES / name, LOCAL_RELAY=relay.url) as program:
            caller = await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
            printed = await program.prints(r"SIP REFER result: (.*)\n")
            assert "'code': '200'" in printed[1]
            assert "'message': 'Starting SIP REFER'" in printed[1]
            await caller.ended(timeout=10)
            assert caller.transferred_to == SUPPORT
            assert [medium.params["text"] for medium in caller.heard] == ["Transferring to another line."]


@pytest.mark.parametrize("front_end", ["asyncio", "trio", "threads"])
def test_the_page_runs(front_end):
    run_async(run_the_page, f"refer_{front_end}.py")


# --- outcomes ---------------------------------------------------------------------------------------------------------

OUTCOMES = [
    # the target's behaviour, the behaviour of the caller's phone, and the line that the example prints
    ({"answers": "answer"}, "follow", "succeeded: REFER 202, target 200"),
    ({"answers": "busy"}, "follow", "busy: REFER 202, target 486"),
    ({"answers": "no-answer"}, "follow", "no_answer: REFER 202, target 480"),
    ({"answers": "decline"}, "follow", "declined: REFER 202, target 603"),
    ({"answers": "busy", "code": 404}, "follow", "failed: REFER 202, target 404"),
    ({"answers": "reject"}, "follow", "rejected: REFER 403, target None"),
    ({"answers": "answer"}, {"name": "hang-up-early", "last_notify": False}, "canceled: REFER 202, target 180"),
    ({"answers": "answer"}, "end-subscription", "unknown: REFER 202, target None"),
]

APOLOGIES = {
    "busy": "They are busy.",
    "no_answer": "Nobody answers.",
    "declined": "They cannot take your call now.",
    "failed": "They cannot be reached.",
    "rejected": "Your phone does not allow transfers.",
}


def environment(relay: LocalRelay) -> dict[str, str]:
    return {
        "SIGNALWIRE_PROJECT_ID": "any",
        "SIGNALWIRE_API_TOKEN": "any",
        "SIGNALWIRE_JWT_TOKEN": "",
        "SIGNALWIRE_SPACE": relay.url,
    }


async def run_every_outcome(name: str) -> None:
    async with (
        LocalRelay(SimulatedPhones(pace=20)) as relay,
        running(EXAMPLES / name, **environment(relay)) as program,
    ):
        for target, on_refer, line in OUTCOMES:
            relay.phones.add(SUPPORT, **target)
            caller = await relay.phones.dial("sip:alice@example.com", on_refer=on_refer, wait_for_subscriber=20)
            await program.prints(re.escape(line) + r"\n")
            status = line.partition(":")[0]
            if status == "unknown":
                caller.hang_up()
            await caller.ended(timeout=10)
            heard = [medium.params["text"] for medium in caller.heard]
            assert heard == ([APOLOGIES[status]] if status in APOLOGIES else [])
            assert (caller.transferred_to == SUPPORT) is (status == "succeeded")


@pytest.mark.parametrize("name", ["transfer_outcome.py", "transfer_outcome_threads.py"])
def test_every_outcome(name):
    run_async(run_every_outcome, name)


async def run_in_background(name: str) -> None:
    async with (
        LocalRelay(SimulatedPhones()) as relay,
        running(EXAMPLES / name, **environment(relay)) as program,
    ):
        relay.phones.add(SUPPORT)
        await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
        await program.prints(r"the server accepted the command: .*Starting SIP REFER.*\n")
        await program.prints(r"after 10 ms: unknown, timed_out\n")
        await program.prints(rf"{re.escape(SUPPORT)}: succeeded\n")


@pytest.mark.parametrize("name", ["transfer_in_background.py", "transfer_in_background_threads.py"])
def test_a_transfer_in_the_background(name):
    run_async(run_in_background, name)


async def run_the_first_page(name: str) -> None:
    async with (
        LocalRelay(SimulatedPhones(pace=20)) as relay,
        running(EXAMPLES / name, **environment(relay)) as program,
    ):
        relay.phones.add(SUPPORT, answers="busy")
        await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
        await program.prints(r"^busy 486\n")


@pytest.mark.parametrize("front_end", ["asyncio", "trio", "threads"])
def test_the_first_page_of_the_documentation(front_end):
    run_async(run_the_first_page, f"outcome_{front_end}.py")


@pytest.mark.parametrize("name", ["refer", "outcome"])
def test_trio_changes_only_the_run(name):
    assert read(f"{name}_trio.py") == read(f"{name}_asyncio.py").replace(".run()", '.run(backend="trio")')


def test_the_phone_menu_in_threads_leaves_out_the_awaits():
    menu = read("ivr.py").replace("from anyrelay import", "from anyrelay.sync import").replace("aclosing", "closing")
    menu = menu.replace("async ", "").replace("await ", "").replace("python ivr.py", "python ivr_threads.py")
    assert read("ivr_threads.py") == menu


@pytest.mark.parametrize("name", ["refer", "outcome"])
def test_threads_change_the_import_and_leave_out_the_awaits(name):
    page = read(f"{name}_asyncio.py").replace("from anyrelay import", "from anyrelay.sync import")
    assert read(f"{name}_threads.py") == page.replace("async ", "").replace("await ", "")


# --- the core without a front end ---------------------------------------------------------------------------------------


async def run_the_select_loop(name: str) -> None:
    async with (
        LocalRelay(SimulatedPhones(pace=20)) as relay,
        running(EXAMPLES / name, **environment(relay)) as program,
    ):
        for answers, line in (("answer", "succeeded 200"), ("busy", "busy 486")):
            relay.phones.add(SUPPORT, answers=answers)
            await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
            await program.prints(rf"{line}\n")
        relay.drop_connections()
        await program.prints("signed in, session resumed")
        await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
        await program.prints(r"busy 486\n")


def test_the_core_on_a_select_loop():
    run_async(run_the_select_loop, "select_loop.py")


# --- the tutorial, and the tests of an application ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["first_transfer.py", "first_transfer_trio.py", "first_transfer_threads.py"])
@pytest.mark.parametrize("answers", ["answer", "busy", "silent"])
def test_the_tutorial_shows_the_real_output(answers, name):
    page = (EXAMPLES.parent / "tutorial.md").read_text(encoding="utf-8")
    argument = "" if answers == "answer" else f" {answers}"
    said = re.search(rf"\$ \S+ first_transfer\.py{argument}\n(.*?)```", page, re.DOTALL)[1]
    command = [sys.executable, "-W", "error", EXAMPLES / name, answers]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stdout, ran.stderr, ran.returncode) == (said, "", 0)


async def run_the_real_account(answers: str, told: str, heard: list[str]) -> None:
    async with (
        LocalRelay(SimulatedPhones(pace=20)) as relay,
        running(EXAMPLES / "real_account.py", SUPPORT, **environment(relay)) as program,
    ):
        relay.phones.add(SUPPORT, answers=answers)
        await program.prints(r"^INFO:anyrelay\.connection:signed in\n")
        caller = await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=20)
        await program.prints(r"^sip:alice@example\.com calls\n")
        await program.prints(re.escape(told) + r"\n")
        await caller.ended(timeout=10)
        assert [medium.params["text"] for medium in caller.heard] == heard


@pytest.mark.parametrize(
    ("answers", "told", "heard"),
    [
        ("answer", "outcome: succeeded (target answered 200)", []),
        ("busy", "outcome: busy (target answered 486)", ["They cannot take your call."]),
    ],
)
def test_the_tutorial_with_a_real_account(answers, told, heard):
    run_async(run_the_real_account, answers, told, heard)


def test_the_real_account_needs_a_target():
    command = [sys.executable, EXAMPLES / "real_account.py"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stderr, ran.returncode) == ("usage: python real_account.py sip:support@example.com\n", 1)


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("test_support.py", 5),
        ("test_support_with_fixtures.py", 7),
        ("test_click_to_call.py", 2),
        ("test_ivr_in_memory.py test_ivr_with_fixtures.py test_ivr_machine.py", 55),
    ],
)
def test_the_tests_of_the_example_application_pass(name, passed):
    plugin = () if entry_points(group="pytest11", name="anyrelay") else ("-p", "anyrelay.testing.plugin")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *plugin, *name.split()]
    ran = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout
    assert f"{passed} passed" in ran.stdout


# --- code that is only in pages ---------------------------------------------------------------------------------------

PAGES = [
    EXAMPLES.parent / "tutorial.md",
    *(page for page in sorted((EXAMPLES.parent / "howto").glob("*.md")) if page.name not in RUN),
]
SNIPPETS = [
    pytest.param(snippet, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, snippet in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_imports_what_it_uses(snippet):
    tree = compile(snippet, "snippet", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        for name in node.names:
            assert hasattr(importlib.import_module(node.module), name.name), name.name
    imported = {name.name for node in imports for name in node.names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {name for name in used if name[0].isupper()} <= imported


def test_blocking_code_with_the_local_server():
    (snippet,) = re.findall(
        r"```python\n(from anyrelay.local .*?)```",
        (EXAMPLES.parent / "howto" / "testing.md").read_text("utf-8"),
        re.DOTALL,
    )
    ran = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, check=False, timeout=60)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("busy\n", "", 0)


@pytest.mark.sip
@pytest.mark.parametrize(("count", "last", "ends"), [("0", "180", True), ("300", "500", False)])
def test_an_invite_without_a_contact_breaks_the_sip_stack(count: str, last: str, ends: bool) -> None:
    """If this test fails, the stack is repaired, and `StackListener` need not refuse an INVITE any more."""
    pytest.importorskip("baresip")
    done = subprocess.run(
        [sys.executable, EXAMPLES / "invite_without_contact.py", count], capture_output=True, text=True, timeout=60
    )
    assert f"with one: {last}" in done.stdout
    assert (done.returncode == 0) is ends
