"""``calling.record`` on a virtual clock: what phones are ordered, what clients are told, which files are kept."""

import pytest

from anyrelay.local.exchange import recordings
from anyrelay.local.exchange.reports import CallEnded, CallFailed, DigitHeard, RecordChanged, RecordSettings
from tests.support.exchange_bench import Bench, ServingLeg

RECORD = "calling.call.record"


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def leg(bench, client):
    leg = ServingLeg()
    leg.call_id = bench.answered(client, leg)
    return leg


def record(client, leg, control_id="r", **audio):
    answer = client.request(
        "calling.record", node_id="n", call_id=leg.call_id, control_id=control_id, record={"audio": audio}
    )
    assert (answer.result["code"], answer.result["message"]) == ("200", "Recording")
    return answer.result["url"]


def changed(state, **more):
    return RecordChanged(control_id="r", state=state, **more)


def states(client):
    return [each["state"] for each in client.operation(RECORD, "r")]


def test_a_recording_and_its_file(bench, client, leg):
    url = record(client, leg, beep=True, stereo=True, direction="both", terminators="", end_silence_timeout=0)
    _, control_id, settings = leg.orders[-1]
    name = url.rpartition("/")[2].removesuffix(".wav")
    assert (control_id, settings) == (
        "r",
        RecordSettings(name=name, direction="both", stereo=True, beep=True, initial_timeout=5.0),
    )
    bench.report(leg, changed("recording"), changed("finished", duration=2.5, content=b"RIFF"))
    audio = {"beep": True, "stereo": True, "direction": "both", "terminators": "", "end_silence_timeout": 0}
    told = {"url": url, "duration": 2.5, "size": 4}
    assert client.operation(RECORD, "r") == [
        {"state": "recording", "url": url, "record": {"audio": audio, "url": url}},
        {"state": "finished", **told, "record": {"audio": audio, **told}},
    ]
    kept = bench.exchange.recordings.get(f"{name}.wav")
    assert (kept.content, kept.size) == (b"RIFF", 4)
    assert client.command(leg.call_id, "record.stop", control_id="r") == (404, "No such recording")


def test_the_times_and_the_direction_of_a_command_that_says_nothing(client, leg):
    url = record(client, leg)
    name = url.rpartition("/")[2].removesuffix(".wav")
    assert leg.orders[-1][2] == RecordSettings(
        name=name, direction="speak", initial_timeout=5.0, end_silence_timeout=1.0, input_sensitivity=44.0
    )


def test_a_recording_is_paused_goes_on_and_is_stopped(bench, client, leg):
    record(client, leg)
    for method, more in (("pause", {"behavior": "silence"}), ("pause", {}), ("resume", {}), ("stop", {})):
        assert client.command(leg.call_id, f"record.{method}", control_id="r", **more)[0] == 200
    assert leg.orders[-4:] == [
        ("pause_record", "r", {"keep_silence": True}),
        ("pause_record", "r", {"keep_silence": False}),
        ("resume_record", "r"),
        ("stop_record", "r"),
    ]
    bench.report(leg, *map(changed, ("recording", "paused", "recording", "finished", "finished")))
    assert states(client) == ["recording", "paused", "recording", "finished"]


def test_a_terminator_stops_a_recording(bench, client, leg):
    record(client, leg)
    assert ("listen",) in leg.orders
    bench.report(leg, DigitHeard("1"))
    assert ("stop_record", "r") not in leg.orders
    bench.report(leg, DigitHeard("#"))
    assert leg.orders[-1] == ("stop_record", "r")


@pytest.mark.parametrize("state", ["no_input", "error"])
def test_a_recording_of_nothing_leaves_no_file(bench, client, leg, state):
    record(client, leg)
    bench.report(leg, changed("recording"), changed(state, error="disk full" if state == "error" else ""))
    assert states(client) == ["recording", state]
    assert len(bench.exchange.recordings) == 0
    assert client.operation(RECORD, "r")[-1].get("error") == ("disk full" if state == "error" else None)


def test_a_recording_that_is_finished_after_its_call_is_told(bench, client, leg):
    record(client, leg)
    bench.report(leg, changed("recording"), CallEnded("hangup"))
    bench.advance(9.9)
    bench.report(leg, changed("finished", duration=1.0, path="/tmp/r.wav", size=16_044))
    assert states(client) == ["recording", "finished"]
    assert bench.exchange.calls.of_leg(leg) is None
    assert next(iter(bench.exchange.recordings._by_name.values())).path == "/tmp/r.wav"


@pytest.mark.parametrize("end", [CallEnded("hangup"), CallFailed("the stack broke")])
def test_a_recording_that_is_never_finished_is_forgotten(bench, client, leg, end):
    record(client, leg)
    bench.report(leg, end)
    bench.advance(10)
    assert bench.exchange.calls.of_leg(leg) is None
    bench.report(leg, changed("finished"))
    assert states(client) == []


def test_a_format_that_phones_do_not_write_is_refused(client, leg):
    refused = client.command(leg.call_id, "record", control_id="r", record={"audio": {"format": "mp3"}})
    assert refused == (501, "calling.record: mp3 files are not written here, record wav; for mp3, install lameenc")


@pytest.mark.parametrize(("limit", "value"), [("RECORDINGS_LIMIT", 2), ("RECORDINGS_BYTES", 300)])
def test_the_oldest_recordings_are_forgotten_and_their_files_deleted(bench, client, leg, monkeypatch, limit, value):
    monkeypatch.setattr(recordings, limit, value)
    for number in range(4):
        record(client, leg)
        bench.report(leg, changed("finished", duration=1.0, path=f"/tmp/{number}.wav", size=150))
    assert bench.deleted == ["/tmp/0.wav", "/tmp/1.wav"]
    assert len(bench.exchange.recordings) == 2
