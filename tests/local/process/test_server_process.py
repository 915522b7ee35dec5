"""The local server as a process: its options, its lines, its orders, its end."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import anyio
import pytest

from anyrelay import ReferStatus
from anyrelay.local import LocalRelay, SimulatedPhones, SyncLocalRelay
from anyrelay.local.process import report, serve
from anyrelay.local.process.control import Control
from anyrelay.local.process.server_process import ServerProcess
from anyrelay.local.simulated.scripts import Refuse, Script
from anyrelay.sync import RelayClient

SUPPORT = "sip:support@example.com"


def make_client(relay):
    return RelayClient(project="p", token="t", host=relay.url, contexts=["default"])


@pytest.fixture(scope="module")
def relay():
    with SyncLocalRelay(pace=50) as running:
        yield running


def test_a_call_with_blocking_code_alone(relay):
    relay.phones.add(SUPPORT, answers="decline")
    outcomes = []
    client = make_client(relay)

    @client.on_call
    def handle(call):
        call.answer()
        call.play([{"type": "tts", "text": "One moment."}]).wait()
        outcomes.append(call.refer_and_wait(SUPPORT, timeout=5))
        call.hangup()

    with client:
        caller = relay.phones.dial("sip:alice@example.com")
        caller.answered()
        assert caller.ended() == "hangup"
    assert [outcome.status for outcome in outcomes] == [ReferStatus.DECLINED]
    assert [medium.params["text"] for medium in caller.heard] == ["One moment."]
    assert (caller.uri, caller.state, caller.transferred_to) == ("sip:alice@example.com", "ended", "")
    assert caller.referred_to == [SUPPORT]


def test_a_caller_with_a_behaviour_hangs_up(relay):
    outcomes = []
    client = make_client(relay)

    @client.on_call
    def handle(call):
        call.answer()
        outcomes.append(call.refer_and_wait(SUPPORT, timeout=5))

    with client:
        caller = relay.phones.dial("sip:alice@example.com", on_refer=Refuse(405))
        deadline = time.monotonic() + 10
        while not caller.referred_to and time.monotonic() < deadline:
            time.sleep(0.001)
        assert caller.heard == ()
        caller.hang_up()
        caller.ended()
    assert outcomes[0].status is ReferStatus.REJECTED


def test_errors_of_the_other_process_are_raised_here(relay):
    with pytest.raises(ValueError, match="answers"):
        relay.phones.add(SUPPORT, answers="maybe")
    with pytest.raises(TypeError, match="code"):
        relay.phones.add(SUPPORT, code="x")
    with pytest.raises(ValueError, match="Script"):
        relay.phones.dial("sip:alice@example.com", on_refer=Script([]))
    with pytest.raises(RuntimeError, match="fly"):
        relay.order("fly")
    caller = relay.phones.dial("sip:alice@example.com", wait_for_subscriber=0)
    with pytest.raises(ValueError, match="state"):
        caller._wait("happy", 1)


def test_a_wait_runs_out(relay):
    with make_client(relay):
        caller = relay.phones.dial("sip:alice@example.com")
        with pytest.raises(TimeoutError, match=r"ended within 0\.05 s"):
            caller.ended(timeout=0.05)
        caller.hang_up()


def test_threads_wait_at_once(relay):
    callers = [relay.phones.dial("sip:alice@example.com", wait_for_subscriber=0) for _ in range(4)]
    results = []
    threads = [threading.Thread(target=lambda one=one: results.append(one.ended())) for one in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == ["noAnswer"] * 4


def test_connections_are_dropped_or_told_that_they_will_be_closed(relay):
    with make_client(relay) as client:
        relay.drop_connections()
        relay.phones.dial("sip:alice@example.com").hang_up()
        relay.say_goodbye(restart=True)
        assert client.relay_protocol


def test_sessions_are_forgotten(relay):
    with make_client(relay) as client:
        before = client.relay_protocol
        relay.forget_sessions()
        deadline = time.monotonic() + 10
        while client.relay_protocol in ("", before):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert client.statistics()["sessions_lost"] == 1


def test_a_server_that_is_not_running():
    with pytest.raises(RuntimeError, match="with block"):
        SyncLocalRelay().phones.add(SUPPORT)


def test_a_server_that_cannot_start(capfd):
    with pytest.raises(RuntimeError, match="has ended"):
        SyncLocalRelay(listen="nonsense").__enter__()
    assert "--listen must be HOST:PORT" in capfd.readouterr().err


def test_a_server_that_was_killed():
    with SyncLocalRelay(tls_dir=None, project="p", token="t") as doomed:
        doomed._process._process.signal(signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="has ended"):
                doomed.phones.add(SUPPORT)


def test_a_process_that_will_not_end_is_killed(monkeypatch):
    monkeypatch.setattr("anyrelay.local.json_process.STOP_TIME", 0.05)
    program = (
        'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\'{"event": "ready"}\', flush=True)'
    )
    stubborn = ServerProcess([sys.executable, "-c", f"{program}; time.sleep(60)"])
    stubborn.ready()
    stubborn.stop()
    assert stubborn._process.status == -signal.SIGKILL


def test_a_process_that_never_says_that_it_is_ready(monkeypatch):
    monkeypatch.setattr("anyrelay.local.process.server_process.START_TIME", 0.05)
    mute = ServerProcess([sys.executable, "-c", "import sys; sys.stdin.read()"])
    try:
        with pytest.raises(TimeoutError, match="did not reply"):
            mute.ready()
    finally:
        mute.stop()


# --- the command line


def start(*arguments, stdin=subprocess.PIPE):
    return subprocess.Popen(
        [sys.executable, "-m", "anyrelay.local", "--phones", "simulated", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_lines_of_json(tmp_path):
    with start("--json", "--frames", "--tls-dir", str(tmp_path), "--pace", "50") as process:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        assert ready["relay"].startswith("wss://localhost:")
        assert ready["sip"] is None
        assert ready["ca_file"] == str(tmp_path / "ca.pem")
        with RelayClient(
            project="p", token="secret", host=ready["relay"], contexts=["default"], ca_file=ready["ca_file"]
        ):
            order = {"id": 1, "do": "dial", "uri": "sip:alice@example.com"}
            process.stdin.write(json.dumps(order) + "\nnonsense\n")
            process.stdin.flush()
            lines = []
            while not lines or lines[-1]["event"] != "reply" or lines[-1]["id"] is not None:
                lines.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        assert process.wait(10) == 0
        seen = {line["event"] for line in lines}
        assert seen == {"relay", "happened", "phone", "reply"}
        assert lines[-1]["error"] == "JSONDecodeError"
        assert not any("secret" in json.dumps(line) for line in lines)
        assert "calling.call.receive" in {line.get("event_type") for line in lines}
        assert process.stderr.read() == ""


def test_words_for_people():
    with start("--frames", stdin=subprocess.DEVNULL) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("RELAY clients connect to ws://127.0.0.1:")
            with RelayClient(project="p", token="t", host=line.split()[-1], contexts=["default"]):
                told = [process.stdout.readline()]
                while not told[-1].startswith("<- 1 "):
                    told.append(process.stdout.readline())
            assert told[0] == f"export SIGNALWIRE_SPACE={line.split()[-1]}\n"
            assert [each for each in told if each.startswith("# Acted by scripts only: calling.ai, ")]
            assert "signalwire.connect" in told[-1]
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_words(capsys):
    for event in (
        {"event": "ready", "relay": "wss://localhost:1", "sip": "sip:127.0.0.1:5060", "ca_file": "ca.pem"},
        {"event": "happened", "event_type": "calling.call.state", "params": {"call_id": "c", "call_state": "ended"}},
        {"event": "sip", "source": "a", "target": "b", "message": "BYE sip:x SIP/2.0\r\nTo: y"},
        {"event": "phone", "uri": "sip:x", "words": "answered"},
        {"event": "sip", "source": "a", "target": "b", "message": "\r\nBYE sip:y SIP/2.0\nTo: y\n"},
        {"event": "relay", "direction": "tx", "client": 1, "text": "{}"},
        {"event": "reply"},
    ):
        report.print_words(event)
    assert capsys.readouterr().out.splitlines() == [
        "RELAY clients connect to wss://localhost:1",
        "SIP phones call sip:<context>@127.0.0.1:5060",
        "Clients are to trust ca.pem (SIGNALWIRE_RELAY_CA_FILE)",
        "calling.call.state c ended",
        "a -> b BYE sip:x SIP/2.0",
        "sip:x answered",
        "a -> b BYE sip:y SIP/2.0",
        "-> 1 {}",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"listen": "x"}, "--listen must be HOST:PORT"), ({"phones": "tin cans"}, "--phones"), ({"pace": -1}, "pace")],
)
def test_what_cannot_be_served(options, words, capsys):
    assert serve.serve(serve.ServeOptions(**{"phones": "simulated"} | options)) == 2
    assert words in capsys.readouterr().err


def test_nobody_reads_any_more():
    with start("--json") as process:
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(json.dumps({"id": 1, "do": "look", "caller": 7}) + "\n")
        process.stdin.flush()
        process.wait(10)
        assert process.stderr.read() == ""


@pytest.mark.anyio
async def test_orders_are_followed_side_by_side():
    reading, writing = os.pipe()
    reports = []
    try:
        async with LocalRelay(SimulatedPhones()) as relay, anyio.create_task_group() as tasks:
            tasks.start_soon(Control(relay, reports.append, descriptor=reading).run)
            orders = [
                {"id": 1, "do": "dial", "uri": "sip:alice@example.com", "wait_for_subscriber": 0.2},
                {"id": 2, "do": "add", "uri": SUPPORT},
            ]
            os.write(writing, b"".join(json.dumps(order).encode() + b"\n" for order in orders))
            with anyio.fail_after(5):
                while len(reports) < 2:
                    await anyio.sleep(0.001)
            os.close(writing)
    finally:
        os.close(reading)
    assert [report["id"] for report in reports] == [2, 1]
