"""Hostile RELAY servers on a loopback socket: they sign a client in and then attack it, each in its own thread.

A server has one client, with one connection after another, and resumes its session like any RELAY server.
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

TIME_LIMIT = 8.0
"""The longest time for each step of the client, in seconds."""

BATCH = 2**16
"""How many bytes are sent before the server reads what the client sent."""

MARKER_EVERY = 10
"""The number of attacks between two markers."""

WARM_UP = 1_000
"""The number of attacks before memory is watched: by then every bounded queue has been used."""

UNREAD_AT_MOST = 2**28
"""The most bytes that a server sends without reading."""

ECHO = 2**19
"""The length of each reply that `NeverReadingRelay` asks for, in bytes."""


class ClientGone(Exception):
    """The client ended the connection."""


class HostileRelay(ABC):
    """The base of the hostile servers; `_attack` is what each server does to a signed-in client."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.memory = Watermark()
        """The memory of this process."""
        self.connections = 0
        """The number of sign-ins."""
        self.may_start = threading.Event()
        """Set by the test when the client is ready for the attacks."""
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
        """Block until the attacks are over; raise the error of the server's thread."""
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
        self._thread.join(TIME_LIMIT)

    @abstractmethod
    def _attack(self, client: ClientConnection) -> None:
        """Attack a client that has signed in."""

    def _run(self) -> None:
        try:
            while not self._closed:
                with contextlib.suppress(OSError, ClientGone):
                    sock, _ = self._listener.accept()
                    self._socket = sock
                    self._serve(sock)
        except BaseException as error:
            self._failure = error
            self._finished.set()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(TIME_LIMIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock if self._tls is None else self._tls.wrap_socket(sock, server_side=True) as stream:
            client = ClientConnection(stream, self._answer)
            while not client.signed_in:
                client.read(TIME_LIMIT)
            self.connections += 1
            if self.connections == 1:
                offer = {"call_state": "created", "node_id": "node", "context": "default"}
                client.report("calling.call.receive", offer, "offer")
                client.flush()
                self.may_start.wait(TIME_LIMIT)
            self._attack(client)

    def _answer(self, client: ClientConnection, command: CommandReceived) -> None:
        if command.method == "signalwire.connect":
            resumed = command.params.get("protocol") == self._session != ""
            self._session = self._session if resumed else f"session-{next(self._sessions)}"
            client.protocol.reply(command.id, {"protocol": self._session})
            client.signed_in = True
        elif command.method != "test.never":
            client.protocol.reply(command.id, {"code": "200", "message": "OK"})


class AttackingRelay(HostileRelay):
    """Sends attacks, with markers in between: numbered events of the known call, repeated until acknowledged.

    Args:
        seed: The seed of the attacks.
        attacks: The number of attacks.
        tls: The TLS context, None for plain ws.
    """

    def __init__(self, seed: int, attacks: int, tls: ssl.SSLContext | None = None) -> None:
        self.attacked: Counter[str] = Counter()
        """The number of attacks sent, by kind."""
        self.closing_attacks = 0
        """The number of attacks that must end the connection."""
        self.not_closed_by: Counter[str] = Counter()
        """The attacks that must end the connection and did not, by kind; empty for a correct client."""
        self.closed_by: Counter[str] = Counter()
        """The attacks after which the client ended the connection without a reason; empty for a correct client."""
        self.markers = 0
        """The number of markers sent."""
        self._attacks = itertools.islice(HostileFrames(seed), attacks)
        self._cuts = Random(seed)
        self._unacknowledged: dict[str, int] = {}
        super().__init__(tls)

    def _attack(self, client: ClientConnection) -> None:
        for number in self._unacknowledged.values():
            self._report_marker(client, number)
        last = "none"
        try:
            for attack in self._attacks:
                last = attack.name
                self._count(attack)
                if attack.fatal:
                    self._send_closing_attack(client, attack)
                    return
                client.queue(attack.data)
                if self.attacked.total() % MARKER_EVERY == 0:
                    self._report_marker(client, self.markers)
                    self.markers += 1
                if client.is_full:
                    self._flush_and_read(client)
            self._finish(client)
        except (ClientGone, OSError):
            if not self._finished.is_set():
                self.closed_by[last] += 1
            raise

    def _count(self, attack: Attack) -> None:
        self.attacked[attack.name] += 1
        total = self.attacked.total()
        if total >= WARM_UP and total % 100 == 0:
            self.memory.look()

    def _report_marker(self, client: ClientConnection, number: int) -> None:
        id_ = f"marker-{number}"
        self._unacknowledged[id_] = number
        client.report("calling.call.play", {"control_id": "marker", "state": str(number)}, id_)

    def _flush_and_read(self, client: ClientConnection) -> None:
        client.flush()
        client.read(0)
        self._drop_acknowledged(client)

    def _drop_acknowledged(self, client: ClientConnection) -> None:
        waiting = client.protocol.unacknowledged
        self._unacknowledged = {id_: number for id_, number in self._unacknowledged.items() if id_ in waiting}

    def _send_closing_attack(self, client: ClientConnection, attack: Attack) -> None:
        """Send an attack that must end the connection, in two pieces, and wait for the end."""
        self.closing_attacks += 1
        cut = self._cuts.randrange(len(attack.data))
        try:
            for piece in (attack.data[:cut], attack.data[cut:]):
                client.queue(piece)
                client.flush()
            while True:
                client.read(TIME_LIMIT)
        except TimeoutError:
            self.not_closed_by[attack.name] += 1
        except (ClientGone, OSError):
            self._drop_acknowledged(client)

    def _finish(self, client: ClientConnection) -> None:
        client.flush()
        while self._unacknowledged:
            client.read(TIME_LIMIT)
            self._drop_acknowledged(client)
        self.memory.look()
        self._finished.set()
        client.read_until_closed()


class NeverReadingRelay(HostileRelay):
    """Asks for long replies on its first connection and never reads; behaves well on the next connection."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.sent = 0
        """The number of bytes sent without reading."""
        super().__init__(tls)

    def _attack(self, client: ClientConnection) -> None:
        if self.connections > 1:
            self._finished.set()
            client.read_until_closed()
        ask = text_frame({"jsonrpc": "2.0", "id": "p", "method": "signalwire.ping", "params": {"payload": "x" * ECHO}})
        while self.sent < UNREAD_AT_MOST:
            client.socket.sendall(ask)
            self.sent += len(ask)
            self.memory.look()


class ClientConnection:
    """One connection, from the server's side."""

    def __init__(self, sock: socket.socket, answer: Callable[[ClientConnection, CommandReceived], None]) -> None:
        self.socket = sock
        self.protocol = ServerConnection(new_id=itertools.count(1).__str__, knows_all=False)
        self.signed_in = False
        self._answer = answer
        self._waiting: list[bytes] = []

    @property
    def is_full(self) -> bool:
        """Whether the queued bytes should be sent now."""
        return sum(map(len, self._waiting)) > BATCH

    def report(self, event_type: str, params: dict[str, str], id_: str) -> None:
        """Queue an event of the known call, in its place between the attacks."""
        event = {"event_type": event_type, "timestamp": 1.5, "params": {"call_id": KNOWN_CALL, **params}}
        self.protocol.send_event(event, id_=id_)
        self.queue(self.protocol.data_to_send())

    def queue(self, data: bytes) -> None:
        """Queue bytes for the next flush."""
        self._waiting.append(data)

    def flush(self) -> None:
        """Send everything; the client always reads."""
        data, self._waiting = b"".join(self._waiting), []
        if data:
            self.socket.sendall(data)

    def read(self, timeout: float | None) -> None:
        """Read from the client; wait up to `timeout` seconds, without limit when None.

        Raises:
            ClientGone: The client ended the connection.
            TimeoutError: The client sent nothing within `timeout`, which is not 0.
        """
        while self._is_readable(timeout):
            data = self.socket.recv(BATCH)
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            while (event := self.protocol.next_event()) is not None:
                if isinstance(event, Gone):
                    raise ClientGone
                self._answer(self, event)
            self.queue(self.protocol.data_to_send())
            if timeout != 0:
                self.flush()
                return
        if timeout != 0:
            raise TimeoutError("the client sends nothing")

    def read_until_closed(self) -> None:
        """Read from the client until it ends the connection.

        Raises:
            ClientGone: The client ended the connection.
        """
        while True:
            self.read(None)

    def _is_readable(self, timeout: float | None) -> bool:
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        return bool(select.select([self.socket], [], [], timeout)[0])
