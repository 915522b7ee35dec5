"""Tokens, media and hosts as options of the server's process; what its print and its logs must not show."""

import json
import logging
import os
import subprocess
import sys
import time

import attrs
import pytest

from anyrelay.local import SyncLocalRelay
from anyrelay.local.logs import logger_of, printable
from anyrelay.local.process import options as process_options
from anyrelay.local.process import report, serve
from anyrelay.protocol.schema.secrets import scrub_frame, without_url_secrets
from anyrelay.sync import RelayClient


def ready_of(*arguments, **environment):
    """Start a server, and return what it says first, what it complains of, and its command line as others see it."""
    with subprocess.Popen(
        [sys.executable, "-m", "anyrelay.local", "--phones", "simulated", "--json", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        ready = json.loads(process.stdout.readline() or "null")
        with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as file:
            seen = file.read()
        process.stdin.close()
        process.wait(60)
        return ready, process.stderr.read(), seen


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="the command line is looked up in /proc")
def test_beyond_loopback_a_token_is_made_and_said():
    ready, complaints, _ = ready_of("--listen", "0.0.0.0:0")
    assert len(ready["token"]) >= 32
    assert "other machines can reach --listen 0.0.0.0:0; tokens and calls travel in the clear" in complaints
    ready, complaints, _ = ready_of("--listen", "0.0.0.0:0", "--no-token")
    assert "token" not in ready
    assert "anybody may sign in: leave --no-token out" in complaints
    ready, complaints, _ = ready_of()
    assert ("token" in ready, complaints) == (False, "")


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="the command line is looked up in /proc")
def test_a_token_need_not_be_on_the_command_line(tmp_path):
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    file.chmod(0o600)
    for arguments, environment in (
        (["--token-file", str(file)], {}),
        ([], {"ANYRELAY_SERVE_TOKEN": "from-a-variable"}),
    ):
        ready, complaints, seen = ready_of("--listen", "0.0.0.0:0", *arguments, **environment)
        assert "token" not in ready  # it is no secret of the server's making
        assert "from-a-" not in seen
        assert "travel in the clear" in complaints


def test_the_token_of_the_file_is_what_counts(tmp_path, capsys):
    file = tmp_path / "token"
    file.write_text("  from-a-file \n")
    file.chmod(0o644)
    given = process_options.ServeOptions(**{**DEFAULTS, "token_file": str(file)})
    assert process_options.checked_options(given).token == "from-a-file"
    assert "other users can read --token-file" in capsys.readouterr().err
    assert serve.token_of_environment(str(file), no_token=False) is None


@pytest.mark.parametrize("blank", ["", "  ", "\t", "\n"])
def test_blanks_are_no_token(blank, monkeypatch):
    monkeypatch.setenv("ANYRELAY_HTTP_TOKEN", blank)
    given = process_options.ServeOptions(**{**DEFAULTS, "listen": "0.0.0.0:0", "http": "0.0.0.0:0", "token": blank})
    checked = process_options.checked_options(given)
    assert (checked.token, checked.http_token) == (None, None)  # the server makes both
    monkeypatch.setenv("ANYRELAY_HTTP_TOKEN", f"secret{blank}")
    checked = process_options.checked_options(attrs.evolve(given, token=f"{blank}secret"))
    assert (checked.token, checked.http_token) == ("secret", "secret")


DEFAULTS = {
    "listen": "127.0.0.1:0",
    "sip": None,
    "phones": "simulated",
    "tls_dir": None,
    "project": None,
    "token": None,
    "as_json": False,
    "show_frames": False,
    "quiet": False,
    "control": False,
    "pace": 1.0,
}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token": "t", "no_token": True}, "--no-token and a token contradict each other"),
        ({"token_file": "/no/such", "no_token": True}, "--no-token and a token contradict each other"),
        ({"token": "t", "token_file": "/no/such"}, "both name a token"),
        ({"token_file": "/no/such"}, "--token-file /no/such cannot be read: No such file"),
        ({"token_file": "/dev/null"}, "must hold one line"),
        ({"token_file": "{tmp}/two"}, "must hold one line"),
        ({"token_file": "{tmp}/binary"}, "it is no text"),
        ({"media_dir": "/no/such"}, "--media-dir /no/such is not a directory"),
        ({"allowed_hosts": ("http://example.com",)}, "--allow-host must be a host name or an IP address"),
        ({"allowed_hosts": ("example.com:80",)}, "--allow-host"),
        ({"allowed_hosts": ("",)}, "--allow-host"),
        ({"allowed_hosts": ("*",)}, "--allow-host"),
        ({"accounts": ("one",)}, "--account must be PROJECT:TOKEN-FILE, not 'one'"),
        ({"accounts": ("one:/no/such",)}, "--account one: /no/such cannot be read: No such file"),
        (
            {"accounts": ("one:{tmp}/one",), "no_token": True},
            "--no-token and --account, or projects of a seed, contradict each other",
        ),
        ({"numbers": ("+1555",)}, "--number must be NUMBER=CONTEXT, such as +15550000001=support, not '+1555'"),
        ({"dial_event": "never"}, "dial_event must be one of first, last, not 'never'"),
        ({"http": "4010"}, "--http must be HOST:PORT, such as --http 127.0.0.1:4010, not '4010'"),
        ({"http": "192.0.2.1:0"}, "--http 192.0.2.1:0 cannot be listened on"),
        ({"http": "127.0.0.1:0", "http_token_file": "/no/such"}, "--http-token-file /no/such cannot be read"),
        ({"http_token_file": "{tmp}/one"}, "--http-token-file is for the control API: give --http too"),
    ],
)
def test_options_that_cannot_be_followed(options, words, tmp_path, capsys):
    (tmp_path / "one").write_text("token")
    (tmp_path / "two").write_text("a\nb")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    filled = {key: value.format(tmp=tmp_path) if isinstance(value, str) else value for key, value in options.items()}
    if "accounts" in filled:
        filled["accounts"] = [account.format(tmp=tmp_path) for account in filled["accounts"]]
    assert serve.serve(serve.ServeOptions(phones="simulated", **filled)) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("host", ["example.com", "a-b.example.", "10.0.0.1", "::1", "[2001:db8::1]", "my_host"])
def test_hosts_that_may_be_named(host):
    options = serve.ServeOptions(phones="simulated", allowed_hosts=[host])
    assert process_options.checked_options(options).allowed_hosts == (host,)


def test_a_server_for_blocking_code_beyond_loopback():
    with SyncLocalRelay(listen="0.0.0.0:0") as relay:
        assert len(relay.token) >= 32
        with RelayClient(project="p", token=relay.token, host=relay.url) as client:
            assert client.relay_protocol


def test_the_token_of_a_server_for_blocking_code_is_in_no_list_of_processes():
    with SyncLocalRelay(token="very-secret") as relay:
        assert "very-secret" not in relay._process._process.args
        with RelayClient(project="p", token="very-secret", host=relay.url) as client:
            assert client.relay_protocol


def test_words_name_the_token_that_was_made(capsys):
    report.print_words({"event": "ready", "relay": "ws://x:1", "sip": None, "ca_file": None, "token": "made"})
    assert "the token made (SIGNALWIRE_API_TOKEN)" in capsys.readouterr().out


# --- what is shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé and 漢字", "plain text, ünïcödé and 漢字"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[2J\x07\x9b1A", "\\x1b[2J\\x07\\x9b1A"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("\u2028\u200b\ud800\U000e0001", "\\u2028\\u200b\\ud800\\U000e0001"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pw@example.com:8443/a/b?token=x#frag", "https://example.com:8443/a/b?…"),
        ("see http://example.com/a, and wss://u@h/b", "see http://example.com/a, and wss://h/b"),
        ("http://a:b@c:d@example.com/x", "http://example.com/x"),
        ("http://example.com", "http://example.com"),
        ("http://example.com?x=1", "http://example.com?…"),
        ('{"url":"https://u:p@h/a?b=c","x":1}', '{"url":"https://h/a?…","x":1}'),
        ("file:///tmp/a.wav", "file:///tmp/a.wav"),
        ("sip:alice:secret@example.com;transport=tcp", "sip:alice@example.com;transport=tcp"),
        ("<SIPS:alice:se@cret@example.com>", "<SIPS:alice@example.com>"),
        ("sip:alice@example.com:5060", "sip:alice@example.com:5060"),
        ("127.0.0.1:5060 -> 127.0.0.1:5070", "127.0.0.1:5060 -> 127.0.0.1:5070"),
    ],
)
def test_urls_lose_what_is_secret(text, shown):
    assert without_url_secrets(text) == shown


@pytest.mark.parametrize(
    "piece", ["sip:", "sip:a:", "http://", "http://a", "a://b@", "signalwire_", "signalwire_a_", "@"]
)
def test_nothing_takes_long_to_be_scrubbed(piece):
    began = time.process_time()
    scrub_frame(piece * (500_000 // len(piece)))
    assert time.process_time() - began < 5


def test_a_frame_stays_json():
    frame = {"params": {"token": "t", "protocol": "signalwire_abc_def-1", "url": "https://u:p@h/\x1b?q=1\\", "a": "\n"}}
    shown = json.loads(scrub_frame(json.dumps(frame)))
    assert shown["params"]["token"] == "***"
    assert shown["params"]["protocol"] == "signalwire_abc_***"
    assert "u:p" not in shown["params"]["url"]
    assert shown["params"]["a"] == "\n"


def test_logs_are_fit_for_a_terminal(caplog):
    logger_of("anyrelay.local.test").warning("%s at %s", "\x1b[31mred\nWARNING forged", "http://u:p@h/?q")
    assert caplog.records[-1].getMessage() == "\\x1b[31mred\\nWARNING forged at http://h/?…"
    assert caplog.records[-1].call_id == ""
    assert logging.getLogger("anyrelay.local.test").filters


def test_the_live_print_is_fit_for_a_terminal(capsys):
    for event in (
        {"event": "phone", "uri": "sip:x", "words": "hears tts \x1b]0;title\x07"},
        {"event": "sip", "source": "a", "target": "b", "message": "INVITE sip:a:pw@h;x=\x1b[2J SIP/2.0\r\n"},
        {"event": "relay", "direction": "rx", "client": 1, "text": '{"url":"http://u:p@h/?t"}\u202e'},
        {"event": "happened", "event_type": "calling.\ncall", "params": {"error": "http://u:p@h/a?b"}},
    ):
        report.print_words(event)
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    assert len(shown.splitlines()) == 4
    assert not any(secret in shown for secret in ("u:p", "?t", "?b", ":pw"))


def test_a_log_record_with_wrong_arguments_harms_nobody(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)  # what logging itself does about it is not for this test
    logger = logger_of("anyrelay.local.test")
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning("%d at %s", "no number")


def test_projects_and_numbers_of_the_options(tmp_path, capsys):
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    file.chmod(0o600)
    given = process_options.ServeOptions(**DEFAULTS, accounts=(f"one:{file}",), numbers=("+1555=support", "+1556=a=b"))
    checked = process_options.checked_options(given)
    assert (checked.tokens, checked.token) == ({"one": "from-a-file"}, None)
    assert checked.contexts == {"+1555": "support", "+1556": "a=b"}
    assert "from-a-file" not in repr(checked)
    assert capsys.readouterr().err == ""


def test_a_speech_command_is_split_as_a_shell_splits_it():
    given = process_options.ServeOptions(
        **{**DEFAULTS, "phones": "sip", "sip": "127.0.0.1:0", "speech_command": f"'{sys.executable}' -c 'print(1)' --x"}
    )
    checked = process_options.checked_options(given)
    assert checked.speech == (sys.executable, "-c", "print(1)", "--x")
    # The phones are given the program; that they run it is shown in tests/local/sip/test_speech_command.py.
    assert serve._sip_phones(checked, lambda event: None)._speech_command == checked.speech


@pytest.mark.parametrize(
    ("phones", "command", "words"),
    [
        ("simulated", "cat", "--speech-command is for real phones"),
        ("sip", "'", "--speech-command cannot be split into words: No closing quotation"),
        ("sip", "", "there is no program ''"),
        ("sip", "/no/such/program -x", "there is no program '/no/such/program' that can be run"),
    ],
)
def test_a_speech_command_that_cannot_be_run(phones, command, words, capsys):
    assert serve.serve(serve.ServeOptions(phones=phones, speech_command=command)) == 2
    assert words in capsys.readouterr().err
