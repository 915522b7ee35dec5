"""A call with a real SIP phone, as the server's process holds it: each order is a JSON line to the stack's process."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import attrs

from anyrelay.local.exchange.ports import Leg
from anyrelay.local.exchange.reports import RecordSettings
from anyrelay.local.mp3 import RECORD_FORMATS
from anyrelay.protocol.schema import Media

__all__ = ["RungPhone", "SipLeg"]

Order = TypeVar("Order", bound=Callable[..., None])


def _sent(order: Order) -> Order:
    """Return a method that sends an order of `Leg` to the stack's process, by its name and the names of its parameters."""
    name, signature = order.__name__, inspect.signature(order)

    def send(self: SipLeg, /, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        _, *arguments = bound.arguments.items()
        self.order(name, **{parameter: _to_json(value) for parameter, value in arguments})

    send.__name__, send.__qualname__, send.__doc__ = name, f"SipLeg.{name}", order.__doc__
    vars(send)["__signature__"] = signature
    return cast("Order", send)


def _to_json(value: Any) -> Any:
    """Return an argument of an order as a value for JSON."""
    match value:
        case RecordSettings():
            return attrs.asdict(value)
        case Media():
            return value.to_wire()
        case Mapping():
            return dict(value)
        case list() | tuple():
            return [_to_json(each) for each in value]
        case _:
            return value


@attrs.define(eq=False)
class SipLeg(Leg):
    """A call with a SIP phone, made by `SipPhones`. `StackLeg` and `LegSound` follow the orders, in the stack's process."""

    record_formats = RECORD_FORMATS

    order: Callable[..., None]
    """Sends an order to the call in the stack's process, by its name and its arguments."""
    call_id: str
    """The SIP Call-ID."""
    from_uri: str
    """The SIP URI of the side that called."""
    to_uri: str
    """The SIP URI that was called."""
    outbound: bool
    """Whether this side called."""
    ended: bool = False
    """Whether the end of the call was reported."""

    def turn_away(self) -> None:
        """Refuse a call that no client takes; nothing more is reported of the call."""
        self.order("turn_away")

    answer = _sent(Leg.answer)
    refuse = _sent(Leg.refuse)
    hang_up = _sent(Leg.hang_up)
    play = _sent(Leg.play)
    stop_play = _sent(Leg.stop_play)
    pause_play = _sent(Leg.pause_play)
    resume_play = _sent(Leg.resume_play)
    set_volume = _sent(Leg.set_volume)
    refer = _sent(Leg.refer)
    listen = _sent(Leg.listen)
    start_speech = _sent(Leg.start_speech)
    stop_speech = _sent(Leg.stop_speech)
    send_digits = _sent(Leg.send_digits)
    hold = _sent(Leg.hold)
    unhold = _sent(Leg.unhold)
    record = _sent(Leg.record)
    pause_record = _sent(Leg.pause_record)
    resume_record = _sent(Leg.resume_record)
    stop_record = _sent(Leg.stop_record)
    join_mix = _sent(Leg.join_mix)
    leave_mix = _sent(Leg.leave_mix)
    record_mix = _sent(Leg.record_mix)
    start_echo = _sent(Leg.start_echo)
    stop_echo = _sent(Leg.stop_echo)
    detect = _sent(Leg.detect)
    stop_detect = _sent(Leg.stop_detect)
    tap = _sent(Leg.tap)
    stop_tap = _sent(Leg.stop_tap)
    stream = _sent(Leg.stream)
    stop_stream = _sent(Leg.stop_stream)


@attrs.define(eq=False)
class RungPhone:
    """One INVITE of the server's own, from the first ring to the offer (`SipPhones.ring`)."""

    leg: SipLeg
    """The call."""
    uri: str
    """The SIP or tel URI of the phone."""
    context: str
    """The context that the call is offered to."""
    outcome: str = ""
    """``offered``, ``unwanted`` (no client receives the context), or RELAY's reason for the end; "" while it rings."""

    @property
    def is_ringing(self) -> bool:
        """Whether the phone has neither answered nor refused the call."""
        return not self.outcome
