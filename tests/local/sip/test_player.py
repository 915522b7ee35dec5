"""Playbacks, into a call that takes sound as fast as it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy
import pytest

from anyrelay.local.sip.audio import player
from anyrelay.local.sip.audio.clips import Clip, Samples
from anyrelay.local.sip.audio.media import Renderer
from anyrelay.local.sip.audio.player import Player
from anyrelay.protocol.schema import Media

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "_PERIOD", 0)


class Sink:
    """The audio of a call: what is queued is heard when the test says so, or at once."""

    def __init__(self) -> None:
        self.sample_rate = 8000
        self.queued: list[int] = []
        self.heard: list[int] = []
        self.flowing = True

    def flow(self) -> None:
        self.heard += self.queued
        self.queued = []

    def rate(self) -> int:
        return self.sample_rate

    def buffered(self) -> int:
        if self.flowing:
            self.flow()
        return len(self.queued)

    def write(self, samples: Samples) -> int:
        self.queued += samples.tolist()
        return len(samples)

    def flush(self) -> None:
        self.queued = []


class Call:
    """A player with its sink and its reports."""

    def __init__(self) -> None:
        self.sink = Sink()
        self.reports: list[tuple[str, str, str]] = []
        self.news = asyncio.Event()
        self.player = Player(self.sink, self._report)

    def _report(self, control_id: str, state: str, error: str) -> None:
        self.reports.append((control_id, state, error))
        self.news.set()

    def play(self, control_id: str, *media: Media, volume: float = 0, loop: int = 1) -> None:
        self.player.play(control_id, media, volume=volume, loop=loop)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def until_reported(self, control_id: str, state: str) -> None:
        await self.until(lambda: any(report[:2] == (control_id, state) for report in self.reports))


RING = Media("ringtone", {"name": "us", "duration": 1})
BREAK = Media("silence", {"duration": 0.5})


async def test_media_in_order() -> None:
    call = Call()
    call.play("a", BREAK, RING, BREAK)
    await call.until_reported("a", "finished")
    assert call.reports == [("a", "playing", ""), ("a", "finished", "")]
    assert len(call.sink.heard) == 16000
    assert not any(call.sink.heard[:4000])
    assert max(call.sink.heard[4000:12000]) > 5000
    assert not any(call.sink.heard[12000:])


async def test_two_rounds() -> None:
    call = Call()
    call.play("a", BREAK, loop=2)
    await call.until_reported("a", "finished")
    assert len(call.sink.heard) == 8000


@pytest.mark.parametrize(("volume", "ratio"), [(6.0206, 2.0), (-20.0, 0.1)])
async def test_volume(volume: float, ratio: float) -> None:
    call = Call()
    call.play("plain", RING)
    call.play("changed", RING, volume=volume)
    await call.until_reported("changed", "finished")
    plain, changed = numpy.array(call.sink.heard[:8000]), numpy.array(call.sink.heard[8000:])
    assert changed.std() == pytest.approx(plain.std() * ratio, rel=0.01)


async def test_too_loud_is_cut_off() -> None:
    call = Call()
    call.play("a", RING, volume=40)
    await call.until_reported("a", "finished")
    assert (min(call.sink.heard), max(call.sink.heard)) == (-32768, 32767)


async def test_endless_until_stopped() -> None:
    call = Call()
    call.play("a", BREAK, loop=0)
    await call.until(lambda: len(call.sink.heard) > 40000)
    call.player.stop("a")
    assert call.reports[-1] == ("a", "finished", "")
    assert call.sink.queued == []
    call.player.stop("a")
    assert len(call.reports) == 2


async def test_stopped_before_it_began() -> None:
    call = Call()
    call.play("a", BREAK)
    call.player.stop("a")
    assert call.reports == [("a", "finished", "")]
    call.play("a", BREAK)
    await call.until_reported("a", "playing")


async def test_a_pause_loses_nothing() -> None:
    call = Call()
    call.sink.flowing = False
    call.play("a", RING)
    await call.until(lambda: len(call.sink.queued) == 1600)
    call.sink.heard, call.sink.queued = call.sink.queued[:600], call.sink.queued[600:]
    call.player.pause("a")
    call.player.pause("a")
    assert call.sink.queued == []
    call.sink.flowing = True
    await asyncio.sleep(0)
    assert len(call.sink.heard) == 600
    call.player.resume("a")
    call.player.resume("a")
    await call.until_reported("a", "finished")
    assert len(call.sink.heard) == 8000
    assert [state for _, state, _ in call.reports] == ["playing", "paused", "playing", "finished"]
    other = Call()
    other.play("b", RING)
    await other.until_reported("b", "finished")
    assert call.sink.heard == other.sink.heard


async def test_a_new_volume_is_heard_at_once() -> None:
    call = Call()
    call.sink.flowing = False
    call.play("a", RING)
    await call.until(lambda: len(call.sink.queued) == 1600)
    call.player.set_volume("a", -40)
    call.sink.flowing = True
    await call.until_reported("a", "finished")
    assert len(call.sink.heard) == 8000
    assert max(call.sink.heard) < 200


async def test_one_after_the_other() -> None:
    call = Call()
    call.play("a", BREAK)
    call.play("b", BREAK)
    call.play("b", RING, RING)
    await call.until_reported("b", "finished")
    assert call.reports == [("a", "playing", ""), ("a", "finished", ""), ("b", "playing", ""), ("b", "finished", "")]
    assert len(call.sink.heard) == 8000


async def test_paused_before_its_turn() -> None:
    call = Call()
    call.play("a", BREAK, loop=0)
    call.play("b", BREAK)
    await call.until_reported("a", "playing")
    call.player.pause("b")
    call.player.set_volume("b", 3)
    call.player.stop("a")
    await call.until(lambda: not call.sink.queued)
    call.player.resume("b")
    await call.until_reported("b", "finished")
    assert call.reports[1:] == [
        ("b", "paused", ""),
        ("a", "finished", ""),
        ("b", "playing", ""),
        ("b", "finished", ""),
    ]


async def test_an_error_ends_it_and_lets_the_next_play() -> None:
    call = Call()
    call.play("a", BREAK, Media("ringtone", {"name": "atlantis"}))
    call.play("b", BREAK)
    await call.until_reported("b", "finished")
    assert call.reports[0][:2] == ("a", "error")
    assert "no ringtone is called 'atlantis'" in call.reports[0][2]
    assert call.sink.heard == [0] * 4000


async def test_media_that_begin_to_flow_later_and_at_another_rate() -> None:
    call = Call()
    call.sink.sample_rate = 0
    call.play("a", BREAK, loop=0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert call.reports == []
    call.sink.sample_rate = 8000
    await call.until_reported("a", "playing")
    call.sink.sample_rate = 16000
    await call.until(lambda: len(call.sink.heard) > 16000)
    call.player.stop("a")


async def test_a_renegotiated_call_goes_on_where_it_was() -> None:
    call = Call()
    call.sink.flowing = False
    call.play("a", RING)
    await call.until(lambda: len(call.sink.queued) == 1600)
    call.sink.flow()
    call.sink.sample_rate = 16000
    call.sink.flowing = True
    await call.until_reported("a", "finished")
    assert len(call.sink.heard) == 1600 + 16000 * 8 // 10


async def test_a_call_that_ends_ends_it_silently() -> None:
    call = Call()
    call.play("a", BREAK, loop=0)
    await call.until_reported("a", "playing")
    call.player.close()
    call.play("b", BREAK)
    for _ in range(5):
        await asyncio.sleep(0)
    assert call.reports == [("a", "playing", "")]


async def test_orders_to_nobody() -> None:
    call = Call()
    for order in (call.player.stop, call.player.pause, call.player.resume):
        order("nobody")
    call.player.set_volume("nobody", 3)
    assert call.reports == []


class SlowRenderer(Renderer):
    """Renders half a second of sound for each medium, the later ones once they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[str] = []
        self.let = asyncio.Event()

    async def render(self, media: Media, rate: int) -> Clip:
        if self.rendered:
            await self.let.wait()
        self.rendered.append(media.params["text"])
        return Clip.of(numpy.full(rate // 2, 100 * (1 + int(media.params["text"])), numpy.int16))


def slow_call(count: int) -> tuple[Call, SlowRenderer]:
    call, renderer = Call(), SlowRenderer()
    call.player = Player(call.sink, call._report, renderer)
    call.play("a", *(Media.tts(str(number)) for number in range(count)))
    return call, renderer


async def test_media_are_rendered_as_they_are_played() -> None:
    call, renderer = slow_call(50)
    renderer.let.set()
    call.sink.flowing = False
    await call.until(lambda: len(call.sink.queued) > 0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert renderer.rendered == ["0", "1"]
    call.player.close()


async def test_a_pause_while_the_next_medium_is_rendered() -> None:
    call, renderer = slow_call(3)
    await call.until(lambda: len(call.sink.heard) == 4000)
    call.player.pause("a")
    renderer.let.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(call.sink.heard) == 4000
    call.player.resume("a")
    await call.until_reported("a", "finished")
    assert call.sink.heard == [100] * 4000 + [200] * 4000 + [300] * 4000
    assert [report[1] for report in call.reports] == ["playing", "paused", "playing", "finished"]


async def test_a_volume_that_changes_while_the_next_medium_is_rendered() -> None:
    call, renderer = slow_call(2)
    await call.until(lambda: len(call.sink.heard) == 4000)
    call.player.set_volume("a", 6.0206)
    renderer.let.set()
    await call.until_reported("a", "finished")
    assert len(call.sink.heard) == 8000
    assert set(call.sink.heard[4000:]) == {400}


@pytest.mark.parametrize("end", ["stop", "close"])
async def test_an_end_while_the_next_medium_is_rendered(end: str) -> None:
    call, renderer = slow_call(2)
    await call.until(lambda: len(call.sink.heard) == 4000)
    call.player.stop("a") if end == "stop" else call.player.close()
    renderer.let.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(call.sink.heard) == 4000
    assert renderer.rendered == ["0"]
    assert [report[1] for report in call.reports] == (["playing", "finished"] if end == "stop" else ["playing"])
