"""``calling.hold``, ``calling.unhold`` and ``calling.echo`` at the exchange, and their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import HoldChanged
from anyrelay.protocol.schema import Echo, Hold, Unhold

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.protocol.core.timers import Timer

__all__ = ["SoundFeature"]


@define(eq=False)
class _Echo:
    """An echo that is under way."""

    status_url: str | None
    timer: Timer | None


class SoundFeature(Feature):
    """Hold and echo."""

    def __init__(self, host: ExchangeHost) -> None:
        """Hold no call yet."""
        super().__init__(host)
        self._echoes: dict[Call, _Echo] = {}
        self.commands = {
            Hold: ServedCommand(self._hold, ("hold",)),
            Unhold: ServedCommand(self._unhold, ("unhold",)),
            Echo: ServedCommand(self._echo, ("start_echo", "stop_echo")),
        }
        self.reports = {HoldChanged: self._hold_changed}

    def _hold(self, command: Hold, call: Call, now: float) -> None:
        _check_up(call)
        call.leg.hold()

    def _unhold(self, command: Unhold, call: Call, now: float) -> None:
        _check_up(call)
        call.leg.unhold()

    def _hold_changed(self, report: HoldChanged, call: Call, now: float) -> None:
        if not call.is_ending:
            self.tell(call, "calling.call.hold", {"state": "hold" if report.held else "unhold"}, now)

    def _echo(self, command: Echo, call: Call, now: float) -> None:
        _check_up(call)
        if call in self._echoes:
            raise CommandRefused(409, "The call has an echo already")
        timer = None
        if command.timeout:
            timer = self.host.timers.at(now + command.timeout, lambda at: self._stop(call, at))
        self._echoes[call] = _Echo(command.status_url, timer)
        call.leg.start_echo()
        self.tell(call, "calling.call.echo", {"state": "echoing"}, now, command.status_url)

    def _stop(self, call: Call, now: float) -> None:
        echo = self._echoes.pop(call)
        call.leg.stop_echo()
        self.tell(call, "calling.call.echo", {"state": "finished"}, now, echo.status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the call's echo."""
        echo = self._echoes.pop(call, None)
        if echo is not None and echo.timer is not None:
            echo.timer.cancel()


def _check_up(call: Call) -> None:
    if not call.is_up:
        raise CommandRefused(409, "The call is not answered")
