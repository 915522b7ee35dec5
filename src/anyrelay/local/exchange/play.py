"""``calling.play`` at the exchange: playbacks of a call, and the ``calling.call.play`` events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import PlayChanged
from anyrelay.protocol.schema import OperationCommand, Play, PlayPause, PlayResume, PlayStop, PlayVolume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyrelay.local.exchange.calls import Call
    from anyrelay.protocol.schema import Media

__all__ = ["PlayFeature", "check_media", "play_params"]

MEDIA_LIMIT: Final = 100
"""How many media one ``calling.play`` may name."""

TEXT_LIMIT: Final = 20_000
"""How many characters its texts may have in all: some 20 minutes of speech."""

PLAYBACKS_LIMIT: Final = 100
"""How many playbacks of one call may wait and play."""


@frozen
class _Playback:
    """The state of a playback that its events need."""

    status_url: str | None


class PlayFeature(Feature):
    """Playbacks. A call plays them one after the other, in the order of their commands."""

    def __init__(self, host: ExchangeHost) -> None:
        """Play nothing yet."""
        super().__init__(host)
        self._playbacks = Operations[_Playback]("playback", PLAYBACKS_LIMIT)
        self.commands = {
            Play: ServedCommand(self._play),
            PlayStop: ServedCommand(self._to_playback(lambda call, command: call.leg.stop_play(command.control_id))),
            PlayPause: ServedCommand(self._to_playback(lambda call, command: call.leg.pause_play(command.control_id))),
            PlayResume: ServedCommand(
                self._to_playback(lambda call, command: call.leg.resume_play(command.control_id))
            ),
            PlayVolume: ServedCommand(
                self._to_playback(lambda call, command: call.leg.set_volume(command.control_id, command.volume))
            ),
        }
        self.reports = {PlayChanged: self._play_changed}

    def _play(self, command: Play, call: Call, now: float) -> None:
        self._playbacks.check_new(call, command.control_id)
        check_media(command.play)
        self._playbacks.add(call, command.control_id, _Playback(command.status_url))
        loop = 1 if command.loop is None else command.loop
        call.leg.play(command.control_id, command.play, volume=command.volume or 0.0, loop=loop)

    def _to_playback(self, order: Callable[[Call, Any], None]) -> Callable[[OperationCommand, Call, float], None]:
        def carry_out(command: OperationCommand, call: Call, now: float) -> None:
            self._playbacks.find(call, command.control_id)
            order(call, command)

        return carry_out

    def _play_changed(self, report: PlayChanged, call: Call, now: float) -> None:
        playback = self._playbacks.get(call, report.control_id)
        if playback is None:
            return
        if report.state in ("finished", "error"):
            self._playbacks.end(call, report.control_id)
        self.tell(call, "calling.call.play", play_params(report), now, playback.status_url)

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the call's playbacks."""
        self._playbacks.forget(call)

    def call_handed_on(self, call: Call) -> None:
        """Forget the playbacks of the client that controlled the call."""
        self._playbacks.forget(call)


def play_params(report: PlayChanged) -> dict[str, str]:
    """Return the parameters of ``calling.call.play`` besides those that name the call."""
    params = {"control_id": report.control_id, "state": report.state}
    return {**params, "error": report.error} if report.error else params


def check_media(media: Sequence[Media]) -> None:
    """Check that media can be played by one command.

    Raises:
        CommandRefused: There are too many media, or their texts are too long (400).
    """
    if len(media) > MEDIA_LIMIT:
        raise CommandRefused(400, f"play has {len(media)} media; at most {MEDIA_LIMIT} are played")
    characters = sum(len(medium.params["text"]) for medium in media if medium.type == "tts")
    if characters > TEXT_LIMIT:
        raise CommandRefused(400, f"play has {characters} characters of text; at most {TEXT_LIMIT} are spoken")
