"""Send digits, and bind digits to actions (``calling.send_digits``, ``calling.bind_digit``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_digits, is_integer, is_object, is_text, optional

__all__ = ["BindDigit", "ClearDigitBindings", "SendDigits", "SendDigitsEvent"]


@command("calling.send_digits", reply="Sending Digits")
@frozen(kw_only=True)
class SendDigits(OperationCommand):
    """Send digits as DTMF tones (``calling.send_digits``)."""

    digits: str = field(validator=is_digits(also="wW"))
    """The digits: 0-9, #, *, A-D; w is a pause of 0.5 s, W a pause of 1 s."""


@command("calling.bind_digit", reply="Digit binding created")
@frozen(kw_only=True)
class BindDigit(CallCommand):
    """Bind digits to a RELAY method, which the server runs when the caller presses the digits (``calling.bind_digit``)."""

    digits: str = field(validator=is_digits())
    """The digits, in order."""
    bind_method: str = field(validator=is_text(limit=256))
    """The RELAY method, such as calling.play."""
    bind_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """The method's parameters."""
    realm: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The name of a group of bindings, which can be cleared together."""
    max_triggers: int | None = field(default=None, validator=optional(is_integer(1, unit="times")))
    """How often the method is run at most."""


@command("calling.clear_digit_bindings", reply="Digit bindings cleared")
@frozen(kw_only=True)
class ClearDigitBindings(CallCommand):
    """Clear digit bindings (``calling.clear_digit_bindings``)."""

    realm: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The group whose bindings are cleared; all bindings when left out."""


@event("calling.call.send_digits")
@frozen(kw_only=True)
class SendDigitsEvent(OperationEvent):
    """The digits have been sent (``calling.call.send_digits``)."""

    state: str = ""
    """The state: ``finished``."""
