"""The ``anyrelay`` command as a process: its output and its exit status. No test calls a phone or keeps a port."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from anyrelay.cli import ending
from anyrelay.cli.commands import anyrelay
from anyrelay.cli.listen import run_listen
from anyrelay.errors import AuthenticationError, ConnectFailed, RequestTimeout
from anyrelay.local import SyncLocalRelay
from anyrelay.local.process import options as process_options
from anyrelay.local.process import serve
from anyrelay.protocol.schema import parse_event
from anyrelay.testing import read_trace
from tests.support.places import DOCS

BOB, DESK = "sip:bob@example.com", "sip:desk@example.com"
CALLING = ("dial", BOB, "--from", DESK)
MAIN = "from anyrelay.cli import main; main()"
COMMAND = [sys.executable, "-c", MAIN]
SERVER = [sys.executable, "-m", "anyrelay.local", "--phones", "simulated", "--json", "--control", "--pace", "20"]
SIMULATED = ("serve", "--phones", "simulated")
NOWHERE = "ws://127.0.0.1:9"

LONGEST = 60.0
"""Seconds after which a process is killed that has not ended."""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("SIGNALWIRE_", "RELAY_")) or "PROXY" in name.upper()]:
        monkeypatch.delenv(name)


@pytest.fixture
def account(monkeypatch):
    """Let the commands connect to a URL, with any credentials."""

    def use(url: str, token: str = "any") -> None:
        monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "any")
        monkeypatch.setenv("SIGNALWIRE_API_TOKEN", token)
        monkeypatch.setenv("SIGNALWIRE_SPACE", url)

    return use


@pytest.fixture(scope="module")
def relay():
    with SyncLocalRelay(pace=20) as relay:
        yield relay


def run(*arguments: str, missing: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as if a module were not installed."""
    command = (
        COMMAND if missing is None else [sys.executable, "-c", f"import sys; sys.modules[{missing!r}] = None; {MAIN}"]
    )
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=LONGEST)


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command meanwhile; it is killed when it takes for ever."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1) as process:
        guard = threading.Timer(LONGEST, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Return the first line that has the words in it."""
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without {words!r}: {process.stderr.read()}")


def order(server: subprocess.Popen[str], **what: object) -> None:
    """Have a server do something, and wait until it has."""
    server.stdin.write(json.dumps({"id": 1, **what}) + "\n")
    assert "error" not in json.loads(read_until(server, '"reply"'))


# --- serve --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_serve_serves_until_it_is_stopped(ends, account):
    with running(*COMMAND, *SIMULATED, "--json") as server:
        ready = json.loads(server.stdout.readline())
        assert (ready["event"], ready["sip"], ready["ca_file"]) == ("ready", None, None)
        account(ready["relay"])
        assert run(*CALLING).returncode == 1  # Bob's phone is not described
        assert json.loads(server.stdout.readline())["event_type"] == "calling.call.dial"
        server.send_signal(ends)
        assert (server.wait(), server.stderr.read()) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--listen", ":0"), "--listen must be HOST:PORT, such as --listen 127.0.0.1:8443, not ':0'"),
        (("--listen", "127.0.0.1"), "--listen must be HOST:PORT"),
        (("--listen", "127.0.0.1:"), "--listen must be HOST:PORT"),
        (("--listen", "127.0.0.1:65536"), "--listen must be HOST:PORT"),
        (("--listen", "127.0.0.1:http"), "--listen must be HOST:PORT"),
        (("--listen", "a..b:0"), "--listen a..b:0 cannot be listened on"),
        (("--listen", "198.51.100.1:0"), "--listen 198.51.100.1:0 cannot be listened on"),
        (("--sip", "127.0.0.1:5060"), "--sip is for real phones"),
        (("--tls-dir", os.devnull), f"--tls-dir {os.devnull} cannot be used"),
    ],
)
def test_serve_says_what_is_wrong(options, words):
    done = run(*SIMULATED, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("calls", ["0", "251", "many"])
def test_serve_wants_a_limit_of_calls_that_the_stack_has(calls):
    done = CliRunner().invoke(anyrelay, ["serve", "--max-calls", calls])
    assert done.exit_code == 2
    assert "--max-calls" in done.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (":5060", "--sip must be HOST:PORT, such as --sip 127.0.0.1:5060"),
        ("0.0.0.0:0", "--sip must name one address"),
        ("[::2]:0", "name an address of this machine, such as 127.0.0.1:5060"),
    ],
)
def test_serve_says_what_is_wrong_with_the_address_of_real_phones(address, words, monkeypatch, capsys):
    monkeypatch.setattr(process_options, "need_sip", lambda: None)
    assert serve.serve(serve.ServeOptions(sip=address)) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_serve_says_which_port_is_in_use(kind, monkeypatch, capsys):
    monkeypatch.setattr(process_options, "need_sip", lambda: None)
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        if kind is socket.SOCK_STREAM:
            done = run(*SIMULATED, "--listen", address)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == f"anyrelay: --listen {address} is in use; choose another port, or 0 for a free one\n"
        assert serve.serve(serve.ServeOptions(sip=address)) == 2
        assert f"--sip {address} is in use; choose another port, or 0 for a free one" in capsys.readouterr().err


def options_of(**changed):
    chosen = {
        "listen": "127.0.0.1:0",
        "sip": None,
        "phones": "simulated",
        "tls_dir": None,
        "project": None,
        "token": None,
    }
    rest = {"as_json": False, "show_frames": False, "quiet": False, "control": False, "pace": 1.0, "max_calls": 200}
    return process_options.ServeOptions(**{**chosen, **rest, **changed})


def test_serve_warns_of_addresses_that_others_can_reach(monkeypatch, capsys):
    monkeypatch.setattr(process_options, "need_sip", lambda: None)
    process_options.checked_options(options_of())
    assert capsys.readouterr().err == ""
    process_options.checked_options(options_of(listen="0.0.0.0:0"))
    assert (
        "other machines can reach --listen 0.0.0.0:0; tokens and calls travel in the clear" in capsys.readouterr().err
    )
    process_options.checked_options(options_of(listen="0.0.0.0:0", no_token=True))
    assert "other machines can reach --listen 0.0.0.0:0, and anybody may sign in: leave --no-token out" in (
        capsys.readouterr().err
    )
    process_options.checked_options(options_of(listen="0.0.0.0:0", token="t"))
    assert "anybody" not in capsys.readouterr().err


def test_real_phones_get_an_address_in_numbers_in_place_of_a_name(monkeypatch):
    monkeypatch.setattr(process_options, "need_sip", lambda: None)
    assert process_options.checked_options(options_of(phones="sip", sip="localhost:0")).sip == "127.0.0.1:0"


# --- listen -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [True, False])
def test_listen_prints_every_event_until_ctrl_c(as_json, account):
    with running(*SERVER) as server:
        account(json.loads(server.stdout.readline())["relay"])
        with running(*COMMAND, "listen", "--context", "support", *(["--json"] if as_json else [])) as listener:
            order(server, do="dial", uri="sip:alice@example.com", context="support", wait_for_subscriber=30)
            line = read_until(listener, "calling.call.receive")
            if as_json:
                event = json.loads(line)
                assert (event["params"]["context"], event["timestamp"] > 0) == ("support", True)
            else:
                assert len(line.split()) == 4
            listener.send_signal(signal.SIGINT)
            assert (listener.wait(), listener.stderr.read()) == (0, "anyrelay: signed in\n")


def test_listen_records_its_messages(account, tmp_path):
    path = tmp_path / "listened.relay.jsonl"
    with running(*SERVER) as server:
        account(json.loads(server.stdout.readline())["relay"])
        with running(*COMMAND, "listen", "--trace", str(path)) as listener:
            order(server, do="dial", uri="sip:alice@example.com", wait_for_subscriber=30)
            read_until(listener, "calling.call.receive")
            listener.send_signal(signal.SIGINT)
            assert listener.wait() == 0
    assert [frame.method for frame in read_trace(path)][:3] == ["signalwire.connect", "", "signalwire.event"]


def test_listen_says_that_a_trace_cannot_be_created(account, capsys):
    account(NOWHERE)
    assert run_listen(("default",), as_json=False, trace="/no/such/folder/x") == 2
    assert capsys.readouterr().err == (
        "anyrelay: --trace /no/such/folder/x cannot be created: No such file or directory\n"
    )


def test_listen_ends_when_standard_output_is_closed(account):
    with running(*SERVER) as server:
        account(json.loads(server.stdout.readline())["relay"])
        with running(*COMMAND, "listen", "--json") as listener:
            order(server, do="dial", uri="sip:alice@example.com", wait_for_subscriber=30)
            listener.stdout.readline()
            listener.stdout.close()
            order(server, do="dial", uri="sip:alice@example.com")
            assert (listener.wait(), listener.stderr.read()) == (0, "anyrelay: signed in\n")


def test_listen_says_that_the_credentials_were_refused(account, monkeypatch):
    def refused(_client):
        raise AuthenticationError(401, "no such token")

    monkeypatch.setattr("anyrelay.sync.RelayClient.run", refused)
    account(NOWHERE)
    done = CliRunner().invoke(anyrelay, ["listen"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "anyrelay: RELAY error 401: no such token; check SIGNALWIRE_PROJECT_ID and SIGNALWIRE_API_TOKEN"
        " (or SIGNALWIRE_JWT_TOKEN)\n"
    )


@pytest.mark.parametrize("command", [("listen",), CALLING])
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"SIGNALWIRE_PROJECT_ID": ""}, "SIGNALWIRE_PROJECT_ID is not set"),
        ({"SIGNALWIRE_API_TOKEN": ""}, "SIGNALWIRE_API_TOKEN is not set"),
        ({"SIGNALWIRE_API_TOKEN": "\x01"}, "SIGNALWIRE_API_TOKEN contains"),
        ({"SIGNALWIRE_JWT_TOKEN": "\x01"}, "SIGNALWIRE_JWT_TOKEN contains"),
        ({"SIGNALWIRE_SPACE": "ws://192.0.2.1"}, "SIGNALWIRE_SPACE must be a host such as"),
        ({"SIGNALWIRE_SPACE": "https://x.signalwire.com"}, "SIGNALWIRE_SPACE must be a host such as"),
        ({"SIGNALWIRE_SPACE": "me:secret@x"}, "SIGNALWIRE_SPACE must be a host such as"),
        (
            {"SIGNALWIRE_SPACE": "x", "SIGNALWIRE_RELAY_CA_FILE": "/none"},
            "SIGNALWIRE_RELAY_CA_FILE '/none' cannot be used",
        ),
        ({"SIGNALWIRE_SPACE": "x", "HTTPS_PROXY": "ftp://x"}, "HTTPS_PROXY: the scheme must be http"),
        ({"RELAY_MAX_ACTIVE_CALLS": "many"}, "RELAY_MAX_ACTIVE_CALLS must be a whole number"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(command, variables, words, account, monkeypatch):
    account(NOWHERE)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(anyrelay, command)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stdout == ""
    for word in ("pass ", "host=", "jwt_token", "secret", "allow_insecure"):
        assert word not in done.stderr


def test_an_empty_context_is_named(account):
    account(NOWHERE)
    done = run("listen", "--context", "")
    assert (done.returncode, done.stderr) == (2, "anyrelay: --context must not be empty\n")


def test_a_servers_text_cannot_control_the_terminal(monkeypatch, account, capsys):
    nasty = "\x1b[2J\x07\x9b31m\u202e\ud800\n"
    event = parse_event(
        {"event_type": f"calling.{nasty}", "timestamp": 0.0, "params": {"call_id": nasty, "state": nasty}}
    )

    told = []
    monkeypatch.setattr("anyrelay.sync.RelayClient.on_event", lambda _client, handler: told.append(handler))
    monkeypatch.setattr("anyrelay.sync.RelayClient.run", lambda _client: told[-1](event))
    account(NOWHERE)
    for as_json in (False, True):
        assert run_listen(("default",), as_json=as_json) == 0
        line = capsys.readouterr().out
        assert line.removesuffix("\n").isprintable()
        assert ("\\x1b[2J\\x07\\x9b31m\\u202e\\ud800\\n" in line) is not as_json
        if as_json:
            assert json.loads(line)["params"]["call_id"] == nasty


# --- dial ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ends", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("answers", "until"), [("silent", "state ringing"), ("answer", "dial answered")])
def test_dial_hangs_up_when_it_is_stopped(answers, until, ends, status, account):
    with running(*SERVER) as server:
        account(json.loads(server.stdout.readline())["relay"])
        order(server, do="add", uri=BOB, answers=answers)
        with running(*COMMAND, *CALLING) as dialing:
            read_until(dialing, until)
            dialing.send_signal(ends)
            assert dialing.wait() == status
            assert dialing.stderr.read() == f"anyrelay: {'stopped' if status == 130 else 'terminated'}\n"
        # What is answered may be the dial's still, which cancels, or the command's already.
        ended = json.loads(read_until(server, '"call_state": "ended"'))
        assert ended["params"]["end_reason"] in (("hangup", "cancel") if answers == "answer" else ("cancel",))


def test_dial_goes_on_when_standard_output_is_closed(relay, account):
    account(relay.url)
    relay.phones.add(BOB)
    with running(*COMMAND, *CALLING, "--say", "Your table is ready.") as dialing:
        dialing.stdout.readline()
        dialing.stdout.close()
        assert (dialing.wait(), dialing.stderr.read()) == (0, "")


def test_dial_says_on_standard_error_what_went_wrong(relay, account):
    account(relay.url)
    relay.phones.add(BOB, "busy")
    done = run(*CALLING)
    assert done.returncode == 1
    assert done.stderr.startswith("anyrelay: nobody answered the dial")
    assert done.stderr.count("\n") == 1
    assert done.stdout.splitlines()[-2:] == ["state ended (busy)", "dial failed"]


def test_dial_says_where_it_could_not_connect(account, monkeypatch):
    def unconnected(_client):
        raise ConnectFailed("no connection to 127.0.0.1:9")

    monkeypatch.setattr("anyrelay.sync.RelayClient.connect", unconnected)
    account(NOWHERE)
    done = CliRunner().invoke(anyrelay, CALLING)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "anyrelay: no connection to 127.0.0.1:9; SIGNALWIRE_SPACE says where to connect\n"


def test_dial_says_that_it_could_not_hang_up(relay, account, monkeypatch):
    def unheard(_call):
        raise RequestTimeout("no answer")

    monkeypatch.setattr("anyrelay.sync.Call.hangup", unheard)
    account(relay.url)
    relay.phones.add(BOB)
    done = CliRunner().invoke(anyrelay, [*CALLING, "--say", "Your table is ready."])
    assert done.stderr.endswith("may still be up: hanging up failed: no answer\n")


# --- what is not installed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("click", ("demo",), "cli"),
        ("numpy", ("serve",), "sip"),
        ("baresip", ("demo",), "sip"),
        ("trio", ("demo", "--phones", "simulated", "--front", "trio"), "trio"),
        ("cryptography", (*SIMULATED, "--tls-dir", os.devnull), "cli"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(missing, arguments, extra):
    done = run(*arguments, missing=missing)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{missing}, which is not installed: pip install 'anyrelay[{extra}]'" in done.stderr
    assert done.stderr.count("\n") == 1


# --- how they end -------------------------------------------------------------------------------------------------------


def test_the_reference_names_every_exit_status():
    page = (DOCS / "reference" / "command-line.md").read_text(encoding="utf-8")
    table = page.partition("| exit status |")[2].partition("\n\n")[0]
    named = [int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert named == [ending.DONE, ending.FAILED, ending.WRONG_USE, ending.STOPPED, ending.TERMINATED]


@pytest.mark.parametrize("command", sorted(anyrelay.commands))
def test_each_command_explains_its_exit_status(command):
    shown = CliRunner().invoke(anyrelay, [command, "--help"])
    assert shown.exit_code == 0
    assert "The exit status is 0" in shown.stdout
