"""What a client begins by itself: outbound dials and text messages, and what becomes of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import RelayError
from anyrelay.protocol import commands
from anyrelay.protocol.call import CallMachine
from anyrelay.protocol.checks import Named, is_number
from anyrelay.protocol.commands import make_command
from anyrelay.protocol.dialing import Dialing
from anyrelay.protocol.events import CallStateEvent, RelayEvent
from anyrelay.protocol.messages import MessageMachine
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Reply

if TYPE_CHECKING:
    from anyrelay.protocol.session import Session

__all__ = ["Outbound"]

EARLY_EVENTS: Final = 1_000
"""How many events of messages are kept whose ``messaging.send`` is not answered yet."""


class Outbound:
    """The dials and messages of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dials: dict[str, Dialing] = {}
        self._messages: dict[str, MessageMachine] = {}
        self._early: OrderedDict[int, RelayEvent] = OrderedDict()
        self._sending = 0

    @property
    def any_open(self) -> bool:
        """Whether a dial is still open."""
        return any(not dial.promise.done for dial in self._dials.values())

    # --- dials ------------------------------------------------------------------------------------------------------

    def dial(
        self, now: float, devices: Iterable[Any], *, tag: str | None, dial_timeout: float, extra: dict[str, Any]
    ) -> Promise[CallMachine]:
        """Call devices; the tag is known before the command leaves, since an event can overtake the reply."""
        is_number(0.001, unit="seconds")(None, Named("dial_timeout"), dial_timeout)
        tag = self._session.new_id() if tag is None else tag
        command = make_command(commands.Dial, extra, tag=tag, devices=devices)
        if tag in self._dials:
            raise ValueError(f"tag {tag!r} is in use by another dial")
        dialing = self._dials[tag] = Dialing(self._session, tag, now, dial_timeout)
        try:
            # The reply says nothing; once the command has left, only `dial_timeout` counts.
            self._session.submit(now, command, follower=dialing, only_while_queued=True)
        except BaseException:
            dialing.withdraw()
            raise
        return dialing.promise

    def forget_dial(self, dialing: Dialing) -> None:
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
        session = self._session
        if params["context"] is None:
            # The server wants one; its own session is where the message's events are to come.
            params["context"] = session.relay_protocol or "default"
        command = commands.SendMessage(**params)
        self._sending += 1

        def sent(reply: Reply) -> MessageMachine:
            message_id = reply.get("message_id")
            known = {name: value for name, value in params.items() if value is not None}
            message = MessageMachine(session, message_id if isinstance(message_id, str) else "", known, on_completed)
            self._adopt(message)
            return message

        reply = session.submit(now, command)
        return reply.then(sent)

    def _adopt(self, message: MessageMachine) -> None:
        self._messages[message.message_id] = message
        for key, event in list(self._early.items()):
            if event.params.get("message_id") == message.message_id:
                del self._early[key]
                message.receive(event)

    def forget_message(self, message: MessageMachine) -> None:
        """A message is in a final state."""
        self._messages.pop(message.message_id, None)

    def receive_message_state(self, event: RelayEvent) -> bool:
        """Take in ``messaging.state``; one that overtakes the reply to its command is kept."""
        message_id = event.params.get("message_id")
        message = self._messages.get(message_id) if isinstance(message_id, str) else None
        if message is not None:
            message.receive(event)
            return True
        if not self._sending:
            return False
        self._early[id(event)] = event
        if len(self._early) > EARLY_EVENTS:
            self._early.popitem(last=False)
        return True

    def session_lost(self, error: RelayError) -> None:
        """The session is gone for good."""
        for dialing in list(self._dials.values()):
            dialing.session_lost(error)
        messages, self._messages = self._messages, {}
        for message in messages.values():
            message.session_lost(error)
        self._early.clear()
