"""``calling.connect`` and ``calling.disconnect`` at the exchange, and the ``calling.call.connect`` events.

Two connected calls share a mix of their own. The connection ends with either call, or by the command; the other call goes on
when the one that was called ends, and ends when the one that was connected ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.hunting import Device, Hunt, Hunting
from anyrelay.local.exchange.play import check_media
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.protocol.schema import ConnectCall, DisconnectCall

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["ConnectFeature"]

MIX: Final = ("join_mix", "leave_mix")


@define(eq=False)
class _Connection:
    """A ``calling.connect``, from the command to the end."""

    feature: ConnectFeature
    call: Call
    command: ConnectCall
    mix: str
    ringback_id: str = ""
    """The control_id of the ringback; "" when none plays."""
    hunt: Hunt | None = None
    """The hunt for a device that answers; None for a call that is there already."""
    peer: Call | None = None
    """The other call; None until one is made."""
    connected: bool = field(default=False)

    def hunt_answered(self, call: Call, now: float) -> None:
        """Connect the device that has answered."""
        self.feature.connect(self, call, now)

    def hunt_failed(self, reasons: Sequence[str], now: float) -> None:
        """Send the event that no device has answered."""
        self.feature.fail(self, "; ".join(reasons) or "no device has answered", now)


class ConnectFeature(Feature):
    """Connections of two calls."""

    def __init__(
        self, host: ExchangeHost, hunting: Hunting, take_from_queue: Callable[[str, float], Call | None]
    ) -> None:
        """Connect nothing yet.

        Args:
            host: The exchange.
            hunting: Calls devices.
            take_from_queue: Takes the call that has waited longest out of a queue; called with the queue's name and the time.
        """
        super().__init__(host)
        self._hunting = hunting
        self._take_from_queue = take_from_queue
        self._by_call: dict[Call, _Connection] = {}
        self.commands = {
            ConnectCall: ServedCommand(self._connect, MIX),
            DisconnectCall: ServedCommand(self._disconnect, MIX),
        }

    # --- commands

    def _connect(self, command: ConnectCall, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if call in self._by_call or call.mix:
            raise CommandRefused(409, "The call is already connected")
        device = command.devices[0][0]
        connection = _Connection(self, call, command, f"connect-{self.host.new_id()}")
        if device["type"] in ("call", "queue"):
            peer = self._existing_peer(command, device, call, now)
            self._by_call[call] = connection
            self._tell(connection, "connecting", peer, now)
            self.connect(connection, peer, now)
            return
        self._hunting.check(command.devices, command.method)
        check_media(command.ringback or ())
        self._by_call[call] = connection
        connection.hunt = Hunt(
            self._hunting, command.devices, _controller(call), command.tag or self.host.new_id(), connection
        )
        self._start_ringback(connection)
        self.host.timers.at(now, lambda at: self._begin(connection, at))

    def _begin(self, connection: _Connection, now: float) -> None:
        """Call the first devices, after the reply to the command; the peer's state comes before ``connecting``."""
        if self._by_call.get(connection.call) is not connection:
            return
        assert connection.hunt is not None
        connection.hunt.call_next(now)
        if connection.hunt.ringing and not connection.connected:
            self._tell(connection, "connecting", connection.hunt.ringing[0], now)

    def _existing_peer(self, command: ConnectCall, device: Device, call: Call, now: float) -> Call:
        if sum(map(len, command.devices)) > 1:
            raise CommandRefused(501, "A call or a queue can only be connected alone")
        if device["type"] == "queue":
            peer = self._take_from_queue(device["params"].get("queue_name") or "", now)
            if peer is None:
                raise CommandRefused(404, "No call waits in this queue")
            return peer
        peer = self.host.calls.get(device["params"].get("call_id") or "")
        if peer is None or not peer.is_up or peer is call:
            raise CommandRefused(404, "No such call to connect with")
        if peer in self._by_call or peer.mix:
            raise CommandRefused(409, "The other call is already connected")
        return peer

    def _disconnect(self, command: DisconnectCall, call: Call, now: float) -> None:
        connection = self._by_call.get(call)
        if connection is None:
            raise CommandRefused(409, "The call is not connected")
        self._end(connection, now)

    # --- for connections

    def connect(self, connection: _Connection, peer: Call, now: float) -> None:
        """Connect two calls, and send the events."""
        self._stop_ringback(connection)
        connection.peer, connection.connected = peer, True
        self._by_call[peer] = connection
        for one in (connection.call, peer):
            one.mix = connection.mix
            one.leg.join_mix(connection.mix)
        if connection.command.max_duration:
            self._hunting.lifecycle.end_after(peer, connection.command.max_duration, now)
        self._tell(connection, "connected", peer, now)

    def fail(self, connection: _Connection, reason: str, now: float) -> None:
        """Send the event that a call could not be connected."""
        self._stop_ringback(connection)
        self._by_call.pop(connection.call, None)
        self._tell(connection, "failed", None, now, failed_reason=reason)

    def _end(self, connection: _Connection, now: float) -> None:
        """Take two calls apart; what still rings is hung up."""
        self._stop_ringback(connection)
        self._by_call.pop(connection.call, None)
        if connection.hunt is not None and not connection.connected:
            connection.hunt.cancel(now)
        peer = connection.peer
        if peer is None:
            if not connection.call.is_ending:
                self._tell(connection, "failed", None, now, failed_reason="disconnected before a device has answered")
            return
        self._by_call.pop(peer, None)
        for one in (connection.call, peer):
            one.mix = ""
            if not one.is_ending:
                one.leg.leave_mix()
        self._tell(connection, "disconnected", peer, now)

    def _start_ringback(self, connection: _Connection) -> None:
        if connection.command.ringback:
            connection.ringback_id = self.host.new_id()
            connection.call.leg.play(connection.ringback_id, connection.command.ringback, volume=0.0, loop=0)

    def _stop_ringback(self, connection: _Connection) -> None:
        if connection.ringback_id and not connection.call.is_ending:
            connection.call.leg.stop_play(connection.ringback_id)
        connection.ringback_id = ""

    def _tell(self, connection: _Connection, state: str, peer: Call | None, now: float, **more: str) -> None:
        params: dict[str, Any] = {"connect_state": state, **more}
        if peer is not None:
            params["peer"] = {**peer.names(), "tag": peer.tag or "", "device": peer.described_device()}
        if connection.call.tag is not None:
            params["tag"] = connection.call.tag
        self.tell(connection.call, "calling.call.connect", params, now, connection.command.status_url)

    # --- calls that end

    def call_ended(self, call: Call, now: float) -> None:
        """Disconnect a call that is over from the other call."""
        connection = self._by_call.get(call)
        if connection is None:
            return
        peer = connection.peer
        self._end(connection, now)
        if call is connection.call and peer is not None and connection.hunt is not None:
            self._hunting.lifecycle.end_call(peer, "hangup", now)


def _controller(call: Call) -> Any:
    assert call.controller is not None  # the command was on this call
    return call.controller
