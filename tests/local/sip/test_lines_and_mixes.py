"""Lines and mixes without a SIP stack: the clock is moved by hand."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

from anyrelay.local.exchange.reports import RecordChanged, RecordSettings
from anyrelay.local.sip.audio.clock import RATE, AudioClock
from anyrelay.local.sip.audio.line import JITTER, LEAD, AudioLine
from anyrelay.local.sip.audio.mixes import Mixes
from anyrelay.local.sip.audio.recorder import Recorder
from anyrelay.local.sip.audio.sample_queue import JitterQueue, SampleQueue
from tests.local.sip.fake_audio import FakeAudio, Samples, frequency_of, level_at, silence, sine

pytestmark = pytest.mark.anyio

TICK = 160


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard = silence(0)
        self.said = silence(0)

    def take(self, heard: Samples, said: Samples) -> None:
        assert len(heard) == len(said)
        self.heard = numpy.concatenate((self.heard, heard))
        self.said = numpy.concatenate((self.said, said))


def run(clock: AudioClock, audios: Sequence[FakeAudio], seconds: float, tick: int = TICK) -> None:
    for _ in range(round(seconds * RATE / tick)):
        for audio in audios:
            audio.pass_time(tick)
        clock.tick(tick)


@pytest.fixture
async def clock() -> AudioClock:
    return AudioClock()


async def test_a_listener_hears_all_that_the_phone_says(clock: AudioClock) -> None:
    audio, ear = FakeAudio(sine(440, 1.0)), Ear()
    line = AudioLine(audio, clock)
    line.add(ear)
    run(clock, [audio], 1.5)
    assert len(ear.heard) == 1.5 * RATE
    voiced = ear.heard[JITTER : JITTER + RATE]
    assert numpy.array_equal(voiced, sine(440, 1.0))
    assert not ear.heard[JITTER + RATE :].any()
    assert not audio.sent.any()


async def test_nothing_is_read_and_no_clock_ticks_while_only_a_playback_needs_the_line(clock: AudioClock) -> None:
    audio = FakeAudio(sine(440, 1.0))
    line = AudioLine(audio, clock)
    assert line.write(sine(700, 0.2)) == 1_600
    audio.pass_time(TICK)
    assert len(audio.arrived) == TICK
    assert line.buffered() == 1_600 - TICK
    assert clock._task is None


async def test_the_clock_stops_with_the_last_listener(clock: AudioClock) -> None:
    audio, ear = FakeAudio(), Ear()
    line = AudioLine(audio, clock)
    line.add(ear)
    assert clock._task is not None
    line.remove(ear)
    line.remove(ear)
    assert clock._task is None


async def test_a_playback_that_is_under_way_goes_on_without_a_gap_when_a_listener_comes(clock: AudioClock) -> None:
    audio, ear = FakeAudio(), Ear()
    line = AudioLine(audio, clock)
    whole = sine(500, 1.0)
    line.write(whole[:1_600])
    line.add(ear)
    line.write(whole[1_600:])
    run(clock, [audio], 1.1)
    assert numpy.array_equal(audio.sent[:RATE], whole)
    # What was in the stack's queue is heard by the listener too, as far as it was not about to be sent.
    assert numpy.array_equal(ear.said[: RATE - LEAD], whole[: 1_600 - LEAD].tolist() + whole[1_600:].tolist())


async def test_a_playback_goes_on_when_the_listener_leaves(clock: AudioClock) -> None:
    audio, ear = FakeAudio(), Ear()
    line = AudioLine(audio, clock)
    line.add(ear)
    line.write(sine(500, 0.5))
    run(clock, [audio], 0.2)
    line.remove(ear)
    assert line.buffered() == LEAD + TICK + 4_000 - 1_600
    for _ in range(25):
        audio.pass_time(TICK)
    heard = audio.sent[TICK + LEAD :]
    assert numpy.array_equal(heard[:4_000], sine(500, 0.5))


async def test_flushing_drops_what_playbacks_queued(clock: AudioClock) -> None:
    audio, ear = FakeAudio(), Ear()
    line = AudioLine(audio, clock)
    line.add(ear)
    line.write(sine(500, 0.5))
    line.flush()
    run(clock, [audio], 0.2)
    assert not audio.sent.any()
    assert line.buffered() == 0


async def test_an_echo(clock: AudioClock) -> None:
    audio = FakeAudio(sine(440, 1.0))
    line = AudioLine(audio, clock)
    line.set_echo(True)
    run(clock, [audio], 1.2)
    assert abs(frequency_of(audio.sent[2_000:8_000]) - 440) < 2
    line.set_echo(False)
    assert clock._task is None


async def test_a_bridge_is_heard_on_both_sides(clock: AudioClock) -> None:
    low, high = FakeAudio(sine(440, 1.0)), FakeAudio(sine(700, 1.0))
    mixes = Mixes(clock)
    lines = [AudioLine(audio, clock) for audio in (low, high)]
    for line in lines:
        mixes.join("bridge", line, muted=False)
    run(clock, [low, high], 1.0)
    for audio, other, own in ((low, 700, 440), (high, 440, 700)):
        assert level_at(audio.sent[2_000:8_000], other) == pytest.approx(8_000, rel=0.02)
        assert level_at(audio.sent[2_000:8_000], own) < 50
    mixes.leave(lines[0])
    mixes.leave(lines[0])
    assert len(clock.mixes) == 1
    mixes.leave(lines[1])
    assert not clock.mixes
    assert clock._task is None


async def test_a_conference_with_a_muted_call(clock: AudioClock) -> None:
    tones = (440, 700, 1_000)
    audios = [FakeAudio(sine(tone, 2.0)) for tone in tones]
    lines = [AudioLine(audio, clock) for audio in audios]
    mixes = Mixes(clock)
    for line in lines:
        mixes.join("room", line, muted=line is lines[2])
    run(clock, audios, 1.0)
    heard = [[level_at(audio.sent[2_000:8_000], tone) > 4_000 for tone in tones] for audio in audios]
    assert heard == [[False, True, False], [True, False, False], [True, True, False]]
    mixes.join("room", lines[2], muted=False)
    run(clock, audios, 1.0)
    heard = [[level_at(audio.sent[10_000:16_000], tone) > 4_000 for tone in tones] for audio in audios]
    assert heard == [[False, True, True], [True, False, True], [True, True, False]]


async def test_a_call_leaves_one_mix_when_it_joins_another(clock: AudioClock) -> None:
    audios = [FakeAudio(sine(tone, 1.0)) for tone in (440, 700, 1_000)]
    first, second, third = (AudioLine(audio, clock) for audio in audios)
    mixes = Mixes(clock)
    mixes.join("one", first, muted=False)
    mixes.join("one", second, muted=False)
    mixes.join("two", third, muted=False)
    mixes.join("two", first, muted=False)
    run(clock, audios, 1.0)
    assert level_at(audios[0].sent[2_000:8_000], 1_000) > 7_000
    assert not audios[1].sent.any()


async def test_the_recording_of_a_mix_outlives_the_call_that_asked_for_it(clock: AudioClock, tmp_path: Path) -> None:
    audios = [FakeAudio(sine(tone, 3.0)) for tone in (440, 1_000)]
    first, second = (AudioLine(audio, clock) for audio in audios)
    reports: list[tuple[str, RecordChanged]] = []
    mixes = Mixes(clock)
    mixes.join("one", first, muted=False, report=lambda report: reports.append(("first", report)))
    mixes.join("one", second, muted=False, report=lambda report: reports.append(("second", report)))
    mix = mixes.mix_of(first)
    assert mix is not None
    settings = RecordSettings(name="conference")
    mix.recorder = Recorder("r", settings, tmp_path, mix.recorder_changed)
    mix.recorder.start()
    run(clock, audios, 1.0)
    mixes.leave(first)
    run(clock, audios, 1.0)
    mixes.leave(second)
    assert [(who, report.state) for who, report in reports] == [("first", "recording"), ("second", "finished")]
    with wave.open(reports[-1][1].path) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    assert len(samples) == 2 * RATE
    halves = samples[1_000:7_000], samples[9_000:15_000]
    assert all(level_at(halves[0], tone) > 7_000 for tone in (440, 1_000))
    assert (level_at(halves[1], 1_000) > 7_000, level_at(halves[1], 440) < 100) == (True, True)


async def test_loud_calls_are_cut_off_and_do_not_wrap_around(clock: AudioClock) -> None:
    audios = [FakeAudio(sine(440, 0.5, 30_000)), FakeAudio(sine(440, 0.5, 30_000)), FakeAudio()]
    mixes = Mixes(clock)
    for audio in audios:
        mixes.join("room", AudioLine(audio, clock), muted=False)
    run(clock, audios, 0.5)
    assert audios[2].sent.max() == 32_767
    assert audios[2].sent.min() == -32_768
    assert abs(frequency_of(audios[2].sent[1_000:4_000]) - 440) < 3


async def test_the_delay_of_a_bridge_has_a_bound_after_the_process_stood_still(clock: AudioClock) -> None:
    low, high = FakeAudio(sine(440, 5.0)), FakeAudio()
    mixes = Mixes(clock)
    for audio in (low, high):
        mixes.join("bridge", AudioLine(audio, clock), muted=False)
    run(clock, [low, high], 0.4)
    run(clock, [low, high], 1.0, tick=RATE)
    run(clock, [low, high], 1.0)
    assert high.buffered() <= 0.3 * RATE + RATE * 0.02


async def test_a_listener_that_fails_is_dropped_and_harms_no_other(
    clock: AudioClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def take(self, heard: Samples, said: Samples) -> None:
            raise RuntimeError("a fault of the listener")

    audio, ear = FakeAudio(sine(440, 1.0)), Ear()
    line = AudioLine(audio, clock)
    line.add(Broken())
    line.add(ear)
    run(clock, [audio], 0.5)
    assert len(ear.heard) == 4_000
    assert caplog.text.count("the sound of a call could not be taken") == 1


def test_the_clock_makes_audio_as_long_as_the_time() -> None:
    clock = AudioClock()
    assert [clock.due(now) for now in (0.02, 0.045, 0.545, 30.545, 30.565)] == [160, 200, 4_000, 8_000, 160]


def test_a_queue_gives_silence_after_its_last_sample() -> None:
    queue = SampleQueue()
    queue.push(numpy.array([1, 2, 3], numpy.int16))
    queue.push(numpy.array([4], numpy.int16))
    assert queue.pull(2).tolist() == [1, 2]
    assert queue.pull(3).tolist() == [3, 4, 0]
    queue.push(numpy.array([5], numpy.int16))
    queue.clear()
    assert len(queue) == 0


def test_a_jitter_queue_waits_before_it_gives_and_after_it_ran_dry() -> None:
    queue = JitterQueue(delay=2, most=4)
    queue.push(numpy.array([1, 2], numpy.int16))
    assert queue.pull(2).tolist() == [0, 0]
    queue.push(numpy.array([3, 4], numpy.int16))
    assert queue.pull(2).tolist() == [1, 2]
    assert queue.pull(3).tolist() == [3, 4, 0]
    queue.push(numpy.array([5, 6, 7], numpy.int16))
    assert queue.pull(2).tolist() == [0, 0]
    queue.push(numpy.arange(8, 18, dtype=numpy.int16))
    assert queue.pull(2).tolist() == [5, 6]
    assert queue.pull(2).tolist() == [16, 17]
