"""Traces and ladders: what is recorded, what is struck out, what is drawn, and what is no trace."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from anyrelay.cli.commands import anyrelay
from anyrelay.cli.recording import recording
from anyrelay.frontend.trace import Pseudonyms, of_call
from anyrelay.local.server.observers import Frame
from anyrelay.testing import SyncMemoryRelay, TraceError, TraceFrame, TraceWriter, read_trace
from anyrelay.testing.ladder import FORMATS, Labels, draw, rungs_of

MARKER = "SECRET-MARKER"
NUMBER, OTHER = "+15551234567", "+49 30 901820"


def record(path: Path) -> list[TraceFrame]:
    """Record two calls of one client, with secrets and telephone numbers in them; return what was read back."""
    with SyncMemoryRelay() as relay, TraceWriter(path) as writer:
        relay.phones.add("sip:support@example.com", answers="busy")
        client = relay.client(token=f"{MARKER}-token", project="p")

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            call.refer(
                {
                    "type": "sip",
                    "params": {"uri": f"sip:me:{MARKER}@example.com", "password": MARKER, "username": "me"},
                },
                status_url=f"https://user:{MARKER}@example.com/hook?key={MARKER}",
            )
            call.hangup()

        with client:
            for number in (NUMBER, NUMBER, OTHER.replace(" ", "")):
                relay.phones.dial(f"sip:{number}@example.com").ended(10)
        for time, number, from_client, text in relay._server._messages:
            writer.write(time, number, from_client=from_client, text=text)
        writer.write(0.0, 1, from_client=True, text="not JSON")
        writer.write(0.0, 1, from_client=True, text="[1]")
    writer.write(0.0, 1, from_client=True, text="{}")  # after the end: left out
    return read_trace(path)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traces") / "calls.relay.jsonl"
    record(path)
    return path


def test_no_secret_and_no_number_is_in_a_trace(trace):
    text = trace.read_text(encoding="utf-8")
    assert "signalwire.connect" in text
    assert "calling.refer" in text
    assert MARKER not in text
    assert NUMBER not in text
    assert "4930901820" not in text
    assert stat.S_IMODE(os.stat(trace).st_mode) == 0o600


def test_equal_numbers_have_equal_pseudonyms(trace):
    frames = [frame.event[1] for frame in read_trace(trace) if frame.event[0] == "calling.call.receive"]
    callers = [params["device"]["params"]["from"] for params in frames]
    assert callers == ["sip:+15550000001@example.com"] * 2 + ["sip:+15550000002@example.com"]


def test_identifiers_and_times_are_kept():
    kept = {"call_id": "12345678-1234-5678", "timestamp": 1234567890.5, "id": "5551234567", "from": "127.0.0.1:50600"}
    assert Pseudonyms().replace(kept) == kept
    names = Pseudonyms()
    assert names.replace({"to": [NUMBER, "555-1234567", 7]}) == {"to": ["+15550000001", "+15550000002", 7]}
    assert names.replace({"to_number": "15551234567"}) == {"to_number": "+15550000001"}


def test_a_frame_is_read_as_it_was_written(trace):
    for line, frame in zip(trace.read_text(encoding="utf-8").splitlines(), read_trace(trace), strict=True):
        assert frame.to_line() == line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2 is no frame"),
        ("[]", "line 2 is no frame"),
        ('{"time": "x", "connection": 1, "from": "client", "message": {}}', "line 2 is no frame"),
        ('{"time": 1, "connection": 1, "from": "client", "message": []}', "line 2: message must be a JSON object"),
        ("[" * 100_000, "line 2 is no frame"),
    ],
)
def test_what_is_no_trace_is_refused(line, words, tmp_path):
    path = tmp_path / "broken.relay.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(TraceError, match=words):
        read_trace(path)


def test_the_messages_of_one_call(trace):
    frames = read_trace(trace)
    call_ids = [
        params["call_id"] for kind, params in (frame.event for frame in frames) if kind == "calling.call.receive"
    ]
    kept = of_call(frames, call_ids[1])
    assert {call_id for frame in kept for call_id in frame.call_ids()} == {call_ids[1]}
    assert [rung.label for rung in rungs_of(kept)][:5] == [
        "call.receive created",
        "call.state ringing",
        "calling.answer",
        "200 Answered",
        "call.state answered",
    ]
    assert of_call(frames, "none") == []


def frame(message: dict[str, Any], *, from_client: bool = False) -> TraceFrame:
    return TraceFrame(1.0, 1, from_client, message)


HOSTILE = [
    frame({"id": 1, "method": "calling.play<b>&\x1b[2J;#%%"}, from_client=True),
    frame({"id": 1, "error": {"code": -32601, "message": "<script>\u202e\n"}}),
    frame({"id": 2, "method": "signalwire.event", "params": {"event_type": None, "params": []}}),
    frame({"id": 3, "method": "signalwire.event", "params": []}),
    frame({"id": 4, "method": "calling.end"}, from_client=True),
    frame({"id": 4, "result": {"code": "404", "message": "x" * 200}}),
    frame({"id": 5, "method": ["x"]}, from_client=True),
    frame({"id": 6, "result": "unasked"}),
]


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_texts_are_harmless_in_each_format(form):
    drawing = draw(rungs_of(HOSTILE), form)
    for line in drawing.splitlines():
        assert line.isprintable()
    if form in ("svg", "html"):
        assert "<script>" not in drawing
        ElementTree.fromstring(drawing[drawing.index("<svg") : drawing.index("</svg>") + 6])
    if form == "mermaid":
        assert drawing.splitlines()[3] == "    A->>S: calling.play#60;b#62;#38;\\x1b[2J#59;#35;#37;#37;"


def test_the_kinds_of_rungs():
    assert [rung.kind for rung in rungs_of(HOSTILE)] == ["command", "error", "command", "error", "command"]
    assert Labels().of({"id": 9, "method": "signalwire.ping"}, from_client=True) == ("", "")


def test_there_are_four_formats():
    with pytest.raises(ValueError, match="format must be one of text, svg, mermaid, html, not 'png'"):
        draw([], "png")


# --- the command --------------------------------------------------------------------------------------------------------


def run(*arguments: object) -> Any:
    return CliRunner().invoke(anyrelay, ["trace", *map(str, arguments)])


@pytest.mark.parametrize(
    ("form", "beginning"),
    [("text", "         RELAY server"), ("svg", "<svg"), ("mermaid", "sequenceDiagram"), ("html", "<!doctype html>")],
)
def test_the_command_draws_each_format(form, beginning, trace, tmp_path):
    done = run(trace, "--format", form)
    assert done.exit_code == 0
    assert done.stdout.startswith(beginning)
    assert "calling.refer" in done.stdout
    assert run(trace, "--format", form, "-o", tmp_path / "drawing").stdout == ""
    assert (tmp_path / "drawing").read_text(encoding="utf-8") == done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{trace}", "--call", "none"), "--call none: {trace} has no such call; its calls are memory-"),
        (("/no/such/file",), "/no/such/file cannot be used: No such file or directory"),
        (("{trace}", "--format", "pcap"), "--format pcap needs the URL of a server: {trace} has no SIP messages"),
        (("http://127.0.0.1:9", "--format", "pcap"), "--format pcap needs --call"),
        (("{trace}", "-o", "/no/such/file"), "/no/such/file cannot be used: No such file or directory"),
        (("http://127.0.0.1:9",), "no server replies at http://127.0.0.1:9 (Connection refused)"),
        (("https://127.0.0.1:9",), "must be http://HOST:PORT"),
        ((__file__,), "line 1 is no frame of a trace: record one with RelayClient(trace=FILE)"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, words, trace):
    done = run(*(each.format(trace=trace) for each in arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    assert words.format(trace=trace) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_trace_without_messages_says_so(tmp_path):
    trace = tmp_path / "empty.relay.jsonl"
    trace.touch()
    drawn = run(trace)
    assert (drawn.exit_code, drawn.output.splitlines()[-1]) == (0, "no messages")


def test_the_command_names_the_file_that_cannot_be_written(trace):
    done = run(trace, "--output", "/dev/full")  # which is opened, and then takes nothing
    assert (done.exit_code, done.stderr) == (2, "anyrelay: /dev/full cannot be used: No space left on device\n")


def test_the_command_ends_quietly_when_standard_output_is_closed(trace):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "from anyrelay.cli import main; main()", "trace", str(trace)]
    with open(writer, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_serve_records_its_messages(tmp_path, capsys):
    path = tmp_path / "served.relay.jsonl"

    def serve(on_frame: Any, listen: str) -> int:
        assert listen == "127.0.0.1:0"
        on_frame(Frame(1.0, "rx", 3, json.dumps({"id": 1, "method": "signalwire.ping"})))
        return 0

    assert recording(str(path), serve, listen="127.0.0.1:0") == 0
    [only] = read_trace(path)
    assert (only.time, only.connection, only.from_client, only.method) == (1.0, 3, True, "signalwire.ping")
    assert recording(None, lambda **options: len(options), listen="x") == 1
    assert recording("/no/such/file", serve, listen="x") == 2
    assert "--trace /no/such/file cannot be created: No such file or directory" in capsys.readouterr().err
