"""A RELAY server with TLS that accepts every command, reports its result, and records the client's frames."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, Final

from attrs import Factory, define

from anyrelay.protocol.server import CommandReceived, Gone, ServerConnection

__all__ = ["Recording", "RecordingServer"]

TIMEOUT: Final = 10.0
"""The longest silence of a client, in seconds."""

ECHO_INTERVAL: Final = 0.01
"""The time between two echo events, in seconds."""

STOPPED: Final = {"play_and_collect": "collect", "send_fax": "fax", "receive_fax": "fax"}
"""The event of an operation's end, where its name differs from the command's."""

Frame = dict[str, Any]


@define
class Recording:
    """The frames of one connection."""

    received: list[Frame] = Factory(list)
    sent: list[Frame] = Factory(list)

    @property
    def requests(self) -> list[Frame]:
        """The requests of the client, in order."""
        return [frame for frame in self.received if "method" in frame]

    @property
    def replies(self) -> dict[str, Frame]:
        """The replies of the client, by the id of the server's request."""
        return {frame["id"]: frame for frame in self.received if "method" not in frame}

    @property
    def asked(self) -> set[str]:
        """The ids of the server's requests."""
        return {frame["id"] for frame in self.sent if "method" in frame}


class RecordingServer:
    """The server: one thread for each client. All that it sends follows from what the client sends."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._recordings: list[Recording] = []
        self._sessions = itertools.count(1)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.host = f"localhost:{self._listener.getsockname()[1]}"
        self._run(self._accept)

    def take(self) -> list[Recording]:
        """Return the connections since the last call, oldest first, after their end; start the sessions' names again."""
        for thread in self._threads[1:]:
            thread.join(TIMEOUT)
        recordings, self._recordings = self._recordings, []
        self._sessions = itertools.count(1)
        return recordings

    def close(self) -> None:
        """Close every connection."""
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def new_session(self) -> str:
        """Return a new name of a session; the first name of a front end is always the same."""
        return f"session-{next(self._sessions)}"

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, name="recording server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                recording = Recording()
                self._recordings.append(recording)
                self._run(_Peer(self, sock, self._tls, recording).serve)


class _Peer:
    """The connection of one client."""

    def __init__(self, server: RecordingServer, sock: socket.socket, tls: ssl.SSLContext, recording: Recording) -> None:
        self._server = server
        self._socket = sock
        self._recording = recording
        self._ids = itertools.count(1)
        self._calls = itertools.count(1)
        self._echoing_call = ""
        self._later: list[dict[str, Any]] = []
        self._last_id = ""
        self._over = False
        self._connection = ServerConnection(new_id=self._new_id, tls=tls, knows_all=False, on_text=self._record)

    def serve(self) -> None:
        """Serve until the client has closed."""
        with self._socket, contextlib.suppress(OSError):
            while not self._over:
                self._socket.settimeout(ECHO_INTERVAL if self._echoing_call else TIMEOUT)
                try:
                    self._receive(self._socket.recv(65_536))
                except TimeoutError:
                    if not self._echoing_call:
                        return
                    self._event("calling.call.echo", call_id=self._echoing_call, state="echoing")
                self._socket.sendall(self._connection.data_to_send())

    def _receive(self, data: bytes) -> None:
        if data:
            self._connection.receive_data(data)
        else:
            self._connection.receive_eof()
            self._over = True
        while (event := self._connection.next_event()) is not None:
            if isinstance(event, Gone):
                self._over = True
            else:
                self._take(event)

    def _new_id(self) -> str:
        self._last_id = f"server-{next(self._ids)}"
        return self._last_id

    def _record(self, direction: str, text: str) -> None:
        (self._recording.received if direction == "rx" else self._recording.sent).append(json.loads(text))

    # --- replies and events -------------------------------------------------------------------------------------------

    def _take(self, command: CommandReceived) -> None:
        self._echoing_call = ""
        params = command.params
        later, self._later = self._later, []
        match command.method:
            case "signalwire.connect":
                self._sign_in(command)
            case "test.drop":
                self._over = True
            case "test.restart":
                self._connection.say_goodbye(restart=True)
                self._close_after_reply(self._last_id)
            case "messaging.send":
                self._reply(command, message_id="message-1")
                # With the next command: the official SDK loses an event that comes before it has handled the reply.
                self._later.append({"message_id": "message-1", "message_state": "delivered"})
            case "calling.dial":
                self._reply(command)
                self._answer_dial(params["tag"])
            case _:
                self._reply(command)
                self._report(command.method.removeprefix("calling."), params)
        for state in later:
            self._event("messaging.state", **state)

    def _sign_in(self, command: CommandReceived) -> None:
        resumed = command.params.get("protocol")
        protocol = resumed or self._server.new_session()
        self._connection.reply(command.id, {"protocol": protocol, "identity": "client", "authorization": {}})
        self._connection.ping()
        self._event("signalwire.authorization.state", authorization_state=f"state of {protocol}")
        if command.params.get("contexts") and not resumed:
            numbers = {"from_number": "+15551230001", "to_number": "+15551230002"}
            device = {"type": "phone", "params": numbers}
            offer = {"context": "default", "call_state": "created", "direction": "inbound", "device": device}
            self._event("calling.call.receive", call_id=f"call-{next(self._calls)}", node_id="node-1", **offer)
            message = {"context": "default", "body": "Hi", "message_state": "received", **numbers}
            self._event("messaging.receive", message_id="incoming-1", direction="inbound", **message)

    def _answer_dial(self, tag: str) -> None:
        leg = {"call_id": f"call-{next(self._calls)}", "node_id": "node-2", "tag": tag}
        for state in ("created", "ringing", "answered"):
            self._event("calling.call.state", **leg, call_state=state, direction="outbound")
        self._event("calling.call.dial", tag=tag, dial_state="answered", call={**leg, "dial_winner": True})

    def _report(self, command: str, params: dict[str, Any]) -> None:
        """Send the events that follow from a command on a call."""
        about = {key: params[key] for key in ("call_id", "node_id", "control_id") if key in params}
        match command.rpartition("."):
            case _, _, "answer":
                self._event("calling.call.state", **about, call_state="answered")
            case _, _, "end":
                for state in ("ending", "ended"):
                    self._event("calling.call.state", **about, call_state=state, end_reason=params["reason"])
            case _, _, "refer":
                codes = {"sip_refer_response_code": "202", "sip_notify_response_code": "200"}
                self._event("calling.call.refer", **about, **codes, state="success")
            case _, _, "user_event" if params.get("event") == "pump":
                self._echoing_call = params["call_id"]
            case operation, _, "stop" if "control_id" in params:
                self._event(f"calling.call.{STOPPED.get(operation, operation)}", **about, state="finished")

    def _close_after_reply(self, id_: str) -> None:
        """Close the connection after the client's reply to one request of the server."""
        self._socket.settimeout(TIMEOUT)
        while id_ not in self._recording.replies:
            self._socket.sendall(self._connection.data_to_send())
            data = self._socket.recv(65_536)
            if not data:
                break
            self._connection.receive_data(data)
        self._over = True

    def _reply(self, command: CommandReceived, **result: Any) -> None:
        self._connection.reply(command.id, {"code": "200", "message": "OK", **result})

    def _event(self, event_type: str, **params: Any) -> None:
        self._connection.send_event({"event_type": event_type, "timestamp": 1_700_000_000.0, "params": params})
