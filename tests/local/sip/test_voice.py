"""Media items become sound."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import wave
from pathlib import Path
from typing import Any

import numpy
import pytest

from anyrelay.local.reach import Reach
from anyrelay.local.sip.audio import speech
from anyrelay.local.sip.audio.clips import RINGTONES, Clip, Samples, ringtone, silence, wav
from anyrelay.local.sip.audio.media import MediaError, Renderer, VoiceMissingError, in_pieces
from anyrelay.local.sip.audio.programme import Programme
from anyrelay.protocol.schema import Media

pytestmark = pytest.mark.anyio

RATE = 8000

CANNOT_BE_HAD = "^cannot play the audio: it cannot be had: it does not exist, or this server may not reach it"


def whole(clip: Clip) -> Samples:
    return clip.piece(0, clip.length)


def tone(rate: int, seconds: float = 0.5) -> Samples:
    return (10000 * numpy.sin(2 * numpy.pi * 500 * numpy.arange(int(rate * seconds)) / rate)).astype(numpy.int16)


def wav_file(frames: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(frames)
    return file.getvalue()


def loudest(samples: Samples, rate: int = RATE) -> float:
    """The frequency that sounds loudest, in Hz."""
    return float(numpy.argmax(numpy.abs(numpy.fft.rfft(samples))) * rate / len(samples))


def item(kind: str, **params: Any) -> Media:
    return Media(kind, params)


async def render(media: Media, rate: int, reach: Reach | None = None) -> Clip:
    return await Renderer(reach).render(media, rate)


def test_silence_is_silent_and_small() -> None:
    clip = silence(3600, RATE)
    assert clip.length == 3600 * RATE
    assert len(clip.cycle) == 1
    assert not clip.piece(1_000_000, 500).any()
    assert silence(0, RATE).length == 0


@pytest.mark.parametrize(("name", "seconds"), [("us", 6.0), ("uk", 3.0), ("de", 5.0), ("fr", 5.0), ("jp", 3.0)])
def test_ringtones_last_one_cadence(name: str, seconds: float) -> None:
    assert ringtone(name, None, RATE).length == seconds * RATE


def test_the_cadence_of_a_ringtone() -> None:
    samples = whole(ringtone("UK", 3.5, RATE))
    sounding = [bool(samples[int(at * RATE) : int(at * RATE) + 400].any()) for at in (0.1, 0.45, 0.7, 1.1, 2.5, 3.1)]
    assert sounding == [True, False, True, False, False, True]
    assert loudest(samples[: RATE * 2 // 5]) in (400.0, 450.0)


@pytest.mark.parametrize("name", sorted(RINGTONES))
def test_no_ringtone_clips(name: str) -> None:
    samples = whole(ringtone(name, 2, RATE))
    assert 3000 < numpy.abs(samples.astype(int)).max() < 20000


def test_pieces_of_a_clip() -> None:
    clip = Clip(numpy.array([1, 2, 3], numpy.int16), 7)
    assert whole(clip).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert clip.piece(5, 10).tolist() == [3, 1]
    assert clip.piece(7, 1).tolist() == []


@pytest.mark.parametrize(
    ("loop", "start", "count", "piece"),
    [
        (1, 0, 10, [1, 2, 9]),
        (2, 0, 10, [1, 2, 9, 1, 2, 9]),
        (2, 2, 2, [9, 1]),
        (2, 6, 1, []),
        (0, 3001, 4, [2, 9, 1, 2]),
    ],
)
async def test_pieces_of_a_programme(loop: int, start: int, count: int, piece: list[int]) -> None:
    programme, _ = programme_of([1, 2], [], [9], loop=loop)
    taken: list[int] = []
    while len(taken) < count and len(part := await programme.piece(start + len(taken), count - len(taken))):
        taken += part.tolist()
    programme.close()
    assert taken == piece


def programme_of(*clips: list[int], loop: int = 1) -> tuple[Programme, list[str]]:
    """A programme of these samples, and what of it was rendered, in order."""
    rendered: list[str] = []

    async def render(medium: Media, rate: int) -> Clip:
        rendered.append(medium.params["url"])
        await asyncio.sleep(0)
        return Clip.of(numpy.array(clips[int(medium.params["url"])], numpy.int16))

    return Programme([item("audio", url=str(index)) for index in range(len(clips))], loop, RATE, render), rendered


async def test_a_programme_renders_what_it_plays_and_the_next_one() -> None:
    programme, rendered = programme_of(*([number] for number in range(1, 1_000)))
    assert (await programme.piece(0, 1)).tolist() == [1]
    await asyncio.sleep(0.01)
    assert rendered == ["0", "1"]
    assert (await programme.piece(0, 10)).tolist() == [1, 2]  # the third is not rendered yet
    await asyncio.sleep(0.01)
    assert len(programme._clips) == 2
    programme.close()


async def test_an_empty_programme_is_over_at_once() -> None:
    assert (await programme_of([], loop=0)[0].piece(0, 10)).tolist() == []
    assert (await programme_of()[0].piece(0, 10)).tolist() == []


async def test_a_file_that_has_changed_since_the_last_round() -> None:
    lengths = iter([3, 1, 1, 1])

    async def render(medium: Media, rate: int) -> Clip:
        return Clip.of(numpy.full(next(lengths, 1), 7, numpy.int16))

    programme = Programme([item("audio", url="a"), item("audio", url="b"), item("audio", url="c")], 0, RATE, render)
    assert [len(await programme.piece(start, 1)) for start in range(5)] == [1] * 5
    assert len(await programme.piece(7, 1)) == 1
    programme.close()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_of_every_width(width: int) -> None:
    values = numpy.array([0, 256, -256, 32512, -32768], numpy.int64)
    if width == 1:
        frames = (values // 256 + 128).astype(numpy.uint8).tobytes()
    else:
        frames = b"".join(int(value << (8 * (width - 2))).to_bytes(width, "little", signed=True) for value in values)
    assert whole(wav(wav_file(frames, width=width), RATE)).tolist() == values.tolist()


def test_wav_in_stereo_at_another_rate() -> None:
    left = tone(44100)
    both = numpy.stack([left, left], axis=1).tobytes()
    samples = whole(wav(wav_file(both, rate=44100, channels=2), RATE))
    assert len(samples) == pytest.approx(RATE / 2, abs=2)
    assert loudest(samples) == pytest.approx(500, abs=5)


@pytest.mark.parametrize("data", [b"", b"ID3\x04 an MP3", wav_file(b"")[:20]])
def test_what_is_no_wav(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a WAV file of PCM"):
        wav(data, RATE)


def header_of(rate: int, channels: int, width: int, claimed: int) -> bytes:
    """A WAV file of 50 KB whose header says this, and claims so many bytes of sound."""
    block = channels * width
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + claimed, b"WAVE", b"fmt ", 16, 1, channels, rate,
                       rate * block % 2**32, block % 2**16, 8 * width, b"data", claimed)  # fmt: skip
    return head + bytes(50_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (header_of(1, 1, 1, 50_000), "1 samples a second: 4000 to 192000"),  # it took 880 MiB
        (header_of(3_999, 1, 2, 50_000), "3999 samples a second"),
        (header_of(0, 1, 2, 50_000), "0 samples a second"),
        (header_of(2**32 - 1, 1, 2, 50_000), "4294967295 samples a second"),
        (header_of(8_000, 9, 2, 50_000), "9 channels"),
        (header_of(8_000, 65_535, 1, 50_000), "65535 channels"),
        (header_of(8_000, 1, 5, 50_000), "with 8 to 32 bits"),
        (header_of(4_000, 1, 1, 4_000 * 601) + bytes(4_000 * 601), "601 seconds: at most 600"),
    ],
)
def test_what_a_header_says_is_checked_before_anything_is_decoded(data: bytes, words: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            wav(data, 48_000)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_header_that_claims_more_than_there_is_plays_what_there_is() -> None:
    assert wav(header_of(8_000, 1, 2, 2**31), RATE).length == 25_000
    assert wav(wav_file(b""), RATE).length == 0


def test_decoding_takes_memory_in_proportion() -> None:
    data = wav_file(bytes(10 * 2**20 - 100), channels=2, width=4, rate=44_100)
    tracemalloc.start()
    try:
        wav(data, 48_000)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(data)
    finally:
        tracemalloc.stop()


async def test_audio_from_a_path_and_a_file_url(tmp_path: Path) -> None:
    path = tmp_path / "a tone.wav"
    path.write_bytes(wav_file(tone(RATE).tobytes()))
    for url in (str(path), path.as_uri(), "a tone.wav"):
        assert (await render(item("audio", url=url), RATE, Reach(tmp_path))).length == RATE // 2


async def serve(response: bytes) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def test_audio_from_the_web() -> None:
    body = wav_file(tone(RATE).tobytes())
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with await serve(head + body) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await render(item("audio", url=f"http://127.0.0.1:{port}/tone.wav"), RATE)).length == RATE // 2


async def test_audio_that_comes_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyrelay.local.sip.audio.media.FETCH_TIME", 0.1)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        over.set()

    over = asyncio.Event()
    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(5):
            with pytest.raises(MediaError, match=CANNOT_BE_HAD):
                await render(item("audio", url=f"http://127.0.0.1:{port}/"), RATE)
            await over.wait()


async def test_a_pipe_that_nobody_writes_to_ends_no_speech(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    renderer = Renderer(Reach(tmp_path))
    async with asyncio.timeout(20):
        for _ in range(100):
            with pytest.raises(MediaError, match=CANNOT_BE_HAD):
                await renderer.render(item("audio", url="pipe.wav"), RATE)
        assert (await renderer.render(item("ringtone", name="us"), RATE)).length


async def test_what_was_rendered_lately_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer()
    first = await renderer.render(item("ringtone", name="us"), RATE)
    assert await renderer.render(item("ringtone", name="us"), RATE) is first
    assert await renderer.render(item("ringtone", name="us"), 2 * RATE) is not first
    monkeypatch.setattr("anyrelay.local.sip.audio.media.CACHE_BYTES", 2 * first.size)
    for name in ("uk", "de", "fr"):
        await renderer.render(item("ringtone", name=name), RATE)
        assert renderer._cached_bytes <= 2 * first.size
    assert await renderer.render(item("ringtone", name="us"), RATE) is not first


async def test_ten_thousand_ringtones_cost_what_is_played_of_them() -> None:
    renderer = Renderer()
    programme = Programme(in_pieces([item("ringtone", name="us")] * 10_000), 1, RATE, renderer.render)
    tracemalloc.start()
    began = time.process_time()
    try:
        for start in range(0, RATE * 20, RATE):
            await programme.piece(start, RATE)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20  # it was 0.9 GB
    finally:
        tracemalloc.stop()
        programme.close()
    assert time.process_time() - began < 2  # it was 9.5 s


@pytest.mark.parametrize(
    "text",
    [
        "Short.",
        "One sentence. " * 100,
        "Kein Ende in Sicht, nur Wörter " * 100,
        "x" * 5_000,
        "漢字" * 2_000,
        "line\n" * 500,
        " " * 1_000,
        "a. " + " " * 500 + "b",
    ],
)
def test_long_texts_are_cut_into_pieces_that_say_the_same(text: str) -> None:
    pieces = [piece.params["text"] for piece in in_pieces([item("tts", text=text, language="de-DE")])]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert max(map(len, pieces)) <= 2 * 160 + 1 or not text.strip()
    assert all(piece.params["language"] == "de-DE" for piece in in_pieces([item("tts", text=text, language="de-DE")]))


async def test_audio_that_the_web_does_not_have() -> None:
    async with await serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MediaError, match=CANNOT_BE_HAD):
            await render(item("audio", url=f"http://127.0.0.1:{port}/none.wav"), RATE)


async def test_audio_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyrelay.local.sip.audio.media.MAX_AUDIO_BYTES", 10)
    async with await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + bytes(99)) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MediaError, match=CANNOT_BE_HAD):
            await render(item("audio", url=f"http://127.0.0.1:{port}/"), RATE)


@pytest.mark.parametrize(
    ("media", "complaint"),
    [
        (item("audio", url="/no/such/file.wav"), CANNOT_BE_HAD),
        (item("audio", url="ftp://example.com/a.wav"), CANNOT_BE_HAD),
        (item("audio", url="http://127.0.0.1:1/a.wav"), CANNOT_BE_HAD),
        (item("audio", url="http://[/a.wav"), CANNOT_BE_HAD),
        (item("ringtone", name="atlantis"), "no ringtone is called 'atlantis'; there are at, au"),
        (item("hologram"), "media of type 'hologram' cannot be played"),
    ],
)
async def test_what_cannot_be_played(media: Media, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint):
        await render(media, RATE)


class Item:
    """A media item that nobody checked."""

    def __init__(self, kind: str, **params: Any) -> None:
        self.type = kind
        self.params = params


@pytest.mark.parametrize("duration", [None, "soon", -1, float("nan"), float("inf"), 1e9])
async def test_durations_that_are_none(duration: Any) -> None:
    with pytest.raises(MediaError, match="duration must be"):
        await render(Item("silence", duration=duration), RATE)  # type: ignore[arg-type]


async def test_a_file_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"ID3\x04")
    with pytest.raises(MediaError, match=r"not a WAV file .*MP3 among them"):
        await render(item("audio", url=str(path)), RATE, Reach(tmp_path))


async def test_a_ringtone_and_a_silence_by_item() -> None:
    assert (await render(item("ringtone", name="us", duration=1.5), RATE)).length == 1.5 * RATE
    assert (await render(item("ringtone", name="us"), RATE)).length == 6 * RATE
    assert (await render(item("silence", duration=0.25), RATE)).length == RATE // 4


@pytest.mark.sip
class TestSpeech:
    @pytest.mark.parametrize("rate", [8000, 16000, 48000])
    async def test_it_lasts_and_sounds(self, rate: int) -> None:
        samples = whole(await render(item("tts", text="Transferring to another line."), rate))
        assert 1.2 < len(samples) / rate < 2.2
        assert numpy.sqrt(numpy.mean(samples.astype(float) ** 2)) > 1000

    async def test_voices_differ(self) -> None:
        spoken = [
            whole(await render(item("tts", text="Hello there, how are you?", **params), RATE)).tobytes()
            for params in (
                {"language": "en-US"},
                {"language": "en-US", "gender": "female"},
                {"language": "en-GB"},
                {"language": "de-DE"},
                {"voice": "en-us+m3"},
            )
        ]
        assert len(set(spoken)) == len(spoken)

    async def test_the_language_of_another_vendors_voice(self) -> None:
        named = await render(item("tts", text="Hello there.", voice="en-GB-Neural2-A"), RATE)
        plain = await render(item("tts", text="Hello there.", language="en-GB"), RATE)
        assert named.length == pytest.approx(plain.length, rel=0.02)

    @pytest.mark.parametrize("params", [{"language": "xx-YY"}, {"voice": "../../passwd"}, {"language": "\0"}])
    async def test_a_voice_that_there_is_not_is_english(self, params: dict[str, str]) -> None:
        assert (await render(item("tts", text="Hello\0there.", **params), RATE)).length > RATE // 2

    async def test_two_at_once(self) -> None:
        clips = await asyncio.gather(*(render(item("tts", text=f"Number {n}."), RATE) for n in range(4)))
        assert all(clip.length > RATE // 4 for clip in clips)

    async def test_long_texts_of_six_calls_hold_up_no_other(self) -> None:
        renderer, long = Renderer(), [item("tts", text="This goes on and on, and on. " * 300)]
        programmes = [Programme(in_pieces(long), 1, RATE + number, renderer.render) for number in range(6)]
        hogs = [asyncio.create_task(programme.piece(0, 600 * RATE)) for programme in programmes]
        await asyncio.sleep(0)
        began = time.monotonic()
        await renderer.render(item("tts", text="Good morning."), RATE)
        assert time.monotonic() - began < 2.5  # it was 4.4 s on an idle machine
        for programme, hog in zip(programmes, hogs, strict=True):
            hog.cancel()
            programme.close()
        await asyncio.gather(*hogs, return_exceptions=True)

    def test_a_speech_without_end_is_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speech, "_MAX_SECONDS", 1)
        assert len(speech.speak("This goes on and on. " * 50, RATE)) < 4 * RATE


async def test_no_synthesiser(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(speech, "_library", None)
    monkeypatch.setattr("anyrelay.local.sip.audio.speech.importlib.import_module", missing)
    with pytest.raises(VoiceMissingError, match=r"pip install 'anyrelay\[sip\]'"):
        await render(item("tts", text="Hello"), RATE)


def test_without_the_extra_the_phones_say_what_to_install() -> None:
    program = "import sys; sys.modules['numpy'] = None; from anyrelay.local import SipPhones"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "ImportError: SIP phones need numpy: pip install 'anyrelay[sip]'"
