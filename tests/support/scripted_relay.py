"""A RELAY server on a loopback socket, scripted by a test, in its own threads."""

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

TIMEOUT = 30.0
"""How long the server waits for a step of the client before it fails the test, in seconds."""


class Peer:
    """The connection of one client, from the server's side."""

    def __init__(self, sock: socket.socket, tls: ssl.SSLContext | None, new_id: Callable[[], str]) -> None:
        self.socket = sock
        self.connection = ServerConnection(new_id=new_id, tls=tls, knows_all=False)
        self.lock = threading.RLock()
        self.is_silent = False
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
            if data and not self.is_silent:
                self.socket.sendall(data)

    def drop(self) -> None:
        """Drop the connection without a close frame."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


Action = Callable[["ScriptedRelay", Peer, CommandReceived], None]


def reply(**result: Any) -> Action:
    return lambda _, peer, command: peer.connection.reply(command.id, {"code": "200", "message": "OK"} | result)


def refuse(code: int, message: str = "no") -> Action:
    return lambda _, peer, command: peer.connection.refuse(command.id, code, message)


def sign_in(relay: ScriptedRelay, peer: Peer, command: CommandReceived) -> None:
    """Accept a sign-in, and resume the session if the server resumes sessions."""
    wanted = command.params.get("protocol") if relay.resumes else None
    peer.connection.reply(command.id, {"protocol": wanted or relay.new_session()})
    peer.signed_in = True


def never(_relay: ScriptedRelay, _peer: Peer, _command: CommandReceived) -> None:
    """Send no reply."""


def hang_up_the_line(_relay: ScriptedRelay, peer: Peer, _command: CommandReceived) -> None:
    """Drop the connection in place of a reply."""
    peer.drop()


def then(*events: tuple[str, dict[str, Any]]) -> Action:
    """Reply to the command, and send events of its call."""

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
    """The server. Without a script it accepts every sign-in, resumes sessions and accepts every command."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.resumes = True
        self.accepted = 0
        self.commands: list[CommandReceived] = []
        self._handled: list[str] = []
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
        """Set the actions for the commands of a method, one for each command; the last action repeats."""
        self._scripts[method] = list(actions)

    # --- what a test reads and waits for ------------------------------------------------------------------------------

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the params of each received command of a method."""
        return [command.params for command in list(self.commands) if command.method == method]

    def wait_for(self, method: str, count: int = 1) -> dict[str, Any]:
        """Block until `count` commands of a method were handled; return the params of the last one."""
        self._wait(lambda: self._handled.count(method) >= count, f"{count} of {method}")
        return self.sent(method)[count - 1]

    def wait_until_quiet(self) -> None:
        """Block until no client is connected."""
        self._wait(lambda: not self._peers, "the end of every connection")

    def wait_for_acknowledgements(self) -> None:
        """Block until the client has acknowledged every event."""
        self._wait(lambda: not any(peer.connection.unacknowledged for peer in self._peers), "acknowledgements")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        with self._changed:
            while not condition():
                if self._closed or not self._changed.wait(deadline - time.monotonic()):
                    raise AssertionError(f"the server never got {what}; it got {self.commands}")

    def new_session(self) -> str:
        return f"session-{next(self._sessions)}"

    # --- what a test lets it do ---------------------------------------------------------------------------------------

    def event(self, event: tuple[str, dict[str, Any]], call_id: str = "call-1") -> None:
        """Send an event of a call."""
        self._peer().report(event, call_id)

    def offer(self, call_id: str = "call-1", **more: Any) -> None:
        """Offer a call."""
        self.event(offer_event(**more), call_id)

    def drop(self) -> None:
        """Drop every connection without a close frame."""
        for peer in list(self._peers):
            peer.drop()

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send signalwire.disconnect, then drop the connection."""
        peer = self._peer()
        peer.send(lambda c: c.say_goodbye(restart=restart))
        peer.drop()

    def fall_silent(self) -> None:
        """Send nothing more on the current connections, no pongs either, and keep them open."""
        for peer in list(self._peers):
            peer.is_silent = True

    def go_down(self) -> None:
        """Drop every connection, and refuse new ones."""
        self._stop_listening()
        self.drop()
        self.wait_until_quiet()

    def come_back(self) -> None:
        """Accept connections again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._run(self._accept, self._listener)

    def close(self) -> None:
        self._closed = True
        self._stop_listening()
        self.drop()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(TIMEOUT)

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
        self._change(lambda: self._handled.append(command.method))
