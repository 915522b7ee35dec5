"""A collect, without I/O: takes the digits and speech of a phone, and gives the results of ``calling.call.collect``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from anyrelay.protocol.core.timers import Timer, Timers

__all__ = ["CollectResult", "Collector"]

INITIAL_TIMEOUT: Final = 4.0
"""Seconds to wait for the first input when the command does not say."""

DIGIT_TIMEOUT: Final = 5.0
"""Seconds to wait for the next digit when the command does not say."""

SPEECH_TIMEOUT: Final = 60.0
"""Seconds that speech may last when the command does not say."""


@frozen
class CollectResult:
    """A ``calling.call.collect`` event."""

    type: str
    """digit, speech, start_of_input, no_input, no_match or error."""
    detail: Mapping[str, Any]
    """The input, in the form of ``result.params``."""
    final: bool
    """Whether this input is complete."""
    ends: bool
    """Whether the collect is over."""

    def params(self) -> dict[str, Any]:
        """Return the parameters of the event besides those that name the operation."""
        result = {"type": self.type, "params": dict(self.detail)} if self.detail else {"type": self.type}
        return {"state": "finished" if self.ends else "collecting", "result": result, "final": self.final}


class Collector:
    """Collects until a result is complete or a time is over; a continuous collect until it is stopped."""

    def __init__(
        self, settings: Mapping[str, Any], timers: Timers, report: Callable[[CollectResult, float], None]
    ) -> None:
        """Collect from now on; no time runs before `start_timers`.

        Args:
            settings: The parameters of ``calling.collect``: digits, speech, initial_timeout, partial_results, continuous,
                send_start_of_input.
            timers: The deadlines of the exchange.
            report: Called with each result and the time; nothing follows a result that ends the collect.
        """
        self.is_over = False
        self.has_input = False
        self._settings = settings
        self._digit_settings: Mapping[str, Any] | None = settings.get("digits")
        self._speech_settings: Mapping[str, Any] | None = settings.get("speech")
        self._timers = timers
        self._report = report
        self._timer: Timer | None = None
        self._digits = ""
        self._words = ""

    def start_timers(self, now: float) -> None:
        """Let the time for the first input run from now on."""
        timeout = _given(self._settings.get("initial_timeout"), INITIAL_TIMEOUT)
        if timeout and not self.has_input and not self.is_over:
            self._wait(now + timeout, lambda at: self._end("no_input", {}, at))

    def digit_heard(self, digit: str, now: float) -> None:
        """Take in a digit; ignore digits that the command does not ask for."""
        settings = self._digit_settings
        if settings is None or self.is_over:
            return
        self._input_begins(now)
        if digit in (settings.get("terminators") or ""):
            self._complete("digit", {"digits": self._digits, "terminator": digit}, now)
            return
        self._digits += digit
        if len(self._digits) >= settings["max"]:
            self._complete("digit", {"digits": self._digits}, now)
            return
        if self._settings.get("partial_results"):
            self._tell(CollectResult("digit", {"digits": self._digits}, final=False, ends=False), now)
        timeout = _given(settings.get("digit_timeout"), DIGIT_TIMEOUT)
        self._wait(now + timeout, lambda at: self._complete("digit", {"digits": self._digits}, at))

    def speech_heard(self, text: str, confidence: float, now: float, *, final: bool) -> None:
        """Take in words. An empty text is the beginning of speech or, when final, speech that was not understood."""
        settings = self._speech_settings
        if settings is None or self.is_over:
            return
        first = not self._words
        self._input_begins(now)
        self._words = text
        if final:
            self._complete_speech(text, confidence, now)
            return
        if text and self._settings.get("partial_results"):
            heard = {"text": text, "confidence": confidence}
            self._tell(CollectResult("speech", heard, final=False, ends=False), now)
        if first:
            timeout = _given(settings.get("speech_timeout"), SPEECH_TIMEOUT)
            self._wait(now + timeout, lambda at: self._complete_speech(self._words, confidence, at))

    def _complete_speech(self, text: str, confidence: float, now: float) -> None:
        if text:
            self._complete("speech", {"text": text, "confidence": confidence}, now)
        else:
            self._complete("no_match", {}, now)

    def stop(self, now: float) -> None:
        """Stop: with no_input when nothing was heard, else with no_match."""
        if not self.is_over:
            self._end("no_match" if self._digits or self._words else "no_input", {}, now)

    def fail(self, now: float) -> None:
        """End with an error: the prompt cannot be played."""
        if not self.is_over:
            self._end("error", {}, now)

    def abandon(self) -> None:
        """End without a result: the call is over, or another client's."""
        self.is_over = True
        self._cancel_timer()

    def _input_begins(self, now: float) -> None:
        if not self.has_input:
            self._cancel_timer()
            self.has_input = True
            if self._settings.get("send_start_of_input"):
                self._tell(CollectResult("start_of_input", {}, final=False, ends=False), now)

    def _complete(self, kind: str, detail: Mapping[str, Any], now: float) -> None:
        if not self._settings.get("continuous"):
            self._end(kind, detail, now)
            return
        self._cancel_timer()
        self._digits = self._words = ""
        self._tell(CollectResult(kind, detail, final=True, ends=False), now)

    def _end(self, kind: str, detail: Mapping[str, Any], now: float) -> None:
        self.abandon()
        self._tell(CollectResult(kind, detail, final=True, ends=True), now)

    def _tell(self, result: CollectResult, now: float) -> None:
        self._report(result, now)

    def _wait(self, when: float, action: Callable[[float], None]) -> None:
        self._cancel_timer()
        self._timer = self._timers.at(when, action)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _given(seconds: float | None, otherwise: float) -> float:
    return otherwise if seconds is None else seconds
