"""``anyrelay demo``: its output and its exit status."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

COMMAND = [sys.executable, "-c", "from anyrelay.cli import main; main()", "demo"]

SIMULATED = [
    # target, front end, and what the last lines say
    ("answer", "asyncio", "SUCCEEDED (REFER 202, NOTIFY 200)"),
    ("busy", "trio", "BUSY (REFER 202, NOTIFY 486)"),
    ("silent", "sync", "UNKNOWN (REFER 202, NOTIFY 180)"),
    ("no-answer", "asyncio", "NO_ANSWER (REFER 202, NOTIFY 480)"),
    ("decline", "trio", "DECLINED (REFER 202, NOTIFY 603)"),
    ("reject", "sync", "REJECTED (REFER 403, NOTIFY -)"),
]


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("target", "front", "words"), SIMULATED)
def test_each_target_gives_its_outcome(target: str, front: str, words: str) -> None:
    done = demo("--phones", "simulated", "--target", target, "--front", front)
    assert done.returncode == 0, done.stdout + done.stderr
    assert words in done.stdout
    assert f"on {front}." in done.stdout
    for message in ("signalwire.connect", "calling.answer", "calling.play", "calling.refer", "SIP REFER result"):
        assert message in done.stdout
    assert "your-api-token" not in done.stdout


@pytest.mark.sip
def test_a_real_sip_call_is_transferred() -> None:
    if importlib.util.find_spec("baresip") is None:
        assert os.environ.get("CI") != "true", "baresip-python is not installed"
        pytest.skip("the SIP stack is not installed: pip install 'anyrelay[sip]'")
    done = demo()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()

    def line_of(words: str) -> int:
        return next(number for number, line in enumerate(lines) if words in line)

    story = [
        "INVITE",
        "calling.answer",
        "200 Answering",
        "REFER ─",
        "202 Accepted",
        "NOTIFY “200 OK”",
        "success 200",
        "BYE ─",
    ]
    assert [line_of(words) for words in story] == sorted(line_of(words) for words in story)
    assert "caller and target are talking to each other" in done.stdout


def test_what_the_sip_stack_cannot_play_is_said() -> None:
    done = demo("--target", "decline")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--phones simulated --target decline" in done.stderr


@contextlib.contextmanager
def running(front: str) -> Iterator[subprocess.Popen[str]]:
    """Run a demo of which the wait for the outcome takes a second; it is killed when it takes for ever."""
    command = [*COMMAND, "--phones", "simulated", "--target", "silent", "--front", front]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        guard = threading.Timer(60, run.kill)
        guard.start()
        try:
            yield run
        finally:
            guard.cancel()
            run.kill()


@pytest.mark.parametrize("front", ["asyncio", "trio", "sync"])
@pytest.mark.parametrize("moment", ["RELAY server", "calling.answer", "calling.refer", "inProgress 180"])
def test_ctrl_c_ends_it_and_its_processes(moment: str, front: str) -> None:
    with running(front) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert any(moment in line for line in run.stdout)
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()  # its children hold the other end too, until they are gone
        assert (run.wait(), run.stderr.read()) == (130, "anyrelay: stopped\n")
        assert "There is no outcome" not in rest


def test_it_ends_in_order_when_standard_output_is_closed() -> None:
    with running("asyncio") as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.readline()
        run.stdout.close()
        assert (run.wait(), run.stderr.read()) == (0, "")
