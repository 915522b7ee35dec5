"""The calls of the exchange: the state of each call, its controller, and its parameters in events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["Call", "CallState", "Calls"]

CALLS_REMEMBERED: Final = 10_000
"""How many of the last calls are known to be over (410), rather than not known (404)."""


class CallState(StrEnum):
    """A call's state in RELAY's words (RELAY facts, section 3)."""

    CREATED = auto()
    """The call has arrived."""
    RINGING = auto()
    """The call was offered to a session."""
    ANSWERED = auto()
    """Media may flow."""
    ENDING = auto()
    """The phone was ordered to end the call."""
    ENDED = auto()
    """The call is over."""


@define(eq=False)
class Call:
    """A call between a phone and the exchange."""

    call_id: str
    """The call_id, by which RELAY's clients name the call."""
    node_id: str
    """The exchange's own name, which every command on the call repeats."""
    segment_id: str
    """The segment_id of the call; a call of this exchange has one segment only."""
    leg: Leg
    """The phone's side of the call."""
    from_uri: str
    """The SIP URI of the side that called."""
    to_uri: str
    """The SIP URI that was called."""
    context: str = ""
    """The context that a phone called; "" for a call that a dial made."""
    direction: str = "inbound"
    """``inbound`` for a call that came from a phone, ``outbound`` for a call to a phone."""
    tag: str | None = None
    """The tag of the command that made the call; None for a call that came from a phone."""
    device: dict[str, Any] | None = None
    """The device that was called; None for a SIP phone that called."""
    state: CallState = CallState.CREATED
    """The state of the call."""
    controller: RelaySession | None = None
    """The session that the call is offered to, or that answered it; None while the call waits for a session."""
    passed_by: set[RelaySession] = field(factory=set)
    """The sessions that gave the offer back in this round."""
    answer_ordered: bool = False
    """Whether its controller answered the call; the phone may not have answered yet."""
    taken: bool = False
    """Whether its present controller has answered the call; a call that was handed on is answered once more."""
    end_reason: str = ""
    """The reason for which its controller ended the call; "" until then."""
    mix: str = ""
    """The mix of its leg, for a connection or a conference; "" for none."""
    answer_told_after: float = 0.0
    """Seconds from the answer to its ``calling.call.state``."""
    awaited: set[object] = field(factory=set)
    """Operations of which phones may still report after the end of the call; the leg is kept until none is left."""

    @property
    def is_up(self) -> bool:
        """Whether commands can act on the call: it was answered, or is being answered, and was not ended."""
        return self.answer_ordered and not self.is_ending

    @property
    def is_ending(self) -> bool:
        """Whether the call is over, or its phone was ordered to end it."""
        return self.state in (CallState.ENDING, CallState.ENDED)

    def names(self) -> dict[str, Any]:
        """Return the parameters that name the call in an event."""
        return {"call_id": self.call_id, "node_id": self.node_id, "segment_id": self.segment_id}

    def offer_params(self, project_id: str) -> dict[str, Any]:
        """Return the parameters of ``calling.call.receive``."""
        return {
            **self.names(),
            "project_id": project_id,
            "context": self.context,
            "call_state": str(CallState.CREATED),
            "direction": "inbound",
            "device": self.described_device(),
        }

    def state_params(self, end_reason: str = "") -> dict[str, Any]:
        """Return the parameters of ``calling.call.state``."""
        params = {**self.names(), "call_state": str(self.state), "direction": self.direction}
        params["device"] = self.described_device()
        if self.tag is not None:
            params["tag"] = self.tag
        return {**params, "end_reason": end_reason} if end_reason else params

    def state_url(self) -> str | None:
        """Return the ``call_state_url`` of the device that was called; None for none."""
        url: str | None = (self.device or {}).get("params", {}).get("call_state_url")
        return url

    def state_url_events(self) -> Sequence[str]:
        """Return the states that are POSTed to the `state_url`: ``call_state_events`` of the device, or the end alone."""
        events: Sequence[str] = (self.device or {}).get("params", {}).get("call_state_events") or (CallState.ENDED,)
        return events

    def described_device(self) -> dict[str, Any]:
        """Return the device that was called, or the phone that called, in RELAY's form."""
        if self.device is not None:
            return self.device
        return {"type": "sip", "params": {"from": self.from_uri, "to": self.to_uri, "headers": []}}


class Calls:
    """Every call of the exchange, by its call_id and by its leg."""

    def __init__(self) -> None:
        """Make an object without calls."""
        self._by_id: dict[str, Call] = {}
        self._by_leg: dict[Leg, Call] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, call_id: str) -> Call | None:
        """Return the call of this call_id; None when the call is over, or was never known."""
        return self._by_id.get(call_id)

    def is_gone(self, call_id: str) -> bool:
        """Return whether the call of this call_id is over."""
        return call_id in self._gone

    def of_leg(self, leg: Leg) -> Call | None:
        """Return the call of this leg; None once no more reports of the leg are awaited."""
        return self._by_leg.get(leg)

    def of_session(self, session: RelaySession) -> list[Call]:
        """Return the calls that a session controls, without calls that were ordered to end."""
        return [call for call in self if call.controller is session and call.state is not CallState.ENDING]

    def controllers(self) -> set[RelaySession]:
        """Return the sessions that control a call, without calls that were ordered to end."""
        return {call.controller for call in self if call.controller and call.state is not CallState.ENDING}

    def add(self, call: Call) -> None:
        """Add a call."""
        self._by_id[call.call_id] = call
        self._by_leg[call.leg] = call

    def end(self, call: Call) -> None:
        """Forget the call of a call_id, and remember that the call is over."""
        if self._by_id.pop(call.call_id, None) is not None:
            self._gone[call.call_id] = None
            if len(self._gone) > CALLS_REMEMBERED:
                self._gone.popitem(last=False)

    def forget_leg(self, call: Call) -> None:
        """Forget the leg of a call that is over, once no more reports of the leg are awaited."""
        if call.state is CallState.ENDED and not call.awaited:
            self._by_leg.pop(call.leg, None)
