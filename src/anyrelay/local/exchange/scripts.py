"""Scripts: the reply to a command that the exchange acts, and the events that follow the reply.

The exchange has a default script for each command that it acts. A script that the user sets replaces the default script. The
script of any other command can only refuse the command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.protocol.schema.fields import is_integer, is_number, is_object, is_text, optional

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timer, Timers

__all__ = ["Performance", "Script", "ScriptedEvent", "Scripts", "read_events"]

LONGEST_WAIT: Final = 86_400.0
"""The longest time between two events of a script, in seconds."""

EVENTS_LIMIT: Final = 1_000
"""How many events one script may have."""

SUCCESS: Final = 200
"""The code of a reply that the command succeeds."""


def _is_code(instance: Any, attribute: Any, value: Any) -> None:
    is_integer(SUCCESS, 599)(instance, attribute, value)
    if SUCCESS < value < 400:
        raise ValueError(f"{attribute.name} must be 200, or a refusal from 400 to 599, not {value}")


@frozen(kw_only=True)
class ScriptedEvent:
    """An event of a script."""

    params: dict[str, Any] = field(validator=is_object)
    """The event's parameters, without those that name the call, the operation or the message."""
    after: float = field(default=0.0, validator=is_number(0, LONGEST_WAIT, unit="seconds"))
    """The time since the reply, or since the event before, in seconds."""
    event_type: str = field(default="", validator=is_text(limit=256, empty=True))
    """The event type; "" for the event type of the command, such as ``calling.call.pay`` for ``calling.pay``."""


@frozen(kw_only=True)
class Script:
    """The reply of the exchange to a command, and the events that follow."""

    code: int = field(default=SUCCESS, validator=_is_code)
    """The code of the reply: 200, or a refusal from 400 to 599."""
    message: str | None = field(default=None, validator=optional(is_text()))
    """The message of the reply; None for the message that RELAY documents."""
    reply: dict[str, Any] = field(factory=dict, validator=is_object)
    """Further fields of the reply."""
    events: tuple[ScriptedEvent, ...] | None = None
    """The events after the reply; None for the default events of the command."""

    def check_accepts(self, method: str) -> None:
        """Check that the command of this name is not refused.

        Raises:
            CommandRefused: The script refuses the command.
        """
        if self.code != SUCCESS:
            raise CommandRefused(self.code, self.message or f"{method} is refused by its script")

    def fields(self) -> dict[str, Any]:
        """Return the fields of the reply that the script sets."""
        return self.reply if self.message is None else {**self.reply, "message": self.message}


class Scripts:
    """The scripts of one exchange, by the RELAY method."""

    def __init__(self, acted: Collection[str], refusable: Collection[str] = ()) -> None:
        """Make an object without scripts of the user.

        Args:
            acted: The methods whose scripts give the reply and the events.
            refusable: The methods whose scripts can only refuse the command.
        """
        self._acted = sorted(acted)
        self._refusable = frozenset(refusable)
        self._set: dict[str, Script] = {}

    def acts(self, method: str) -> bool:
        """Return whether the command of this name is acted where phones do not carry the command out."""
        return method in self._acted

    def set(
        self,
        method: str,
        *,
        code: int = SUCCESS,
        message: str | None = None,
        reply: Mapping[str, Any] | None = None,
        events: Iterable[ScriptedEvent | Mapping[str, Any]] | None = None,
    ) -> None:
        """Set the script of a command; without any argument but `method`, serve the command as usual again.

        Args:
            method: The RELAY method, such as ``calling.pay``.
            code: The code of the reply: 200, or a refusal from 400 to 599.
            message: The message of the reply; None for the message that RELAY documents.
            reply: Further fields of the reply.
            events: The events after the reply, each a `ScriptedEvent` or a dict with its fields; None for the default events.

        Raises:
            ValueError: The exchange does not act this command and the script does not refuse it, or a value is not allowed.
            TypeError: A value has a wrong type.
        """
        read = None if events is None else read_events(events)
        script = Script(code=code, message=message, reply=dict(reply or {}), events=read)
        if method not in self._acted and script != Script() and (code == SUCCESS or method not in self._refusable):
            only = "can only be refused" if method in self._refusable else "is not acted"
            raise ValueError(f"{method} {only}; acted commands are {', '.join(self._acted) or 'none'}")
        self._set[method] = script

    def clear(self) -> None:
        """Forget every script of the user's own."""
        self._set.clear()

    def get(self, method: str) -> Script:
        """Return the script of a command; without events of its own when the default events are to follow."""
        return self._set.get(method) or Script()

    def check_accepts(self, method: str) -> None:
        """Check that no script refuses a command.

        Raises:
            CommandRefused: A script refuses the command.
        """
        if method in self._set:
            self._set[method].check_accepts(method)


def read_events(events: Iterable[ScriptedEvent | Mapping[str, Any]]) -> tuple[ScriptedEvent, ...]:
    """Read the events of a script.

    Raises:
        ValueError: A value is not allowed, or there are too many events.
        TypeError: A value has a wrong type.
    """
    read = tuple(event if isinstance(event, ScriptedEvent) else ScriptedEvent(**event) for event in events)
    if len(read) > EVENTS_LIMIT:
        raise ValueError(f"a script has at most {EVENTS_LIMIT} events, not {len(read)}")
    return read


class Performance:
    """A script that is being acted: its events follow in time, until the last event or `stop`."""

    def __init__(
        self,
        timers: Timers,
        events: Iterable[ScriptedEvent],
        tell: Callable[[ScriptedEvent, float], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Take in the events; `begin` begins.

        Args:
            timers: The deadlines of the exchange.
            events: The events, in order.
            tell: Called with each event and the time.
            on_end: Called when no event is left to tell; not called after `stop`.
        """
        self._timers = timers
        self._events = iter(tuple(events))
        self._tell = tell
        self._on_end = on_end
        self._timer: Timer | None = None
        self.is_over = False
        """Whether no event is left to tell."""

    def begin(self, now: float) -> None:
        """Send the events in time, none before the caller has sent the reply."""
        event = next(self._events, None)
        if event is None:
            self.is_over = True
            self._on_end()
        else:
            self._timer = self._timers.at(now + event.after, lambda at: self._tell_next(event, at))

    def _tell_next(self, event: ScriptedEvent, now: float) -> None:
        self.begin(now)  # before `tell`, which may call `stop`
        self._tell(event, now)

    def stop(self) -> None:
        """Send no more events."""
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
