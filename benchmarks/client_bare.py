"""The floors: the least that a client in Python can cost, as an asyncio program and as a blocking one.

Neither has states, types, deadlines, checks or errors. The asyncio one reads into a buffer of its own, decrypts in memory,
cuts short frames by hand, reads JSON with orjson and has one future for each command. The blocking one has one thread, wsproto
and the JSON of the standard library.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from metering import Meter, expect, offer, refer_device, server_share
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Message, Request, TextMessage

Figures = dict[str, Any]
CONNECT = {"event_acks": True, "authentication": {"project": "p", "token": "t"}, "contexts": ["bench"]}


def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["SIGNALWIRE_RELAY_CA_FILE"])


def _masked_frame(payload: bytes) -> bytes:
    size, key = len(payload), os.urandom(4)
    head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    keys = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + key + masked.to_bytes(size, "big")


class BareAsyncio(asyncio.BufferedProtocol):
    """A client of coroutines that is made of nothing but speed."""

    def __init__(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _tls_context().wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._buffer = memoryview(bytearray(65_536))
        self._upgraded = asyncio.get_running_loop().create_future()
        self._frames = b""
        self._replies: dict[str, asyncio.Future[Figures]] = {}
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self.on_event: Callable[[Figures], None] = lambda event: None

    @classmethod
    async def connect(cls, host: str) -> BareAsyncio:
        """Return a client that is signed in."""
        name, _, port = host.rpartition(":")
        _, client = await asyncio.get_running_loop().create_connection(cls, name, int(port))
        await client._upgraded
        await client.command("signalwire.connect", CONNECT)
        return client

    def command(self, method: str, params: Figures) -> asyncio.Future[Figures]:
        """Send a command, and return the future of its result."""
        self._number += 1
        id_ = str(self._number)
        reply = self._replies[id_] = asyncio.get_running_loop().create_future()
        self._write(_masked_frame(orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})))
        return reply

    def _write(self, plaintext: bytes) -> None:
        assert self._transport is not None
        self._tls.write(plaintext)
        self._transport.write(self._outgoing.read())

    def connection_made(self, transport: Any) -> None:
        """Begin with TLS."""
        self._transport = transport
        self._shake_hands()

    def _shake_hands(self) -> None:
        assert self._transport is not None
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._transport.write(self._outgoing.read())
        else:
            key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            self._write(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Bytes are about to come."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take everything that one read brought, and answer it with one write."""
        self._incoming.write(self._buffer[:nbytes])
        if self._tls.version() is None:
            self._shake_hands()
            return
        parts = [self._frames]
        while self._incoming.pending:
            try:
                parts.append(self._tls.read(16_384))
            except ssl.SSLWantReadError:
                break
        data = b"".join(parts)
        if not self._upgraded.done():
            _, found, data = data.partition(b"\r\n\r\n")
            if found:
                self._upgraded.set_result(None)
        acknowledgements, position = [], 0
        while len(data) - position >= 4:
            size, start = data[position + 1], position + 2
            if size == 126:
                size, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            if len(data) < start + size:
                break
            message = orjson.loads(data[start : start + size])
            position = start + size
            if "method" in message:
                acknowledgement = b'{"jsonrpc":"2.0","id":"%b","result":{}}' % message["id"].encode()
                acknowledgements.append(_masked_frame(acknowledgement))
                self.on_event(message["params"])
            else:
                self._replies.pop(message["id"]).set_result(message["result"])
        self._frames = data[position:]
        if acknowledgements:
            self._write(b"".join(acknowledgements))


class BareBlocking:
    """A client of one thread, which reads while it waits."""

    def __init__(self, host: str) -> None:
        """Connect and sign in."""
        name, _, port = host.rpartition(":")
        tcp = socket.create_connection((name, int(port)))
        # Nagle's algorithm would hold each command back until the server's delayed ACK of the write before it.
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = _tls_context().wrap_socket(tcp, server_hostname=name)
        self._websocket = WSConnection(ConnectionType.CLIENT)
        self._socket.sendall(self._websocket.send(Request(host="localhost", target="/")))
        self._number = 0
        self.replies: dict[str, Figures] = {}
        """The results that nobody has taken, by the identifier of the command."""
        self.on_event: Callable[[Figures], None] = lambda event: None
        self._open, self._text = False, ""
        while not self._open:
            self.read()
        BareBlocking.command(self, "signalwire.connect", CONNECT)

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def send(self, method: str, params: Figures) -> str:
        """Send a command, and return its identifier."""
        self._number += 1
        id_ = str(self._number)
        text = json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params})
        self._socket.sendall(self._websocket.send(Message(data=text)))
        return id_

    def command(self, method: str, params: Figures) -> Figures:
        """Send a command, and read until its result is here."""
        id_ = self.send(method, params)
        while id_ not in self.replies:
            self.read()
        return self.replies.pop(id_)

    def read_while(self, goes_on: Callable[[], object]) -> None:
        """Read as long as something goes on."""
        while goes_on():
            self.read()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def read(self) -> None:
        """Wait for bytes, and take in every message that they end."""
        self._websocket.receive_data(self._socket.recv(65_536))
        for event in self._websocket.events():
            if isinstance(event, AcceptConnection):
                self._open = True
            elif isinstance(event, TextMessage):
                self._text += event.data
                if not event.message_finished:
                    continue
                message, self._text = json.loads(self._text), ""
                if "method" in message:
                    text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}})
                    self._socket.sendall(self._websocket.send(Message(data=text)))
                    self.on_event(message["params"])
                else:
                    self.replies[message["id"]] = message["result"]


class Heard:
    """What the events told."""

    def __init__(self) -> None:
        self.call: Figures = {}
        self.count = 0

    def __call__(self, event: Figures) -> None:
        """Take an event."""
        if event["event_type"] == "calling.call.receive":
            self.call = {name: event["params"][name] for name in ("node_id", "call_id")}
        elif event["event_type"] != "calling.call.state":
            self.count += 1


async def _do_asyncio(host: str, work: str, count: int) -> Figures:
    """Do one work as coroutines do it."""
    client, heard, trips = await BareAsyncio.connect(host), Heard(), []
    client.on_event = heard
    await client.command("bench.offer", offer(1, 1, "answered", progress=False))
    while not heard.call:
        await asyncio.sleep(0.001)
    await client.command("calling.answer", heard.call)
    before, meter = await client.command("bench.report", {}), Meter()
    if work == "events":
        await client.command("bench.events", {"count": count})
    else:
        for number in range(count):
            begun = time.perf_counter()
            await client.command("calling.refer", {**heard.call, "device": refer_device(number)})
            trips.append(time.perf_counter() - begun)
    while heard.count < count:
        await asyncio.sleep(0.001)
    figures, after = meter.stop(count), await client.command("bench.report", {})
    await client.command("bench.end", {})
    _check(await client.command("bench.report", {}), before, heard, work, count)
    return _told(figures, trips, before, after)


def do_blocking(client: BareBlocking, heard: Heard, work: str, count: int) -> Figures:
    """Do the same in a blocking program."""
    client.on_event, trips = heard, []
    client.command("bench.offer", offer(1, 1, "answered", progress=False))
    client.read_while(lambda: not heard.call)
    client.command("calling.answer", heard.call)
    before, meter = client.command("bench.report", {}), Meter()
    if work == "events":
        client.command("bench.events", {"count": count})
    else:
        for number in range(count):
            begun = time.perf_counter()
            client.command("calling.refer", {**heard.call, "device": refer_device(number)})
            trips.append(time.perf_counter() - begun)
    client.read_while(lambda: heard.count < count)
    figures, after = meter.stop(count), client.command("bench.report", {})
    client.command("bench.end", {})
    _check(client.command("bench.report", {}), before, heard, work, count)
    client.close()
    return _told(figures, trips, before, after)


def _check(report: Figures, before: Figures, heard: Heard, work: str, count: int) -> None:
    expect("events heard", heard.count, count)
    name = "streamed" if work == "events" else "calling.refer"
    expect(name, report[name] - before.get(name, 0), count)
    expect("acknowledgements of nothing", report.get("wrong_acknowledgements", 0), 0)


def _told(figures: Figures, trips: list[float], before: Figures, after: Figures) -> Figures:
    trip = {"trip": statistics.median(trips)} if trips else {}
    return {**figures, **trip, "server": server_share(before, after)}


def run(
    front: str, work: str, host: str, sizes: dict[str, Any], turns: Iterable[None], tell: Callable[[Figures], None]
) -> None:
    """Do one work in each turn, each time with a new client, and tell its figures."""
    for _ in turns:
        if front == "bare-asyncio":
            tell(asyncio.run(_do_asyncio(host, work, sizes["count"])))
        else:
            tell(do_blocking(BareBlocking(host), Heard(), work, sizes["count"]))
