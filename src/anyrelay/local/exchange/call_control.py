"""Call control: finds the feature that serves a command on a call, and the features that take in a phone's report.

Each feature is a file of this package, named as in ``protocol/schema``. It says which commands it serves, which orders these
need of phones, and which reports it takes in (`Feature`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.local.exchange.acted import ActedFeature
from anyrelay.local.exchange.calls import Call, CallState
from anyrelay.local.exchange.collect import CollectFeature
from anyrelay.local.exchange.conference import ConferenceFeature
from anyrelay.local.exchange.connect import ConnectFeature
from anyrelay.local.exchange.copies import CopyFeature
from anyrelay.local.exchange.detect import DetectFeature
from anyrelay.local.exchange.digits import DigitsFeature
from anyrelay.local.exchange.feature import ExchangeHost, Feature, ReportHandler, ServedCommand
from anyrelay.local.exchange.hunting import Hunting
from anyrelay.local.exchange.lifecycle import Lifecycle
from anyrelay.local.exchange.offers import Offers
from anyrelay.local.exchange.play import PlayFeature
from anyrelay.local.exchange.queue import QueueFeature
from anyrelay.local.exchange.record import RecordFeature
from anyrelay.local.exchange.refer import ReferFeature
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.sound import SoundFeature
from anyrelay.local.exchange.user_event import UserEventFeature
from anyrelay.local.logs import logger_of
from anyrelay.protocol.schema import CallCommand
from anyrelay.protocol.schema.codec import decode_command

if TYPE_CHECKING:
    from anyrelay.local.exchange.ports import Leg, PhoneReport
    from anyrelay.local.exchange.sessions import RelaySession

__all__ = ["CallControl"]

logger = logger_of(__name__)


class CallControl:
    """The features of the exchange, for every call."""

    def __init__(self, host: ExchangeHost, *, acts: bool) -> None:
        """Serve the calls of this exchange; `acts` says whether commands that need the cloud are acted by scripts."""
        self._host = host
        self.lifecycle = Lifecycle(host)
        self.offers = Offers(host, self.lifecycle, self._handed_on)
        self.hunting = Hunting(host, self.lifecycle)
        self._features: list[Feature] = []
        self._commands: dict[type[CallCommand], list[ServedCommand]] = {}
        """How each command is served, in the order of preference: acted comes last."""
        self._reports: dict[type[PhoneReport], list[ReportHandler]] = {}
        # The end of a transfer is sent before the end of a call that broke: `ReferFeature` comes before `Lifecycle`.
        self.add(ReferFeature(host, self.lifecycle))
        self.add(self.lifecycle)
        self.add(self.offers)
        self.add(PlayFeature(host))
        self.add(CollectFeature(host))
        self.add(RecordFeature(host))
        self.add(DigitsFeature(host, self._run_bound))
        self.add(UserEventFeature(host))
        self.add(DetectFeature(host))
        self.add(CopyFeature(host))
        self.add(SoundFeature(host))
        self.add(queues := QueueFeature(host))
        self.add(ConferenceFeature(host))
        self.add(ConnectFeature(host, self.hunting, queues.take))
        self.add(self.hunting)
        if acts:
            self.add(ActedFeature(host))

    def add(self, feature: Feature) -> None:
        """Add a feature; the features take in a report in the order in which they were added."""
        self._features.append(feature)
        for command, served in feature.commands.items():
            self._commands.setdefault(command, []).append(served)
        for kind, handler in feature.reports.items():
            self._reports.setdefault(kind, []).append(handler)

    def serves(self, command: type[CallCommand], leg: type[Leg]) -> bool:
        """Return whether a command is served on calls with such phones."""
        return self._way(command, leg) is not None

    def _way(self, command: type[CallCommand], leg: type[Leg]) -> ServedCommand | None:
        """Return how a command is served on calls with such phones; None when these phones lack an order for it."""
        ways = self._commands.get(command, ())
        return next((served for served in ways if all(map(leg.serves, served.orders))), None)

    def carry_out(self, command: CallCommand, session: RelaySession, now: float) -> dict[str, Any]:
        """Carry a command out and return the result for its client; events follow later."""
        try:
            self._check_known(command)
            call = self._call_of(command, session)
            served = self._served(command, call)
            self._host.scripts.check_accepts(command.method)
            more = served.handler(command, call, now)
        except CommandRefused as refused:
            return refused.result()
        result = {"code": "200", "message": command.reply or "OK", "call_id": call.call_id, "node_id": call.node_id}
        control_id = getattr(command, "control_id", None)
        return result | ({} if control_id is None else {"control_id": control_id}) | (more or {})

    def _check_known(self, command: CallCommand) -> None:
        if type(command) not in self._commands:
            raise CommandRefused(501, f"{command.method} is not served by this local RELAY server")

    def _served(self, command: CallCommand, call: Call) -> ServedCommand:
        served = self._way(type(command), type(call.leg))
        if served is None:
            raise CommandRefused(501, f"{command.method} is not served by these phones")
        return served

    def _call_of(self, command: CallCommand, session: RelaySession) -> Call:
        calls = self._host.calls
        call = calls.get(command.call_id)
        if call is None:
            if calls.is_gone(command.call_id):
                raise CommandRefused(410, "The call is over")
            raise CommandRefused(404, "No such call")
        if call.controller is not session:
            raise CommandRefused(409, "The call is controlled by another client")
        return call

    def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
        """Take in a phone's report; ignore a report on a call that is not known."""
        call = self._host.calls.of_leg(leg)
        if call is None:
            return
        was_over = call.state is CallState.ENDED
        for handler in self._reports.get(type(report), ()):
            handler(report, call, now)
        if call.state is CallState.ENDED and not was_over:
            for feature in self._features:
                feature.call_ended(call, now)
            self._host.calls.forget_leg(call)

    def _run_bound(self, call: Call, method: str, params: dict[str, Any], now: float) -> None:
        """Run a command that digits are bound to, for the client that controls the call."""
        names = {"call_id": call.call_id, "node_id": call.node_id}
        try:
            command = decode_command(method, {"control_id": self._host.new_id(), **params, **names})
        except (ValueError, TypeError) as error:
            logger.warning("bound digits cannot run %s: %s", method, error)
            return
        if isinstance(command, CallCommand) and call.controller is not None:
            result = self.carry_out(command, call.controller, now)
            if result["code"] != "200":
                logger.warning("bound digits cannot run %s: %s", method, result["message"])

    def _handed_on(self, call: Call) -> None:
        for feature in self._features:
            feature.call_handed_on(call)
