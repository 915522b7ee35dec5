"""Phones of a running server that a test acts for: every order of the exchange is carried out at once."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from typing import Any, Final

import anyio

from anyrelay.local import LocalRelay
from anyrelay.local.exchange.reports import (
    CallAnswered,
    CallEnded,
    DigitHeard,
    HoldChanged,
    PhoneReport,
    PlayChanged,
    RecordChanged,
    RecordSettings,
)
from tests.support.exchange_bench import ServingLeg

__all__ = ["ActingPhone", "ActingPhones", "wav_of"]

RATE: Final = 8_000
"""Samples per second of a recording."""

SOON: Final = 0.05
"""Seconds between an order and its report."""


def wav_of(seconds: float) -> bytes:
    """Return a WAV file of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(bytes(2 * int(seconds * RATE)))
    return file.getvalue()


class ActingPhone(ServingLeg):
    """The phone's side of one call."""

    def __init__(self, relay: LocalRelay) -> None:
        super().__init__()
        self.relay = relay
        self.end_reason = ""
        self.mixes: list[str] = []
        self._recorded_since = 0.0

    def report(self, *reports: PhoneReport) -> None:
        """Report something now."""
        for report in reports:
            self.relay.exchange.report(anyio.current_time(), self, report)
        self.relay.follow_outputs()

    def report_soon(self, *reports: PhoneReport) -> None:
        exchange = self.relay.exchange
        exchange.timers.at(anyio.current_time() + SOON, lambda _: self.report(*reports))

    def press(self, digits: str) -> None:
        self.report(*map(DigitHeard, digits))

    def end(self, reason: str = "hangup") -> None:
        self.end_reason = reason
        self.report(CallEnded(reason))

    def answer(self) -> None:
        self.report_soon(CallAnswered())

    def hang_up(self) -> None:
        self.end_reason = "hangup"
        self.report_soon(CallEnded("hangup"))

    def play(self, control_id: str, media: Any, **settings: Any) -> None:
        super().play(control_id, media, **settings)
        self.report_soon(PlayChanged(control_id, "playing"))
        if media[0].type == "tts":
            self.report_soon(PlayChanged(control_id, "finished"))

    def stop_play(self, control_id: str) -> None:
        self.report_soon(PlayChanged(control_id, "finished"))

    def record(self, control_id: str, settings: RecordSettings) -> None:
        self._recorded_since = anyio.current_time()
        self.report_soon(RecordChanged(control_id=control_id, state="recording"))

    def stop_record(self, control_id: str) -> None:
        seconds = anyio.current_time() - self._recorded_since
        content = wav_of(seconds)
        finished = RecordChanged(control_id=control_id, state="finished", duration=seconds, content=content)
        self.report_soon(finished)

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        self.mixes.append(name)

    def hold(self) -> None:
        self.report_soon(HoldChanged(held=True))

    def unhold(self) -> None:
        self.report_soon(HoldChanged(held=False))


class ActingPhones:
    """Phones that can be called, and answer at once."""

    leg_kind = ActingPhone

    def __init__(self, relay: LocalRelay) -> None:
        self.relay = relay
        self.called: list[tuple[str, ActingPhone]] = []
        relay.exchange.dialer = self

    def why_not(self, to_uri: str) -> str:
        return ""

    def call(self, to_uri: str, from_uri: str, *, on_ringing: Callable[[float], None]) -> ActingPhone:
        phone = ActingPhone(self.relay)
        self.called.append((to_uri, phone))
        phone.answer()
        return phone

    async def dial(self, context: str, timeout: float) -> ActingPhone:
        """Let a phone call a context once a client receives in it."""
        exchange = self.relay.exchange
        await self.relay.until(lambda: exchange.sessions.next_subscriber(context, peek=True) is not None, timeout)
        phone = ActingPhone(self.relay)
        exchange.call_arrived(
            anyio.current_time(),
            phone,
            context=context,
            from_uri="sip:alice@example.com",
            to_uri=f"sip:{context}@127.0.0.1",
        )
        self.relay.follow_outputs()
        return phone
