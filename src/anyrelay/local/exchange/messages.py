"""Text messages at the exchange: ``messaging.send``, and the ``messaging.state`` and ``messaging.receive`` events.

A number belongs to a context, as on SignalWire's dashboard, or to a phone. A number that nobody has set belongs to the
context of the same name. RELAY facts, section 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from anyrelay.local.exchange.feature import ExchangeHost
from anyrelay.local.exchange.ports import TextMessage
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.scripts import Performance, ScriptedEvent

if TYPE_CHECKING:
    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.protocol.schema import SendMessage

__all__ = ["Messages", "segments_of"]

UNDER_WAY_LIMIT: Final = 1_000
"""How many messages of one client may be under way."""

STATE_TIME: Final = 0.05
"""Seconds between two states of a message."""

DELIVERED: Final = "delivered"
"""The state at which the exchange gives a message to the client or the phone of its number."""
GSM_LENGTHS: Final = (160, 153)
"""How many characters a text of one segment has, and each segment of a longer text, in ASCII (3GPP TS 23.040)."""

UCS2_LENGTHS: Final = (70, 67)
"""The same of a text with other characters, which is sent as UTF-16."""


class Messages:
    """The text messages of one exchange."""

    contexts: dict[str, str]
    """The context that each number belongs to."""

    def __init__(self, host: ExchangeHost, contexts: Mapping[str, str] | None = None) -> None:
        """Make an object without messages.

        Args:
            host: The exchange.
            contexts: The context that each number belongs to.
        """
        self._host = host
        self._under_way: Counter[RelaySession] = Counter()
        self.contexts = dict(contexts or {})

    def context_of(self, number: str) -> str:
        """Return the context that a number belongs to: the context of the same name unless another one was set."""
        return self.contexts.get(number, number)

    def send(self, command: SendMessage, session: RelaySession, now: float) -> dict[str, Any]:
        """Accept ``messaging.send`` and return the result for its client; the states follow later.

        Raises:
            CommandRefused: There are too many messages (429).
        """
        script = self._host.scripts.get(command.method)
        if self._under_way[session] >= UNDER_WAY_LIMIT:
            raise CommandRefused(429, f"{UNDER_WAY_LIMIT} messages of this client are under way already")
        message = TextMessage(
            from_number=command.from_number,
            to_number=command.to_number,
            body=command.body or "",
            media=tuple(command.media or ()),
            tags=tuple(command.tags or ()),
        )
        message_id = self._host.new_id()
        sent = _SentMessage(self, self._host, message, message_id, command.context, session)
        self._under_way[session] += 1
        sent.begin(script.events, now)
        return {"code": "200", "message": "Message accepted", "message_id": message_id, **script.fields()}

    def deliver(self, message: TextMessage, now: float) -> bool:
        """Give a message to a client that receives in the context of its number, or else to a phone.

        Returns:
            False when no client and no phone has the number.
        """
        context = self.context_of(message.to_number)
        session = self._host.sessions.next_subscriber(context)
        if session is None:
            phones = self._host.text_phones
            return phones is not None and phones.take_text(message)
        params = _params_of(message, self._host.new_id(), context, "inbound", "received")
        self._host.tell(session, "messaging.receive", params, now)
        return True

    def is_over(self, session: RelaySession) -> None:
        """Take in that a message of this client has its final state."""
        self._under_way[session] -= 1
        if not self._under_way[session]:
            del self._under_way[session]


class _SentMessage:
    """A message that a client sent, until its final state."""

    def __init__(
        self,
        messages: Messages,
        host: ExchangeHost,
        message: TextMessage,
        message_id: str,
        context: str,
        session: RelaySession,
    ) -> None:
        self._messages = messages
        self._host = host
        self._message = message
        self._message_id = message_id
        self._context = context
        self._session = session

    def begin(self, events: Sequence[ScriptedEvent] | None, now: float) -> None:
        """Send the states of a script; None for the states of a message that is delivered if a phone has its number."""
        states = ("queued", "initiated", "sent", DELIVERED)
        default = [ScriptedEvent(params={"message_state": state}, after=STATE_TIME) for state in states]
        default[0] = evolve(default[0], after=0.0)
        Performance(self._host.timers, default if events is None else events, self._tell, self._end).begin(now)

    def _tell(self, event: ScriptedEvent, now: float) -> None:
        params = dict(event.params)
        if params.get("message_state") == DELIVERED and not self._messages.deliver(self._message, now):
            params |= {"message_state": "undelivered", "reason": "no client and no phone has this number"}
        base = _params_of(self._message, self._message_id, self._context, "outbound", "")
        self._host.tell(self._session, event.event_type or "messaging.state", {**base, **params}, now)

    def _end(self) -> None:
        self._messages.is_over(self._session)


def _params_of(message: TextMessage, message_id: str, context: str, direction: str, state: str) -> dict[str, Any]:
    """Return the parameters of an event of a message."""
    return {
        "message_id": message_id,
        "context": context,
        "direction": direction,
        "from_number": message.from_number,
        "to_number": message.to_number,
        "body": message.body,
        "media": list(message.media),
        "segments": segments_of(message.body),
        "message_state": state,
        "tags": list(message.tags),
    }


def segments_of(body: str) -> int:
    """Return how many segments a text message has; characters beyond ASCII count as UTF-16."""
    if body.isascii():
        length, (one, each) = len(body), GSM_LENGTHS
    else:
        length, (one, each) = len(body.encode("utf-16-le", "surrogatepass")) // 2, UCS2_LENGTHS
    return 1 if length <= one else -(-length // each)
