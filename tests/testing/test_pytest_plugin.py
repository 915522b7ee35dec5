"""The pytest plugin, used as its users use it."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from tests.support.places import DOCS

pytest_plugins = ["pytester"]

TESTS = """
import pytest

SUPPORT = "sip:support@example.com"


@pytest.mark.anyio
async def test_async(relay_client, phones, local_relay):
    phones.add(SUPPORT, answers="busy")
    outcomes = []

    @relay_client.on_call
    async def handle(call):
        await call.answer()
        outcomes.append(await call.refer_and_wait(SUPPORT, timeout=5))
        await call.hangup()

    caller = await phones.dial("sip:alice@example.com")
    await caller.ended()
    assert outcomes[0].status == "busy"


def test_sync(sync_relay_client, sync_phones):
    sync_phones.add(SUPPORT, answers="busy")
    outcomes = []

    @sync_relay_client.on_call
    def handle(call):
        call.answer()
        outcomes.append(call.refer_and_wait(SUPPORT, timeout=5))
        call.hangup()

    sync_phones.dial("sip:alice@example.com").ended()
    assert outcomes[0].status == "busy"
"""


def plugin():
    """Name the plugin to pytest, unless anyrelay is installed: then pytest finds it by its entry point."""
    installed = entry_points(group="pytest11", name="anyrelay")
    return () if installed else ("-p", "anyrelay.testing.plugin")


def test_the_fixtures(pytester):
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess(*plugin(), "-p", "no:asyncio", "-W", "error", "-q")
    result.assert_outcomes(passed=3)  # the first on asyncio and on trio


def test_nothing_heavy_is_imported_before_a_fixture_is_asked_for():
    code = (
        "import pytest, sys; before = set(sys.modules); import anyrelay.testing.plugin;"
        "print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['anyrelay']"


PAGE = (DOCS / "reference" / "testing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "local_relay",
        "phones",
        "relay_client",
        "memory_relay",
        "sync_local_relay",
        "sync_phones",
        "sync_relay_client",
        "sync_memory_relay",
        "session_relay",
        "relay_cassette",
        "official_env",
    ],
)
def test_every_fixture_says_what_it_is(name):
    from anyrelay.testing import fixtures, plugin

    assert name in plugin.__doc__
    assert getattr(fixtures, name).__doc__
    assert f"| `{name}` |" in PAGE


def test_the_reference_names_no_fixture_that_is_not_there():
    from anyrelay.testing import fixtures

    table = PAGE.partition("| fixture |")[2].partition("\n\n")[0]
    assert all(hasattr(fixtures, line.split("`")[1]) for line in table.splitlines() if line.startswith("| `"))
