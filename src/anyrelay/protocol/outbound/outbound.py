"""The outbound dials and text messages of a session, and the events that belong to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import RelayError, RequestTimeout
from anyrelay.protocol import schema
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.outbound.dial import DialMachine, DialState
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.rpc.submission import CommandObserver, Reply
from anyrelay.protocol.schema import CallStateEvent, RelayEvent, make_command
from anyrelay.protocol.schema.fields import Named, check_handler, is_number

if TYPE_CHECKING:
    from anyrelay.protocol.outbound.host import OutboundHost
    from anyrelay.protocol.schema import DevicesLike

__all__ = ["Outbound"]

DIAL_TIMEOUT: Final = 120.0
"""The default of `dial_timeout`, in seconds."""

EARLY_EVENTS: Final = 1_000
"""The most events of messages kept while a ``messaging.send`` has no reply."""

MESSAGES_FOLLOWED: Final = 10_000
"""The most messages without a final state: a message whose events go to another client never gets one."""

_OPTIONAL: Final = frozenset({"context", "body", "media", "tags", "region"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], ())
"""The values for which an optional parameter of a message is left out, as SignalWire's client does."""


class _MessageObserver(CommandObserver):
    """Observes a ``messaging.send``: its reply has the message_id; events of the message can overtake the reply."""

    def __init__(self, outbound: Outbound, message: MessageMachine) -> None:
        self._outbound = outbound
        self._message = message

    def sent(self, now: float) -> None:
        self._outbound.add_unanswered(self)

    def accepted(self, reply: Reply, now: float) -> None:
        message_id = reply.get("message_id")
        self._outbound.name_message(self._message, message_id if isinstance(message_id, str) else "")
        self._outbound.remove_unanswered(self)

    def rejected(self, error: RelayError) -> None:
        self._outbound.remove_unanswered(self)

    def abandoned(self, error: RelayError | None) -> None:
        if not (isinstance(error, RequestTimeout) and self._message.is_followed):  # a late reply still counts
            self._outbound.remove_unanswered(self)


class Outbound:
    """The dials and messages of one session."""

    def __init__(self, host: OutboundHost) -> None:
        self._host = host
        self._dials: dict[str, DialMachine] = {}
        self._messages: dict[str, MessageMachine] = {}
        self._unanswered: set[_MessageObserver] = set()
        self._early: deque[RelayEvent] = deque(maxlen=EARLY_EVENTS)

    @property
    def number_open(self) -> int:
        """The number of open dials."""
        return sum(dial.state is DialState.DIALING for dial in self._dials.values())

    # --- dials ------------------------------------------------------------------------------------------------------

    def dial(
        self, now: float, devices: DevicesLike, *, tag: str | None, dial_timeout: float | None, extra: dict[str, Any]
    ) -> Promise[CallMachine]:
        """Call devices (``calling.dial``). The tag is registered first, since an event can overtake the reply."""
        dial_timeout = DIAL_TIMEOUT if dial_timeout is None else dial_timeout
        is_number(0.001, unit="seconds")(None, Named("dial_timeout"), dial_timeout)
        command = make_command(schema.Dial, extra, tag=self._host.new_id() if tag is None else tag, devices=devices)
        if command.tag in self._dials:
            raise ValueError(f"tag {command.tag!r} is in use by another dial, whose legs may still appear")
        dial = self._dials[command.tag] = DialMachine(self._host, command, now, dial_timeout, self.forget_dial)
        return dial.promise

    def client_closes(self, now: float) -> None:
        """Hang up ringing legs while there is a connection, since the client is about to close."""
        for dial in list(self._dials.values()):
            dial.client_closes(now)

    def forget_dial(self, dial: DialMachine) -> None:
        """Forget a dial that has ended."""
        self._dials.pop(dial.tag, None)

    def receive_leg(self, event: RelayEvent, now: float) -> bool:
        """Give ``calling.call.state`` of an unknown call to the dial with its tag; return whether there is such a dial."""
        tag = event.params.get("tag")
        dial = self._dials.get(tag) if isinstance(tag, str) else None
        if dial is None or not isinstance(event, CallStateEvent) or not event.call_id:
            return False
        dial.receive_leg(event, now)
        return True

    def receive_dial(self, event: RelayEvent, now: float) -> bool:
        """Give ``calling.call.dial`` to the dial with its tag; return whether there is such a dial."""
        tag = event.params.get("tag")
        inner = event.params.get("call")
        if not isinstance(tag, str) and isinstance(inner, dict):
            tag = inner.get("tag")
        dial = self._dials.get(tag) if isinstance(tag, str) else None
        if dial is not None:
            dial.receive_dial(event, now)
        return dial is not None

    # --- messages ---------------------------------------------------------------------------------------------------

    def send_message(
        self, now: float, *, on_completed: Callable[[RelayEvent], Any] | None, **params: Any
    ) -> Promise[MessageMachine]:
        """Send a text message (``messaging.send``); the promise resolves with the reply, which has the message_id."""
        check_handler(on_completed, "on_completed")
        given = {name: value for name, value in params.items() if not (name in _OPTIONAL and value in _EMPTY)}
        message = MessageMachine(self._host, "", given, on_completed, self.forget_message)

        def renew() -> schema.SendMessage:
            # The default context is that of the session in which the command is sent: the events then come to this session.
            named = {"context": self._host.relay_protocol or "default", **given}
            command = schema.SendMessage(**named)
            message.context = command.context
            return command

        return self._host.submit(now, renew(), command_observer=_MessageObserver(self, message), renew=renew).then(
            lambda _: message
        )

    def add_unanswered(self, observer: _MessageObserver) -> None:
        """Note that a ``messaging.send`` waits for its reply."""
        self._unanswered.add(observer)

    def remove_unanswered(self, observer: _MessageObserver) -> None:
        """Forget a ``messaging.send`` without an open reply; after the last one drop the events that match no message."""
        self._unanswered.discard(observer)
        if not self._unanswered:
            self._early.clear()

    def name_message(self, message: MessageMachine, message_id: str) -> None:
        """Set the message_id of a sent message, and give the message the events that came before the reply."""
        message.message_id = message_id
        if not message_id:
            why = "the reply has no message_id: the outcome of the message stays unknown"
            message.session_lost(RelayError(-1, why))
            return
        self._messages[message_id] = message
        if len(self._messages) > MESSAGES_FOLLOWED:
            oldest = self._messages.pop(next(iter(self._messages)))
            why = f"{MESSAGES_FOLLOWED} later messages were sent before a final state was reported"
            oldest.session_lost(RelayError(-1, why))
        early, self._early = self._early, deque(maxlen=EARLY_EVENTS)
        for event in early:
            if event.params["message_id"] == message_id:
                message.receive(event)
            else:
                self._early.append(event)

    def forget_message(self, message: MessageMachine) -> None:
        """Forget a message in a final state."""
        self._messages.pop(message.message_id, None)

    def receive_message_state(self, event: RelayEvent) -> bool:
        """Give ``messaging.state`` to its message, or keep the event while a ``messaging.send`` has no reply."""
        message_id = event.params.get("message_id")
        if not isinstance(message_id, str):
            return False
        message = self._messages.get(message_id)
        if message is not None:
            message.receive(event)
        elif self._unanswered:
            self._early.append(event)
        return message is not None or bool(self._unanswered)

    def session_lost(self, error: RelayError) -> None:
        """Fail all sent dials and messages, since the session is over."""
        for dial in list(self._dials.values()):
            dial.session_lost(error)
        messages, self._messages = self._messages, {}
        for message in messages.values():
            message.session_lost(error)
