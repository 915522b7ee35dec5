"""Cassettes: recorded against the local server, replayed without it; a command that differs, and secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import hypothesis  # noqa: F401 - a run in this process forgets what it imports, unless it was there before
import pytest

from anyrelay import RelayClient
from anyrelay.sync import RelayClient as SyncRelayClient
from anyrelay.testing import TraceFrame, read_trace
from anyrelay.testing.cassettes.fixture import Cassette, CassetteMissing
from anyrelay.testing.cassettes.player import CassettePlayer
from anyrelay.testing.cassettes.script import CassetteScript
from tests.testing.test_pytest_plugin import plugin

pytest_plugins = ["pytester"]

SUPPORT, MARKER = "sip:+15557654321@example.com", "SECRET-MARKER"


def handle(call: Any) -> None:
    call.answer()
    call.play_tts("Please hold.").wait()
    call.refer_and_wait({"type": "sip", "params": {"uri": SUPPORT, "username": "me", "password": MARKER}}, timeout=20)
    call.hangup()


def run(cassette: Cassette, handler: Callable[[Any], Any] = handle) -> None:
    """Run an application with a cassette: a caller is transferred, and support is busy."""
    cassette.add(SUPPORT, answers="busy")
    client = SyncRelayClient(project="p", token=MARKER, host=cassette.url, contexts=["default"], request_timeout=5.0)
    client.on_call(handler)
    with client:
        cassette.call("sip:+15551112222@example.com", timeout=10.0)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cassettes") / "sub" / "transfer.relay.jsonl"
    with Cassette(path, "once", pace=50.0) as cassette:
        assert not cassette.replaying
        run(cassette)
        cassette.check()
    return path


def test_a_recorded_server_is_replayed(recorded):
    outcomes: list[str] = []

    def handle_and_tell(call: Any) -> None:
        handle(call)
        outcomes.append(call.refers[-1].outcome.status)

    for record in ("none", "once"):
        with Cassette(recorded, record) as cassette:
            assert cassette.replaying
            run(cassette, handle_and_tell)
            cassette.check()
    assert outcomes == ["busy", "busy"]


def test_a_recorded_server_is_replayed_to_another_front_end(recorded):
    async def main(url: str) -> None:
        client = RelayClient(project="p", token="other", host=url, contexts=["default"])
        done = anyio.Event()

        @client.on_call
        async def handle(call: Any) -> None:
            await call.answer()
            await (await call.play_tts("Please hold.")).wait()
            device = {"type": "sip", "params": {"uri": SUPPORT, "username": "me", "password": "other"}}
            outcome = await call.refer_and_wait(device, timeout=20)
            assert outcome.notify_response_code == 486
            await call.hangup()
            done.set()

        async with client:
            with anyio.fail_after(10):
                await done.wait()

    for backend in ("asyncio", "trio"):
        with CassettePlayer(recorded) as player:
            anyio.run(main, player.url, backend=backend)
            player.check()


def test_no_secret_and_no_number_is_in_a_cassette(recorded):
    text = recorded.read_text(encoding="utf-8")
    assert "calling.refer" in text
    for secret in (MARKER, "5557654321", "5551112222"):
        assert secret not in text


def test_a_command_that_differs_fails_with_a_diff(recorded):
    def handle_otherwise(call: Any) -> None:
        call.answer()
        call.play_tts("Please wait.").wait()

    with Cassette(recorded, "none") as cassette, pytest.raises(AssertionError) as caught:
        run(cassette, handle_otherwise)
    text = str(caught.value)
    assert text.startswith("a command differs from the recording:\n--- recorded\n+++ sent\n")
    assert re.search(r'^-.*"text": "Please hold\."$', text, re.MULTILINE)
    assert re.search(r'^\+.*"text": "Please wait\."$', text, re.MULTILINE)
    assert "pytest --relay-record=rewrite" in text


def test_a_changed_frame_of_the_recording_is_shown(recorded, tmp_path):
    changed = tmp_path / "changed.relay.jsonl"
    changed.write_text(
        recorded.read_text(encoding="utf-8").replace("Please hold.", "Please do hold."), encoding="utf-8"
    )
    with Cassette(changed, "none") as cassette, pytest.raises(AssertionError, match=r'-.*"text": "Please do hold\."'):
        run(cassette)


def test_a_command_that_is_missing_fails(recorded):
    with Cassette(recorded, "none") as cassette:
        client = SyncRelayClient(project="p", token="t", host=cassette.url, contexts=["default"])
        client.on_call(lambda call: call.answer())
        words = r"the client has not sent calling\.play, calling\.refer, calling\.end"
        with client, pytest.raises(AssertionError, match=words):
            cassette.call("sip:any@example.com", timeout=0.5)


def test_a_command_behind_the_end_of_the_recording_fails(recorded):
    with Cassette(recorded, "none") as cassette:
        run(cassette)
        client = SyncRelayClient(project="p", token="t", host=cassette.url, contexts=["default"], connect_timeout=0.5)
        with pytest.raises(Exception, match="409"):
            client.connect()
        with pytest.raises(AssertionError, match="the recording has no further command, and the client sent:"):
            cassette.check()


def test_a_cassette_that_is_missing_is_named(tmp_path):
    words = r"there is no cassette .*x\.relay\.jsonl: record it with pytest --relay-record=once"
    with pytest.raises(CassetteMissing, match=words):
        Cassette(tmp_path / "x.relay.jsonl", "none")


def test_a_failing_test_writes_no_cassette(tmp_path):
    with pytest.raises(LookupError), Cassette(tmp_path / "x.relay.jsonl", "rewrite"):
        raise LookupError
    with Cassette(tmp_path / "x.relay.jsonl", "rewrite") as cassette:
        cassette.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_cassette_is_written_again(tmp_path):
    path = tmp_path / "x.relay.jsonl"
    path.write_text("no trace", encoding="utf-8")
    with Cassette(path, "rewrite") as cassette:
        assert not cassette.replaying
    assert read_trace(path) == []


# --- the script ---------------------------------------------------------------------------------------------------------


def command(id_: str, method: str, **params: Any) -> TraceFrame:
    return TraceFrame(1.0, 1, True, {"id": id_, "method": method, "params": params})


def reply(id_: str, **result: Any) -> TraceFrame:
    return TraceFrame(1.0, 1, False, {"id": id_, "result": result})


def test_identifiers_and_numbers_are_the_clients():
    script = CassetteScript(
        [
            command("1", "calling.play", control_id="a", to="+15550000001"),
            reply("1", control_id="a"),
            command("2", "calling.play.stop", control_id="a", to=["sip:+15550000001@x"]),
            reply("2", to="call +15550000001 or +15550000002"),
        ]
    )
    assert script.receive(7, "calling.play", {"control_id": "mine", "to": "+49 30 1234567"})
    assert [frame.message for frame in script.due()] == [{"id": 7, "result": {"control_id": "mine"}}]
    assert not script.receive(8, "calling.play.stop", {"control_id": "other", "to": ["sip:+49301234567@x"]})
    assert '-  "control_id": "mine"' in script.difference
    assert script.receive(9, "calling.play.stop", {"control_id": "mine", "to": ["sip:+49 30 1234567@x"]})
    assert [frame.message["result"]["to"] for frame in script.due()] == ["call +49 30 1234567 or +15550000002"]
    assert (script.missing, script.connection) == ([], 0)


def test_commands_may_come_in_another_order_until_the_server_speaks():
    frames = [command("1", "a"), command("2", "b"), reply("1"), reply("2"), command("3", "c")]
    script = CassetteScript(frames)
    assert not CassetteScript(frames).receive(1, "c", {})
    assert script.receive(1, "b", {})
    assert list(script.due()) == []
    assert script.receive(2, "a", {})
    assert [frame.message["id"] for frame in script.due()] == [2, 1]
    assert script.missing == ["c"]


def test_acknowledgements_and_pings_are_not_compared():
    ack = TraceFrame(1.0, 1, True, {"id": "e", "result": {}})
    script = CassetteScript([ack, command("p", "signalwire.ping"), reply("p"), command("1", "a", token="***", x=[1])])
    assert list(script.due()) == []
    assert not script.receive(1, "a", {"token": "t", "x": [1, 2]})
    assert script.receive(1, "a", {"token": "t", "x": [1]})


# --- the fixture --------------------------------------------------------------------------------------------------------

TEST = """
from anyrelay.sync import RelayClient

WORDS = "Please hold."

def test_it(relay_cassette):
    client = RelayClient(project="p", token="t", host=relay_cassette.url, contexts=["default"])

    @client.on_call
    def handle(call):
        call.answer()
        call.play_tts(WORDS).wait()
        call.hangup()

    with client:
        relay_cassette.call("sip:alice@example.com")
"""


def test_the_fixture_records_and_replays(pytester):
    def run_pytest(*options: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess(*plugin(), "-p", "no:asyncio", *options)

    path = pytester.makepyfile(test_menu=TEST)
    missing = run_pytest()
    missing.assert_outcomes(errors=1)
    missing.stdout.fnmatch_lines(
        ["*there is no cassette *test_it.relay.jsonl: record it with pytest --relay-record=once"]
    )
    run_pytest("--relay-record=once").assert_outcomes(passed=1)
    cassette = pytester.path / "cassettes" / "test_menu" / "test_it.relay.jsonl"
    assert any(frame.method == "calling.play" for frame in read_trace(cassette))
    run_pytest().assert_outcomes(passed=1)
    path.write_text(TEST.replace("Please hold.", "One moment."), encoding="utf-8")
    changed = run_pytest("--relay-record=once")
    changed.assert_outcomes(failed=1)
    changed.stdout.fnmatch_lines(['E*-*"text": "Please hold."', 'E*+*"text": "One moment."'])
