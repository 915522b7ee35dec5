"""The properties of a call, an action, a transfer and a message, which a program reads without waiting; for both front ends."""

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
    """The user's object for a machine of the core; two wrappers of one machine are equal."""

    def __init__(self, driver: Any, machine: M) -> None:
        self._driver = driver
        self._machine = machine

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._machine is self._machine

    def __hash__(self) -> int:
        return hash(id(self._machine))


class CallMap(Mapping[str, F], Generic[F]):
    """The calls of a client by their call_id; each look at the mapping reads the calls of that moment."""

    def __init__(self, calls: Callable[[], dict[str, CallMachine]], wrapper_of: Callable[[CallMachine], F]) -> None:
        self._calls = calls
        self._wrapper_of = wrapper_of

    def __getitem__(self, call_id: str) -> F:
        return self._wrapper_of(self._calls()[call_id])

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._calls()))

    def __len__(self) -> int:
        return len(self._calls())

    # The methods of `Mapping` look up one call after another, and raise KeyError when a call has ended meanwhile.

    def items(self) -> ItemsView[str, F]:
        """Return the call_id and the call of each call of this moment."""
        return {call_id: self._wrapper_of(call) for call_id, call in list(self._calls().items())}.items()

    def values(self) -> ValuesView[F]:
        """Return the calls of this moment."""
        return dict(self.items()).values()

    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


class CallView(Wrapper[CallMachine]):
    """The properties of a call."""

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
        """The caller's number or URI, from the device; "" when the device has none."""
        return self._of_device("from", "from_number")

    @property
    def to(self) -> str:
        """The callee's number or URI, from the device; "" when the device has none."""
        return self._of_device("to", "to_number")

    def _of_device(self, *names: str) -> str:
        params = self._machine.device.get("params")
        values = (params.get(name) for name in names) if isinstance(params, dict) else ()
        return next((value for value in values if isinstance(value, str)), "")

    @property
    def state(self) -> CallState:
        """The state of the call: created, ringing, answered, ending or ended."""
        return self._machine.state

    @property
    def segment_id(self) -> str:
        """The identifier of the call's segment (``segment_id``)."""
        return self._machine.segment_id

    @property
    def end_reason(self) -> str:
        """Why the call ended, such as ``hangup``; "" before that."""
        return self._machine.end_reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id} {self.direction} {self.state}>"


class OperationView(Wrapper[O], Generic[O, E]):
    """The properties of an operation."""

    @property
    def control_id(self) -> str:
        """The identifier of the operation (``control_id``)."""
        return self._machine.control_id

    @property
    def is_done(self) -> bool:
        """Whether the operation has ended, in any way."""
        return self._machine.is_done

    @property
    def completed(self) -> bool:
        """Whether the operation has ended by itself, or with its call."""
        return self._machine.completed

    @property
    def result(self) -> E | None:
        """The final event of the operation, as `wait` returns it; None while the operation goes on."""
        result: E | None = self._machine.result
        return result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.control_id} {self._machine.state}>"


class StreamView(Wrapper[Subscription[RelayEvent]]):
    """The events of a call from now on, for a ``for`` loop; it ends after the call and the call's last open transfer.

    An iterator that the program does not hold any more, because it left the loop with ``break`` for example, is closed.
    """

    def __del__(self) -> None:
        self._machine.detach()


class ReferView(Wrapper[ReferMachine]):
    """The properties of a transfer by SIP REFER (``calling.refer``)."""

    @property
    def refer_to(self) -> str:
        """The URI of the transfer's target (``Refer-To``)."""
        return self._machine.refer_to

    @property
    def ack(self) -> dict[str, Any] | None:
        """The server's reply to ``calling.refer``; None until it comes."""
        return self._machine.ack

    @property
    def outcome(self) -> ReferOutcome | None:
        """The outcome of the transfer; None while the transfer is open. An UNKNOWN one may be replaced once."""
        return self._machine.outcome

    @property
    def is_done(self) -> bool:
        """Whether the transfer is settled, or the server refused the command."""
        return self._machine.is_over

    @property
    def completed(self) -> bool:
        """The same as `is_done`, as every action has `completed`."""
        return self.is_done

    @property
    def result(self) -> ReferOutcome | None:
        """The same as `outcome`, as every action has `result`."""
        return self.outcome

    def __repr__(self) -> str:
        word = self.outcome.status if self.outcome is not None else "refused" if self.is_done else "open"
        return f"<{type(self).__name__} {without_password(self.refer_to)} {word}>"


class MessageView(Wrapper[MessageMachine]):
    """The properties of a text message."""

    @property
    def message_id(self) -> str:
        """The identifier of the message (``message_id``)."""
        return self._machine.message_id

    @property
    def context(self) -> str:
        """The context that the message was sent or received on."""
        return self._machine.context

    @property
    def direction(self) -> str:
        """``inbound`` or ``outbound``."""
        return self._machine.direction

    @property
    def from_number(self) -> str:
        """The number of the sender."""
        return self._machine.from_number

    @property
    def to_number(self) -> str:
        """The number of the receiver."""
        return self._machine.to_number

    @property
    def body(self) -> str:
        """The text of the message."""
        return self._machine.body

    @property
    def media(self) -> list[str]:
        """The URLs of the pictures and files of the message."""
        return self._machine.media

    @property
    def segments(self) -> int:
        """The number of parts that the message is sent in; 0 until the server reports the number."""
        return self._machine.segments

    @property
    def state(self) -> MessageState:
        """The state of the message: queued, initiated, sent, delivered, undelivered, failed, or received."""
        return self._machine.state

    @property
    def reason(self) -> str:
        """Why the message was not delivered; "" when it was delivered, or is on its way."""
        return self._machine.reason

    @property
    def tags(self) -> list[str]:
        """The tags of the message, by which it can be found at SignalWire."""
        return self._machine.tags

    @property
    def is_done(self) -> bool:
        """Whether the message is in a final state."""
        return self._machine.is_done

    @property
    def result(self) -> RelayEvent | None:
        """The final event of the message; None while the message is on its way."""
        return self._machine.result

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.message_id} {self.direction} {self.state}>"
