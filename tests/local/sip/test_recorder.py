"""Recordings without a SIP stack: what the file holds, and what ends it."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
from anyrelay.local.sip.audio import recorder as recorder_module
from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.line import BEEP_TIME, LEAD
from anyrelay.local.sip.audio.recorder import Recorder
from tests.local.sip.fake_audio import Samples, frequency_of, level_at, silence, sine

FRAME = 160


class Recording:
    """A recorder and its reports."""

    def __init__(self, directory: Path | None, **settings: Any) -> None:
        self.reports: list[RecordChanged] = []
        self.recorder = Recorder("r", RecordSettings(name="call", **settings), directory, self.reports.append)
        self.started = self.recorder.start()

    @property
    def states(self) -> list[str]:
        return [report.state for report in self.reports]

    def take(self, heard: Samples, said: Samples | None = None) -> None:
        said = numpy.zeros(len(heard), numpy.int16) if said is None else said
        for at in range(0, len(heard), FRAME):
            self.recorder.take(heard[at : at + FRAME], said[at : at + FRAME])

    def channels(self) -> Samples:
        """The file's samples, one row for each channel."""
        with wave.open(self.reports[-1].path) as file:
            assert (file.getsampwidth(), file.getframerate()) == (2, RATE)
            samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
            return samples.reshape(-1, file.getnchannels()).T


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Recording]:
    return lambda **settings: Recording(tmp_path, **settings)


def test_both_sides_in_one_channel(record: Callable[..., Recording]) -> None:
    recording = record()
    recording.take(sine(440, 1.0), sine(1_000, 1.0))
    recording.recorder.stop()
    (mono,) = recording.channels()
    assert recording.states == ["recording", "finished"]
    assert len(mono) == RATE
    assert recording.reports[-1].duration == 1.0
    assert level_at(mono, 440) == pytest.approx(8_000, rel=0.01)
    assert level_at(mono, 1_000) == pytest.approx(8_000, rel=0.01)


@pytest.mark.parametrize(
    ("direction", "stereo", "expected"),
    [
        ("speak", False, [440]),
        ("listen", False, [1_000]),
        ("both", True, [440, 1_000]),
        ("speak", True, [440, 0]),
        ("listen", True, [0, 1_000]),
    ],
)
def test_sides(record: Callable[..., Recording], direction: str, stereo: bool, expected: list[int]) -> None:
    recording = record(direction=direction, stereo=stereo)
    recording.take(sine(440, 0.5), sine(1_000, 0.5))
    recording.recorder.stop()
    assert [round(frequency_of(channel)) for channel in recording.channels()] == expected


@pytest.mark.parametrize(
    ("stereo", "header"),
    # MPEG 2.5 Layer III without a checksum, 8,000 samples a second: 32 kbit/s in one channel, 64 kbit/s in two
    [(False, "ffe348c4"), (True, "ffe38864")],
)
def test_an_mp3_file(record: Callable[..., Recording], stereo: bool, header: str) -> None:
    recording = record(format="mp3", stereo=stereo)
    recording.take(sine(440, 2.0), sine(1_000, 2.0))
    recording.recorder.stop()
    report = recording.reports[-1]
    content = Path(report.path).read_bytes()
    assert (report.state, report.duration, report.size) == ("finished", 2.0, len(content))
    assert Path(report.path).name == "call.mp3"
    frame = 576 if stereo else 288  # bytes of 72 ms
    frames, rest = divmod(len(content), frame)
    assert rest == 0
    assert {content[at : at + 3].hex() for at in range(0, len(content), frame)} == {header[:6]}
    assert content[:4].hex() == header
    assert 2.0 <= frames * 0.072 <= 2.2


def test_an_mp3_file_of_a_recording_without_sound(record: Callable[..., Recording]) -> None:
    recording = record(format="mp3")
    recording.recorder.stop()
    assert (recording.reports[-1].state, recording.reports[-1].size) == ("finished", 0)


def test_the_beep_is_not_recorded(record: Callable[..., Recording]) -> None:
    recording = record(beep=True, direction="listen")
    beep = round(BEEP_TIME * RATE) + LEAD
    recording.take(silence(1.0), numpy.concatenate((sine(1_000, 1.0)[:beep], sine(440, 1.0)[: RATE - beep])))
    recording.recorder.stop()
    (mono,) = recording.channels()
    assert len(mono) == RATE - beep
    assert abs(frequency_of(mono) - 440) < 3


@pytest.mark.parametrize(("keep_silence", "length", "silent"), [(False, 1.0, 0.0), (True, 1.5, 0.5)])
def test_a_pause(record: Callable[..., Recording], keep_silence: bool, length: float, silent: float) -> None:
    recording = record(direction="speak")
    recording.take(sine(440, 0.5))
    recording.recorder.pause(keep_silence=keep_silence)
    recording.recorder.pause(keep_silence=keep_silence)
    recording.take(sine(700, 0.5))
    recording.recorder.resume()
    recording.recorder.resume()
    recording.take(sine(1_000, 0.5))
    recording.recorder.stop()
    (mono,) = recording.channels()
    assert recording.states == ["recording", "paused", "recording", "finished"]
    assert len(mono) == length * RATE
    assert recording.reports[-1].duration == length
    assert not mono[4_000 : 4_000 + round(silent * RATE)].any()
    assert level_at(mono, 700) < 300
    assert abs(frequency_of(mono[-4_000:]) - 1_000) < 3


def test_the_silence_at_the_end_ends_it(record: Callable[..., Recording]) -> None:
    recording = record(initial_timeout=2.0, end_silence_timeout=1.0)
    recording.take(numpy.concatenate((silence(1.5), sine(440, 0.5), silence(0.8), sine(440, 0.5), silence(3.0))))
    assert recording.states == ["recording", "finished"]
    assert recording.reports[-1].duration == pytest.approx(1.5 + 0.5 + 0.8 + 0.5 + 1.0, abs=0.03)


def test_nobody_says_anything(record: Callable[..., Recording], tmp_path: Path) -> None:
    recording = record(initial_timeout=2.0, end_silence_timeout=1.0)
    recording.take(sine(440, 3.0, 100))  # the noise of a line
    assert recording.states == ["recording", "no_input"]
    assert recording.reports[-1].path == ""
    assert list(tmp_path.iterdir()) == []


def test_one_that_waits_for_a_voice_is_stopped(record: Callable[..., Recording], tmp_path: Path) -> None:
    recording = record(initial_timeout=5.0)
    recording.take(silence(1.0))
    recording.recorder.stop()
    recording.recorder.stop()
    assert recording.states == ["recording", "no_input"]
    assert list(tmp_path.iterdir()) == []


def test_silence_alone_never_ends_one_that_waits_for_ever(record: Callable[..., Recording]) -> None:
    recording = record(end_silence_timeout=0.5)
    recording.take(silence(5.0))
    assert recording.states == ["recording"]
    recording.recorder.stop()
    assert recording.states == ["recording", "finished"]


def test_the_other_side_is_listened_to_when_it_alone_is_recorded(record: Callable[..., Recording]) -> None:
    recording = record(direction="listen", end_silence_timeout=0.5)
    recording.take(sine(440, 3.0), numpy.concatenate((sine(1_000, 1.0), silence(2.0))))
    assert recording.reports[-1].duration == pytest.approx(1.5, abs=0.03)


def test_a_recording_has_a_longest_length(record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "LONGEST", 1.0)
    recording = record()
    recording.take(silence(2.0))
    assert (recording.states[-1], recording.reports[-1].duration) == ("finished", 1.0)


def test_a_name_cannot_leave_the_directory(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    recorder = Recorder("r", RecordSettings(name="../../outside"), inner, lambda report: None)
    assert recorder.start()
    recorder.stop()
    assert [path.name for path in tmp_path.rglob("*.wav")] == ["outside.wav"]
    assert (inner / "outside.wav").exists()


@pytest.mark.parametrize(
    ("directory", "settings", "error"),
    [
        (None, {}, "there is no directory for recordings"),
        ("missing", {}, "No such file or directory"),
        ("", {"format": "ogg"}, "real SIP phones are recorded as wav or mp3, not as ogg"),
    ],
)
def test_what_cannot_be_recorded(tmp_path: Path, directory: str | None, settings: dict[str, str], error: str) -> None:
    recording = Recording(None if directory is None else tmp_path / directory, **settings)
    assert not recording.started
    assert recording.states == ["error"]
    assert error in recording.reports[0].error
    recording.recorder.stop()
    assert recording.states == ["error"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_is_full(record: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> None:
    full = open("/dev/full", "wb")  # noqa: SIM115 - the recorder closes it
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *_: full)
        recording = record()
    recording.take(silence(2.0))
    assert recording.states == ["recording", "error"]
    assert "No space left on device" in recording.reports[-1].error
    assert full.closed
