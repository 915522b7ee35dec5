"""ExchangeDials at the exchange: devices in turn and side by side, until one of them answers (RELAY facts, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anyrelay.local.exchange.calls import Call, CallState

if TYPE_CHECKING:
    from anyrelay.local.exchange.call_control import CallControl
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.protocol.schema import Dial

__all__ = ["ExchangeDial", "ExchangeDials"]

RING_TIME: Final = 30.0
"""Seconds for which a device rings at most when the command does not say."""

SECONDS_PER_MINUTE: Final = 60.0
"""``max_duration`` counts minutes here, as in the source of SignalWire's client."""

DEVICES_LIMIT: Final = 100
"""How many devices one dial may name."""

DIALS_LIMIT: Final = 100
"""How many dials of one client may be under way."""

Device = dict[str, Any]


class ExchangeDials:
    """Every dial that is under way."""

    def __init__(self, exchange: Exchange, desk: CallControl) -> None:
        """Serve the clients of this exchange."""
        self._exchange = exchange
        self._call_control = desk
        self._by_tag: dict[tuple[RelaySession, str], ExchangeDial] = {}

    def refusal(self, command: Dial, session: RelaySession) -> dict[str, Any] | None:
        """Say why a dial cannot be begun; None when it can."""
        kinds = {device["type"] for group in command.devices for device in group} - {"sip", "phone"}
        if self._exchange.dialer is None:
            return _refusal(501, "calling.dial reaches simulated phones only: serve with --phones simulated")
        if kinds:
            return _refusal(501, f"Devices of type {', '.join(sorted(kinds))} cannot be called here")
        if (session, command.tag) in self._by_tag:
            return _refusal(409, "This tag is in use")
        if sum(map(len, command.devices)) > DEVICES_LIMIT:
            return _refusal(400, f"At most {DEVICES_LIMIT} devices can be called by one dial")
        if sum(1 for owner, _ in self._by_tag if owner is session) >= DIALS_LIMIT:
            return _refusal(429, f"{DIALS_LIMIT} dials of this client are under way already")
        return None

    def begin(self, command: Dial, session: RelaySession, now: float) -> None:
        """Call the first devices, and say so; what becomes of it is told in events."""
        dialing = self._by_tag[session, command.tag] = ExchangeDial(self, command, session)
        dialing.tell("dialing", now)
        dialing.call_next(now)

    def call(self, dialing: ExchangeDial, device: Device, now: float) -> Call:
        """Call one device."""
        exchange = self._exchange
        assert exchange.dialer is not None
        to_uri, from_uri = _uris_of(device)
        if why_not := exchange.dialer.why_not(to_uri):
            dialing.unknown.append(why_not)
        call = Call(
            exchange.new_id(),
            exchange.node_id,
            exchange.new_id(),
            exchange.dialer.call(to_uri, from_uri, on_ringing=lambda at: self._call_control.rings(call, at)),
            context="",
            from_uri=from_uri,
            to_uri=to_uri,
            dialing=dialing,
            device=device,
            controller=dialing.session,
            taken=True,
        )
        exchange.calls[call.call_id] = call
        self._call_control.call_placed(call, now)
        patience = device["params"].get("timeout") or RING_TIME
        exchange.timers.at(now + patience, lambda at: self._rang_for_long(call, at))
        return call

    def tell(self, dialing: ExchangeDial, state: str, now: float, winner: Call | None) -> None:
        """Tell the client how a dial goes; the call that it has brought is nested."""
        params: dict[str, Any] = {"node_id": self._exchange.node_id, "tag": dialing.tag, "dial_state": state}
        if state == "failed" and dialing.unknown:
            params["failed_reason"] = "; ".join(dialing.unknown)
        if winner is not None:
            params["call"] = {**winner.state_params(), "dial_winner": True}
        self._exchange.tell(dialing.session, "calling.call.dial", params, now)

    def hang_up(self, call: Call, reason: str, now: float) -> None:
        """End a call, unless it is over or about to be."""
        if call.state not in (CallState.ENDING, CallState.ENDED):
            self._call_control.end_call(call, reason, now)

    def limit(self, call: Call, minutes: float, now: float) -> None:
        """End a call once it has lasted for so long."""
        end = now + minutes * SECONDS_PER_MINUTE
        self._exchange.timers.at(end, lambda at: self.hang_up(call, "max_duration", at))

    def forget(self, dialing: ExchangeDial) -> None:
        """A dial is over."""
        self._by_tag.pop((dialing.session, dialing.tag), None)

    def _rang_for_long(self, call: Call, now: float) -> None:
        if call.state in (CallState.CREATED, CallState.RINGING):
            self.hang_up(call, "noAnswer", now)


class ExchangeDial:
    """One dial. It is over with the first call that is answered, or with the last device that is not."""

    def __init__(self, dials: ExchangeDials, command: Dial, session: RelaySession) -> None:
        """Take in the command; `call_next` begins."""
        self.tag = command.tag
        self.session = session
        self.unknown: list[str] = []
        """Why those of its devices cannot be called that nobody knows, in words."""
        self._dials = dials
        self._groups = [list(group) for group in command.devices]
        self._max_duration = command.max_duration
        self._ringing: list[Call] = []
        self._is_over = False

    def tell(self, state: str, now: float, winner: Call | None = None) -> None:
        """Tell the client how it goes."""
        self._dials.tell(self, state, now, winner)

    def call_next(self, now: float) -> None:
        """Call the next devices, those that are listed together at once; without any left, the dial has failed."""
        if self._groups and not self.session.is_over:
            self._ringing = [self._dials.call(self, device, now) for device in self._groups.pop(0)]
            return
        self._is_over = True
        self._dials.forget(self)
        self.tell("failed", now)

    def answered(self, call: Call, now: float) -> None:
        """A device has answered: the others stop ringing."""
        self._is_over = True
        self._dials.forget(self)
        for other in self._ringing:
            if other is not call:
                self._dials.hang_up(other, "cancel", now)
        if self._max_duration:
            self._dials.limit(call, self._max_duration, now)
        self.tell("answered", now, call)

    def ended(self, call: Call, now: float) -> None:
        """A call of it is over; the next devices follow the last of these."""
        self._ringing.remove(call)
        if (
            call.end_reason == "cancel"
        ):  # whoever gives a dial up says so of every leg: those to come would ring for nobody
            self._groups.clear()
        if not self._ringing and not self._is_over:
            self.call_next(now)


def _uris_of(device: Device) -> tuple[str, str]:
    """Whom a device calls, and who calls it; a telephone is a ``tel`` URI (RFC 3966)."""
    params = device["params"]
    if device["type"] == "phone":
        return f"tel:{params['to_number']}", f"tel:{params.get('from_number') or ''}"
    return params["to"], params.get("from") or ""


def _refusal(code: int, message: str) -> dict[str, Any]:
    return {"code": str(code), "message": message}
