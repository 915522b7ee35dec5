"""``calling.tap`` and ``calling.stream`` at the exchange: copies of a call's sound, and their events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.reports import CopyChanged
from anyrelay.protocol.schema import Stream, StreamStop, Tap, TapStop

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["CopyFeature"]

COPIES_LIMIT: Final = 10
"""How many taps and streams of one call may be under way."""

STREAM_PARAMS: Final = ("name", "codec", "track", "authorization_bearer_token", "custom_parameters")


@define(eq=False)
class _Copy:
    """A tap or stream that is under way."""

    event_type: str
    state: str
    """The state while the copy is under way: ``tapping`` or ``streaming``."""
    told: dict[str, Any]
    """The parameters of each event of the copy."""
    status_url: str | None


class CopyFeature(Feature):
    """Taps and streams."""

    def __init__(self, host: ExchangeHost) -> None:
        """Copy nothing yet."""
        super().__init__(host)
        self._copies = Operations[_Copy]("tap or stream", COPIES_LIMIT)
        self.commands = {
            Tap: ServedCommand(self._tap, ("tap", "stop_tap")),
            TapStop: ServedCommand(self._stop_tap, ("stop_tap",)),
            Stream: ServedCommand(self._stream, ("stream", "stop_stream")),
            StreamStop: ServedCommand(self._stop_stream, ("stop_stream",)),
        }
        self.reports = {CopyChanged: self._copy_changed}

    def _tap(self, command: Tap, call: Call, now: float) -> None:
        self._copies.check_new(call, command.control_id)
        told = {"tap": command.tap, "device": command.device}
        self._copies.add(call, command.control_id, _Copy("calling.call.tap", "tapping", told, command.status_url))
        direction = (command.tap.get("params") or {}).get("direction") or "speak"
        call.leg.tap(command.control_id, direction, command.device)

    def _stop_tap(self, command: TapStop, call: Call, now: float) -> None:
        self._copies.find(call, command.control_id)
        call.leg.stop_tap(command.control_id)

    def _stream(self, command: Stream, call: Call, now: float) -> None:
        self._copies.check_new(call, command.control_id)
        told = {"url": command.url} | ({"name": command.name} if command.name else {})
        self._copies.add(call, command.control_id, _Copy("calling.call.stream", "streaming", told, command.status_url))
        given = {name: getattr(command, name) for name in STREAM_PARAMS}
        params = {name: value for name, value in given.items() if value is not None}
        call.leg.stream(command.control_id, command.url, params)

    def _stop_stream(self, command: StreamStop, call: Call, now: float) -> None:
        self._copies.find(call, command.control_id)
        call.leg.stop_stream(command.control_id)

    def _copy_changed(self, report: CopyChanged, call: Call, now: float) -> None:
        copy = self._copies.get(call, report.control_id)
        if copy is None:
            return
        state = copy.state if report.state == "started" else "finished"
        if state == "finished":
            self._copies.end(call, report.control_id)
        params = {"control_id": report.control_id, "state": state, **copy.told}
        if report.error:
            params["error"] = report.error
        self.tell(call, copy.event_type, params, now, copy.status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the call's taps and streams: they end with their call."""
        self._copies.forget(call)
