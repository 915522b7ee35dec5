"""Calls to devices, in turn and at once, until a device answers: the part that dial and connect share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from anyrelay.local.exchange.calls import Call, CallState
from anyrelay.local.exchange.feature import ExchangeHost, Feature
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import CallAnswered

if TYPE_CHECKING:
    from anyrelay.local.exchange.lifecycle import Lifecycle
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["Device", "Hunt", "HuntOwner", "Hunting"]

RING_TIME: Final = 30.0
"""The most seconds for which a device rings, when the command does not say."""

DEVICES_LIMIT: Final = 100
"""How many devices a command may name."""

Device = dict[str, Any]


class HuntOwner(Protocol):
    """The command that a hunt is for."""

    def hunt_answered(self, call: Call, now: float) -> None:
        """Take in that a device has answered; the other devices stop ringing."""

    def hunt_failed(self, reasons: Sequence[str], now: float) -> None:
        """Take in that no device has answered; `reasons` tells, in words, which devices are not known."""


class Hunting(Feature):
    """Every hunt that is under way."""

    def __init__(self, host: ExchangeHost, lifecycle: Lifecycle) -> None:
        """Make an object without hunts; `lifecycle` sends the states of calls, and ends calls."""
        super().__init__(host)
        self.lifecycle = lifecycle
        self._by_call: dict[Call, Hunt] = {}
        self.reports = {CallAnswered: self._answered}

    def check(self, devices: Sequence[Sequence[Device]], method: str) -> None:
        """Check that devices can be called, for the command of this name.

        Raises:
            CommandRefused: No phones can be called, or not devices of such a type (501); or there are too many (400).
        """
        if self.host.dialer is None and not all(self._context_of(device) for group in devices for device in group):
            raise CommandRefused(501, f"{method} reaches simulated phones only: serve with --phones simulated")
        kinds = {device["type"] for group in devices for device in group} - {"sip", "phone"}
        if kinds:
            raise CommandRefused(501, f"Devices of type {', '.join(sorted(kinds))} cannot be called here")
        if sum(map(len, devices)) > DEVICES_LIMIT:
            raise CommandRefused(400, f"At most {DEVICES_LIMIT} devices can be called by one command")

    def call(self, hunt: Hunt, device: Device, now: float) -> Call:
        """Call one device of a hunt."""
        host = self.host
        to_uri, from_uri = _uris_of(device)
        context = self._context_of(device)
        if context:
            leg = self._call_client(context, device, lambda at: self.lifecycle.rings(call, at))
        else:
            assert host.dialer is not None
            if why_not := host.dialer.why_not(to_uri):
                hunt.unknown.append(why_not)
            leg = host.dialer.call(to_uri, from_uri, on_ringing=lambda at: self.lifecycle.rings(call, at))
        call = Call(
            host.new_id(),
            host.node_id,
            host.new_id(),
            leg,
            from_uri,
            to_uri,
            direction="outbound",
            tag=hunt.tag,
            device=device,
            controller=hunt.session,
            taken=True,
            answer_told_after=hunt.answer_told_after,
        )
        host.calls.add(call)
        self._by_call[call] = hunt
        self.lifecycle.set_state(call, CallState.CREATED, now)
        ring_time = device["params"].get("timeout") or RING_TIME
        host.timers.at(now + ring_time, lambda at: self._rang_for_long(call, at))
        return call

    def _context_of(self, device: Device) -> str:
        """Return the context of this server that a device names and that a client receives; "" for none."""
        if device["type"] not in ("sip", "phone") or self.host.client_calls is None:
            return ""
        context = self.host.dial_plan.context_of(_uris_of(device)[0])
        return context if context and self.host.sessions.next_subscriber(context, peek=True) else ""

    def _call_client(self, context: str, device: Device, on_ringing: Callable[[float], None]) -> Leg:
        """Call a context of this server; the client that receives it is offered the other side of the call."""
        assert self.host.client_calls is not None
        calling, called = self.host.client_calls.pair()
        to_uri, from_uri = _uris_of(device)
        uris = {"from_uri": from_uri, "to_uri": to_uri}
        shown = _phone_device(device) if device["type"] == "phone" else None

        def offer(now: float) -> None:
            call = self.host.calls.of_leg(calling)
            if call is None or call.is_ending:  # given up before the other client has heard of it
                return
            if self.host.call_arrived(now, called, context=context, device=shown, **uris):
                on_ringing(now)
            else:
                called.refuse(480)

        self.host.timers.soon(offer)
        return calling

    def _rang_for_long(self, call: Call, now: float) -> None:
        if call.state in (CallState.CREATED, CallState.RINGING):
            self.lifecycle.end_call(call, "noAnswer", now)

    def _answered(self, _: CallAnswered, call: Call, now: float) -> None:
        if call in self._by_call and call.state is CallState.ANSWERED:
            self._by_call[call].answered(call, now)

    def call_ended(self, call: Call, now: float) -> None:
        """Go on with the call's hunt."""
        hunt = self._by_call.pop(call, None)
        if hunt is not None:
            hunt.ended(call, now)


class Hunt:
    """A hunt, which ends with the first call that is answered, or with the last device that is not."""

    def __init__(
        self,
        hunting: Hunting,
        devices: Sequence[Sequence[Device]],
        session: RelaySession,
        tag: str | None,
        owner: HuntOwner,
        *,
        answer_told_after: float = 0.0,
    ) -> None:
        """Take in the devices to call; `call_next` begins.

        Args:
            hunting: Calls the devices.
            devices: Lists of devices: the lists are tried in turn, and the devices of a list are called at once.
            session: The client that controls the calls.
            tag: The tag of the calls, None for none.
            owner: The command, which is told of the answer, or that there is none.
            answer_told_after: Seconds from the answer to its ``calling.call.state``.
        """
        self.session = session
        self.tag = tag
        self.answer_told_after = answer_told_after
        self.unknown: list[str] = []
        """The devices that are not known, each with the reason in words."""
        self._hunting = hunting
        self._groups = [list(group) for group in devices]
        self._owner = owner
        self.ringing: list[Call] = []
        """The calls that ring now."""
        self._is_over = False

    def call_next(self, now: float) -> None:
        """Call the devices of the next list at once; when no list is left, the hunt has failed."""
        if self._groups and not self.session.is_over:
            self.ringing = [self._hunting.call(self, device, now) for device in self._groups.pop(0)]
            return
        self._is_over = True
        self._owner.hunt_failed(self.unknown, now)

    def cancel(self, now: float) -> None:
        """Stop ringing, and call no more devices; the owner is told nothing more."""
        self._is_over = True
        self._groups.clear()
        for call in list(self.ringing):
            self._hunting.lifecycle.end_call(call, "cancel", now)

    def answered(self, call: Call, now: float) -> None:
        """Take in that a device has answered: the others stop ringing."""
        if self._is_over:
            return
        self._is_over = True
        for other in self.ringing:
            if other is not call:
                self._hunting.lifecycle.end_call(other, "cancel", now)
        self._owner.hunt_answered(call, now)

    def ended(self, call: Call, now: float) -> None:
        """Take in that a call is over; after the last call of a list the next list follows."""
        self.ringing.remove(call)
        if call.end_reason == "cancel":
            # A client that gives a dial up ends each leg that rings: later devices would ring in vain.
            self._groups.clear()
        if not self.ringing and not self._is_over:
            self.call_next(now)


def _phone_device(device: Device) -> Device:
    """Return the device of a telephone that was called, in the form for the client that is called."""
    params = {name: device["params"].get(name) or "" for name in ("from_number", "to_number")}
    return {"type": "phone", "params": params}


def _uris_of(device: Device) -> tuple[str, str]:
    """Return whom a device calls, and who calls it; a telephone is a ``tel`` URI (RFC 3966)."""
    params = device["params"]
    if device["type"] == "phone":
        return f"tel:{params['to_number']}", f"tel:{params.get('from_number') or ''}"
    return params["to"], params.get("from") or ""
