"""``anyrelay dial``, against a local server in a process of its own."""

import pytest
from click.testing import CliRunner

from anyrelay.cli.commands import anyrelay
from anyrelay.cli.dial import device_for
from anyrelay.errors import CallGone
from anyrelay.local import SyncLocalRelay

BOB, SUPPORT, DESK = "sip:bob@example.com", "sip:support@example.com", "sip:desk@example.com"


@pytest.fixture(scope="module")
def relay():
    with SyncLocalRelay(pace=20.0) as relay:
        yield relay


@pytest.fixture
def dial(relay, monkeypatch):
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "p")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "t")
    monkeypatch.setenv("SIGNALWIRE_SPACE", relay.url)

    def run(*arguments):
        result = CliRunner().invoke(anyrelay, ["dial", *arguments])
        return result.exit_code, result.output

    return run


def test_saying_something(relay, dial):
    relay.phones.add(BOB)
    status, said = dial(BOB, "--from", DESK, "--say", "Your table is ready.")
    assert status == 0
    assert said.splitlines()[:7] == [
        "dial dialing",
        "state created",
        "state ringing",
        "state answered",
        "dial answered",
        "play playing",
        "play finished",
    ]


@pytest.mark.parametrize(("answers", "status", "word"), [("answer", 0, "SUCCEEDED"), ("busy", 1, "BUSY")])
def test_a_transfer(relay, dial, answers, status, word):
    relay.phones.add(BOB)
    relay.phones.add(SUPPORT, answers)
    got, said = dial(BOB, "--from", DESK, "--refer", SUPPORT)
    assert got == status
    assert f"transfer: {word}" in said.splitlines()


def test_nobody_answers(relay, dial):
    relay.phones.add(BOB, "busy")
    status, said = dial(BOB, "--from", DESK)
    assert status == 1
    assert "state ended (busy)" in said
    assert "nobody answered the dial" in said


def test_a_telephone_that_rings_for_too_long(relay, dial):
    relay.phones.add("tel:+15551230001", "silent")
    status, said = dial("+15551230001", "--from", "+15551230002", "--timeout", "0.2")
    assert status == 1
    assert "nobody answered the dial within 0.2 s" in said.replace("\n", " ")


def test_something_is_said_before_the_transfer(relay, dial):
    relay.phones.add("tel:+15551230003")
    status, said = dial("+15551230003", "--from", "+15551230002", "--say", "Bye.", "--refer", "sip:nobody@example.com")
    assert status == 1
    lines = said.splitlines()
    assert lines.index("play finished") < lines.index("refer failed")
    assert lines[-1] == "transfer: FAILED"


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--refer", SUPPORT], 1)])
def test_the_other_side_hangs_up(relay, dial, monkeypatch, arguments, status):
    relay.phones.add(BOB)
    monkeypatch.setattr("anyrelay.sync.Call.refer_and_wait", lambda call, *_, **__: call.answer())
    hang_up = "anyrelay.sync.Call.wait_for_ended" if not arguments else "anyrelay.sync.Call.answer"
    monkeypatch.setattr(hang_up, gone)
    assert dial(BOB, "--from", DESK, *arguments)[0] == status


def gone(call, *_, **__):
    raise CallGone(410, "gone", call.call_id)


def test_ctrl_c_hangs_up(relay, dial, monkeypatch):
    relay.phones.add(BOB)

    def interrupted(_call, *_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("anyrelay.sync.Call.wait_for_ended", interrupted)
    status, said = dial(BOB, "--from", DESK)
    assert status == 130
    assert "state answered" in said
    assert said.splitlines()[-2].startswith("state ended")
    assert said.splitlines()[-1] == "anyrelay: stopped"


@pytest.mark.parametrize(("to", "from_"), [("bob", DESK), (BOB, "+15551230002"), ("+15551230001", "x"), ("", "")])
def test_what_is_neither_a_number_nor_a_uri(dial, to, from_):
    with pytest.raises(ValueError, match="must both be telephone numbers"):
        device_for(to, from_)
    status, said = dial(to, "--from", from_)
    assert status == 2
    assert "sip:alice@example.com" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sip:", "--from", DESK], "TO must name a host"),
        ([BOB, "--from", "sip:@"], "--from has an empty user part"),
        ([BOB, "--from", DESK, "--refer", "support"], "--refer must begin with sip:"),
        ([BOB, "--from", DESK, "--refer", ""], "--refer is empty"),
        ([BOB, "--from", DESK, "--say", " "], "--say must not be empty"),
        ([BOB, "--from", DESK, "--say", "\x01"], "--say contains"),
        ([BOB, "--from", DESK, "--timeout", "inf"], "--timeout must be a number of seconds, not inf"),
        ([BOB, "--from", DESK, "--timeout", "nan"], "--timeout must be a number of seconds, not nan"),
        ([BOB, "--from", DESK, "--timeout", "0"], "'--timeout'"),
    ],
)
def test_everything_is_checked_before_anybody_is_called(dial, monkeypatch, arguments, words):
    monkeypatch.setattr("anyrelay.sync.RelayClient.connect", lambda _: pytest.fail("it connects"))
    status, said = dial(*arguments)
    assert status == 2
    assert words in said


def test_who_may_be_talking_is_not_hung_up_on(relay, dial, monkeypatch):
    # The target answers after twice the time that the caller waits, so that first the outcome is not known.
    monkeypatch.setattr("anyrelay.cli.dial.REFER_TIMEOUT", 0.2)
    relay.phones.add(BOB)
    relay.phones.add(SUPPORT, ring_time=10.0)
    status, said = dial(BOB, "--from", DESK, "--refer", SUPPORT)
    assert "transfer: not known (timed_out); the call stays up until it ends, or until Ctrl-C" in said.splitlines()
    assert said.splitlines()[-1] == "transfer: SUCCEEDED"
    assert status == 0


def test_its_help_teaches(dial):
    status, said = dial("--help")
    assert status == 0
    for words in ("SIGNALWIRE_SPACE", "--say", "--refer", "exit status", "anyrelay dial +15551234567"):
        assert words in said
