"""`FaultProxy` makes the faults that a test asks for, and no others."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from tests.support.fault_proxy import HANDSHAKES, MOST_BETWEEN, STAGES, FaultProxy, Link
from tests.support.whole_frames import WholeFrames

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
CLOSE = b"\x88\x02\x03\xe8"


def text_frame(text: str, *, masked: bool = False) -> bytes:
    payload, mask = text.encode(), 0x80 if masked else 0
    length = len(payload)
    if length < 126:
        size = bytes([mask | length])
    elif length < 65_536:
        size = bytes([mask | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([mask | 127]) + length.to_bytes(8, "big")
    return b"\x81" + size + (b"\0\0\0\0" if masked else b"") + payload


SIGN_IN = text_frame("signed in")


# --- frames -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_frames_are_found_wherever_the_bytes_are_cut(masked: bool) -> None:
    pieces = [HEAD, *(text_frame("x" * size, masked=masked) for size in (0, 1, 125, 126, 300)), CLOSE]
    stream = b"".join(pieces)
    for position in range(len(stream)):
        frames = WholeFrames()
        assert frames.feed(stream[:position]) + frames.feed(stream[position:]) == pieces
    byte_by_byte = WholeFrames()
    assert [piece for byte in stream for piece in byte_by_byte.feed(bytes([byte]))] == pieces


def test_a_long_frame() -> None:
    frames, long = WholeFrames(), text_frame("x" * 70_000)
    assert frames.feed(HEAD + long[:-1]) == [HEAD]
    assert frames.feed(long[-1:]) == [long]


# --- a client and a server that talk through the proxy ------------------------------------------------------------------


@asynccontextmanager
async def joined(*, seed: int = 1, breaks_in: str = "") -> AsyncIterator[tuple[FaultProxy, Streams, Streams]]:
    accepted: asyncio.Queue[Streams] = asyncio.Queue()
    server = await asyncio.start_server(lambda *streams: accepted.put_nowait(streams), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with FaultProxy(port, Random(seed)) as proxy:
        proxy.breaks_handshakes, proxy.handshakes = True, [breaks_in]
        client = await asyncio.open_connection("127.0.0.1", proxy.port)
        served = await accepted.get()
        while not proxy.links:
            await asyncio.sleep(0)
        try:
            yield proxy, client, served
        finally:
            for _, writer in (client, served):
                writer.transport.abort()
            server.close()
            await server.wait_closed()
    await asyncio.sleep(0)  # aborted transports close their sockets here


async def signed_in(proxy: FaultProxy, client: Streams, server: Streams) -> Link:
    server[1].write(HEAD + SIGN_IN)
    assert await client[0].readexactly(len(HEAD + SIGN_IN)) == HEAD + SIGN_IN
    client[1].write(HEAD)
    assert await server[0].readexactly(len(HEAD)) == HEAD
    return proxy.links[0]


async def rest_of(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Return the bytes until the end, and whether a reset ended the connection."""
    came = b""
    try:
        while data := await reader.read(1_000):
            came += data
    except ConnectionResetError:
        return came, True
    return came, False


def run(case: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(case(), 10))


def test_bytes_pass_unchanged_without_a_fault() -> None:
    async def case() -> None:
        async with joined() as (proxy, client, server):
            await signed_in(proxy, client, server)
            for writer, reader in ((client[1], server[0]), (server[1], client[0])):
                frames = b"".join(text_frame(str(number)) for number in range(100)) + CLOSE
                writer.write(frames)
                assert await reader.readexactly(len(frames)) == frames
            assert proxy.faults == {}
            client[1].close()
            assert await rest_of(server[0]) == (b"", False)

    run(case)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_a_cut_passes_the_given_number_of_bytes(down: bool, resets: bool) -> None:
    async def case() -> None:
        async with joined() as (proxy, client, server):
            link = await signed_in(proxy, client, server)
            link.cut_after(link.down if down else link.up, 5, resets=resets)
            sender, receiver = (server, client) if down else (client, server)
            sender[1].write(text_frame("hello") + text_frame("world"))
            came, reset = await rest_of(receiver[0])
            assert reset is resets
            # A reset may overtake the bytes before it.
            assert came == text_frame("hello")[:5] or (resets and came == b"")
            assert proxy.faults == {"reset" if resets else "cut": 1}

    run(case)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", range(4))  # some seeds break one direction, some the other
def test_connections_break_before_they_are_signed_in(stage: str, seed: int) -> None:
    async def case() -> None:
        async with joined(seed=seed, breaks_in=stage) as (proxy, client, server):
            came = b""
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                for piece in (HEAD, SIGN_IN):
                    client[1].write(piece)
                    await server[0].readexactly(len(piece))
                    server[1].write(piece)
                    came += await client[0].readexactly(len(piece))
            assert proxy.faults == {f"reset in {stage}": 1}
            assert came == (b"" if stage == "the upgrade" else HEAD)

    run(case)


def test_some_new_connections_break_in_each_stage() -> None:
    proxy = FaultProxy(1, Random(1))
    assert sorted(proxy._next_handshake() for _ in HANDSHAKES) == sorted(HANDSHAKES)


@pytest.mark.parametrize("kind", ["stall up", "stall down", "delay"])
def test_a_stall_or_a_delay_holds_bytes_back(kind: str) -> None:
    async def case() -> None:
        async with joined() as (proxy, client, server):
            await signed_in(proxy, client, server)
            clock = asyncio.get_running_loop().time
            assert proxy.make_fault(kind)
            took = {}
            for way, writer, reader in (("down", server[1], client[0]), ("up", client[1], server[0])):
                began = clock()
                writer.write(SIGN_IN)
                assert await reader.readexactly(len(SIGN_IN)) == SIGN_IN
                took[way] = clock() - began
            assert proxy.faults == {kind: 1}
            if kind == "stall up":
                assert took["up"] > took["down"]
            elif kind == "stall down":
                assert took["down"] > took["up"]
            else:
                assert min(took.values()) >= min(link.delay for link in (proxy.links[0].up, proxy.links[0].down))

    run(case)


def test_only_text_frames_are_sent_twice() -> None:
    async def case() -> None:
        async with joined() as (proxy, client, server):
            link = await signed_in(proxy, client, server)
            link.down.copies_to_make = 5
            sent = [CLOSE, *(text_frame(f"event {number}") for number in range(20))]
            server[1].write(b"".join(sent))
            client[1].write(SIGN_IN)
            assert await server[0].readexactly(len(SIGN_IN)) == SIGN_IN
            frames = WholeFrames()
            frames.upgraded = True
            came: list[bytes] = []
            while len(came) < len(sent) + 5:
                came += frames.feed(await client[0].read(1_000))
            assert list(dict.fromkeys(came)) == sent
            copies = [frame for frame, number in Counter(came).items() if number == 2]
            assert copies == sent[1:6]
            for frame in copies:
                first, second = (index for index, each in enumerate(came) if each == frame)
                assert second - first <= 2 * (MOST_BETWEEN + 1)
            assert proxy.frames_sent_twice == 5

    run(case)


def test_faults_wait_for_a_connection_that_is_signed_in() -> None:
    async def case() -> None:
        async with joined() as (proxy, client, server):
            assert not proxy.make_fault("cut")
            await signed_in(proxy, client, server)
            assert proxy.make_fault("duplicate")
            with pytest.raises(ValueError, match="earthquake"):
                proxy.make_fault("earthquake")

    run(case)


def test_one_seed_makes_the_same_faults() -> None:
    async def case() -> None:
        drawn = []
        for _ in range(2):
            async with joined(seed=7) as (proxy, client, server):
                link = await signed_in(proxy, client, server)
                for kind in ("cut", "delay", "duplicate"):
                    proxy.make_fault(kind)
                drawn.append((link.up.bytes_left, link.down.bytes_left, link.up.delay, link.down.copies_to_make))
        assert drawn[0] == drawn[1]

    run(case)
