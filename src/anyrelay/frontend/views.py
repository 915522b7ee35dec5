"""What can be read of a client, a call or an action without waiting, in either front end."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Generic, TypeVar

from anyrelay.protocol.call.call import CallMachine, CallState
from anyrelay.protocol.call.operation import OperationMachine, StoppableMachine
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.core.promise import Subscription
from anyrelay.protocol.outbound.message import MessageMachine, MessageState
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.sip_uri import without_password

__all__ = ["CallMap", "CallView", "MessageView", "OperationView", "ReferView", "StreamView", "Wrapper"]

F = TypeVar("F")
M = TypeVar("M")
O = TypeVar("O", bound=OperationMachine[Any])  # noqa: E741
S = TypeVar("S", bound=StoppableMachine[Any])
E = TypeVar("E", bound=RelayEvent)


class Wrapper(Generic[M]):
    """The user's side of a machine: what it is bound to, and that two wrappers of one machine are equal."""

    def __init__(self, driver: Any, machine: M) -> None:
        self._driver = driver
        self._machine = machine

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._machine is self._machine

    def __hash__(self) -> int:
        return hash(id(self._machine))


class CallMap(Mapping[str, F], Generic[F]):
    """The calls of a client by their call_id, as they are at the moment of each look."""

    def __init__(self, calls: Callable[[], dict[str, CallMachine]], wrapper_of: Callable[[CallMachine], F]) -> None:
        self._calls = calls
        self._wrapper_of = wrapper_of

    def __getitem__(self, call_id: str) -> F:
        return self._wrapper_of(self._calls()[call_id])

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._calls()))

    def __len__(self) -> int:
        return len(self._calls())

    # Those of `Mapping` look each call up when its turn comes, and raise KeyError when it has ended by then.

    def items(self) -> ItemsView[str, F]:
        """Return the calls of this moment, each with its call_id."""
        return {call_id: self._wrapper_of(call) for call_id, call in list(self._calls().items())}.items()

    def values(self) -> ValuesView[F]:
        """Return the calls of this moment."""
        return dict(self.items()).values()

    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


class CallView(Wrapper[CallMachine]):
    """What can be read of a call."""

    @property
    def call_id(self) -> str:
        """The call's identifier."""
        return self._machine.call_id

    @property
    def node_id(self) -> str:
        """The server's node that holds the call."""
        return self._machine.node_id

    @property
    def project_id(self) -> str:
        """The project that the call belongs to."""
        return self._machine.project_id

    @property
    def context(self) -> str:
        """The context that the call was offered on."""
        return self._machine.context

    @property
    def tag(self) -> str:
        """The tag of the call."""
        return self._machine.tag

    @property
    def direction(self) -> str:
        """``inbound`` or ``outbound``."""
        return self._machine.direction

    @property
    def device(self) -> dict[str, Any]:
        """The call's device: ``{"type": …, "params": …}``."""
        return self._machine.device

    @property
    def from_(self) -> str:
        """Who calls, as far as the device tells; "" when it does not."""
        return self._of_device("from", "from_number")

    @property
    def to(self) -> str:
        """Who is called, as far as the device tells; "" when it does not."""
        return self._of_device("to", "to_number")

    def _of_device(self, *names: str) -> str:
        params = self._machine.device.get("params")
        values = (params.get(name) for name in names) if isinstance(params, dict) else ()
        return next((value for value in values if isinstance(value, str)), "")

    @property
    def state(self) -> CallState:
        """Where the call is: created, ringing, answered, ending or ended."""
        return self._machine.state

    @property
    def segment_id(self) -> str:
        """The segment of the call."""
        return self._machine.segment_id

    @property
    def end_reason(self) -> str:
        """Why the call ended, such as ``hangup``; "" before that."""
        return self._machine.end_reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id} {self.direction} {self.state}>"


class OperationView(Wrapper[O], Generic[O, E]):
    """What can be read of an operation."""

    @property
    def control_id(self) -> str:
        """The operation's identifier."""
        return self._machine.control_id

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._machine.is_done

    @property
    def completed(self) -> bool:
        """Whether it has ended by itself, or with its call."""
        return self._machine.completed

    @property
    def result(self) -> E | None:
        """Its final event, as `wait` returns it; None while it goes on."""
        result: E | None = self._machine.result
        return result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.control_id} {self._machine.state}>"


class StreamView(Wrapper[Subscription[RelayEvent]]):
    """The events of a call, from the moment it was made; ends after the call and its last open transfer.

    One that nobody holds any more, since its loop was left with ``break`` say, listens no more.
    """

    def __del__(self) -> None:
        self._machine.detach()


class ReferView(Wrapper[ReferMachine]):
    """What can be read of a transfer."""

    @property
    def refer_to(self) -> str:
        """The URI that the call was referred to."""
        return self._machine.refer_to

    @property
    def ack(self) -> dict[str, Any] | None:
        """The server's reply to the command, None while it has not come."""
        return self._machine.ack

    @property
    def outcome(self) -> ReferOutcome | None:
        """What became of the transfer, None while that is open; an UNKNOWN one may be upgraded once."""
        return self._machine.outcome

    @property
    def is_done(self) -> bool:
        """Whether the transfer is settled, or never became one because the server refused the command."""
        return self._machine.is_over

    @property
    def completed(self) -> bool:
        """Whether the transfer is settled; the same as `is_done`, as actions have both."""
        return self.is_done

    @property
    def result(self) -> ReferOutcome | None:
        """The same as `outcome`, as every action has a result."""
        return self.outcome

    def __repr__(self) -> str:
        word = self.outcome.status if self.outcome is not None else "refused" if self.is_done else "open"
        return f"<{type(self).__name__} {without_password(self.refer_to)} {word}>"


class MessageView(Wrapper[MessageMachine]):
    """What can be read of a message."""

    @property
    def message_id(self) -> str:
        """The message's identifier."""
        return self._machine.message_id

    @property
    def context(self) -> str:
        """The context that it was sent or received on."""
        return self._machine.context

    @property
    def direction(self) -> str:
        """``inbound`` or ``outbound``."""
        return self._machine.direction

    @property
    def from_number(self) -> str:
        """The number that it comes from."""
        return self._machine.from_number

    @property
    def to_number(self) -> str:
        """The number that it goes to."""
        return self._machine.to_number

    @property
    def body(self) -> str:
        """Its text."""
        return self._machine.body

    @property
    def media(self) -> list[str]:
        """The URLs of its pictures and files."""
        return self._machine.media

    @property
    def segments(self) -> int:
        """In how many parts it travels; 0 while that is not known."""
        return self._machine.segments

    @property
    def state(self) -> MessageState:
        """Where it is: queued, initiated, sent, delivered, undelivered, failed, or received."""
        return self._machine.state

    @property
    def reason(self) -> str:
        """Why it was not delivered; "" when it was, or is still on its way."""
        return self._machine.reason

    @property
    def tags(self) -> list[str]:
        """What it can be found by."""
        return self._machine.tags

    @property
    def is_done(self) -> bool:
        """Whether it is in a final state."""
        return self._machine.is_done

    @property
    def result(self) -> RelayEvent | None:
        """Its final event; None while it is on its way."""
        return self._machine.result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.message_id} {self.direction} {self.state}>"
