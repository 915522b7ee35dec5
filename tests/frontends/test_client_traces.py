"""A client records its messages: in a file or by a function, on asyncio, trio and threads; errors end the trace alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from anyrelay.testing import TraceFrame, read_trace
from tests.support.frontend_world import World

MARKER = "SECRET-MARKER"


def told(frames: list[TraceFrame]) -> list[tuple[int, str, str]]:
    """The connection of each frame, its sender, and its method or event type; "" for a reply."""
    sender = {True: "client", False: "server"}
    return [(frame.connection, sender[frame.from_client], frame.event[0] or frame.method) for frame in frames]


async def test_a_file_has_every_message_of_every_connection(world: World, tmp_path: Path) -> None:
    path = tmp_path / "client.relay.jsonl"
    async with world.client(token=MARKER, trace=path) as client:
        call = await world.taken_call(client)
        await call.answer()
        world.relay.drop()
        await world.seen("signalwire.connect", 2)
        await world.until(lambda: client.statistics()["sessions_resumed"] == 1)
    frames = told(read_trace(path))
    assert frames[:6] == [
        (1, "client", "signalwire.connect"),
        (1, "server", ""),
        (1, "server", "calling.call.receive"),
        (1, "client", ""),
        (1, "client", "calling.answer"),
        (1, "server", ""),
    ]
    assert [frame for frame in frames if frame[0] == 2][:2] == [(2, "client", "signalwire.connect"), (2, "server", "")]
    assert MARKER not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_function_is_given_each_message(world: World) -> None:
    frames: list[TraceFrame] = []
    async with world.client(token=MARKER, trace=frames.append) as client:
        await world.taken_call(client)
        await world.until(lambda: len(frames) >= 4)
    assert told(frames)[:2] == [(1, "client", "signalwire.connect"), (1, "server", "")]
    assert MARKER not in repr([frame.message for frame in frames])
    assert all(frame.time > 1_700_000_000 for frame in frames)


async def test_an_error_ends_the_trace_and_the_client_goes_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    taken: list[TraceFrame] = []

    def fail(frame: TraceFrame) -> None:
        taken.append(frame)
        raise LookupError("no space left")

    async with world.client(trace=fail) as client:
        call = await world.taken_call(client)
        await call.answer()
    assert len(taken) == 1
    assert caplog.text.count("the trace ends here: LookupError('no space left')") == 1


async def test_a_wrong_trace_is_refused_before_anything_is_sent(world: World, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="trace must be the path of a file, or a function, not int"):
        world.client(trace=3)
    with pytest.raises(FileNotFoundError):
        world.client(trace=tmp_path / "no such folder" / "client.relay.jsonl")
