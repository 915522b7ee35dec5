"""Send digits, and bind digits to actions (``calling.send_digits``, ``calling.bind_digit``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_digits, is_integer, is_object, is_text, optional

__all__ = ["BindDigit", "ClearDigitBindings", "SendDigits", "SendDigitsEvent"]


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


@event("calling.call.send_digits")
@frozen(kw_only=True)
class SendDigitsEvent(RelayEvent):
    """Digits have been sent."""

    control_id: str = ""
    """Which command."""
    state: str = ""
    """``finished``."""
