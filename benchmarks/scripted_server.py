"""A RELAY server in a thread, for `counts.py`: each command has its answer and its events in one write.

What one read of the client brings, and so how many functions it calls, does not depend on the speed of anything.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import load_frames as frames
import orjson
import trustme

EVENTS_AT_ONCE = 20
"""How many events of a stream are written at once; the next ones follow once all of them are acknowledged."""

CALLS_AT_ONCE = 10
"""How many calls are offered at once; the next ones follow once all of them have ended."""

ANSWER = b'{"code":"200","message":"OK"}'


class ScriptedServer:
    """Serves one client at ``localhost:PORT`` over TLS; make it before functions are counted, for its own are not meant."""

    def __init__(self, ca_file: Path) -> None:
        """Listen on loopback; the certificate of the CA is written to `ca_file`."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(ca_file))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            try:
                _Conversation(sock, self._context).run()
            except OSError:  # the client has left
                pass
            finally:
                sock.close()


class _Conversation:
    """One connection, until the client closes it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._event_number = self._call_number = self._open_calls = 0
        self._call_id = b""
        self._unacknowledged: set[str] = set()
        self._when_acknowledged: Callable[[], Iterable[bytes]] = tuple
        self._methods: dict[str, Callable[[bytes, dict[str, object]], Iterable[bytes]]] = {
            "signalwire.connect": lambda id_, _: [_result(id_, b'{"protocol":"bench"}')],
            "calling.answer": self._answer,
            "calling.play": self._play,
            "calling.refer": self._refer,
            "calling.end": self._end,
            "bench.offer": lambda id_, _: [_result(id_, b"{}"), self._offer()],
            "bench.calls": self._calls,
            "bench.events": self._events,
        }

    def run(self) -> None:
        """Shake hands, then answer what comes."""
        self._call_tls(self._tls.do_handshake)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._call_tls(lambda: self._tls.read(65_536))
        self._send([frames.upgrade_answer(head)])
        buffer = bytearray()
        while data := self._call_tls(lambda: self._tls.read(65_536)):
            buffer += data
            received = frames.parse_frames(buffer)
            if any(opcode != 1 for opcode, _ in received):
                return
            self._send([piece for _, payload in received for piece in self._receive(orjson.loads(payload))])

    def _call_tls(self, function: Callable[[], bytes]) -> bytes:
        """Call a function of the TLS object, and read for it what it wants."""
        while True:
            try:
                return function()
            except ssl.SSLWantReadError:
                self._flush()
                if not (data := self._socket.recv(65_536)):
                    raise ConnectionError("the client has left") from None
                self._incoming.write(data)
            finally:
                self._flush()

    def _send(self, pieces: Iterable[bytes]) -> None:
        """Send pieces, each as a TLS record of its own, in one write."""
        for piece in pieces:
            self._tls.write(piece)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())

    def _receive(self, message: dict[str, object]) -> Iterable[bytes]:
        """Take one message, a request or the acknowledgement of an event, and return what is sent because of it."""
        id_ = str(message["id"])
        if "method" in message:
            params = message["params"]
            assert isinstance(params, dict)
            self._call_id = str(params.get("call_id")).encode()
            return self._methods[str(message["method"])](id_.encode(), params)
        self._unacknowledged.remove(id_)
        return () if self._unacknowledged else self._when_acknowledged()

    # --- events -----------------------------------------------------------------------------------------------------

    def _event(self, kind: frames.Event, *values: object) -> bytes:
        """Return the frame of a new event of the call in hand, whose acknowledgement is waited for from now on."""
        self._event_number += 1
        id_ = f"7f3c2b1e-0000-4000-8000-{self._event_number:012x}"
        self._unacknowledged.add(id_)
        return kind.frame(id_.encode(), self._call_id, *values)

    def _offer(self) -> bytes:
        self._call_number += 1
        self._open_calls += 1
        self._call_id = b"c0ffee00-0000-4000-8000-%012x" % self._call_number
        return self._event(frames.OFFER)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _answer(self, id_: bytes, _: dict[str, object]) -> Iterable[bytes]:
        return [_result(id_, ANSWER), self._event(frames.STATE, b"answered")]

    def _play(self, id_: bytes, params: dict[str, object]) -> Iterable[bytes]:
        control_id = str(params["control_id"]).encode()
        events = [self._event(frames.PLAY, control_id, word, 0) for word in (b"playing", b"finished")]
        return [_result(id_, ANSWER), *events]

    def _refer(self, id_: bytes, params: dict[str, object]) -> Iterable[bytes]:
        device = params["device"]
        assert isinstance(device, dict)
        target = str(device["params"]["uri"]).encode()
        return [_result(id_, ANSWER), self._event(frames.REFER_ENDS, b"success", target, 200)]

    def _end(self, id_: bytes, _: dict[str, object]) -> Iterable[bytes]:
        self._open_calls -= 1
        return [_result(id_, ANSWER), self._event(frames.STATE, b"ending"), self._event(frames.ENDED)]

    def _calls(self, id_: bytes, params: dict[str, object]) -> Iterable[bytes]:
        """Offer so many calls, some at once; answer once all have ended and each event is acknowledged."""
        left = int(str(params["count"]))

        def next_calls() -> Iterable[bytes]:
            nonlocal left
            if self._open_calls:
                return ()
            left -= CALLS_AT_ONCE
            return [_result(id_, b"{}")] if left < 0 else [self._offer() for _ in range(CALLS_AT_ONCE)]

        self._when_acknowledged = next_calls
        return next_calls()

    def _events(self, id_: bytes, params: dict[str, object]) -> Iterable[bytes]:
        """Send so many play events, some at once; answer once all of them are acknowledged."""
        left = int(str(params["count"]))

        call_id = b"c0ffee00-0000-4000-8000-%012x" % self._call_number

        def next_events() -> Iterable[bytes]:
            nonlocal left
            self._call_id = call_id
            if left <= 0:
                return [_result(id_, b"{}")]
            left -= EVENTS_AT_ONCE
            return [self._event(frames.PLAY, b"bench-playback", b"playing", n) for n in range(EVENTS_AT_ONCE)]

        self._when_acknowledged = next_events
        return next_events()


def _result(id_: bytes, content: bytes) -> bytes:
    return frames.result(id_.decode(), content)
