"""``calling.dial`` at the exchange, and the ``calling.call.dial`` events (RELAY facts, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from anyrelay.local.exchange.calls import Call
from anyrelay.local.exchange.feature import ExchangeHost
from anyrelay.local.exchange.hunting import Hunt, Hunting
from anyrelay.local.exchange.refusal import CommandRefused

if TYPE_CHECKING:
    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.protocol.schema import Begin, Dial

__all__ = ["ExchangeDial", "ExchangeDials"]

STATE_AFTER_DIAL: Final = 0.05
"""Seconds between ``calling.call.dial`` and the leg's ``calling.call.state`` where the former comes first."""

DIALS_LIMIT: Final = 100
"""How many dials of one client may be under way."""


class ExchangeDials:
    """Every dial that is under way. The command names no call: the exchange hands it to `begin`."""

    def __init__(self, host: ExchangeHost, hunting: Hunting, *, dial_event_first: bool = False) -> None:
        """Make an object without dials.

        Args:
            host: The exchange.
            hunting: Calls the devices.
            dial_event_first: Whether ``calling.call.dial`` with ``answered`` comes before the leg's ``calling.call.state``.
        """
        self.host = host
        self.hunting = hunting
        self.dial_event_first = dial_event_first
        self._by_tag: dict[tuple[RelaySession, str], ExchangeDial] = {}

    def begin(self, command: Dial, session: RelaySession, now: float) -> dict[str, Any]:
        """Begin a dial, and return the result for the client; events report the dial.

        Raises:
            CommandRefused: The devices cannot be called, the tag is in use (409), or there are too many dials (429).
        """
        self.hunting.check(command.devices, command.method)
        if (session, command.tag) in self._by_tag:
            raise CommandRefused(409, "This tag is in use")
        if sum(1 for owner, _ in self._by_tag if owner is session) >= DIALS_LIMIT:
            raise CommandRefused(429, f"{DIALS_LIMIT} dials of this client are under way already")
        dial = self._by_tag[session, command.tag] = ExchangeDial(self, command, session)
        self.host.timers.at(now, dial.begin)  # the client has the result before the first event
        return {"code": "200", "message": command.reply}

    def begin_call(self, command: Begin, session: RelaySession, now: float) -> dict[str, Any]:
        """Call one device for ``calling.begin``, and return the result for the client, which names the call.

        Raises:
            CommandRefused: The device cannot be called.
        """
        devices = [[command.device]]
        self.hunting.check(devices, command.method)
        hunt = Hunt(self.hunting, devices, session, command.tag, _BegunCall(self, command.max_duration))
        hunt.call_next(now)
        (call,) = hunt.ringing
        names = {"call_id": call.call_id, "node_id": call.node_id}
        return {"code": "200", "message": command.reply or "Call started", **names}

    def forget(self, dial: ExchangeDial) -> None:
        """Forget a dial that is over."""
        self._by_tag.pop((dial.session, dial.tag), None)


@frozen
class _BegunCall:
    """A call of ``calling.begin``: its state events tell everything."""

    dials: ExchangeDials
    max_duration: float | None

    def hunt_answered(self, call: Call, now: float) -> None:
        if self.max_duration:
            self.dials.hunting.lifecycle.end_after(call, self.max_duration, now)

    def hunt_failed(self, reasons: Sequence[str], now: float) -> None:
        """Send no event: the state of the call tells the answer."""


class ExchangeDial:
    """A dial that is under way."""

    def __init__(self, dials: ExchangeDials, command: Dial, session: RelaySession) -> None:
        """Take in the command; `begin` begins."""
        self.session = session
        self.tag = command.tag
        self._dials = dials
        self._max_duration = command.max_duration
        late = STATE_AFTER_DIAL if dials.dial_event_first else 0.0
        self._hunt = Hunt(dials.hunting, command.devices, session, command.tag, self, answer_told_after=late)

    def begin(self, now: float) -> None:
        """Call the first devices."""
        self._tell("dialing", {}, now)
        self._hunt.call_next(now)

    def hunt_answered(self, call: Call, now: float) -> None:
        """Send the client the event that a device has answered."""
        self._dials.forget(self)
        if self._max_duration:
            self._dials.hunting.lifecycle.end_after(call, self._max_duration, now)
        self._tell("answered", {"call": {**call.state_params(), "dial_winner": True}}, now)

    def hunt_failed(self, reasons: Sequence[str], now: float) -> None:
        """Send the client the event that no device has answered."""
        self._dials.forget(self)
        self._tell("failed", {"failed_reason": "; ".join(reasons)} if reasons else {}, now)

    def _tell(self, state: str, more: dict[str, Any], now: float) -> None:
        host = self._dials.host
        params = {"node_id": host.node_id, "tag": self.tag, "dial_state": state, **more}
        host.tell(self.session, "calling.call.dial", params, now)
