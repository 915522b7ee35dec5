"""The checks of the pytest plugin and their texts, under anyio's plugin, pytest-asyncio, in threads, in memory, with xdist."""

from __future__ import annotations

import importlib.util
import os

import pytest

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
async def test_it(relay_client, phones, local_relay{more}):
    client, relay = relay_client, local_relay
{body}
""",
    "asyncio": """
@pytest.mark.asyncio
async def test_it(relay_client, phones, local_relay{more}):
    client, relay = relay_client, local_relay
{body}
""",
    "memory": """
@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return virtual_backend(request.param)

@pytest.mark.anyio
async def test_it(memory_relay{more}):
    relay, phones = memory_relay, memory_relay.phones
    async with relay.client() as client:
{deeper}
""",
    "threads": """
def test_it(sync_relay_client, sync_phones, sync_local_relay{more}):
    client, phones, relay = sync_relay_client, sync_phones, sync_local_relay
{plain}
""",
    "threads in memory": """
def test_it(sync_memory_relay{more}):
    relay, phones = sync_memory_relay, sync_memory_relay.phones
    with relay.client() as client:
{plainer}
""",
}

TESTS = {"anyio": 2, "asyncio": 1, "memory": 2, "threads": 1, "threads in memory": 1}
"""The number of tests that each source becomes."""

fronts = pytest.mark.parametrize("front", FRONTS)
some_fronts = pytest.mark.parametrize("front", ["anyio", "threads in memory"])


def run(pytester: pytest.Pytester, front: str, body: str, *options: str, mark: str = "") -> pytest.RunResult:
    """Run the body of a test on a front end, with the options of pytest."""
    need_pytest_asyncio()
    lines = ["    " + line for line in body.strip().splitlines()]
    plain = [line.replace("await ", "").replace("async def", "def") for line in lines]
    source = FRONTS[front].format(
        more="",
        body="\n".join(lines),
        deeper="\n".join("    " + line for line in lines),
        plain="\n".join(plain),
        plainer="\n".join("    " + line for line in plain),
    )
    if mark:
        source = source.replace("@pytest.mark.a", f"{mark}\n@pytest.mark.a", 1) if "async" in source else mark + source
        source = source.replace("\n\ndef test", "\ndef test")
    pytester.makepyfile(HEAD + source)
    return pytester.runpytest_subprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function", *options)


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


@fronts
def test_a_test_without_problems_passes(pytester, front):
    run(pytester, front, HANDLED).assert_outcomes(passed=TESTS[front])


RAISES = """
@client.on_call
async def handle(call):
    await call.answer()
    raise LookupError("no such menu")
caller = await phones.dial(ALICE)
await caller.answered()
await caller.ended(0.3)
"""


@fronts
def test_the_exception_of_a_handler_is_shown(pytester, front):
    result = run(pytester, front, RAISES)
    result.assert_outcomes(failed=TESTS[front])
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


@some_fronts
def test_a_call_that_is_still_up_fails_the_test(pytester, front):
    result = run(pytester, front, STILL_UP)
    result.assert_outcomes(failed=TESTS[front])
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


@some_fronts
def test_a_refused_command_fails_the_test(pytester, front):
    result = run(pytester, front, REFUSED)
    result.assert_outcomes(failed=TESTS[front])
    result.stdout.fnmatch_lines(
        ["  - calling.made_up is not served here: -32601 *", "  - calling.play is malformed: -32602 *"]
    )


UNTAKEN = """
await phones.dial(ALICE, context="nobody-there", wait_for_subscriber=0.05)
"""


@some_fronts
def test_a_caller_that_no_client_took_fails_the_test(pytester, front):
    result = run(pytester, front, UNTAKEN)
    result.assert_outcomes(failed=TESTS[front])
    result.stdout.fnmatch_lines(
        ["  - sip:alice@example.com called and no client took the call: it is ended noAnswer; *"]
    )


@pytest.mark.parametrize(
    ("body", "check"),
    [(STILL_UP, "open_calls"), (REFUSED, "refused_commands"), (UNTAKEN, "untaken_callers")],
)
def test_each_check_can_be_turned_off(pytester, body, check):
    others = sorted({"handler_errors", "open_calls", "refused_commands", "untaken_callers"} - {check})
    run(pytester, "threads", body, mark=f"@pytest.mark.relay(strict={others})").assert_outcomes(passed=1)
    run(pytester, "threads", body, "-o", f"relay_strict={' '.join(others)}").assert_outcomes(passed=1)
    run(pytester, "threads", body, mark="@pytest.mark.relay(strict=False)").assert_outcomes(passed=1)
    run(pytester, "threads", body, "-o", "relay_strict=", mark="@pytest.mark.relay(strict=True)").assert_outcomes(
        failed=1
    )


def test_the_exception_of_a_handler_can_be_left_out(pytester):
    body = RAISES.replace("await caller.ended(0.3)", "await caller.answered()")
    mark = '@pytest.mark.relay(strict=["untaken_callers"])'
    run(pytester, "threads", body, mark=mark).assert_outcomes(passed=1)


def test_several_exceptions_are_named(pytester):
    body = RAISES.replace("await caller.ended(0.3)", "await phones.dial(ALICE)\nawait caller.ended(0.3)")
    result = run(pytester, "threads", body)
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
    assert words in run(pytester, "threads", HANDLED, mark=mark).stdout.str()


def test_a_wrong_setting_is_named(pytester):
    result = run(pytester, "threads", HANDLED, "-o", "relay_strict=calls")
    assert "the setting relay_strict names 'calls', which is no check" in result.stderr.str()


def test_the_marker_sets_contexts_pace_and_tls(pytester):
    body = """
assert client.contexts == ["sales", "support"]
assert relay.url.startswith("wss://localhost:")
assert relay.watched.simulated.pace == 5
"""
    mark = "@pytest.mark.relay(contexts=['sales', 'support'], pace=5, tls=True)"
    run(pytester, "threads", body, mark=mark).assert_outcomes(passed=1)


def test_a_plain_test_cannot_use_an_asynchronous_fixture(pytester):
    pytester.makepyfile("def test_it(local_relay): pass")
    result = pytester.runpytest_subprocess(*plugin(), "-p", "no:asyncio")
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
    result = pytester.runpytest_subprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function")
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
    result = pytester.runpytest_subprocess(*plugin(), "-o", "asyncio_default_fixture_loop_scope=function")
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
    result = pytester.runpytest_subprocess(*plugin(), "-p", "no:asyncio", "-n", "2", "-q")
    result.assert_outcomes(passed=6)


def test_the_ladder_of_a_test_that_fails_by_itself(pytester):
    result = run(pytester, "threads", HANDLED + "assert 1 == 2")
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
