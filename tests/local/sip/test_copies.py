"""Taps and streams: RTP receivers and WebSocket servers that get a copy of a call's audio."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

import numpy
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from anyrelay.local.exchange.reports import CopyChanged
from anyrelay.local.reach import Reach
from anyrelay.local.sip.audio.codecs import Encoder
from anyrelay.local.sip.audio.copies import Copy, CopyTarget, StreamTarget, tap_target
from anyrelay.local.sip.phones import SipPhones
from tests.local.sip.fake_audio import Samples, frequency_of, sine, voiced
from tests.local.sip.rtp_phone import LEVELS, Rtp, rtp_call, rtp_stream
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = pytest.mark.anyio

TONE, OTHER = sine(440, 0.5), sine(1_000, 0.5)


class Server:
    """A WebSocket server that nobody here wrote; keeps the messages of its one connection."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.headers: dict[str, str] = {}
        self.url = ""
        self.closes_after = 1_000_000
        self.over = asyncio.Event()

    async def take(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers = {name.lower(): value for name, value in connection.request.headers.raw_items()}
        await connection.ping()
        async for message in connection:
            self.messages.append(message)
            if len(self.messages) >= self.closes_after:
                break
        await connection.close(1001)
        self.over.set()

    async def listen(self, stack: AsyncExitStack, refuses: bool = False) -> None:
        def refuse(connection: ServerConnection, request: Request) -> Response | None:
            return connection.respond(HTTPStatus.FORBIDDEN, "no") if refuses else None

        server = await stack.enter_async_context(serve(self.take, "127.0.0.1", 0, process_request=refuse))
        self.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/audio?a=b"

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.messages]


async def copied(
    target: CopyTarget, frames: int = 25, until: Callable[[], bool] | None = None
) -> list[tuple[str, str]]:
    """Copy so much of the tones, 20 ms at a time, and return the reports."""
    reports: list[CopyChanged] = []
    started = asyncio.Event()
    copy = Copy("c", target, reports.append)
    task = asyncio.create_task(copy.run(started.set))
    begun = asyncio.create_task(started.wait())
    await asyncio.wait({task, begun}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()
    for frame in range(frames if started.is_set() else 0):
        if task.done():
            break
        at = frame % 25 * 160
        copy.take(TONE[at : at + 160], OTHER[at : at + 160])
        await asyncio.sleep(0)
    if until is not None:
        async with asyncio.timeout(10):
            while not (until() or task.done()):
                await asyncio.sleep(0.01)  # what the other side has read cannot be awaited
    copy.stop()
    await asyncio.wait_for(task, 10)
    return [(report.state, report.error) for report in reports]


def audio_of(payloads: list[bytes]) -> Samples:
    return LEVELS[numpy.frombuffer(b"".join(payloads), numpy.uint8)]


@pytest.mark.parametrize(("direction", "tones"), [("speak", [440]), ("listen", [1_000]), ("both", [440, 1_000])])
async def test_a_tap_by_rtp(direction: str, tones: list[int]) -> None:
    async with rtp_stream() as rtp:
        device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": rtp.port, "ptime": 40}}
        target = tap_target(direction, device, Reach())
        assert await copied(target, until=lambda: len(rtp.packets) == 12) == [("started", ""), ("finished", "")]
    assert {(kind, len(payload)) for kind, payload in rtp.packets} == {(0, 320)}
    spectrum = numpy.abs(numpy.fft.rfft(rtp.heard()))
    loudest = sorted(numpy.argsort(spectrum)[-len(tones) :] * 8_000 / len(rtp.heard()))
    assert loudest == pytest.approx(tones, abs=4)


async def test_the_packets_of_a_tap_count_up() -> None:
    packets: list[bytes] = []

    class Heads(Rtp):
        def datagram_received(self, data: bytes, address: Any) -> None:
            packets.append(data)

    loop = asyncio.get_running_loop()
    transport, rtp = await loop.create_datagram_endpoint(Heads, local_addr=("127.0.0.1", 0))
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": rtp.port, "codec": "L16@16000h"}}
    await copied(tap_target("speak", device, Reach()), until=lambda: len(packets) == 25)
    transport.close()
    sequences = [int.from_bytes(packet[2:4], "big") for packet in packets]
    stamps = [int.from_bytes(packet[4:8], "big") for packet in packets]
    assert {(after - before) & 0xFFFF for before, after in itertools.pairwise(sequences)} == {1}
    assert {(after - before) & 0xFFFF_FFFF for before, after in itertools.pairwise(stamps)} == {320}
    assert {packet[1] for packet in packets} == {96}


async def test_a_tap_by_websocket() -> None:
    server = Server()
    async with AsyncExitStack() as stack:
        await server.listen(stack)
        device = {"type": "ws", "params": {"uri": server.url, "codec": "PCMU", "rate": 8000}}
        reports = await copied(tap_target("speak", device, Reach()), until=lambda: len(server.messages) == 25)
        assert reports == [("started", ""), ("finished", "")]
        await asyncio.wait_for(server.over.wait(), 5)
    assert abs(frequency_of(audio_of([bytes(message) for message in server.messages])) - 440) < 2  # type: ignore[arg-type]


async def test_a_stream_of_both_tracks() -> None:
    server = Server()
    params = {
        "track": "both_tracks",
        "name": "one",
        "authorization_bearer_token": "secret",
        "custom_parameters": {"a": "b"},
    }
    async with AsyncExitStack() as stack:
        await server.listen(stack)
        target = StreamTarget("s", "call@phone", server.url, params, Reach())
        reports = await copied(target, until=lambda: len(server.messages) == 52)
        await asyncio.wait_for(server.over.wait(), 5)
    assert reports == [("started", ""), ("finished", "")]
    assert server.headers["authorization"] == "Bearer secret"
    connected, start, *media, stop = server.events()
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["start"] == {
        "streamSid": "s",
        "callSid": "call@phone",
        "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"a": "b"},
        "name": "one",
    }
    assert stop["event"] == "stop"
    assert [int(event["sequenceNumber"]) for event in server.events()[1:]] == list(range(1, 53))
    for track, tone in (("inbound", 440), ("outbound", 1_000)):
        of_track = [event["media"] for event in media if event["media"]["track"] == track]
        assert [int(one["timestamp"]) for one in of_track] == list(range(0, 500, 20))
        assert abs(frequency_of(audio_of([base64.b64decode(one["payload"]) for one in of_track])) - tone) < 2


async def test_a_stream_of_another_rate() -> None:
    server = Server()
    async with AsyncExitStack() as stack:
        await server.listen(stack)
        params = {"track": "outbound_track", "codec": "L16@16000h"}
        target = StreamTarget("s", "c", server.url, params, Reach())
        await copied(target, until=lambda: len(server.messages) == 27)
        await asyncio.wait_for(server.over.wait(), 5)
    _, start, *media, _ = server.events()
    assert start["start"]["mediaFormat"] == {"encoding": "audio/l16", "sampleRate": 16000, "channels": 1}
    samples = numpy.frombuffer(b"".join(base64.b64decode(one["media"]["payload"]) for one in media), "<i2")
    assert abs(2 * frequency_of(samples) - 1_000) < 5


async def test_a_server_that_closes_the_connection() -> None:
    server = Server()
    server.closes_after = 5
    async with AsyncExitStack() as stack:
        await server.listen(stack)
        target = StreamTarget("s", "c", server.url, {}, Reach())
        reports = await copied(target, until=lambda: False)
    assert reports == [("started", ""), ("error", "the WebSocket server has closed the connection")]


async def test_a_server_that_refuses() -> None:
    server = Server()
    async with AsyncExitStack() as stack:
        await server.listen(stack, refuses=True)
        reports = await copied(StreamTarget("s", "c", server.url, {}, Reach()))
    assert reports == [("error", "the WebSocket server refused with HTTP 403")]


async def test_a_server_that_speaks_no_websocket() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-server\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ((state, error),) = await copied(StreamTarget("s", "c", f"ws://127.0.0.1:{port}", {}, Reach()))
    assert (state, error[:34]) == ("error", "no WebSocket server answers there:")


async def test_a_server_that_resets_the_connection_before_it_answers() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ((state, error),) = await copied(StreamTarget("s", "c", f"ws://127.0.0.1:{port}", {}, Reach()))
    assert (state, error[:34]) == ("error", "no WebSocket server answers there:")


@pytest.mark.parametrize(
    "url", ["ws://192.0.2.1/", "wss://example.com/", "http://127.0.0.1/", "ws://127.0.0.1:x/", "ws://"]
)
async def test_where_a_stream_may_not_lead(url: str) -> None:
    ((state, error),) = await copied(StreamTarget("s", "c", url, {}, Reach()))
    assert state == "error"
    assert "cannot be had" in error


async def test_where_a_tap_may_not_lead() -> None:
    device = {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 9}}
    ((state, error),) = await copied(tap_target("speak", device, Reach()))
    assert state == "error"
    assert "cannot be had" in error


async def test_nobody_listens_at_the_port_of_a_tap() -> None:
    async with rtp_stream() as rtp:
        port = rtp.port
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": port}}
    assert await copied(tap_target("speak", device, Reach())) == [("started", ""), ("finished", "")]


async def test_a_server_that_does_not_read() -> None:
    class Deaf:
        async def open(self, stack: AsyncExitStack) -> None:
            pass

        async def send(self, heard: Samples, said: Samples) -> None:
            await asyncio.Event().wait()

        async def read(self) -> None:
            await asyncio.Event().wait()

        async def finish(self) -> None:
            pass

    reports = await copied(Deaf(), frames=300, until=lambda: False)
    assert reports == [("started", ""), ("error", "the other side does not read")]
    assert await copied(Deaf(), frames=1) == [("started", ""), ("finished", "")]


@pytest.mark.parametrize(
    ("device", "complaint"),
    [
        ({"type": "rtp", "params": {"addr": "127.0.0.1", "port": 9, "codec": "OPUS"}}, "there is no codec 'OPUS'"),
        ({"type": "rtp", "params": {"addr": "127.0.0.1", "port": 9, "ptime": 500}}, "ptime must be 10 to 60 ms"),
        ({"type": "ws", "params": {"uri": "ws://127.0.0.1", "rate": 16000}}, "PCMU has no rate of 16000"),
    ],
)
def test_taps_that_cannot_be_made(device: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        tap_target("speak", device, Reach())


def test_pcmu_is_the_nearest_level_and_pcma_as_the_recommendation_has_it() -> None:
    every = numpy.arange(-32_768, 32_768).astype(numpy.int16)
    decoded = LEVELS[numpy.frombuffer(Encoder("PCMU").encode(every), numpy.uint8)].astype(numpy.int32)
    step = numpy.maximum(8, numpy.abs(every.astype(numpy.int32)) // 16)
    inner = numpy.abs(every.astype(numpy.int32)) < 32_000
    assert (numpy.abs(decoded - every)[inner] <= step[inner]).all()
    # Values of ITU-T G.711, Table 1a, at the ends of its segments; 16-bit samples are its 13-bit ones, shifted.
    samples = numpy.array([0, 15, 16, -1, 512, 1_024, 32_767, -32_768], numpy.int16)
    assert Encoder("PCMA").encode(samples).hex(" ") == "d5 d5 d4 55 f5 e5 aa 2a"


def test_l16_in_both_orders() -> None:
    samples = numpy.array([1, -2], numpy.int16)
    assert Encoder("L16").encode(samples) == b"\x00\x01\xff\xfe"
    assert Encoder("l16", little_endian=True).encode(samples) == b"\x01\x00\xfe\xff"


@pytest.mark.sip
async def test_a_real_call_is_tapped_and_streamed() -> None:
    board, server = RecordingPhoneEvents(), Server()
    async with AsyncExitStack() as stack:
        await server.listen(stack)
        tapped = await stack.enter_async_context(rtp_stream())
        phones = await stack.enter_async_context(SipPhones("127.0.0.1:0"))
        await phones.start(board)
        call = await stack.enter_async_context(rtp_call(phones.address))
        await board.until("answered")
        leg = board.legs[0]
        leg.tap("t", "speak", {"type": "rtp", "params": {"addr": "127.0.0.1", "port": tapped.port}})
        leg.stream("s", server.url, {"track": "inbound_track"})
        leg.stream("wrong", server.url, {"codec": "OPUS"})
        await board.until("CopyChanged", "t", "started")
        await board.until("CopyChanged", "s", "started")
        await board.until("CopyChanged", "wrong", "error")
        await call.rtp.say(sine(440, 1.0))
        heard = voiced(await tapped.until_heard(0.9))
        leg.stop_tap("t")
        await board.until("CopyChanged", "t", "finished")
        await call.hang_up()
        await asyncio.wait_for(server.over.wait(), 5)
    assert abs(frequency_of(heard) - 440) < 2
    _, start, *media, stop = server.events()
    assert start["start"]["callSid"] == call.call_id
    assert stop["event"] == "stop"
    streamed = voiced(audio_of([base64.b64decode(one["media"]["payload"]) for one in media]))
    assert abs(frequency_of(streamed) - 440) < 2
    assert abs(len(streamed) / 8_000 - 1.0) < 0.1
