"""A RELAY server that is made of nothing but speed: what the benchmarks measure clients against.

It shares no code with either client: an asyncio protocol, frames from templates, JSON read by orjson. It does what the
client asks for with the commands ``bench.*``, which both clients can send as raw commands:

* ``bench.offer`` ``{calls, window, until, progress}``: offer so many calls, at most `window` at once that have not got as
  far as `until` (``answered`` or ``ended``); `progress` says whether a transfer reports ``inProgress`` first.
* ``bench.events`` ``{count}``: send so many play events, in turn to each open call.
* ``bench.end``: end every open call.
* ``bench.report``: answer with what was counted, and with the CPU and wall time so far.

Run as a program it prints one JSON line when it listens, and ends with its standard input or after ``--limit`` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import load_frames as frames
import orjson
import trustme

EVENT_WINDOW = 500
"""As long as no more events than this are without an acknowledgement, another batch of a stream is sent."""

BATCH = 256
"""How many events are written at once at most; each is a TLS record of its own all the same."""


class LoadSession(asyncio.Protocol):
    """One client's connection."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._upgraded = False
        self._writable = True
        self._replies: list[bytes] = []
        self._events: list[bytes] = []
        self._stream: Iterator[bytes] = iter(())
        self._streaming = False
        self._unacknowledged: set[str] = set()
        self._calls: dict[bytes, str] = {}
        self._to_offer = self._on_the_way = 0
        self._window, self._until, self._progress = 1, "answered", True
        self._methods: dict[str, Callable[[dict[str, object]], bytes]] = {
            "signalwire.connect": self._connect,
            "signalwire.ping": lambda _: b"{}",
            "calling.answer": self._answer,
            "calling.play": self._play,
            "calling.refer": self._refer,
            "calling.end": self._end,
            "bench.offer": self._offer,
            "bench.events": self._send_events,
            "bench.end": self._end_all,
            "bench.report": self._report,
        }

    # --- the connection ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected, its TLS handshake is done."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._writable = False

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable = True
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Take everything that one read brought, and answer it with one write."""
        assert self._transport is not None
        self._buffer += data
        if not self._upgraded:
            head, found, rest = bytes(self._buffer).partition(b"\r\n\r\n")
            if not found:
                return
            self._upgraded, self._buffer = True, bytearray(rest)
            self._transport.write(frames.upgrade_answer(head))
        for opcode, payload in frames.parse_frames(self._buffer):
            if opcode == 1:
                self._receive(orjson.loads(payload))
            elif opcode == 8:
                self._transport.write(frames.frame(payload, 8))
                self._transport.close()
                return
            elif opcode == 9:
                self._replies.append(frames.frame(payload, 10))
        if self._replies:
            self._transport.writelines(self._replies)
            self._replies = []
        if self._events:
            # A reply leaves on its own, as it does where a phone has to do something before there is an event.
            asyncio.get_running_loop().call_soon(self._write_events)
        self._pump()

    def _write_events(self) -> None:
        if self._events and self._transport is not None:
            self._transport.writelines(self._events)
            self._events = []

    def _receive(self, message: dict[str, object]) -> None:
        """Take one message: a request, or the acknowledgement of an event."""
        id_ = message["id"]
        assert isinstance(id_, str)
        if "method" not in message:
            if id_ in self._unacknowledged and message.get("result") == {}:
                self._unacknowledged.remove(id_)
                self.counts["acknowledged"] += 1
            else:
                self.counts["wrong_acknowledgements"] += 1
            return
        method, params = message["method"], message.get("params")
        assert isinstance(method, str)
        assert isinstance(params, dict)
        self.counts[method] += 1
        self._replies.append(frames.result(id_, self._methods[method](params)))

    # --- events -----------------------------------------------------------------------------------------------------

    def _event(self, kind: frames.Event, call_id: bytes, *values: object) -> bytes:
        """Return the frame of a new event, whose acknowledgement is now waited for."""
        self.counts["events"] += 1
        id_ = f"7f3c2b1e-0000-4000-8000-{self.counts['events']:012x}"
        self._unacknowledged.add(id_)
        return kind.frame(id_.encode(), call_id, *values)

    def _pump(self) -> None:
        """Offer and stream as much as the windows allow."""
        assert self._transport is not None
        while self._to_offer and self._on_the_way < self._window:
            self._to_offer -= 1
            self._on_the_way += 1
            self.counts["offered"] += 1
            call_id = b"c0ffee00-0000-4000-8000-%012x" % self.counts["offered"]
            self._calls[call_id] = "created"
            self._events.append(self._event(frames.OFFER, call_id))
        self._write_events()
        while self._streaming and self._writable and len(self._unacknowledged) <= EVENT_WINDOW:
            batch = list(islice(self._stream, BATCH))
            self._streaming = bool(batch)
            self._transport.writelines(batch)

    def _start_stream(self, stream: Iterator[bytes]) -> None:
        assert not self._streaming, "one stream at a time"
        self._stream, self._streaming = stream, True

    def _got_to(self, call_id: bytes, state: str) -> None:
        """LogEntry a call's new state; at `until` another one may be offered."""
        self._calls[call_id] = state
        if state == self._until:
            self._on_the_way -= 1
        if state == "ended":
            del self._calls[call_id]

    # --- commands on a call -----------------------------------------------------------------------------------------

    def _call_of(self, params: dict[str, object], *, answered: bool) -> bytes:
        """Return the call that a command is on, which must be in the right state."""
        assert params["node_id"] == frames.NODE_ID
        call_id = str(params["call_id"]).encode()
        assert (self._calls[call_id] == "answered") is answered, "a command out of turn"
        return call_id

    def _answer(self, params: dict[str, object]) -> bytes:
        call_id = self._call_of(params, answered=False)
        self._events.append(self._event(frames.STATE, call_id, b"answered"))
        self._got_to(call_id, "answered")
        return b'{"code":"200","message":"Answered"}'

    def _play(self, params: dict[str, object]) -> bytes:
        call_id = self._call_of(params, answered=True)
        control_id = str(params["control_id"]).encode()
        assert params["play"] == [{"type": "tts", "params": {"text": "Hello"}}]
        self._events.append(self._event(frames.PLAY, call_id, control_id, b"playing", 0))
        self._events.append(self._event(frames.PLAY, call_id, control_id, b"finished", 1))
        return b'{"code":"200","message":"Playing"}'

    def _refer(self, params: dict[str, object]) -> bytes:
        call_id = self._call_of(params, answered=True)
        device = params["device"]
        assert isinstance(device, dict)
        target = str(device["params"].get("to") or device["params"]["uri"]).encode()
        state, code = (b"busy", 486) if b"busy" in target else (b"success", 200)
        if self._progress:
            self._events.append(self._event(frames.REFER_BEGINS, call_id, target))
        self._events.append(self._event(frames.REFER_ENDS, call_id, state, target, code))
        return b'{"code":"200","message":"Starting SIP REFER"}'

    def _end(self, params: dict[str, object]) -> bytes:
        call_id = self._call_of(params, answered=True)
        self._events.append(self._event(frames.STATE, call_id, b"ending"))
        self._events.append(self._event(frames.ENDED, call_id))
        self._got_to(call_id, "ended")
        return b'{"code":"200","message":"Disconnecting call"}'

    # --- other commands ---------------------------------------------------------------------------------------------

    def _connect(self, params: dict[str, object]) -> bytes:
        assert params["event_acks"] is True
        return b'{"protocol":"signalwire_bench_session","identity":"bench"}'

    def _offer(self, params: dict[str, object]) -> bytes:
        assert self._to_offer == self._on_the_way == 0, "one lot of offers at a time"
        self._to_offer, self._window = int(params["calls"]), int(params["window"])  # type: ignore[call-overload]
        self._until, self._progress = str(params["until"]), bool(params["progress"])
        return b"{}"

    def _send_events(self, params: dict[str, object]) -> bytes:
        calls, count = list(self._calls), int(params["count"])  # type: ignore[call-overload]
        first = self.counts["streamed"]
        self.counts["streamed"] += count
        self._start_stream(
            self._event(frames.PLAY, calls[number % len(calls)], b"bench-playback", b"playing", number)
            for number in range(first, first + count)
        )
        return b"{}"

    def _end_all(self, _: dict[str, object]) -> bytes:
        calls, self._calls = list(self._calls), {}
        self._start_stream(self._event(frames.ENDED, call_id) for call_id in calls)
        return b"{}"

    def _report(self, _: dict[str, object]) -> bytes:
        times = {"cpu": time.process_time(), "wall": time.perf_counter()}
        return orjson.dumps({**self.counts, **times, "unacknowledged": len(self._unacknowledged)})


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Make a CA and a certificate for ``localhost``; the CA's certificate is written to `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def serve(ca_file: str, limit: float) -> None:
    """Listen on loopback until standard input ends, or for `limit` seconds."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(LoadSession, "127.0.0.1", 0, ssl=tls_context(ca_file))
    parent_gone = asyncio.Event()
    loop.add_reader(sys.stdin, lambda: None if sys.stdin.buffer.raw.read(1) else parent_gone.set())
    print(json.dumps({"event": "ready", "port": server.sockets[0].getsockname()[1]}), flush=True)
    try:
        await asyncio.wait_for(parent_gone.wait(), limit)
    finally:
        server.close()


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="The RELAY server that the benchmarks load clients from.")
    parser.add_argument("--ca-file", required=True, help="where the CA's certificate is written")
    parser.add_argument("--limit", type=float, default=3_600.0, help="how long to serve at most, in seconds")
    options = parser.parse_args()
    asyncio.run(serve(options.ca_file, options.limit))


if __name__ == "__main__":
    main()
