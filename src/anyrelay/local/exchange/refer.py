"""``calling.refer`` at the exchange: one SIP REFER of a call at a time, and the ``calling.call.refer`` events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay.local.exchange.calls import CallState
from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refer_monitor import ReferMonitor, Report
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import CallFailed, ReferAnswered, ReferChallenged, ReferNotified
from anyrelay.protocol.schema import Refer

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.lifecycle import Lifecycle

__all__ = ["ReferFeature"]


class ReferFeature(Feature):
    """Transfers by REFER. The outcome may come, and is sent, after the end of the call."""

    def __init__(self, host: ExchangeHost, lifecycle: Lifecycle) -> None:
        """Make the feature without transfers; `lifecycle` ends the calls that were transferred."""
        super().__init__(host)
        self._lifecycle = lifecycle
        self._monitors: dict[Call, ReferMonitor] = {}
        self.commands = {Refer: ServedCommand(self._refer)}
        self.reports = {
            ReferAnswered: self._answered,
            ReferChallenged: self._challenged,
            ReferNotified: self._notified,
            CallFailed: self._call_failed,
        }

    def _refer(self, command: Refer, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if call in self._monitors:
            # Sent before the reply to the newer REFER: with the same target, clients could not tell the two REFERs apart.
            self._monitors[call].superseded(now)
            call.awaited.discard(self._monitors[call])
        device, status_url = command.device, command.status_url
        monitor = ReferMonitor(
            device.uri,
            now=now,
            timers=self.host.timers,
            report=lambda at, report: self._changed(call, report, status_url, at),
        )
        self._monitors[call] = monitor
        call.awaited.add(monitor)
        call.leg.refer(device.uri, username=device.username, password=device.password)

    def _answered(self, report: ReferAnswered, call: Call, now: float) -> None:
        if call in self._monitors:
            self._monitors[call].answered(now, report.code)

    def _challenged(self, report: ReferChallenged, call: Call, now: float) -> None:
        if call in self._monitors:
            self._monitors[call].challenged(now, report.code)

    def _notified(self, report: ReferNotified, call: Call, now: float) -> None:
        if call in self._monitors:
            self._monitors[call].notified(now, report.code, terminated=report.terminated, expires=report.expires)

    def _call_failed(self, report: CallFailed, call: Call, now: float) -> None:
        if call in self._monitors and call.state is not CallState.ENDED:
            self._monitors[call].abandoned(now)

    def _changed(self, call: Call, report: Report, status_url: str | None, now: float) -> None:
        self.tell(call, "calling.call.refer", report.params(), now, status_url)
        if report.hang_up and call.state is CallState.ANSWERED:
            self._lifecycle.end_call(call, "hangup", now)
        self._forget_if_over(call)

    def call_ended(self, call: Call, now: float) -> None:
        """Watch for the last NOTIFY of the call's transfer."""
        if call in self._monitors:
            self._monitors[call].call_ended(now)
            self._forget_if_over(call)

    def _forget_if_over(self, call: Call) -> None:
        monitor = self._monitors[call]
        if call.state is CallState.ENDED and not monitor.is_open:
            del self._monitors[call]
            call.awaited.discard(monitor)
            self.host.calls.forget_leg(call)
