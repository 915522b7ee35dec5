"""The audio of a call with a SIP phone: playbacks, recordings, mixes, echo, detections, speech, copies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from anyrelay.local.exchange.reports import CopyChanged, Detected, PlayChanged, RecordChanged, SpeechHeard
from anyrelay.local.logs import logger_of

if TYPE_CHECKING:
    from anyrelay.local.exchange.reports import PhoneReport, RecordSettings
    from anyrelay.local.sip.audio.clips import Samples
    from anyrelay.local.sip.audio.copies import Copy, CopyTarget
    from anyrelay.local.sip.audio.detectors import Detector
    from anyrelay.local.sip.audio.line import AudioLine
    from anyrelay.local.sip.audio.player import Player
    from anyrelay.local.sip.audio.recorder import Recorder
    from anyrelay.local.sip.audio.utterances import Utterances
    from anyrelay.local.sip.native import NativeAudio
    from anyrelay.local.sip.shared_audio import SharedAudio
    from anyrelay.protocol.schema import Media

__all__ = ["LegSound", "Spawn"]

logger = logger_of(__name__)

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Runs a coroutine as a task, until it ends or the phones stop."""


class LegSound:
    """The audio of a call. Its methods are the orders of `Leg` that concern audio."""

    def __init__(
        self,
        audio: NativeAudio,
        shared: SharedAudio,
        spawn: Spawn,
        report: Callable[[PhoneReport], None],
        call_id: Callable[[], str],
    ) -> None:
        """Hold the audio of a call; no sound is read or made before an order needs sound.

        Args:
            audio: The audio of the stack's call.
            shared: The parts that the audio of all calls shares.
            spawn: Runs work that may last longer than the call.
            report: Called with each report.
            call_id: Returns the SIP Call-ID, by which streams name the call.
        """
        self._call_id = call_id
        self._audio = audio
        self._shared = shared
        self._spawn = spawn
        self._report = report
        self._recorders: dict[str, Recorder] = {}
        self._detectors: dict[str, Detector] = {}
        self._copies: dict[str, Copy] = {}
        self._utterances: Utterances | None = None
        """Cuts the speech of the phone's user; None while no order asks for speech."""
        self._recognizing = asyncio.Lock()

    @cached_property
    def _line(self) -> AudioLine:
        from anyrelay.local.sip.audio.call_audio import CallAudio
        from anyrelay.local.sip.audio.line import AudioLine

        return AudioLine(CallAudio(self._audio), self._shared.clock)

    @cached_property
    def _player(self) -> Player:
        from anyrelay.local.sip.audio.player import Player

        return Player(self._line, self._play_changed, self._shared.renderer)

    def close(self) -> None:
        """End everything, since the call is over. Recordings are reported; the end of the call reports all others."""
        if "_player" in self.__dict__:
            self._player.close()
        for recorder in list(self._recorders.values()):
            recorder.stop()
        for control_id in list(self._detectors):
            self.stop_detect(control_id)
        self.stop_speech()
        for copy in self._copies.values():
            copy.stop()
        if "_line" in self.__dict__:
            self._shared.mixes.leave(self._line)
            self._line.close()

    # --- playing

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media once the call's media flow; a playback that comes while another plays waits for its turn."""
        self._player.play(control_id, media, volume=volume, loop=loop)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        self._player.stop(control_id)

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        self._player.pause(control_id)

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback."""
        self._player.resume(control_id)

    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume in dB."""
        self._player.set_volume(control_id, volume)

    def _play_changed(self, control_id: str, state: str, error: str) -> None:
        self._report(PlayChanged(control_id, state, error))

    # --- recording

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Record into a WAV file of 8,000 samples a second, after the beep, if the settings want a beep."""
        from anyrelay.local.sip.audio.recorder import Recorder

        if control_id in self._recorders:
            return

        def changed(report: RecordChanged) -> None:
            if report.state in ("finished", "no_input", "error"):
                ended = self._recorders.pop(control_id, None)
                if ended is not None:
                    self._line.remove(ended)
            self._report(report)

        recorder = Recorder(control_id, settings, self._shared.recordings, changed)
        if recorder.start():
            self._recorders[control_id] = recorder
            self._line.add(recorder)
            if settings.beep:
                self._line.beep()

    def pause_record(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording."""
        if control_id in self._recorders:
            self._recorders[control_id].pause(keep_silence=keep_silence)

    def resume_record(self, control_id: str) -> None:
        """Go on with a paused recording."""
        if control_id in self._recorders:
            self._recorders[control_id].resume()

    def stop_record(self, control_id: str) -> None:
        """Stop a recording."""
        if control_id in self._recorders:
            self._recorders[control_id].stop()

    # --- hearing other calls, and oneself

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        """Hear the other calls of a mix, and be heard by them unless `muted`."""
        self._shared.mixes.join(name, self._line, muted=muted, report=self._report)

    def leave_mix(self) -> None:
        """Leave the mix, if the call is in a mix."""
        self._shared.mixes.leave(self._line)

    def record_mix(self, control_id: str, settings: RecordSettings) -> None:
        """Record the mix into a WAV file until it ends; nothing when the call is in no mix, or in one that is recorded."""
        from anyrelay.local.sip.audio.recorder import Recorder

        mix = self._shared.mixes.mix_of(self._line)
        if mix is None or mix.recorder is not None:
            return
        recorder = Recorder(control_id, settings, self._shared.recordings, mix.recorder_changed)
        if recorder.start():
            mix.recorder = recorder

    def start_echo(self) -> None:
        """Send the phone's own sound back."""
        self._line.set_echo(True)

    def stop_echo(self) -> None:
        """Stop the echo."""
        self._line.set_echo(False)

    # --- looking into the sound

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Look for a machine or a fax."""
        from anyrelay.local.sip.audio.detectors import make_detector

        if control_id not in self._detectors:
            detector = make_detector(kind, params, lambda event: self._report(Detected(control_id, event)))
            self._detectors[control_id] = detector
            self._line.add(detector)

    def stop_detect(self, control_id: str) -> None:
        """Stop a detection."""
        detector = self._detectors.pop(control_id, None)
        if detector is not None:
            self._line.remove(detector)

    # --- speech

    def start_speech(self) -> None:
        """Report the words of the phone's user, as the speech command finds the words."""
        from anyrelay.local.sip.audio.utterances import Utterances

        if self._utterances is not None:
            return
        if not self._shared.speech_command:
            logger.warning(
                "call %s: speech is not heard: the SIP phones have no speech command (--speech-command)",
                self._call_id(),
            )
            return
        self._utterances = Utterances(lambda: self._report(SpeechHeard("", final=False)), self._utterance_ended)
        self._line.add(self._utterances)

    def stop_speech(self) -> None:
        """Report speech no more."""
        if self._utterances is not None:
            self._line.remove(self._utterances)
            self._utterances = None

    def _utterance_ended(self, sound: Samples) -> None:
        self._spawn(self._recognize(sound, self._utterances))

    async def _recognize(self, sound: Samples, utterances: Utterances | None) -> None:
        """Report the words of an utterance, unless its order for speech is over: the words would count for a later order."""
        from anyrelay.local.sip.audio.utterances import recognized

        async with self._recognizing:
            words = await recognized(self._shared.speech_command, sound)
        if self._utterances is utterances:
            self._report(SpeechHeard(words))

    # --- copies that are sent elsewhere

    def tap(self, control_id: str, direction: str, device: Mapping[str, Any]) -> None:
        """Send a copy to an RTP receiver or a WebSocket server."""
        from anyrelay.local.sip.audio.copies import tap_target

        self._copy(control_id, lambda: tap_target(direction, device, self._shared.reach))

    def stop_tap(self, control_id: str) -> None:
        """Stop a tap."""
        if control_id in self._copies:
            self._copies[control_id].stop()

    def stream(self, control_id: str, url: str, params: Mapping[str, Any]) -> None:
        """Send a copy as JSON messages to a WebSocket server."""
        from anyrelay.local.sip.audio.copies import StreamTarget

        self._copy(control_id, lambda: StreamTarget(control_id, self._call_id(), url, params, self._shared.reach))

    def stop_stream(self, control_id: str) -> None:
        """Stop a stream."""
        self.stop_tap(control_id)

    def _copy(self, control_id: str, target: Callable[[], CopyTarget]) -> None:
        from anyrelay.local.sip.audio.copies import Copy

        if control_id in self._copies:
            return
        try:
            copy = Copy(control_id, target(), self._report)
        except (KeyError, ValueError) as error:
            self._report(CopyChanged(control_id, "error", str(error)))
            return
        self._copies[control_id] = copy
        self._spawn(self._run_copy(control_id, copy))

    async def _run_copy(self, control_id: str, copy: Copy) -> None:
        try:
            await copy.run(lambda: self._line.add(copy))
        finally:
            self._line.remove(copy)
            del self._copies[control_id]
