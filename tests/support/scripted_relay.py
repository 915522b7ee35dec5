"""A RELAY server on a loopback socket that does what a test tells it, in threads of its own."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection

PATIENCE = 30.0
"""How long the server waits for a client to do something before it fails the test, in seconds."""


class Peer:
    """One client's connection, as the server sees it."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None, new_id: Callable[[], str]) -> None:
        self.socket = sock
        self.connection = ServerConnection(new_id=new_id, tls=tls, knows_all=False)
        self.lock = threading.RLock()
        self.gagged = False
        self.signed_in = False

    def send(self, say: Callable[[ServerConnection], Any]) -> None:
        with self.lock:
            say(self.connection)
            self.flush()

    def report(self, event: tuple[str, dict[str, Any]], call_id: str) -> None:
        event_type, params = event
        self.send(lambda connection: connection.send_event(envelope(event_type, {"call_id": call_id, **params})))

    def flush(self) -> None:
        with self.lock:
            data = self.connection.data_to_send()
            if data and not self.gagged:
                self.socket.sendall(data)

    def drop(self) -> None:
        """Let the connection go without a word."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


Action = Callable[["ScriptedRelay", Peer, CommandReceived], None]


def reply(**result: Any) -> Action:
    return lambda _, peer, command: peer.connection.reply(command.id, {"code": "200", "message": "OK"} | result)


def refuse(code: int, message: str = "no") -> Action:
    return lambda _, peer, command: peer.connection.refuse(command.id, code, message)


def sign_in(relay: ScriptedRelay, peer: Peer, command: CommandReceived) -> None:
    """Take a sign-in, and resume the session if the server resumes any."""
    wanted = command.params.get("protocol") if relay.resumes else None
    peer.connection.reply(command.id, {"protocol": wanted or relay.new_session()})
    peer.signed_in = True


def never(_relay: ScriptedRelay, _peer: Peer, _command: CommandReceived) -> None:
    """Say nothing."""


def hang_up_the_line(_relay: ScriptedRelay, peer: Peer, _command: CommandReceived) -> None:
    """Drop the connection in place of an answer."""
    peer.drop()


def then(*events: tuple[str, dict[str, Any]]) -> Action:
    """Take the command, and report these events about its call."""

    def act(relay: ScriptedRelay, peer: Peer, command: CommandReceived) -> None:
        reply()(relay, peer, command)
        about = {key: command.params[key] for key in ("call_id", "control_id") if key in command.params}
        for event_type, params in events:
            peer.connection.send_event(envelope(event_type, about | params))

    return act


def refer_event(notify: str = "", *, response: str = "202", state: str = "inProgress") -> tuple[str, dict[str, Any]]:
    params = {"state": state, "sip_refer_response_code": response, "sip_notify_response_code": notify}
    return "calling.call.refer", params


def play_event(state: str) -> tuple[str, dict[str, Any]]:
    return "calling.call.play", {"state": state}


def state_event(state: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "calling.call.state", {"call_state": state, **more}


def offer_event(**more: Any) -> tuple[str, dict[str, Any]]:
    device = {"type": "phone", "params": {"from_number": "+15551230001", "to_number": "+15551230002"}}
    offer = {"node_id": "node-1", "context": "default", "call_state": "created", "device": device}
    return "calling.call.receive", offer | more


def envelope(event_type: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"event_type": event_type, "timestamp": 1_700_000_000.0, "params": params}


class ScriptedRelay:
    """The server. Unless a script says otherwise it signs everybody in, resumes sessions and takes every command."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.resumes = True
        self.accepted = 0
        self.commands: list[CommandReceived] = []
        self._dealt_with: list[str] = []
        self._tls = tls
        self._ids = itertools.count(1)
        self._sessions = itertools.count(1)
        self._scripts: dict[str, list[Action]] = defaultdict(list)
        self._changed = threading.Condition()
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._run(self._accept, self._listener)

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}" if self._tls else f"ws://127.0.0.1:{self.port}"

    def script(self, method: str, *actions: Action) -> None:
        """Do these, one for each command of that method that comes; the last one again and again."""
        self._scripts[method] = list(actions)

    # --- what a test looks at and waits for -------------------------------------------------------------------------

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the params of each command of that method that came."""
        return [command.params for command in list(self.commands) if command.method == method]

    def wait_for(self, method: str, count: int = 1) -> dict[str, Any]:
        """Block until so many commands of that method came and were dealt with; return the last one's params."""
        self._wait(lambda: self._dealt_with.count(method) >= count, f"{count} of {method}")
        return self.sent(method)[count - 1]

    def wait_until_quiet(self) -> None:
        """Block until no client is connected."""
        self._wait(lambda: not self._peers, "the end of every connection")

    def wait_for_acknowledgements(self) -> None:
        """Block until the client acknowledged every event."""
        self._wait(lambda: not any(peer.connection.unacknowledged for peer in self._peers), "acknowledgements")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not condition():
                if self._closed or not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"the server waited in vain for {what}; it got {self.commands}")

    def new_session(self) -> str:
        return f"session-{next(self._sessions)}"

    # --- what a test makes it do ------------------------------------------------------------------------------------

    def event(self, event: tuple[str, dict[str, Any]], call_id: str = "call-1") -> None:
        """Report something about a call."""
        self._peer().report(event, call_id)

    def offer(self, call_id: str = "call-1", **more: Any) -> None:
        """Offer a call."""
        self.event(offer_event(**more), call_id)

    def drop(self) -> None:
        """Let every connection go without a word."""
        for peer in list(self._peers):
            peer.drop()

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Tell the client that the connection is about to go, then let it go."""
        peer = self._peer()
        peer.send(lambda c: c.say_goodbye(restart=restart))
        peer.drop()

    def fall_silent(self) -> None:
        """Say nothing more on the connections that there are, pings included, and keep them open."""
        for peer in list(self._peers):
            peer.gagged = True

    def go_down(self) -> None:
        """Refuse connections, and drop those that there are."""
        self._stop_listening()
        self.drop()
        self.wait_until_quiet()

    def come_back(self) -> None:
        """Take connections again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._listener)

    def close(self) -> None:
        self._closed = True
        self._stop_listening()
        self.drop()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE)

    # --- its threads ------------------------------------------------------------------------------------------------

    def _peer(self) -> Peer:
        self._wait(lambda: any(peer.signed_in for peer in self._peers), "a client that is signed in")
        return [peer for peer in self._peers if peer.signed_in][-1]

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name="scripted relay", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _stop_listening(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, self._tls, lambda: f"server-{next(self._ids)}")
            self._change(lambda peer=peer: self._peers.append(peer))
            self.accepted += 1
            self._run(self._serve, peer)

    def _change(self, change: Callable[[], Any]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def _serve(self, peer: Peer) -> None:
        with peer.socket, contextlib.suppress(OSError):
            while self._listen(peer):
                pass
        self._change(lambda: self._peers.remove(peer))

    def _listen(self, peer: Peer) -> bool:
        data = peer.socket.recv(65_536)
        with peer.lock:
            if data:
                peer.connection.receive_data(data)
            else:
                peer.connection.receive_eof()
            while (event := peer.connection.next_event()) is not None:
                if isinstance(event, Gone):
                    with contextlib.suppress(OSError):
                        peer.flush()
                    return False
                self._act(peer, event)
            peer.flush()
        self._change(lambda: None)
        return bool(data)

    def _act(self, peer: Peer, command: CommandReceived) -> None:
        script = self._scripts[command.method]
        action = script[0] if script else sign_in if command.method == "signalwire.connect" else reply()
        if len(script) > 1:
            script.pop(0)
        self.commands.append(command)
        action(self, peer, command)
        with contextlib.suppress(OSError):
            peer.flush()
        self._change(lambda: self._dealt_with.append(command.method))
