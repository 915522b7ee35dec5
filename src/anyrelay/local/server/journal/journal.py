"""The journal: what a local server was seen to do lately, without secrets and within a budget.

`LocalRelay` feeds it with RELAY messages and events, and with the SIP messages or the steps of its phones. Programs read it
through `LocalRelay.frames` and `LocalRelay.calls`; the control API hands it out over HTTP.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import evolve

from anyrelay.local.server.journal.calls import CallRecord, CallRecords
from anyrelay.local.server.journal.entries import Entries, Entry
from anyrelay.local.server.journal.frames import (
    JournalFrame,
    RelayFrames,
    SeenFrame,
    SipTransmission,
    direction_of_step,
    read_sip,
    read_step,
    sip_call_id,
)
from anyrelay.local.server.journal.messages import MessageRecord, MessageRecords
from anyrelay.local.server.journal.sessions import SessionRecord, SessionRecords

if TYPE_CHECKING:
    from anyrelay.local.exchange.connections import ClientConnection
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.local.simulated.callers import SimulatedCaller
    from anyrelay.local.sip.trace import SipMessageSeen

__all__ = ["Journal"]

_FOLLOWED: Final = ('"calling.play"', '"calling.play_and_collect"', '"calling.send_digits"')
"""The commands that change a call record once the server accepts them, as they stand in a message."""

_SUBSCRIBES: Final = ('"signalwire.receive"', '"signalwire.unreceive"')
"""The commands that change the contexts of a session."""

COMMANDS_FOLLOWED: Final = 10_000
"""How many commands without a reply are known."""


class Journal:
    """The journal of one server. Every method is called on the server's event loop."""

    entries: Entries
    """The entries of the journal."""
    is_closed: bool
    """Whether the server has ended, and nothing more comes."""

    def __init__(self, exchange: Callable[[], Exchange]) -> None:
        """Begin an empty journal; `exchange` returns the exchange of the server."""
        self.entries = Entries()
        self._exchange = exchange
        self._read_up_to = 0
        self._relay_frames = RelayFrames()
        self._calls = CallRecords()
        self._messages = MessageRecords()
        self._sessions = SessionRecords()
        self._known_sessions: dict[int, RelaySession] = {}
        self._followed: OrderedDict[tuple[int, str], tuple[str, dict[str, Any]]] = OrderedDict()
        self.is_closed = False
        self._monotonic_epoch = time.time() - time.monotonic()

    # --- reading the journal

    def frames(
        self, *, call_id: str | None = None, method: str | None = None, after: int = 0
    ) -> Iterator[JournalFrame]:
        """Return messages, oldest first.

        Args:
            call_id: Only those of this call.
            method: Only those of this method of RELAY or SIP, and the replies to these.
            after: Only those with a greater number.
        """
        for entry in self.entries.after(after):
            if entry.event != "frame":
                continue
            frame = self.frame(entry)
            if call_id in (None, frame.call_id) and method in (None, frame.method):
                yield frame

    def sip_messages(self, call_id: str) -> Iterator[SipTransmission]:
        """Return the SIP messages of a call, oldest first."""
        for entry in self.entries.after(0):
            frame = self.frame(entry) if entry.event == "frame" else None
            if frame is not None and (frame.kind, frame.call_id) == ("sip", call_id):
                seen: SipMessageSeen = entry.content.peer
                yield SipTransmission(frame.time, seen.transport, seen.source, seen.target, frame.text)

    def frame(self, entry: Entry) -> JournalFrame:
        """Return the message of an entry."""
        for unread in self.entries.after(self._read_up_to):  # in order: a reply is named after its request
            if unread.event == "frame":
                self._read(unread)
        self._read_up_to = self.entries.latest
        return self._read(entry)

    def _read(self, entry: Entry) -> JournalFrame:
        seen: SeenFrame = entry.content
        if seen.frame is None:
            seen.frame = self._first_read(entry, seen)
        elif seen.frame.call_id is None and (call_id := self._call_of(seen)) is not None:
            seen.frame = evolve(seen.frame, call_id=call_id)  # the call was not known yet
        return seen.frame

    def _first_read(self, entry: Entry, seen: SeenFrame) -> JournalFrame:
        if isinstance(seen.peer, int):
            return self._relay_frames.read(entry.seq, entry.time, seen)
        if isinstance(seen.peer, str):
            return read_step(entry.seq, entry.time, seen, self._call_of(seen))
        message: Any = seen.peer
        return read_sip(entry.seq, entry.time, message, self._call_of(seen))

    def _call_of(self, seen: SeenFrame) -> str | None:
        """Return the RELAY call of a SIP message or of a step of a simulated phone."""
        if isinstance(seen.peer, int):
            return None
        if isinstance(seen.peer, str):
            return self._calls.id_of_leg(seen.about)
        return self._calls.id_of_sip(sip_call_id(seen.text))

    @property
    def calls(self) -> CallRecords:
        """The calls."""
        return self._calls

    @property
    def messages(self) -> MessageRecords:
        """The text messages."""
        return self._messages

    def sessions(self) -> list[SessionRecord]:
        """Return the sessions as they are now."""
        exchange = self._exchange()
        calls = list(exchange.calls)
        return [self._sessions.record(session, calls) for session in exchange.sessions]

    def reset(self) -> None:
        """Forget every message, text and call but those that are up; tell the watchers so."""
        self.entries.clear()
        self._messages.clear()
        self._calls.clear()
        self.entries.add(time.time(), "reset", {})

    def close(self) -> None:
        """Take in that the server ends; tell the watchers so."""
        self.is_closed = True
        self.entries.wake()

    # --- feeding the journal

    def saw_relay(self, connection: ClientConnection, direction: str, text: str) -> None:
        """Take in a RELAY message."""
        now = time.time()
        self.entries.add(now, "frame", SeenFrame(direction, text, connection.number), len(text) + 300)
        if direction == "rx":
            self._follow_command(connection, text)
        elif self._followed and text.find('"result"', 0, 200) > 0:
            self._follow_reply(connection, text, now)

    def saw_sip(self, seen: SipMessageSeen) -> None:
        """Take in a SIP message."""
        kept = SeenFrame(seen.direction, seen.text, seen)
        self.entries.add(self._monotonic_epoch + seen.time, "frame", kept, len(seen.text) + 300)

    def saw_step(self, phone: SimulatedCaller, words: str) -> None:
        """Take in a step of a simulated phone."""
        kept = SeenFrame(direction_of_step(words), words, phone.uri, phone.leg)
        self.entries.add(time.time(), "frame", kept, len(words) + 300)

    def saw_event(self, envelope: dict[str, Any]) -> None:
        """Take in an event of RELAY, whether or not a client got the event."""
        event_type: str = envelope["event_type"]
        if event_type.startswith("messaging."):
            self._add(self._messages.take_event(envelope))
            return
        call_id = envelope["params"].get("call_id")
        if isinstance(call_id, str):
            self._add(self._calls.take_event(envelope, self._exchange().calls.get(call_id)))

    def saw_end(self, connection: ClientConnection) -> None:
        """Take in that a client's connection ended."""
        session = self._known_sessions.pop(connection.number, None)
        if session is not None:
            self._add_session(session)

    def _add(self, record: CallRecord | MessageRecord | None) -> None:
        if record is not None:
            self.entries.add(time.time(), "call" if isinstance(record, CallRecord) else "message", record)

    def _add_session(self, session: RelaySession) -> None:
        record = self._sessions.record(session, self._exchange().calls)
        self.entries.add(time.time(), "session", record)

    # --- commands that the events do not tell of

    def _follow_command(self, connection: ClientConnection, text: str) -> None:
        signs_in = connection.session is None
        if not (signs_in or any(name in text for name in (*_FOLLOWED, *_SUBSCRIBES))):
            return
        try:
            message = orjson.loads(text)
            id_, method, params = str(message["id"]), message["method"], message["params"]
        except (ValueError, TypeError, KeyError):
            return
        if signs_in and method == "signalwire.connect":
            self._sessions.signs_in(connection, params)
        if isinstance(method, str) and isinstance(params, dict):
            self._followed[connection.number, id_] = (method, params)
            if len(self._followed) > COMMANDS_FOLLOWED:
                self._followed.popitem(last=False)

    def _follow_reply(self, connection: ClientConnection, text: str, now: float) -> None:
        try:
            message = orjson.loads(text)
            followed = self._followed.pop((connection.number, str(message.get("id"))), None)
            accepted = str(message["result"].get("code", "200")) == "200"
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if followed is None or not accepted:
            return
        method, params = followed
        session = self._sessions.replied_to(connection, now) or connection.session
        if method.startswith("signalwire."):
            if session is not None:
                self._known_sessions[connection.number] = session
                self._add_session(session)
        else:
            self._add(self._calls.took_command(str(params.get("call_id")), method, params))
