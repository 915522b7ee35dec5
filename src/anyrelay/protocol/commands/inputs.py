"""What the other side says and presses: collecting, detecting, and digits (RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import converters, field, frozen

from anyrelay.protocol.checks import is_digits, is_flag, is_integer, is_number, is_object, is_text, one_of, optional
from anyrelay.protocol.commands.base import CallCommand, OperationCommand, command
from anyrelay.protocol.values.inputs import read_collect, read_detect, read_digits, read_speech
from anyrelay.protocol.values.media import Media, read_media

__all__ = [
    "BindDigit",
    "ClearDigitBindings",
    "Collect",
    "CollectStartInputTimers",
    "CollectStop",
    "Detect",
    "DetectStop",
    "PlayAndCollect",
    "PlayAndCollectPause",
    "PlayAndCollectResume",
    "PlayAndCollectStop",
    "PlayAndCollectVolume",
    "SendDigits",
]


@command("calling.collect")
@frozen(kw_only=True)
class Collect(OperationCommand):
    """Wait for digits or speech."""

    digits: dict[str, Any] | None = field(default=None, converter=converters.optional(read_digits))
    """Which digits: a `CollectDigits`, or a dict of its parameters."""
    speech: dict[str, Any] | None = field(default=None, converter=converters.optional(read_speech))
    """Which speech: a `CollectSpeech`, or a dict of its parameters."""
    initial_timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to wait for the first input, in seconds."""
    partial_results: bool | None = field(default=None, validator=optional(is_flag))
    """Whether speech is reported while it lasts."""
    continuous: bool | None = field(default=None, validator=optional(is_flag))
    """Whether it goes on after a result."""
    send_start_of_input: bool | None = field(default=None, validator=optional(is_flag))
    """Whether the first sign of input is reported."""
    start_input_timers: bool | None = field(default=None, validator=optional(is_flag))
    """Whether `initial_timeout` runs at once, or from `CollectStartInputTimers` on."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.collect.stop", operation=True)
@frozen(kw_only=True)
class CollectStop(OperationCommand):
    """Stop a collect."""


@command("calling.collect.start_input_timers", operation=True)
@frozen(kw_only=True)
class CollectStartInputTimers(OperationCommand):
    """Let a collect's `initial_timeout` run from now on."""


@command("calling.play_and_collect")
@frozen(kw_only=True)
class PlayAndCollect(OperationCommand):
    """Play media, and wait for digits or speech meanwhile."""

    play: tuple[Media, ...] = field(converter=read_media)
    """What to play, in order."""
    collect: dict[str, Any] = field(converter=read_collect)
    """What to wait for: a dict with ``digits`` and ``speech``, and the times of `Collect`."""
    volume: float | None = field(default=None, validator=optional(is_number(-40, 40, "dB")))
    """The volume, from -40 to 40 dB."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.play_and_collect.stop", operation=True)
@frozen(kw_only=True)
class PlayAndCollectStop(OperationCommand):
    """Stop the playback and the collect."""


@command("calling.play_and_collect.pause", operation=True)
@frozen(kw_only=True)
class PlayAndCollectPause(OperationCommand):
    """Pause the playback."""

    behavior: str | None = field(default=None, validator=optional(one_of("skip", "silence")))
    """What is heard meanwhile, where the server knows such a choice: ``skip`` or ``silence``."""


@command("calling.play_and_collect.resume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectResume(OperationCommand):
    """Go on with the paused playback."""


@command("calling.play_and_collect.volume", operation=True)
@frozen(kw_only=True)
class PlayAndCollectVolume(OperationCommand):
    """Change the playback's volume."""

    volume: float = field(validator=is_number(-40, 40, "dB"))
    """The volume, from -40 to 40 dB."""


@command("calling.detect")
@frozen(kw_only=True)
class Detect(OperationCommand):
    """Tell who or what is on the line."""

    detect: dict[str, Any] = field(converter=read_detect)
    """What: a `DetectMachine`, `DetectFax` or `DetectDigit`, or a dict of the form ``{"type", "params"}``."""
    timeout: float | None = field(default=None, validator=optional(is_number(0, unit="seconds")))
    """How long to listen at most, in seconds."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""


@command("calling.detect.stop", operation=True)
@frozen(kw_only=True)
class DetectStop(OperationCommand):
    """Stop a detection."""


@command("calling.send_digits", reply="Sending Digits")
@frozen(kw_only=True)
class SendDigits(OperationCommand):
    """Send digits as DTMF tones."""

    digits: str = field(validator=is_digits(also="wW"))
    """0-9, #, *, A-D; w is a pause of 0.5 s, W one of 1 s."""


@command("calling.bind_digit", reply="Digit binding created")
@frozen(kw_only=True)
class BindDigit(CallCommand):
    """Have the server run a RELAY method whenever certain digits are pressed."""

    digits: str = field(validator=is_digits())
    """The digits, in order."""
    bind_method: str = field(validator=is_text(limit=256))
    """The method that is run, such as calling.play."""
    bind_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """The method's parameters."""
    realm: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name of a group of bindings that are cleared together."""
    max_triggers: int | None = field(default=None, validator=optional(is_integer(1, unit="times")))
    """How often it is run at most."""


@command("calling.clear_digit_bindings", reply="Digit bindings cleared")
@frozen(kw_only=True)
class ClearDigitBindings(CallCommand):
    """Forget what digits were bound to."""

    realm: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """Only the bindings of this group; all of them when left out."""
