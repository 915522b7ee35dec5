"""The checks of the pytest plugin and their texts, under anyio's plugin, pytest-asyncio, in threads, in memory, with xdist."""

from __future__ import annotations

import importlib.util
import os
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import hypothesis  # noqa: F401 - what a run in this process imports is forgotten after it, unless it was there before
import pytest
import trio.testing  # noqa: F401 - likewise

import anyrelay.local
import anyrelay.sync
import anyrelay.testing.checks
import anyrelay.testing.ladder
import anyrelay.testing.memory.blocking_relay
import anyrelay.testing.memory.relay
import anyrelay.testing.watched_relay  # noqa: F401 - likewise
from tests.testing.test_pytest_plugin import plugin

pytest_plugins = ["pytester"]

HEAD = """
import anyio
import pytest
from anyrelay.testing import MemoryRelay, VirtualLoop, assert_referred, run_virtual, virtual_backend

ALICE, SUPPORT = "sip:alice@example.com", "sip:support@example.com"

"""

FRONTS = {
    "anyio": """
@pytest.mark.anyio
async def test_anyio(relay_client, phones, local_relay):
    client, relay = relay_client, local_relay
{body}
""",
    "asyncio": """
@pytest.mark.asyncio
async def test_asyncio(relay_client, phones, local_relay):
    client, relay = relay_client, local_relay
{body}
""",
    "memory": """
class TestMemory:
    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request):
        return virtual_backend(request.param)

    @pytest.mark.anyio
    async def test_memory(self, memory_relay):
        relay, phones = memory_relay, memory_relay.phones
        async with relay.client() as client:
{deepest}
""",
    "threads": """
def test_threads(sync_relay_client, sync_phones, sync_local_relay):
    client, phones, relay = sync_relay_client, sync_phones, sync_local_relay
{plain}
""",
    "threads in memory": """
def test_threads_in_memory(sync_memory_relay):
    relay, phones = sync_memory_relay, sync_memory_relay.phones
    with relay.client() as client:
{plainer}
""",
}

TESTS = {"anyio": 2, "asyncio": 1, "memory": 2, "threads": 1, "threads in memory": 1}
"""The number of tests that each source becomes."""

ALL = sum(TESTS.values())

QUICK_START = ("-p", "no:hypothesispytest", "-p", "no:benchmark")
"""Options that keep processes from loading plugins which these tests do not need."""


def run(pytester: pytest.Pytester, body: str, *options: str, fronts: Iterable[str] = FRONTS, mark: str = "") -> Any:
    """Run the body of a test on front ends, one test for each, with options of pytest."""
    need_pytest_asyncio()
    pytester.makepyfile(HEAD + "".join(mark + source_of(front, body) for front in fronts))
    return pytester.runpytest_inprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function", *options)


def source_of(front: str, body: str) -> str:
    lines = body.strip().splitlines()
    plain = [line.replace("await ", "").replace("async def", "def") for line in lines]
    return (
        FRONTS[front]
        .format(
            body=textwrap.indent("\n".join(lines), " " * 4),
            deepest=textwrap.indent("\n".join(lines), " " * 12),
            plain=textwrap.indent("\n".join(plain), " " * 4),
            plainer=textwrap.indent("\n".join(plain), " " * 8),
        )
        .lstrip("\n")
    )


def need_pytest_asyncio() -> None:
    if importlib.util.find_spec("pytest_asyncio") is None:
        assert os.environ.get("CI") != "true", "pytest-asyncio is not installed"
        pytest.skip("pytest-asyncio is not installed")


HANDLED = """
@client.on_call
async def handle(call):
    await call.answer()
    outcome = await call.refer_and_wait(SUPPORT, timeout=20)
    await call.hangup()
    assert_referred(call, to=SUPPORT)
phones.add(SUPPORT, answers="busy")
caller = await phones.dial(ALICE)
assert await caller.ended(30) == "hangup"
assert_referred(caller, to=SUPPORT)
assert [sent["device"]["type"] for sent in relay.sent("calling.refer")] == ["sip"]
assert len(relay.frames()) > 8
"""


def test_a_test_without_problems_passes(pytester):
    run(pytester, HANDLED).assert_outcomes(passed=ALL)


RAISES = """
@client.on_call
async def handle(call):
    await call.answer()
    raise LookupError("no such menu")
caller = await phones.dial(ALICE)
await caller.answered()
await caller.ended(0.3)
"""


def test_the_exception_of_a_handler_is_shown(pytester):
    result = run(pytester, RAISES)
    result.assert_outcomes(failed=ALL)
    result.stdout.fnmatch_lines(
        ["*raise LookupError*no such menu*", "E*LookupError: no such menu", "E*raised in a handler of call*"]
    )
    assert "TimeoutError" in result.stdout.str()
    assert "RELAY messages" in result.stdout.str()
    assert "call.receive created" in result.stdout.str()


STILL_UP = """
@client.on_call
async def handle(call):
    await call.answer()
caller = await phones.dial(ALICE)
await caller.answered()
"""


def test_a_call_that_is_still_up_fails_the_test(pytester):
    result = run(pytester, STILL_UP)
    result.assert_outcomes(failed=ALL)
    result.stdout.fnmatch_lines(
        [
            "the test passed, but the RELAY server found:",
            "  - call * from sip:alice@example.com is still up (answered): hang up in the handler, or await caller.ended()*",
        ]
    )


REFUSED = """
caught = 0
for method, params in (("calling.made_up", {}), ("calling.play", {"call_id": "x"})):
    try:
        await client.execute(method, params)
    except Exception:
        caught += 1
assert caught == 2
"""


def test_a_refused_command_fails_the_test(pytester):
    result = run(pytester, REFUSED)
    result.assert_outcomes(failed=ALL)
    result.stdout.fnmatch_lines(
        ["  - calling.made_up is not served here: -32601 *", "  - calling.play is malformed: -32602 *"]
    )


UNTAKEN = """
await phones.dial(ALICE, context="nobody-there", wait_for_subscriber=0.05)
"""


def test_a_caller_that_no_client_took_fails_the_test(pytester):
    result = run(pytester, UNTAKEN)
    result.assert_outcomes(failed=ALL)
    result.stdout.fnmatch_lines(
        ["  - sip:alice@example.com called and no client took the call: it is ended noAnswer; *"]
    )


def test_a_phone_that_was_called_and_does_not_answer_passes_the_test(pytester):
    body = """
from anyrelay import DialFailed
phones.add(SUPPORT, answers="no-answer")
with pytest.raises(DialFailed):
    await client.dial([[{"type": "sip", "params": {"to": SUPPORT}}]])
"""
    run(pytester, body).assert_outcomes(passed=ALL)


BROKEN = {"open_calls": STILL_UP, "refused_commands": REFUSED, "untaken_callers": UNTAKEN, "handler_errors": RAISES}
"""A test for each check, which fails by this check and by no other."""


def run_broken(pytester: pytest.Pytester, *options: str, mark_of: Callable[[str], str]) -> Any:
    """Run the test of each check but `handler_errors`, with a mark that depends on the check."""
    checks = [check for check in BROKEN if check != "handler_errors"]
    sources = [mark_of(check) + source_of("threads", BROKEN[check]) for check in checks]
    named = [
        source.replace("def test_threads", f"def test_{check}") for source, check in zip(sources, checks, strict=True)
    ]
    pytester.makepyfile(HEAD + "".join(named))
    return pytester.runpytest_inprocess(*plugin(), "-p", "no:asyncio", *options)


def all_but(check: str) -> list[str]:
    return sorted(set(BROKEN) - {check})


def test_each_check_can_be_turned_off(pytester):
    run_broken(pytester, mark_of=lambda check: f"@pytest.mark.relay(strict={all_but(check)})\n").assert_outcomes(
        passed=3
    )


def test_all_checks_can_be_turned_off_for_a_test(pytester):
    run_broken(pytester, mark_of=lambda check: "@pytest.mark.relay(strict=False)\n").assert_outcomes(passed=3)


def test_each_check_can_be_chosen_in_the_settings(pytester):
    chosen = run_broken(pytester, "-o", "relay_strict=open_calls", mark_of=lambda check: "")
    chosen.assert_outcomes(passed=2, failed=1)
    strict = run_broken(pytester, "-o", "relay_strict=", mark_of=lambda check: "@pytest.mark.relay(strict=True)\n")
    strict.assert_outcomes(failed=3)


def test_the_exception_of_a_handler_can_be_left_out(pytester):
    body = RAISES.replace("await caller.ended(0.3)", "await caller.answered()")
    mark = '@pytest.mark.relay(strict=["untaken_callers"])'
    run(pytester, body, mark=mark + "\n", fronts=["threads"]).assert_outcomes(passed=1)


def test_several_exceptions_are_named(pytester):
    body = RAISES.replace("await caller.ended(0.3)", "await phones.dial(ALICE)\nawait caller.ended(0.3)")
    result = run(pytester, body, fronts=["threads"])
    result.stdout.fnmatch_lines(["E*and another handler raised LookupError: no such menu"])


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (
            "@pytest.mark.relay(speed=2)",
            "the marker relay has no option 'speed': it takes contexts=, pace=, tls= and strict=",
        ),
        ("@pytest.mark.relay('x')", "the marker relay has no option 'x'"),
        (
            "@pytest.mark.relay(strict=['calls'])",
            "names 'calls', which is no check: choose from handler_errors, open_calls",
        ),
    ],
)
def test_a_wrong_marker_is_named(pytester, mark, words):
    assert words in run(pytester, HANDLED, mark=mark + "\n", fronts=["threads"]).stdout.str()


def test_a_wrong_setting_is_named(pytester):
    result = run(pytester, HANDLED, "-o", "relay_strict=calls", fronts=["threads"])
    assert "the setting relay_strict names 'calls', which is no check" in result.stderr.str()


def test_the_marker_sets_contexts_pace_and_tls(pytester):
    body = """
assert client.contexts == ["sales", "support"]
assert relay.url.startswith("wss://localhost:")
assert relay.watched.simulated.pace == 5
"""
    mark = "@pytest.mark.relay(contexts=['sales', 'support'], pace=5, tls=True)"
    run(pytester, body, mark=mark + "\n", fronts=["threads"]).assert_outcomes(passed=1)


def test_a_plain_test_cannot_use_an_asynchronous_fixture(pytester):
    pytester.makepyfile("def test_it(local_relay): pass")
    result = pytester.runpytest_inprocess(*plugin(), "-p", "no:asyncio")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*the fixture local_relay is for asynchronous tests: mark test_it with*sync_local_relay"]
    )


def test_two_loops_are_named(pytester):
    need_pytest_asyncio()
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.asyncio(loop_scope="module")
        async def test_it(local_relay):
            pass
        """
    )
    result = pytester.runpytest_inprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["two event loops: the RELAY server of the fixtures runs on one asyncio loop, and test_it on*"]
    )


def test_a_virtual_loop_under_pytest_asyncio(pytester):
    need_pytest_asyncio()
    pytester.makeconftest(
        """
        from anyrelay.testing import VirtualLoop

        def pytest_asyncio_loop_factories(config, item):
            return {"virtual": VirtualLoop}
        """
    )
    pytester.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_it(memory_relay):
            await asyncio.sleep(3_600)
            async with memory_relay.client():
                pass
        """
    )
    result = pytester.runpytest_inprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function")
    result.assert_outcomes(passed=1)


def test_one_server_for_a_session_under_xdist(pytester):
    pytester.makepyfile(
        """
        import pytest
        from anyrelay.sync import RelayClient

        @pytest.mark.parametrize("number", range(6))
        def test_it(session_relay, number):
            context = f"test-{number}"
            with RelayClient(project="p", token="t", host=session_relay.url, contexts=[context]) as client:
                client.on_call(lambda call: (call.answer(), call.hangup()))
                assert session_relay.phones.dial("sip:alice@example.com", context=context).ended() == "hangup"
        """
    )
    result = pytester.runpytest_subprocess(*plugin(), *QUICK_START, "-p", "no:asyncio", "-n", "2", "-q")
    result.assert_outcomes(passed=6)


def test_the_ladder_of_a_test_that_fails_by_itself(pytester):
    result = run(pytester, HANDLED + "assert 1 == 2", fronts=["threads"])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*RELAY messages*",
            "*RELAY server*your application",
            "*│◀*signalwire.connect*│",
            "*│◀*calling.refer*│",
            "*call.refer busy 486*▶│",
        ]
    )
    assert "local-token" not in result.stdout.str()
