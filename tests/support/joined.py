"""A client session and the server's side of its connection, joined in memory; the time is moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.link_timers import LinkTimers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.server import CommandReceived, ServerConnection
from anyrelay.protocol.session.outputs import CloseTransport, FetchToken, LogEntry, OpenTransport, Output, RunHandler
from anyrelay.protocol.session.reconnect import ReconnectPolicy
from anyrelay.protocol.session.session import Session
from anyrelay.protocol.session.settings import ClientSettings, parse_host

TOKEN = "PT-secret-0123456789"
"""A token, to search for where no secret may be."""

STEADY = ReconnectPolicy(jitter=False)
"""A back-off without jitter."""


def always_heard(timers: Timers) -> LinkTimers:
    """Return deadlines of a server that is connected, and answers every ping at once."""

    def ask(now: float) -> None:
        link_timers.asked(now)
        link_timers.answered(now)

    link_timers = LinkTimers(timers, ask)
    link_timers.link_up(0.0)
    return link_timers


class Joined:
    """A client and a server. The server accepts every command, unless `answers` or `silent` say otherwise."""

    def __init__(self, *, takes_calls: bool = True, draw: float = 0.5, **settings: Any) -> None:
        ids, server_ids = count(1), count(1)
        given = {"project": "project", "token": TOKEN, "server": parse_host("ws://127.0.0.1:8080"), "reconnect": STEADY}
        self.session = Session(
            ClientSettings(**{**given, "contexts": ["default"], **settings}),
            new_id=lambda: f"c{next(ids)}",
            random=lambda: draw,
        )
        self.session.takes_calls(takes_calls)
        self.new_server_id = lambda: f"s{next(server_ids)}"
        self.server: ServerConnection | None = None
        self.now = 0.0
        self.sign_in: dict[str, Any] | tuple[int, str] | None = {"protocol": "protocol-1"}
        self.answers: dict[str, Any] = {}
        self.silent: set[str] = set()
        self.commands: list[CommandReceived] = []
        self.outputs: list[Output] = []
        self.transports = 0

    # --- both ends --------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Move bytes in both directions, and reply to commands, until there are no more bytes."""
        while self.move():
            pass

    def move(self) -> bool:
        self.take_outputs()
        if self.server is None:
            return False
        data = self.session.data_to_send()
        if data:
            self.server.receive_data(data)
        while self.server is not None and (event := self.server.next_event()) is not None:
            if isinstance(event, CommandReceived):
                self.answer(event)
        back = self.server.data_to_send() if self.server is not None else b""
        if back:
            self.session.receive_data(back, self.now)
        return bool(data or back or self.session.outputs)

    def take_outputs(self) -> None:
        while self.session.outputs:
            self.outputs.append(output := self.session.outputs.popleft())
            if isinstance(output, CloseTransport):
                self.server = None

    def answer(self, received: CommandReceived) -> None:
        assert self.server is not None
        self.commands.append(received)
        if received.method in self.silent:
            return
        answer = self.sign_in if received.method == "signalwire.connect" else self.answers.get(received.method)
        if isinstance(answer, tuple):
            self.server.refuse(received.id, *answer)
        elif answer is not None:
            self.server.reply(received.id, answer)
        elif received.method != "signalwire.connect":
            self.server.reply(received.id, {"code": "200", "message": received.command and received.command.reply})

    def at(self, now: float) -> None:
        """Move the time in one step, and handle the deadlines."""
        self.now = now
        self.session.handle_timeout(now)
        self.settle()

    def open(self) -> None:
        """Open the transport that the session asked for."""
        self.take_outputs()
        assert self.asked(OpenTransport)
        self.server = ServerConnection(new_id=self.new_server_id, knows_all=False)
        self.transports += 1
        self.session.transport_opened(self.now)
        self.settle()

    def connect(self) -> Promise[None]:
        """Connect and sign in."""
        promise = self.session.connect(self.now)
        self.open()
        return promise

    def drop(self, error: Exception | None = None) -> None:
        """Drop the connection."""
        self.take_outputs()
        self.asked(OpenTransport)
        self.session.transport_failed(error or ConnectionResetError("dropped"), self.now)
        self.settle()

    def reconnect(self) -> None:
        """Drop the connection, and let the next attempt succeed."""
        self.drop()
        self.retry()

    def retry(self) -> None:
        """Wait for the next attempt, and let it succeed."""
        self.take_outputs()
        while not any(isinstance(output, OpenTransport) for output in self.outputs):
            deadline = self.session.next_deadline()
            assert deadline is not None
            self.at(max(self.now, deadline))
        self.open()

    # --- outputs ------------------------------------------------------------------------------------------------------

    def asked(self, kind: type[Output]) -> list[Any]:
        """Return the outputs of a kind since the last call."""
        found = [each for each in self.outputs if isinstance(each, kind)]
        self.outputs = [each for each in self.outputs if not isinstance(each, kind)]
        return found

    def notes(self) -> list[str]:
        self.settle()
        return [note.text for note in self.asked(LogEntry)]

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the params of every command of a method that has reached the server."""
        self.settle()
        return [each.params for each in self.commands if each.method == method]

    def deliveries(self) -> list[Any]:
        """Call the handlers of queued events; return the events."""
        self.settle()
        subjects = []
        for handler_queue in self.asked(HandlerQueue):
            while (delivery := handler_queue.take()) is not None:
                delivery.handler(delivery.subject)
                subjects.append(delivery.subject)
        return subjects

    # --- events of the server -----------------------------------------------------------------------------------------

    def event(self, event_type: str, params: Any = None, *, id_: str | None = None, settle: bool = True) -> str:
        """Send an event, and let the client handle it; return its id."""
        assert self.server is not None
        id_ = self.server.send_event({"event_type": event_type, "timestamp": 1.5, "params": params}, id_=id_)
        if settle:
            self.settle()
        return id_

    def text(self, text: str) -> None:
        """Send any text."""
        assert self.server is not None
        self.server._connection.send_text(text)
        self.settle()

    def offer(self, call_id: str = "call-1", **params: Any) -> CallMachine | None:
        """Offer a call; return the call if the client took it."""
        base = {"call_id": call_id, "node_id": "node", "context": "default", "call_state": "created"}
        self.event("calling.call.receive", {**base, "direction": "inbound", "device": {}, **params})
        runs = self.asked(RunHandler)
        return runs[-1].subject if runs else None

    def call_state(self, state: str, call_id: str = "call-1", **params: Any) -> None:
        self.event("calling.call.state", {"call_id": call_id, "call_state": state, **params})

    def refer_event(self, state: str, call_id: str = "call-1", **params: Any) -> None:
        self.event("calling.call.refer", {"call_id": call_id, "state": state, **params})

    def play_event(self, state: str, control_id: str, call_id: str = "call-1") -> None:
        self.event("calling.call.play", {"call_id": call_id, "state": state, "control_id": control_id})


def joined_call(**settings: Any) -> tuple[Joined, CallMachine]:
    """Return a pair that is signed in, and the call that was offered."""
    pair = Joined(**settings)
    pair.connect()
    call = pair.offer()
    assert call is not None
    return pair, call


def note_in(events: list[Any]) -> Callable[[RelayEvent], None]:
    """Return a handler that adds each event to a list."""
    return events.append


__all__ = ["STEADY", "TOKEN", "FetchToken", "Joined", "OpenTransport", "always_heard", "joined_call", "note_in"]
