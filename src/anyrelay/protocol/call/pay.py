"""Take a payment (``calling.pay``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import StoppableMachine
from anyrelay.protocol.core.promise import Promise

if TYPE_CHECKING:
    from anyrelay.protocol.schema import PayEvent

__all__ = ["PayMachine", "PayMethods"]


class PayMachine(StoppableMachine["PayEvent"]):
    """A payment (``calling.pay``)."""

    STARTED = "The payment, which has started; wait for its end, or stop it."
    EVENT = "calling.call.pay"


class PayMethods(CallMethods):
    """Take a payment."""

    @command_doc
    def pay(
        self,
        now: float,
        /,
        payment_connector_url: str,
        *,
        control_id: str | None = None,
        input_method: str | None = None,
        status_url: str | None = None,
        payment_method: str | None = None,
        timeout: str | None = None,
        max_attempts: str | None = None,
        security_code: str | None = None,
        postal_code: str | None = None,
        min_postal_code_length: str | None = None,
        token_type: str | None = None,
        charge_amount: str | None = None,
        currency: str | None = None,
        language: str | None = None,
        voice: str | None = None,
        description: str | None = None,
        valid_card_types: str | None = None,
        parameters: list[dict[str, Any]] | None = None,
        prompts: list[dict[str, Any]] | None = None,
        on_completed: OnCompleted[PayEvent] = None,
        **extra: Any,
    ) -> Promise[PayMachine]:
        """Take a payment by card, entered with the phone's keys (``calling.pay``).

        Args:
            payment_connector_url: The URL of the payment processor.
            input_method: How the caller enters the numbers: dtmf.
            payment_method: The means of payment, such as credit-card.
            timeout: The longest wait for the next digit, in seconds, as text.
            max_attempts: How often the caller may try each input, as text.
            security_code: Whether the caller is asked for the card's security code, as text.
            postal_code: Whether the caller is asked for the postal code, as text, or the postal code itself.
            min_postal_code_length: The least number of characters of a postal code, as text.
            token_type: The type of the token: one-time or reusable.
            charge_amount: The amount, as text.
            currency: The currency, such as usd.
            language: The language of the prompts.
            voice: The voice of the prompts.
            description: The reason of the payment.
            valid_card_types: The accepted cards, separated by spaces.
            parameters: Parameters for the payment processor.
            prompts: The prompts, in place of the server's own.
        """
        return self.start_operation(
            now,
            schema.Pay,
            PayMachine(self, control_id, on_completed),
            extra=extra,
            payment_connector_url=payment_connector_url,
            input_method=input_method,
            status_url=status_url,
            payment_method=payment_method,
            timeout=timeout,
            max_attempts=max_attempts,
            security_code=security_code,
            postal_code=postal_code,
            min_postal_code_length=min_postal_code_length,
            token_type=token_type,
            charge_amount=charge_amount,
            currency=currency,
            language=language,
            voice=voice,
            description=description,
            valid_card_types=valid_card_types,
            parameters=parameters,
            prompts=prompts,
        )
