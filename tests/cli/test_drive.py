"""The commands that drive a server, against ``anyrelay serve --http`` and the phone menu of the documentation."""

from __future__ import annotations

import json
import os
import pty
import queue
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from anyrelay.cli.commands import anyrelay
from anyrelay.sync import RelayClient
from tests.support.places import DOCS

EXAMPLES = DOCS / "examples"
COMMAND = [sys.executable, "-c", "from anyrelay.cli import main; main()"]
MENU = "Press 1 for sales, 2 for support."
CALLER = "sip:alice@example.com"

MORE = """
[numbers]
"+15550000001" = "menu"

[[messages]]
to = "+15550000001"
body = "from the seed"
"""
"""What the server begins with besides the phones of the phone menu."""

LONGEST = 60.0
"""Seconds after which a process is killed that has not ended."""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Run a server with the phones of the phone menu; yield what it says when it is ready."""
    options = ["--phones", "simulated", "--http", "127.0.0.1:0", "--pace", "20", "--json"]
    seed = tmp_path_factory.mktemp("seed") / "world.toml"
    seed.write_text((EXAMPLES / "menu.toml").read_text(encoding="utf-8") + MORE, encoding="utf-8")
    serve = [*COMMAND, "serve", *options, "--seed", str(seed)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
        ready = json.loads(process.stdout.readline())
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        yield ready
        process.send_signal(signal.SIGINT)
        reader.join()
        assert process.wait() == 0


@pytest.fixture(scope="module")
def texts() -> queue.Queue[str]:
    """The text messages that the program receives."""
    return queue.Queue()


@pytest.fixture(scope="module", autouse=True)
def program(server, texts) -> Iterator[RelayClient]:
    """Run the phone menu of the documentation against the server."""
    make_client = runpy.run_path(str(EXAMPLES / "ivr_threads.py"))["make_client"]
    client = make_client(project="any", token="any", host=server["relay"])
    client.on_message(lambda message: texts.put(message.body))
    with client:
        yield client


@pytest.fixture(autouse=True)
def environment(server, monkeypatch):
    monkeypatch.setenv("ANYRELAY_SERVER_URL", server["http"])
    monkeypatch.delenv("ANYRELAY_HTTP_TOKEN", raising=False)


def invoke(*arguments: str) -> tuple[int, list[str], str]:
    """Run a command; return its exit status, its lines, and what it complains of."""
    done = CliRunner().invoke(anyrelay, arguments)
    return done.exit_code, done.stdout.splitlines(), done.stderr


def objects(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


# --- phone --------------------------------------------------------------------------------------------------------------


def test_a_script_runs_the_phone_menu_of_the_documentation_to_its_end():
    status, lines, err = invoke("phone", "menu", "--script", f"@{EXAMPLES / 'menu.script'}", "--timeout", "30")
    assert (status, err) == (0, "")
    assert [line for line in lines if line.startswith(("says", "refer", "ended"))] == [
        f"says     {MENU}",
        "says     There is no such choice.",
        f"says     {MENU}",
        "says     They cannot take your call.",
        f"says     {MENU}",
        "refer    sip:sales@example.com",
        "ended    hangup",
    ]
    assert f"> wait '{MENU}'" in lines


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "wait 'Press 1'\npress 3\nexpect refer",
            "line 3: expect refer: instead came: says There is no such choice.",
        ),
        ("wait 'Press 1'; press 1; expect ended", "line 1: expect ended: instead came: refer sip:sales@example.com"),
        (
            "wait 'Press 1'\n\nhangup; wait 'PIN'",
            "line 3: wait 'PIN': instead came: ended hangup",
        ),
        ("hangup; press 1", "line 1: press 1: the call is over"),
        ("hangup; wait ended; press 1", "line 1: press 1: the call has ended (hangup)"),
        (
            "wait 'Press 1'; wait digits within 0.01",
            f"line 1: wait digits within 0.01: nothing more came within 0.01 s; the last text was {MENU!r}",
        ),
    ],
)
def test_a_script_that_does_not_come_so_fails_with_what_came_instead(script, words):
    status, _, err = invoke("phone", "menu", "--script", script, "--timeout", "30")
    assert (status, err) == (1, f"anyrelay: {words}\n")


def test_the_phone_hangs_up_after_the_script(program):
    status, _, err = invoke("phone", "menu", "--from", CALLER, "--script", "wait 'Press 1'", "--timeout", "30")
    assert (status, err) == (0, "")
    _, lines, _ = invoke("calls", "--json")
    last = objects(lines)[-1]
    assert (last["from"], last["state"], last["end_reason"]) == (CALLER, "ended", "hangup")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("press 1; wait 'PIN", "line 1: a quotation mark is missing"),
        ("@/none", "--script @/none cannot be read: No such file or directory"),
    ],
)
def test_a_script_that_cannot_be_read_calls_nobody(script, words):
    before = invoke("calls", "--json")[1]
    status, lines, err = invoke("phone", "menu", "--script", script)
    assert (status, lines) == (2, [])
    assert words in err
    assert invoke("calls", "--json")[1] == before


def test_a_person_types_keys_in_a_terminal():
    ours, terminal = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "phone", "menu", "--json"], stdin=terminal, stdout=subprocess.PIPE, text=True
    ) as phone:
        os.close(terminal)
        guard = threading.Timer(LONGEST, phone.kill)
        guard.start()
        try:
            happened = []
            for line in phone.stdout:
                happened.append(json.loads(line))
                if happened[-1] == {"event": "says", "text": MENU}:
                    os.write(ours, b"1\n")
        finally:
            guard.cancel()
            os.close(ours)
    assert phone.returncode == 0
    said_and_done = [each for each in happened if each["event"] != "transfer"]
    assert said_and_done == [
        {"event": "answered", "text": ""},
        {"event": "says", "text": MENU},
        {"event": "refer", "text": "sip:sales@example.com"},
        {"event": "ended", "text": "hangup"},
    ]


@pytest.mark.parametrize(
    ("ends", "status", "err"),
    [("ctrl-d", 0, ""), (signal.SIGINT, 130, "anyrelay: stopped\n"), (signal.SIGTERM, 143, "anyrelay: terminated\n")],
)
def test_ctrl_d_ctrl_c_and_sigterm_hang_up(ends, status, err):
    ours, terminal = pty.openpty()
    pipes = {"stdin": terminal, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, "phone", "menu", "--from", CALLER], **pipes, text=True) as phone:
        os.close(terminal)
        guard = threading.Timer(LONGEST, phone.kill)
        guard.start()
        try:
            while not phone.stdout.readline().startswith("says"):
                pass
            if ends == "ctrl-d":
                os.write(ours, b"\x04")
            else:
                phone.send_signal(ends)
            assert (phone.wait(), phone.stderr.read()) == (status, err)
        finally:
            guard.cancel()
            os.close(ours)
    call = objects(invoke("calls", "--json")[1])[-1]
    assert (call["from"], call["state"]) in ((CALLER, "ended"), (CALLER, "ending"))


def test_keys_that_come_through_a_pipe_are_pressed_and_its_end_does_not_hang_up():
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, "phone", "menu"], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as phone:
        guard = threading.Timer(LONGEST, phone.kill)
        guard.start()
        try:
            while not phone.stdout.readline().startswith("says"):
                pass
            out, err = phone.communicate("hello\n1")  # without a line end
        finally:
            guard.cancel()
    assert phone.returncode == 0
    assert err == "anyrelay: type keys (0-9 # * A-D; w and W are pauses), say TEXT, or hangup\n"
    assert "refer    sip:sales@example.com" in out.splitlines()
    assert out.splitlines()[-1] == "ended    hangup"


# --- call, calls, refer, text, reset ------------------------------------------------------------------------------------


def test_a_call_that_presses_keys_is_followed_to_its_end():
    keys = "WWWW2" * 40  # the menu takes no key before its prompt
    status, lines, err = invoke("call", "menu", "--press", keys, "--hangup-after", "400", "--wait")
    assert (status, err) == (0, "")
    assert lines[0] == "answered"
    assert "says     They cannot take your call." in lines
    assert lines[-1] == "ended    hangup"


def test_a_call_is_placed_listed_transferred_and_watched():
    assert invoke("reset")[0] == 0
    _, (first,), _ = invoke("call", "menu")
    with subprocess.Popen(
        [*COMMAND, "calls", "--watch", "--context", "menu"], stdout=subprocess.PIPE, text=True
    ) as watch:
        guard = threading.Timer(LONGEST, watch.kill)
        guard.start()
        try:
            assert next(watch.stdout).startswith(first[:8])  # from now on it follows
            status, (call_id,), _ = invoke("call", "menu", "--from", CALLER)
            assert status == 0
            short = call_id[:8]
            rows = (line for line in watch.stdout if line.startswith(short))
            while " answered " not in next(rows):
                pass
            listed = invoke("calls", "--state", "answered")[1]
            assert listed[-1].startswith(short)
            assert listed[-1].endswith(f"answered  {CALLER} -> menu")
            assert invoke("refer", short, "sip:sales@example.com") == (
                0,
                [f"{call_id} is referred to sip:sales@example.com"],
                "",
            )
            while " ended " not in (row := next(rows)):
                pass
            assert row.endswith("s hangup\n")
            watch.send_signal(signal.SIGINT)
            assert watch.wait() == 0
        finally:
            guard.cancel()
            watch.kill()
    status, lines, err = invoke("refer", short, "sip:sales@example.com")
    assert (status, lines) == (1, [])
    assert "over" in err


def test_a_uri_that_is_none_is_not_sent():
    status, lines, err = invoke("refer", "7f0c", "sales")
    assert (status, lines) == (2, [])
    assert err.startswith("anyrelay: URI ")


def test_a_text_arrives(texts):
    status, lines, err = invoke("text", "+15550000001", "Where is it?", "--from", "+15557654321", "--json")
    assert (status, err) == (0, "")
    message = objects(lines)[0]
    assert (message["from"], message["body"], message["context"]) == ("+15557654321", "Where is it?", "menu")
    assert [texts.get(timeout=LONGEST) for _ in range(2)] == ["from the seed", "Where is it?"]


def test_reset_forgets_the_calls_and_describes_the_phones_of_the_seed_again():
    assert invoke("call", "menu")[0] == 0
    assert invoke("reset") == (0, ["the server is reset"], "")
    assert invoke("calls") == (0, ["no calls"], "")
    assert invoke("calls", "--json") == (0, [], "")
    filtered = ["calls", "--state", "ringing", "--context", "menu"]
    assert invoke(*filtered) == (0, ["no ringing calls of the context menu"], "")
    script = "wait 'Press 1'; press 1; wait transfer success"
    assert invoke("phone", "menu", "--script", script, "--timeout", "30")[0] == 0


# --- trace --------------------------------------------------------------------------------------------------------------


def test_the_messages_of_a_running_server_are_drawn(server):
    assert invoke("call", "menu", "--hangup-after", "0.1", "--wait")[0] == 0
    call_id = objects(invoke("calls", "--json")[1])[-1]["id"]
    status, lines, err = invoke("trace", server["http"], "--call", str(call_id)[:8])
    assert (status, err) == (0, "")
    drawn = "\n".join(lines)
    words = ("call.receive created", "calling.answer", "call.state ended")
    assert [drawn.count(word) for word in words] == [1, 1, 1]
    assert invoke("trace", server["http"], "--call", "none")[0] == 2
    status, lines, err = invoke("trace", server["http"], "--call", str(call_id)[:8], "--format", "pcap")
    assert (status, lines) == (2, [])
    assert "no SIP message of this call: simulated phones send none" in err
