"""One call at the exchange: its state, who controls it, what plays on it, and its transfer; and how events name it."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any

from attrs import define, field

if TYPE_CHECKING:
    from anyrelay.local.exchange.dials import ExchangeDial
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.exchange.refer_monitor import ReferMonitor
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["Call", "CallState"]


class CallState(StrEnum):
    """A call's state in RELAY's words (RELAY facts, section 3)."""

    CREATED = auto()
    """It has arrived."""
    RINGING = auto()
    """It was offered to somebody."""
    ANSWERED = auto()
    """Media may flow."""
    ENDING = auto()
    """It was ordered to end."""
    ENDED = auto()
    """It is over."""


@define(eq=False)
class Call:
    """One call between a phone and the exchange."""

    call_id: str
    """Its identifier for RELAY's clients."""
    node_id: str
    """The exchange's own name, which every command on the call repeats."""
    segment_id: str
    """The segment of the call; there is only ever one here."""
    leg: Leg
    """The phone's side of it."""
    context: str
    """The context that was called."""
    from_uri: str
    """The SIP URI of the phone."""
    to_uri: str
    """The SIP URI that the phone called."""
    state: CallState = CallState.CREATED
    """Where it is."""
    controller: RelaySession | None = None
    """The session that it is offered to, or that answered it; None while it waits for somebody to offer it to."""
    passed_by: set[RelaySession] = field(factory=set)
    """The sessions that gave the offer back in this round."""
    answer_ordered: bool = False
    """Whether it was answered by its controller; the phone may still be on its way to it."""
    taken: bool = False
    """Whether the session that controls it now has answered it; a call that was handed on is answered once more."""
    dialing: ExchangeDial | None = None
    """The dial that it is a leg of; None for a call that came from a phone."""
    device: dict[str, Any] | None = None
    """The device that a dial called."""
    end_reason: str = ""
    """The reason that its controller ended it for, "" until then."""
    playbacks: dict[str, str | None] = field(factory=dict)
    """What plays on it: the status_url, or None, by control_id."""
    referring: ReferMonitor | None = None
    """Its latest transfer."""
    refer_status_url: str | None = None
    """Where that transfer is POSTed too."""

    @property
    def is_up(self) -> bool:
        """Whether something can be done with it: it was answered, or is being answered, and nobody ended it."""
        return self.answer_ordered and self.state not in (CallState.ENDING, CallState.ENDED)

    def names(self) -> dict[str, Any]:
        """Return what names the call in an event."""
        return {"call_id": self.call_id, "node_id": self.node_id, "segment_id": self.segment_id}

    def offer_params(self, project_id: str) -> dict[str, Any]:
        """Return the parameters of ``calling.call.receive``."""
        return {
            **self.names(),
            "project_id": project_id,
            "context": self.context,
            "call_state": str(CallState.CREATED),
            "direction": "inbound",
            "device": self._device(),
        }

    def state_params(self, end_reason: str = "") -> dict[str, Any]:
        """Return the parameters of ``calling.call.state``."""
        params = {**self.names(), "call_state": str(self.state), "direction": "inbound", "device": self._device()}
        if self.dialing is not None:
            params |= {"direction": "outbound", "tag": self.dialing.tag}
        return {**params, "end_reason": end_reason} if end_reason else params

    def _device(self) -> dict[str, Any]:
        if self.device is not None:
            return self.device
        return {"type": "sip", "params": {"from": self.from_uri, "to": self.to_uri, "headers": []}}
