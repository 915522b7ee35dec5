"""Copies of a call's audio for an RTP receiver or a WebSocket server (``calling.tap`` and ``calling.stream``)."""

from __future__ import annotations

import base64
import json
import random
import socket
import struct
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final

import anyio
import numpy

from anyrelay.local.exchange.reports import CopyChanged
from anyrelay.local.logs import logger_of
from anyrelay.local.reach import NotToBeHad, Reach
from anyrelay.local.sip.audio.clips import Samples
from anyrelay.local.sip.audio.clock import RATE
from anyrelay.local.sip.audio.codecs import Encoder
from anyrelay.local.sip.audio.line import clipped
from anyrelay.local.sip.audio.web_socket import WebSocketClient

__all__ = ["Copy", "CopyTarget", "StreamTarget", "tap_target"]

logger = logger_of(__name__)

MOST_WAITING: Final = 5.0
"""Seconds of audio that may wait for a server that does not read."""

FINISH_TIME: Final = 1.0
"""Seconds after `Copy.stop` in which the other side must take the audio that still waits."""

PACKET_TIMES: Final = (10, 60)
"""The shortest and the longest packet of RTP, in milliseconds."""

_PAYLOAD_TYPES: Final = {"PCMU": 0, "PCMA": 8, "L16": 96}
"""The RTP payload types of the codecs (RFC 3551 section 6); 96 is the first dynamic payload type."""

_ENCODINGS: Final = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/l16"}


class CopyTarget(ABC):
    """The destination of a copy."""

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, and put everything that must be closed onto the stack.

        Raises:
            NotToBeHad: This server may not reach the destination.
            OSError: The connection failed.
            ValueError: The other side refused.
        """

    @abstractmethod
    async def send(self, heard: Samples, said: Samples) -> None:
        """Send the next audio."""

    async def read(self) -> None:
        """Read from the other side; never return, and raise ValueError when the other side has ended the copy."""
        await anyio.sleep_forever()

    async def finish(self) -> None:  # noqa: B027 - RTP and bare WebSocket messages have none for the end
        """Tell the other side that no more audio follows, if there is a message for that."""


class Copy:
    """A tap or stream that is under way; a `SoundListener`."""

    def __init__(self, control_id: str, target: CopyTarget, changed: Callable[[CopyChanged], None]) -> None:
        """Prepare a copy; `run` sends the copy, and calls `changed` with the reports."""
        self._control_id = control_id
        self._target = target
        self._changed = changed
        self._waiting: deque[tuple[Samples, Samples]] = deque()
        self._seconds = 0.0
        self._news = anyio.Event()
        self._too_slow = anyio.Event()
        self._stopped = anyio.Event()

    def take(self, heard: Samples, said: Samples) -> None:
        """Queue audio to be sent; fail the copy when the other side does not read."""
        if self._seconds > MOST_WAITING:
            self._too_slow.set()
            return
        self._waiting.append((heard, said))
        self._seconds += len(heard) / RATE
        self._news.set()

    def stop(self) -> None:
        """End the copy, which is then reported as finished."""
        self._stopped.set()
        self._news.set()

    async def run(self, started: Callable[[], None]) -> None:
        """Connect, call `started`, and send until `stop` or an error."""
        error = ""
        try:
            async with AsyncExitStack() as stack:
                await self._target.open(stack)
                if not self._stopped.is_set():
                    started()
                    self._report("started")
                    await self._send_all()
        except (NotToBeHad, OSError, ValueError) as failure:
            error = str(failure) or type(failure).__name__
            logger.info("the copy %s of a call's audio failed: %s", self._control_id, error)
        self._report("error" if error else "finished", error)

    async def _send_all(self) -> None:
        """Send until `stop`.

        Raises:
            OSError: The connection failed.
            ValueError: The other side has ended the copy, or does not read.
        """
        failures: list[Exception] = []

        async def guarded(work: Callable[[], Awaitable[None]]) -> None:
            """Do some work, and end all other work when it is over."""
            try:
                await work()
            except (OSError, ValueError) as failure:
                failures.append(failure)
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for work in (self._target.read, self._overflow, self._send_until_stopped, self._finish_in_time):
                tasks.start_soon(guarded, work)
        if failures:
            raise failures[0]

    async def _overflow(self) -> None:
        await self._too_slow.wait()
        raise ValueError("the other side does not read")

    async def _send_until_stopped(self) -> None:
        while not self._stopped.is_set():
            await self._news.wait()
            self._news = anyio.Event()
            while self._waiting:
                heard, said = self._waiting.popleft()
                await self._target.send(heard, said)
                self._seconds -= len(heard) / RATE
        await self._target.finish()

    async def _finish_in_time(self) -> None:
        await self._stopped.wait()
        await anyio.sleep(FINISH_TIME)

    def _report(self, state: str, error: str = "") -> None:
        self._changed(CopyChanged(self._control_id, state, error))


def tap_target(direction: str, device: Mapping[str, Any], reach: Reach) -> CopyTarget:
    """Return the destination of a tap.

    Args:
        direction: ``speak``, ``listen`` or ``both``.
        device: ``{"type": "rtp" or "ws", "params": {…}}``, as `RtpTapDevice` and `WsTapDevice` name them.
        reach: The addresses that the copy may go to.

    Raises:
        ValueError: A parameter cannot be followed.
    """
    params = device.get("params") or {}
    if device.get("type") == "rtp":
        return _RtpTarget(direction, params, reach)
    return _WsTarget(direction, params, reach)


def _side(direction: str, heard: Samples, said: Samples) -> Samples:
    if direction == "both":
        return clipped(heard.astype(numpy.int32) + said)
    return said if direction == "listen" else heard


class _RtpTarget(CopyTarget):
    """RTP packets to a UDP port (RFC 3550)."""

    def __init__(self, direction: str, params: Mapping[str, Any], reach: Reach) -> None:
        self._direction = direction
        self._encoder = Encoder(params.get("codec"))
        self._address, self._port = str(params["addr"]), int(params["port"])
        self._reach = reach
        milliseconds = float(params.get("ptime") or 20)
        if not PACKET_TIMES[0] <= milliseconds <= PACKET_TIMES[1]:
            raise ValueError(f"ptime must be {PACKET_TIMES[0]} to {PACKET_TIMES[1]} ms, not {milliseconds:g}")
        self._packet = round(RATE * milliseconds / 1000)
        self._waiting: Samples = numpy.zeros(0, numpy.int16)
        self._sequence, self._timestamp = random.getrandbits(16), random.getrandbits(32)
        self._source = random.getrandbits(32)

    async def open(self, stack: AsyncExitStack) -> None:
        url = f"rtp://{self._address}:{self._port}"
        address = (await self._reach.addresses_of(url, self._address, self._port))[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        self._socket.setblocking(False)
        self._target = (address, self._port)

    async def send(self, heard: Samples, said: Samples) -> None:
        self._waiting = numpy.concatenate((self._waiting, _side(self._direction, heard, said)))
        while len(self._waiting) >= self._packet:
            payload = self._encoder.encode(self._waiting[: self._packet])
            self._waiting = self._waiting[self._packet :]
            kind = _PAYLOAD_TYPES[self._encoder.name]
            head = struct.pack(">BBHII", 0x80, kind, self._sequence, self._timestamp, self._source)
            self._sequence = (self._sequence + 1) & 0xFFFF
            self._timestamp = (self._timestamp + self._packet * self._encoder.rate // RATE) & 0xFFFF_FFFF
            try:
                self._socket.sendto(head + payload, self._target)
            except (BlockingIOError, ConnectionRefusedError):
                logger.debug("a packet of a tap was lost")  # no receiver listens yet, or the queue is full


class _SocketTarget(CopyTarget):
    """The WebSocket server of a copy, whose `open` makes the connection."""

    _socket: WebSocketClient

    async def read(self) -> None:
        await self._socket.read()


class _WsTarget(_SocketTarget):
    """Binary WebSocket messages, each with some milliseconds of audio."""

    def __init__(self, direction: str, params: Mapping[str, Any], reach: Reach) -> None:
        self._direction = direction
        self._encoder = Encoder(params.get("codec"), params.get("rate"))
        self._url = str(params["uri"])
        self._reach = reach

    async def open(self, stack: AsyncExitStack) -> None:
        self._socket = await stack.enter_async_context(await WebSocketClient.open(self._url, self._reach, []))

    async def send(self, heard: Samples, said: Samples) -> None:
        await self._socket.send(self._encoder.encode(_side(self._direction, heard, said)))


class StreamTarget(_SocketTarget):
    """JSON messages over a WebSocket: ``connected``, ``start``, ``media`` for each piece of audio, ``stop``."""

    def __init__(self, stream_id: str, call_id: str, url: str, params: Mapping[str, Any], reach: Reach) -> None:
        """Prepare a stream.

        Args:
            stream_id: The name of this stream in its messages.
            call_id: The SIP Call-ID of the call.
            url: The address of the server.
            params: name, codec, track, authorization_bearer_token and custom_parameters of ``calling.stream``.
            reach: The addresses that the copy may go to.

        Raises:
            ValueError: A parameter cannot be followed.
        """
        self._stream_id, self._call_id, self._url, self._reach = stream_id, call_id, url, reach
        self._params = params
        track = str(params.get("track") or "inbound_track")
        self._tracks = ("inbound", "outbound") if track == "both_tracks" else (track.removesuffix("_track"),)
        codec = params.get("codec")
        self._encoders = {name: Encoder(codec, little_endian=True) for name in self._tracks}
        self._sequence = 0
        self._chunks = 0
        self._samples = 0

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect, and send ``connected`` and ``start``."""
        token = self._params.get("authorization_bearer_token")
        headers = [("Authorization", f"Bearer {token}")] if token else []
        self._socket = await stack.enter_async_context(await WebSocketClient.open(self._url, self._reach, headers))
        await self._socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        encoder = next(iter(self._encoders.values()))
        form = {"encoding": _ENCODINGS[encoder.name], "sampleRate": encoder.rate, "channels": 1}
        start: dict[str, Any] = {"streamSid": self._stream_id, "callSid": self._call_id, "tracks": list(self._tracks)}
        start |= {"mediaFormat": form, "customParameters": self._params.get("custom_parameters") or {}}
        if self._params.get("name"):
            start["name"] = self._params["name"]
        await self._tell("start", {"start": start})

    async def send(self, heard: Samples, said: Samples) -> None:
        """Send a ``media`` message for each track."""
        self._chunks += 1
        for track in self._tracks:
            payload = self._encoders[track].encode(heard if track == "inbound" else said)
            media = {"track": track, "chunk": str(self._chunks), "timestamp": str(1000 * self._samples // RATE)}
            await self._tell("media", {"media": {**media, "payload": base64.b64encode(payload).decode()}})
        self._samples += len(heard)

    async def finish(self) -> None:
        """Send ``stop``."""
        await self._tell("stop", {"stop": {"callSid": self._call_id}})

    async def _tell(self, event: str, more: Mapping[str, Any]) -> None:
        self._sequence += 1
        told = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._stream_id, **more}
        await self._socket.send(json.dumps(told))
