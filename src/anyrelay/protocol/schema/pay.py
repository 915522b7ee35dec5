"""Take a payment (``calling.pay``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import OperationCommand, command
from anyrelay.protocol.schema.event import OperationEvent, event
from anyrelay.protocol.schema.fields import is_amount, is_object, is_text, is_text_or_flag, list_of, optional
from anyrelay.protocol.schema.params import is_named_value

__all__ = ["Pay", "PayEvent", "PayStop"]


@command("calling.pay")
@frozen(kw_only=True)
class Pay(OperationCommand):
    """Take a payment by card (``calling.pay``). SignalWire's reference gives every number as a string."""

    payment_connector_url: str = field(validator=is_text())
    """The URL of the payment processor."""
    input_method: str | None = field(default=None, validator=optional(is_text(limit=64)), metadata={"wire": "input"})
    """How the caller enters the numbers: ``dtmf``."""
    status_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the server also POSTs the events."""
    payment_method: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The means of payment, such as ``credit-card``."""
    timeout: str | float | None = field(default=None, validator=optional(is_amount(0, unit="seconds")))
    """The longest wait for the next digit, in seconds."""
    max_attempts: str | float | None = field(default=None, validator=optional(is_amount(1, unit="times")))
    """How often the caller may try each input."""
    security_code: str | bool | None = field(default=None, validator=optional(is_text_or_flag))
    """Whether the caller is asked for the card's security code."""
    postal_code: str | bool | None = field(default=None, validator=optional(is_text_or_flag))
    """Whether the caller is asked for the postal code, or the postal code itself."""
    min_postal_code_length: str | float | None = field(
        default=None, validator=optional(is_amount(0, unit="characters"))
    )
    """The least number of characters of a postal code."""
    token_type: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The type of the token: ``one-time`` or ``reusable``."""
    charge_amount: str | float | None = field(default=None, validator=optional(is_amount(0)))
    """The amount, in `currency`, such as 9.99."""
    currency: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The currency, such as ``usd``."""
    language: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The language of the prompts, such as en-US."""
    voice: str | None = field(default=None, validator=optional(is_text(limit=256)))
    """The voice of the prompts."""
    description: str | None = field(default=None, validator=optional(is_text(empty=True)))
    """The reason of the payment."""
    valid_card_types: str | None = field(default=None, validator=optional(is_text()))
    """The accepted cards, such as ``visa mastercard amex``."""
    parameters: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_named_value)))
    """Parameters for the payment processor, each ``{"name", "value"}``."""
    prompts: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """The prompts, by their names on the wire."""


@command("calling.pay.stop", operation=True)
@frozen(kw_only=True)
class PayStop(OperationCommand):
    """Stop a payment (``calling.pay.stop``)."""


@event("calling.call.pay")
@frozen(kw_only=True)
class PayEvent(OperationEvent):
    """The state of a payment has changed (``calling.call.pay``)."""

    state: str = ""
    """The state, a word not fixed by RELAY; ``finished`` and ``error`` are final."""
