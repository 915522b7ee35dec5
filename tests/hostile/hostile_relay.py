"""RELAY servers on a loopback socket that sign clients in properly and then mean harm, each in a thread of its own.

They deal with one client, one connection after another, and resume its session like any RELAY server.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from random import Random

from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection
from tests.hostile.hostile_frames import KNOWN_CALL, Attack, HostileFrames, text_frame
from tests.hostile.resident_memory import Watermark

PATIENCE = 8.0
"""How long the client may take for anything, in seconds."""

BATCH = 2**16
"""How much is sent before the server looks whether the client said anything, in bytes."""

MARKER_EVERY = 10
"""How many attacks there are from one marker to the next."""

WARM_UP = 1_000
"""How many attacks there are before memory is watched: by then every queue that is bounded by a number has been used."""

UNREAD_AT_MOST = 2**28
"""How much a server that never reads sends before it gives up, in bytes."""

ECHO = 2**19
"""How long each answer is that such a server asks for, in bytes."""


class Left(Exception):
    """The client ended the connection."""


class HostileRelay(ABC):
    """What the servers have in common; `_harm` is what each does to a client that is signed in."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.memory = Watermark()
        """What the process took."""
        self.connections = 0
        """How many times somebody signed in."""
        self.may_begin = threading.Event()
        """To be set once the client is ready for it."""
        self._tls = tls
        self._sessions = itertools.count(1)
        self._session = ""
        self._closed = False
        self._failure: BaseException | None = None
        self._finished = threading.Event()
        self._socket: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="hostile relay", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"wss://localhost:{self._port}" if self._tls else f"ws://127.0.0.1:{self._port}"

    def wait_until_finished(self) -> None:
        """Block until all the harm is done that was to be done; raise what went wrong with it."""
        assert self._finished.wait(60.0), "the server never finished"
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._closed = True
        for sock in (self._listener, self._socket):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE)

    @abstractmethod
    def _harm(self, line: Line) -> None:
        """Do to a client that is signed in what this server is for."""

    def _run(self) -> None:
        try:
            while not self._closed:
                with contextlib.suppress(OSError, Left):
                    sock, _ = self._listener.accept()
                    self._socket = sock
                    self._serve(sock)
        except BaseException as error:
            self._failure = error
            self._finished.set()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock if self._tls is None else self._tls.wrap_socket(sock, server_side=True) as stream:
            line = Line(stream, self._answer)
            while not line.signed_in:
                line.listen(PATIENCE)
            self.connections += 1
            if self.connections == 1:
                offer = {"call_state": "created", "node_id": "node", "context": "default"}
                line.report("calling.call.receive", offer, "offer")
                line.flush()
                self.may_begin.wait(PATIENCE)
            self._harm(line)

    def _answer(self, line: Line, command: CommandReceived) -> None:
        if command.method == "signalwire.connect":
            resumed = command.params.get("protocol") == self._session != ""
            self._session = self._session if resumed else f"session-{next(self._sessions)}"
            line.connection.reply(command.id, {"protocol": self._session})
            line.signed_in = True
        elif command.method != "test.never":
            line.connection.reply(command.id, {"code": "200", "message": "OK"})


class AttackingRelay(HostileRelay):
    """Sends attacks, and in between markers: numbered events of the known call, told again until they are acknowledged.

    Args:
        seed: What the attacks are drawn from.
        attacks: How many there are.
        tls: The TLS context, None for plain ws.
    """

    def __init__(self, seed: int, attacks: int, tls: ssl.SSLContext | None = None) -> None:
        self.attacked: Counter[str] = Counter()
        """How many attacks of each kind were sent."""
        self.lethal = 0
        """How many of them were meant to end the connection."""
        self.survived: Counter[str] = Counter()
        """Of those, the ones that the client lived through, by kind; should stay empty."""
        self.died_of: Counter[str] = Counter()
        """The last attacks before the client ended the connection though it should not have; should stay empty."""
        self.markers = 0
        """How many markers were reported."""
        self._attacks = itertools.islice(HostileFrames(seed), attacks)
        self._cuts = Random(seed)
        self._unacknowledged: dict[str, int] = {}
        super().__init__(tls)

    def _harm(self, line: Line) -> None:
        for number in self._unacknowledged.values():
            self._report_marker(line, number)
        last = "none"
        try:
            for attack in self._attacks:
                last = attack.name
                self._count(attack)
                if attack.fatal:
                    self._kill(line, attack)
                    return
                line.say(attack.data)
                if self.attacked.total() % MARKER_EVERY == 0:
                    self._report_marker(line, self.markers)
                    self.markers += 1
                if line.is_full:
                    self._send_and_look(line)
            self._finish(line)
        except (Left, OSError):
            if not self._finished.is_set():
                self.died_of[last] += 1
            raise

    def _count(self, attack: Attack) -> None:
        self.attacked[attack.name] += 1
        total = self.attacked.total()
        if total >= WARM_UP and total % 100 == 0:
            self.memory.look()

    def _report_marker(self, line: Line, number: int) -> None:
        id_ = f"marker-{number}"
        self._unacknowledged[id_] = number
        line.report("calling.call.play", {"control_id": "marker", "state": str(number)}, id_)

    def _send_and_look(self, line: Line) -> None:
        line.flush()
        line.listen(0)
        self._note_acknowledged(line)

    def _note_acknowledged(self, line: Line) -> None:
        waiting = line.connection.unacknowledged
        self._unacknowledged = {id_: number for id_, number in self._unacknowledged.items() if id_ in waiting}

    def _kill(self, line: Line, attack: Attack) -> None:
        """Send what should end the connection, in two pieces, and wait for the end."""
        self.lethal += 1
        cut = self._cuts.randrange(len(attack.data))
        try:
            for piece in (attack.data[:cut], attack.data[cut:]):
                line.say(piece)
                line.flush()
            while True:
                line.listen(PATIENCE)
        except TimeoutError:
            self.survived[attack.name] += 1
        except (Left, OSError):
            self._note_acknowledged(line)

    def _finish(self, line: Line) -> None:
        line.flush()
        while self._unacknowledged:
            line.listen(PATIENCE)
            self._note_acknowledged(line)
        self.memory.look()
        self._finished.set()
        line.listen_on()


class DeafRelay(HostileRelay):
    """On its first connection it asks for long answers and never reads one; on the next it behaves."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.sent = 0
        """How much it sent without reading, in bytes."""
        super().__init__(tls)

    def _harm(self, line: Line) -> None:
        if self.connections > 1:
            self._finished.set()
            line.listen_on()
        ask = text_frame({"jsonrpc": "2.0", "id": "p", "method": "signalwire.ping", "params": {"payload": "x" * ECHO}})
        while self.sent < UNREAD_AT_MOST:
            line.socket.sendall(ask)
            self.sent += len(ask)
            self.memory.look()


class Line:
    """One connection, from the server's side."""

    def __init__(self, sock: socket.socket, answer: Callable[[Line, CommandReceived], None]) -> None:
        self.socket = sock
        self.connection = ServerConnection(new_id=itertools.count(1).__str__, knows_all=False)
        self.signed_in = False
        self._answer = answer
        self._waiting: list[bytes] = []

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be sent that it should be."""
        return sum(map(len, self._waiting)) > BATCH

    def report(self, event_type: str, params: dict[str, str], id_: str) -> None:
        """Report an event of the known call, in its place between the attacks."""
        event = {"event_type": event_type, "timestamp": 1.5, "params": {"call_id": KNOWN_CALL, **params}}
        self.connection.send_event(event, id_=id_)
        self.say(self.connection.data_to_send())

    def say(self, data: bytes) -> None:
        """Say something at the next flush."""
        self._waiting.append(data)

    def flush(self) -> None:
        """Send everything; the client always reads."""
        data, self._waiting = b"".join(self._waiting), []
        if data:
            self.socket.sendall(data)

    def listen(self, patience: float | None) -> None:
        """Take in what the client says, waiting for it up to `patience` seconds, for ever when None.

        Raises:
            Left: The client ended the connection.
            TimeoutError: It said nothing for so long, unless that is no time at all.
        """
        while self._is_readable(patience):
            data = self.socket.recv(BATCH)
            if data:
                self.connection.receive_data(data)
            else:
                self.connection.receive_eof()
            while (event := self.connection.next_event()) is not None:
                if isinstance(event, Gone):
                    raise Left
                self._answer(self, event)
            self.say(self.connection.data_to_send())
            if patience != 0:
                self.flush()
                return
        if patience != 0:
            raise TimeoutError("the client says nothing")

    def listen_on(self) -> None:
        """Take in what the client says until it leaves.

        Raises:
            Left: It did.
        """
        while True:
            self.listen(None)

    def _is_readable(self, patience: float | None) -> bool:
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        return bool(select.select([self.socket], [], [], patience)[0])
