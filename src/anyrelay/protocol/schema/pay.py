"""Take a payment (``calling.pay``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import RelayEvent, event
from anyrelay.protocol.schema.fields import is_amount, is_object, is_text, is_text_or_flag, list_of, optional
from anyrelay.protocol.schema.params import is_named_value

__all__ = ["Pay", "PayEvent", "PayStop"]


@command("calling.pay")
@frozen(kw_only=True)
class Pay(OperationCommand):
    """Take a card's numbers and have them charged. SignalWire's reference gives every number as a string."""

    payment_connector_url: str = field(validator=is_text())
    """Who charges it: a URL."""
    input_method: str | None = field(default=None, validator=optional(is_text(limit=64)), metadata={"wire": "input"})
    """How the numbers are given: ``dtmf``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """Where events are POSTed too."""
    payment_method: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """With what is paid, such as ``credit-card``."""
    timeout: str | float | None = field(default=None, validator=optional(is_amount(0, unit="seconds")))
    """How long to wait for the next digit, in seconds."""
    max_attempts: str | float | None = field(default=None, validator=optional(is_amount(1, unit="times")))
    """How often each input may be tried."""
    security_code: str | bool | None = field(default=None, validator=optional(is_text_or_flag))
    """Whether the card's security code is asked for."""
    postal_code: str | bool | None = field(default=None, validator=optional(is_text_or_flag))
    """Whether the postal code is asked for, or the postal code itself."""
    min_postal_code_length: str | float | None = field(
        default=None, validator=optional(is_amount(0, unit="characters"))
    )
    """How many characters a postal code has at least."""
    token_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """``one-time`` or ``reusable``."""
    charge_amount: str | float | None = field(default=None, validator=optional(is_amount(0)))
    """How much, in `currency`, such as 9.99."""
    currency: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The currency, such as ``usd``."""
    language: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The language of the prompts, such as en-US."""
    voice: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The voice of the prompts."""
    description: str | None = field(default=None, validator=optional(is_text(empty=True)))
    """What is paid for."""
    valid_card_types: str | None = field(default=None, validator=optional(is_text()))
    """The cards that are taken, such as ``visa mastercard amex``."""
    parameters: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_named_value)))
    """Handed to who charges it, each ``{"name", "value"}``."""
    prompts: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """What is said when, by the names on the wire."""


@command("calling.pay.stop", operation=True)
@frozen(kw_only=True)
class PayStop(OperationCommand):
    """Stop a payment."""


@event("calling.call.pay")
@frozen(kw_only=True)
class PayEvent(RelayEvent):
    """A payment's state has changed."""

    control_id: str = ""
    """Which payment."""
    state: str = ""
    """An open word; ``finished`` and ``error`` are the last ones."""
