"""``calling.collect`` and ``calling.play_and_collect`` at the exchange, and the ``calling.call.collect`` events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from anyrelay.local.exchange.collector import Collector, CollectResult
from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.play import check_media, play_params
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import DigitHeard, PlayChanged, SpeechHeard
from anyrelay.protocol.schema import (
    Collect,
    CollectStartInputTimers,
    CollectStop,
    PlayAndCollect,
    PlayAndCollectPause,
    PlayAndCollectResume,
    PlayAndCollectStop,
    PlayAndCollectVolume,
)

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["CollectFeature"]

COLLECTS_LIMIT: Final = 20
"""How many collects of one call may be under way."""

LISTEN: Final = ("listen",)


@define(eq=False)
class _Collect:
    """A collect that is under way."""

    collector: Collector
    status_url: str | None
    wants_speech: bool
    plays: bool = False
    """Whether its prompt still plays."""


class CollectFeature(Feature):
    """Collects. The first input of a ``play_and_collect`` stops its prompt."""

    def __init__(self, host: ExchangeHost) -> None:
        """Collect nothing yet."""
        super().__init__(host)
        self._collects = Operations[_Collect]("collect", COLLECTS_LIMIT)
        self.commands = {
            Collect: ServedCommand(self._collect, LISTEN),
            CollectStop: ServedCommand(self._stop, LISTEN),
            CollectStartInputTimers: ServedCommand(self._start_input_timers, LISTEN),
            PlayAndCollect: ServedCommand(self._play_and_collect, LISTEN),
            PlayAndCollectStop: ServedCommand(self._stop, LISTEN),
            PlayAndCollectPause: ServedCommand(self._pause, LISTEN),
            PlayAndCollectResume: ServedCommand(self._resume, LISTEN),
            PlayAndCollectVolume: ServedCommand(self._set_volume, LISTEN),
        }
        self.reports = {
            DigitHeard: self._digit_heard,
            SpeechHeard: self._speech_heard,
            PlayChanged: self._play_changed,
        }

    # --- commands

    def _collect(self, command: Collect, call: Call, now: float) -> None:
        settings = {
            "digits": command.digits,
            "speech": command.speech,
            "initial_timeout": command.initial_timeout,
            "partial_results": command.partial_results,
            "continuous": command.continuous,
            "send_start_of_input": command.send_start_of_input,
        }
        collect = self._begin(call, command.control_id, settings, command.status_url)
        if command.start_input_timers is not False:
            collect.collector.start_timers(now)

    def _play_and_collect(self, command: PlayAndCollect, call: Call, now: float) -> None:
        check_media(command.play)
        collect = self._begin(call, command.control_id, command.collect, command.status_url)
        collect.plays = True
        call.leg.play(command.control_id, command.play, volume=command.volume or 0.0, loop=1)

    def _begin(self, call: Call, control_id: str, settings: Mapping[str, Any], status_url: str | None) -> _Collect:
        if settings.get("digits") is None and settings.get("speech") is None:
            raise CommandRefused(400, "Neither digits nor speech are to be collected")
        self._collects.check_new(call, control_id)
        collector = Collector(
            settings, self.host.timers, lambda result, at: self._collected(call, control_id, result, at)
        )
        collect = _Collect(collector, status_url, wants_speech=settings.get("speech") is not None)
        self._collects.add(call, control_id, collect)
        call.leg.listen()
        if collect.wants_speech and call.leg.serves("start_speech"):
            call.leg.start_speech()
        return collect

    def _stop(self, command: CollectStop | PlayAndCollectStop, call: Call, now: float) -> None:
        self._collects.find(call, command.control_id).collector.stop(now)

    def _start_input_timers(self, command: CollectStartInputTimers, call: Call, now: float) -> None:
        self._collects.find(call, command.control_id).collector.start_timers(now)

    def _pause(self, command: PlayAndCollectPause, call: Call, now: float) -> None:
        self._collects.find(call, command.control_id)
        call.leg.pause_play(command.control_id)

    def _resume(self, command: PlayAndCollectResume, call: Call, now: float) -> None:
        self._collects.find(call, command.control_id)
        call.leg.resume_play(command.control_id)

    def _set_volume(self, command: PlayAndCollectVolume, call: Call, now: float) -> None:
        self._collects.find(call, command.control_id)
        call.leg.set_volume(command.control_id, command.volume)

    # --- reports

    def _digit_heard(self, report: DigitHeard, call: Call, now: float) -> None:
        for control_id, collect in self._collects.of(call):
            collect.collector.digit_heard(report.digit, now)
            self._stop_prompt_at_input(call, control_id, collect)

    def _speech_heard(self, report: SpeechHeard, call: Call, now: float) -> None:
        for control_id, collect in self._collects.of(call):
            collect.collector.speech_heard(report.text, report.confidence, now, final=report.final)
            self._stop_prompt_at_input(call, control_id, collect)

    def _stop_prompt_at_input(self, call: Call, control_id: str, collect: _Collect) -> None:
        if collect.plays and collect.collector.has_input and not collect.collector.is_over:
            call.leg.stop_play(control_id)

    def _play_changed(self, report: PlayChanged, call: Call, now: float) -> None:
        collect = self._collects.get(call, report.control_id)
        if collect is None or not collect.plays:
            return
        self.tell(call, "calling.call.play", play_params(report), now, collect.status_url)
        if report.state not in ("finished", "error"):
            return
        collect.plays = False
        if report.state == "error":
            collect.collector.fail(now)
        elif not collect.collector.is_over:
            collect.collector.start_timers(now)
        else:
            self._end(call, report.control_id)

    def _collected(self, call: Call, control_id: str, result: CollectResult, now: float) -> None:
        collect = self._collects.find(call, control_id)
        self.tell(call, "calling.call.collect", {"control_id": control_id, **result.params()}, now, collect.status_url)
        if not result.ends:
            return
        if collect.plays:  # known until the prompt is reported as finished
            call.leg.stop_play(control_id)
        else:
            self._end(call, control_id)

    def _end(self, call: Call, control_id: str) -> None:
        """Forget a collect that is over; the last collect with speech stops the speech of the phone."""
        wanted_speech = self._collects.find(call, control_id).wants_speech
        self._collects.end(call, control_id)
        if wanted_speech and not any(collect.wants_speech for _, collect in self._collects.of(call)):
            self._stop_speech(call)

    def _stop_speech(self, call: Call) -> None:
        if call.leg.serves("stop_speech") and not call.is_ending:
            call.leg.stop_speech()

    # --- calls that end

    def call_ended(self, call: Call, now: float) -> None:
        """Abandon the call's collects."""
        self._abandon(call)

    def call_handed_on(self, call: Call) -> None:
        """Abandon the collects of the client that controlled the call."""
        self._abandon(call)

    def _abandon(self, call: Call) -> None:
        for _, collect in self._collects.of(call):
            collect.collector.abandon()
        if any(collect.wants_speech for _, collect in self._collects.of(call)):
            self._stop_speech(call)
        self._collects.forget(call)
