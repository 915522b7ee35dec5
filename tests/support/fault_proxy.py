"""A TCP proxy with the faults of a network: it cuts, resets, stalls and delays connections, and sends frames twice.

The proxy runs on an asyncio loop, between a client and a server on plain ``ws://``, and finds the frames in the bytes. A seeded
`Random` makes its choices, so that one seed makes the same faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from random import Random

from tests.support.whole_frames import TEXT, WholeFrames

CHUNK = 65_536

LAST_BYTE = 600
"""The most bytes until a cut. RELAY frames have a few hundred bytes, so most cuts are inside a frame."""

LONGEST_DELAY = 0.05
"""The longest delay of each read of a slow connection, in seconds."""

SLOW_TIME = 0.5
"""How long a connection is slow, in seconds."""

MOST_COPIES = 20
"""The most frames in a row that are sent twice."""

MOST_BETWEEN = 3
"""The most frames between a frame and its copy."""

STAGES = ("the upgrade", "the sign-in")
"""The stages in which a new connection can break: the first piece of a direction (HTTP), or the second."""

HANDSHAKES = (*STAGES, *[""] * 6)
"""The faults of eight new connections, in random order: one in each stage."""


class Pump:
    """One direction of a link."""

    def __init__(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        self.writer = writer
        self.stalled_until = 0.0
        self.slow_until = 0.0
        self.delay = 0.0
        self.copies_to_make = 0
        self.bytes_left: int | None = None
        self.breaks_in: int | None = None
        self.pieces = 0
        self._link = link
        self._reader = reader
        self._down = down
        self._frames = WholeFrames()
        self._copies: list[tuple[int, bytes]] = []

    async def run(self) -> None:
        """Pass bytes on until the direction ends or breaks."""
        with contextlib.suppress(OSError):
            while data := await self._reader.read(CHUNK):
                await self._hold_back()
                for piece in self._frames.feed(data):
                    await self._pass_on(piece)
                    self.pieces += 1

    async def _hold_back(self) -> None:
        clock = asyncio.get_running_loop().time
        if clock() < self.slow_until:
            await asyncio.sleep(self.delay)
        while (left := self.stalled_until - clock()) > 0:
            await asyncio.sleep(left)

    async def _pass_on(self, piece: bytes) -> None:
        if self.pieces == self.breaks_in:
            self._link.cut_after(self, self._link.proxy.random.randrange(len(piece)), resets=True)
        await self._send(piece)
        if self._down and self.copies_to_make and piece[0] == TEXT:
            self.copies_to_make -= 1
            self._copies.append((self._link.proxy.random.randint(0, MOST_BETWEEN), piece))
        due = [copy for wait, copy in self._copies if wait == 0]
        self._copies = [(wait - 1, copy) for wait, copy in self._copies if wait > 0]
        for copy in due:
            self._link.proxy.frames_sent_twice += 1
            await self._send(copy)

    async def _send(self, data: bytes) -> None:
        if self.bytes_left is not None and len(data) > self.bytes_left:
            self.writer.write(data[: self.bytes_left])
            await self.writer.drain()
            self._link.mark_broken()
            raise ConnectionAbortedError("cut")
        if self.bytes_left is not None:
            self.bytes_left -= len(data)
        self.writer.write(data)
        await self.writer.drain()


class Link:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.up = Pump(self, client[0], server[1], down=False)
        self.down = Pump(self, server[0], client[1], down=True)
        self._resets = False
        self._broken = False

    @property
    def stage(self) -> str:
        """The stage of the connection, as the server's bytes show it."""
        return STAGES[self.down.pieces] if self.down.pieces < len(STAGES) else ""

    def cut_after(self, pump: Pump, count: int, *, resets: bool) -> None:
        """Let `count` more bytes of one direction pass; then end both directions, with a TCP reset or without."""
        pump.bytes_left = count
        self._resets = resets

    def mark_broken(self) -> None:
        """Mark the connection as broken: its last byte has passed."""
        word = "reset" if self._resets else "cut"
        self.proxy.count(f"{word} in {self.stage}" if self.stage else word)
        self._broken = True

    async def run(self) -> None:
        """Pass bytes on in both directions until one of them ends."""
        pumps = [asyncio.create_task(pump.run()) for pump in (self.up, self.down)]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in (self.up.writer, self.down.writer):
                await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        if self._broken and self._resets:
            lingering = struct.pack("ii", 1, 0)  # closing sends a TCP reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
            writer.transport.abort()
        elif self.proxy.is_closing:
            writer.transport.abort()  # the peer may not read what is still to be sent
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class FaultProxy:
    """The proxy, an async context manager. Clients connect to `port`; `make_fault` makes the next fault."""

    def __init__(self, target_port: int, random: Random, *, stalls: tuple[float, float] = (0.05, 1.5)) -> None:
        """Set the server and the faults.

        Args:
            target_port: The server's port on the loopback interface.
            random: Makes the random choices.
            stalls: The least and the most seconds for which a direction stops.
        """
        self.random = random
        self.stalls = stalls
        self.faults: Counter[str] = Counter()
        self.frames_sent_twice = 0
        self.breaks_handshakes = False
        self.links: list[Link] = []
        self.port = 0
        self.handshakes: list[str] = []
        self.is_closing = False
        self._target_port = target_port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *trouble: object) -> None:
        self.is_closing = True
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def count(self, kind: str) -> None:
        """Count a fault."""
        self.faults[kind] += 1

    def make_fault(self, kind: str) -> bool:
        """Make a fault on the newest connection; return False when no connection is signed in."""
        link = self.links[-1] if self.links else None
        if link is None or link.stage:
            return False
        random, now = self.random, asyncio.get_running_loop().time()
        match kind:
            case "cut" | "reset":  # counted when the bytes have passed
                pump = random.choice((link.up, link.down))
                link.cut_after(pump, random.randrange(LAST_BYTE), resets=kind == "reset")
                return True
            case "stall up" | "stall down":
                pump = link.up if kind == "stall up" else link.down
                pump.stalled_until = now + random.uniform(*self.stalls)
            case "delay":
                for pump in (link.up, link.down):
                    pump.slow_until, pump.delay = now + SLOW_TIME, random.uniform(0.0, LONGEST_DELAY)
            case "duplicate":
                link.down.copies_to_make += random.randint(1, MOST_COPIES)
            case _:
                raise ValueError(kind)
        self.count(kind)
        return True

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step closes nothing, and from Python 3.12 on a server waits for its
        # connections.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), server)
        if self.breaks_handshakes and (stage := self._next_handshake()):
            self.random.choice((link.up, link.down)).breaks_in = STAGES.index(stage)
        self.links.append(link)
        try:
            await link.run()
        finally:
            self.links.remove(link)

    def _next_handshake(self) -> str:
        """Return the stage in which the next connection breaks; "" for none."""
        if not self.handshakes:
            self.handshakes = list(HANDSHAKES)
            self.random.shuffle(self.handshakes)
        return self.handshakes.pop()
