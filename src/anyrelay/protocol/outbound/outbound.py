"""What a client begins by itself: outbound dials and text messages, and what becomes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import RelayError, RequestTimeout
from anyrelay.protocol import schema
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.outbound.dial import DialMachine, DialState
from anyrelay.protocol.outbound.host import OutboundHost
from anyrelay.protocol.outbound.message import MessageMachine
from anyrelay.protocol.rpc.pending import CommandObserver, Reply
from anyrelay.protocol.schema import CallStateEvent, RelayEvent, make_command
from anyrelay.protocol.schema.fields import Named, check_handler, is_number

if TYPE_CHECKING:
    from anyrelay.protocol.schema import DevicesLike

__all__ = ["Outbound"]

DIAL_TIMEOUT: Final = 120.0
"""How long anybody may take to answer a dial that says nothing else, in seconds."""

EARLY_EVENTS: Final = 1_000
"""How many events of messages are kept while a ``messaging.send`` is not answered yet."""

MESSAGES_FOLLOWED: Final = 10_000
"""How many messages may be on their way: what becomes of one sent in another's context is told to that one alone."""

_OPTIONAL: Final = frozenset({"context", "body", "media", "tags", "region"})
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], ())
"""What an optional parameter of a message is left out for, as SignalWire's client does."""


class _MessageObserver(CommandObserver):
    """Follows a ``messaging.send``: its reply names the message, whose events can overtake the reply."""

    def __init__(self, outbound: Outbound, message: MessageMachine) -> None:
        self._outbound = outbound
        self._message = message

    def sent(self, now: float) -> None:
        self._outbound.expect(self)

    def accepted(self, reply: Reply, now: float) -> None:
        message_id = reply.get("message_id")
        self._outbound.adopt(self._message, message_id if isinstance(message_id, str) else "")
        self._outbound.expect_no_more(self)

    def rejected(self, error: RelayError) -> None:
        self._outbound.expect_no_more(self)

    def abandoned(self, error: RelayError | None) -> None:
        if not (isinstance(error, RequestTimeout) and self._message.is_followed):  # else its late reply is waited for
            self._outbound.expect_no_more(self)


class Outbound:
    """The dials and messages of one session."""

    def __init__(self, host: OutboundHost) -> None:
        self._host = host
        self._dials: dict[str, DialMachine] = {}
        self._messages: dict[str, MessageMachine] = {}
        self._sendings: set[_MessageObserver] = set()
        self._early: deque[RelayEvent] = deque(maxlen=EARLY_EVENTS)

    @property
    def any_open(self) -> bool:
        """Whether a dial is still open."""
        return self.number_open > 0

    @property
    def number_open(self) -> int:
        """How many dials are still open."""
        return sum(dialing.state is DialState.DIALING for dialing in self._dials.values())

    # --- dials ------------------------------------------------------------------------------------------------------

    def dial(
        self, now: float, devices: DevicesLike, *, tag: str | None, dial_timeout: float | None, extra: dict[str, Any]
    ) -> Promise[CallMachine]:
        """Call devices. The dial is known by its tag before a byte leaves, since an event can overtake the reply."""
        dial_timeout = DIAL_TIMEOUT if dial_timeout is None else dial_timeout
        is_number(0.001, unit="seconds")(None, Named("dial_timeout"), dial_timeout)
        command = make_command(schema.Dial, extra, tag=self._host.new_id() if tag is None else tag, devices=devices)
        if command.tag in self._dials:
            raise ValueError(f"tag {command.tag!r} is in use by another dial, whose legs may still turn up")
        dialing = self._dials[command.tag] = DialMachine(self._host, command, now, dial_timeout, self.forget_dial)
        return dialing.promise

    def client_closes(self, now: float) -> None:
        """The client is about to close, and the line is up."""
        for dialing in list(self._dials.values()):
            dialing.client_closes(now)

    def forget_dial(self, dialing: DialMachine) -> None:
        """A dial is over."""
        self._dials.pop(dialing.tag, None)

    def receive_leg(self, event: RelayEvent, now: float) -> bool:
        """Take in an event of a call that is not known: is it a leg of a dial?"""
        tag = event.params.get("tag")
        dialing = self._dials.get(tag) if isinstance(tag, str) else None
        if dialing is None or not isinstance(event, CallStateEvent) or not event.call_id:
            return False
        dialing.leg(event, now)
        return True

    def receive_dial(self, event: RelayEvent, now: float) -> bool:
        """Take in ``calling.call.dial``; False when its dial is not known."""
        tag = event.params.get("tag")
        inner = event.params.get("call")
        if not isinstance(tag, str) and isinstance(inner, dict):
            tag = inner.get("tag")
        dialing = self._dials.get(tag) if isinstance(tag, str) else None
        if dialing is not None:
            dialing.told(event, now)
        return dialing is not None

    # --- messages ---------------------------------------------------------------------------------------------------

    def send_message(
        self, now: float, *, on_completed: Callable[[RelayEvent], Any] | None, **params: Any
    ) -> Promise[MessageMachine]:
        """Send a text message; the promise is kept once the server gave it an identifier."""
        check_handler(on_completed, "on_completed")
        given = {name: value for name, value in params.items() if not (name in _OPTIONAL and value in _EMPTY)}
        message = MessageMachine(self._host, "", given, on_completed, self.forget_message)

        def renew() -> schema.SendMessage:
            # Without a context, what becomes of the message is told to this session: the one in which it leaves.
            named = {"context": self._host.relay_protocol or "default", **given}
            command = schema.SendMessage(**named)
            message.context = command.context
            return command

        return self._host.submit(now, renew(), command_observer=_MessageObserver(self, message), renew=renew).then(
            lambda _: message
        )

    def expect(self, sending: _MessageObserver) -> None:
        """A command has left whose reply will name a message."""
        self._sendings.add(sending)

    def expect_no_more(self, sending: _MessageObserver) -> None:
        """Its reply came, or nobody waits for it; with the last one the events that belong to no message are dropped."""
        self._sendings.discard(sending)
        if not self._sendings:
            self._early.clear()

    def adopt(self, message: MessageMachine, message_id: str) -> None:
        """The server has named a message: hand it what came before its name."""
        message.message_id = message_id
        if not message_id:
            message.session_lost(
                RelayError(-1, "the server took the message without naming it: nothing is heard of it")
            )
            return
        self._messages[message_id] = message
        if len(self._messages) > MESSAGES_FOLLOWED:
            oldest = self._messages.pop(next(iter(self._messages)))
            oldest.session_lost(
                RelayError(-1, f"{MESSAGES_FOLLOWED} later messages are on their way: nothing was heard of it")
            )
        early, self._early = self._early, deque(maxlen=EARLY_EVENTS)
        for event in early:
            if event.params["message_id"] == message_id:
                message.receive(event)
            else:
                self._early.append(event)

    def forget_message(self, message: MessageMachine) -> None:
        """A message is in a final state."""
        self._messages.pop(message.message_id, None)

    def receive_message_state(self, event: RelayEvent) -> bool:
        """Take in ``messaging.state``; one that overtakes the reply to its command is kept."""
        message_id = event.params.get("message_id")
        if not isinstance(message_id, str):
            return False
        message = self._messages.get(message_id)
        if message is not None:
            message.receive(event)
        elif self._sendings:
            self._early.append(event)
        return message is not None or bool(self._sendings)

    def session_lost(self, error: RelayError) -> None:
        """The session is gone for good."""
        for dialing in list(self._dials.values()):
            dialing.session_lost(error)
        messages, self._messages = self._messages, {}
        for message in messages.values():
            message.session_lost(error)
