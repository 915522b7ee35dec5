"""Verbs that hand a call's conversation to a machine: AI agents, live transcription and translation, payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.protocol import commands
from anyrelay.protocol.actions import AIMachine, PayMachine
from anyrelay.protocol.promise import Promise
from anyrelay.protocol.requests import Reply
from anyrelay.protocol.verbs.base import CallMethods, OnCompleted, command_doc

if TYPE_CHECKING:
    from anyrelay.protocol.events import PayEvent, RelayEvent

__all__ = ["AgentMethods"]


class AgentMethods(CallMethods):
    """AI, live transcription and translation, payments."""

    @command_doc
    def ai(
        self,
        now: float,
        /,
        *,
        control_id: str | None = None,
        agent: str | None = None,
        prompt: dict[str, Any] | None = None,
        post_prompt: dict[str, Any] | None = None,
        post_prompt_url: str | None = None,
        post_prompt_auth_user: str | None = None,
        post_prompt_auth_password: str | None = None,
        global_data: dict[str, Any] | None = None,
        pronounce: list[dict[str, Any]] | None = None,
        hints: list[str] | None = None,
        languages: list[dict[str, Any]] | None = None,
        SWAIG: dict[str, Any] | None = None,  # noqa: N803 - the published name
        ai_params: dict[str, Any] | None = None,
        on_completed: OnCompleted[RelayEvent] = None,
        **extra: Any,
    ) -> Promise[AIMachine]:
        """Let an AI agent talk with the caller.

        Args:
            agent: An agent by its name.
            prompt: What it is to do.
            post_prompt: What it is to sum up afterwards.
            post_prompt_url: Where the summary is sent.
            post_prompt_auth_user: The user name for that.
            post_prompt_auth_password: The password for that; never shown.
            global_data: What its functions know.
            pronounce: How words are pronounced.
            hints: Words that are likely.
            languages: The languages it speaks.
            SWAIG: The functions it may call.
            ai_params: Its settings.

        Returns:
            The session, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            AIMachine,
            commands.Ai,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            agent=agent,
            prompt=prompt,
            post_prompt=post_prompt,
            post_prompt_url=post_prompt_url,
            post_prompt_auth_user=post_prompt_auth_user,
            post_prompt_auth_password=post_prompt_auth_password,
            global_data=global_data,
            pronounce=pronounce,
            hints=hints,
            languages=languages,
            SWAIG=SWAIG,
            ai_params=ai_params,
        )

    @command_doc
    def amazon_bedrock(
        self,
        now: float,
        /,
        *,
        prompt: Any | None = None,
        SWAIG: dict[str, Any] | None = None,  # noqa: N803 - the published name
        ai_params: dict[str, Any] | None = None,
        global_data: dict[str, Any] | None = None,
        post_prompt: dict[str, Any] | None = None,
        post_prompt_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Let an Amazon Bedrock agent talk with the caller.

        Args:
            prompt: What it is to do.
            SWAIG: The functions it may call.
            ai_params: Its settings.
            global_data: What its functions know.
            post_prompt: What it is to sum up afterwards.
            post_prompt_url: Where the summary is sent.
        """
        return self.send_command(
            now,
            commands.AmazonBedrock,
            extra=extra,
            prompt=prompt,
            SWAIG=SWAIG,
            ai_params=ai_params,
            global_data=global_data,
            post_prompt=post_prompt,
            post_prompt_url=post_prompt_url,
        )

    @command_doc
    def ai_message(
        self,
        now: float,
        /,
        *,
        message_text: str | None = None,
        role: str | None = None,
        reset: dict[str, Any] | None = None,
        global_data: dict[str, Any] | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Send a message to the AI agent.

        Args:
            message_text: The message.
            role: In whose name.
            reset: What it is to forget.
            global_data: What its functions are to know.
        """
        return self.send_command(
            now,
            commands.AiMessage,
            extra=extra,
            message_text=message_text,
            role=role,
            reset=reset,
            global_data=global_data,
        )

    @command_doc
    def ai_hold(
        self, now: float, /, *, timeout: str | None = None, prompt: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Put the AI agent on hold.

        Args:
            timeout: For how long at most, in seconds, as text.
            prompt: What it says before.
        """
        return self.send_command(now, commands.AiHold, extra=extra, timeout=timeout, prompt=prompt)

    @command_doc
    def ai_unhold(self, now: float, /, *, prompt: str | None = None, **extra: Any) -> Promise[Reply]:
        """Take the AI agent off hold.

        Args:
            prompt: What it says then.
        """
        return self.send_command(now, commands.AiUnhold, extra=extra, prompt=prompt)

    @command_doc
    def live_transcribe(self, now: float, /, action: dict[str, Any], **extra: Any) -> Promise[Reply]:
        """Start, stop or sum up live transcription.

        Args:
            action: ``{"start": {…}}``, ``{"stop": {}}`` or ``{"summarize": {…}}``.
        """
        return self.send_command(now, commands.LiveTranscribe, extra=extra, action=action)

    @command_doc
    def live_translate(
        self, now: float, /, action: dict[str, Any], *, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Start, stop, sum up, or speak into live translation.

        Args:
            action: ``{"start": {…}}``, ``{"stop": {}}``, ``{"summarize": {…}}`` or ``{"inject": {…}}``.
        """
        return self.send_command(now, commands.LiveTranslate, extra=extra, action=action, status_url=status_url)

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
        """Take a payment by the phone's keys.

        Args:
            payment_connector_url: What carries the payment out.
            input_method: How the caller gives the numbers; dtmf.
            payment_method: credit-card or another one.
            timeout: How long to wait for a digit, in seconds, as text.
            max_attempts: How often the caller may try, as text.
            security_code: Whether the card's code is asked for, as text.
            postal_code: Whether the postal code is asked for, as text, or the code itself.
            min_postal_code_length: How short it may be, as text.
            token_type: one-time or reusable.
            charge_amount: How much, as text.
            currency: In which currency, such as usd.
            language: The language of the prompts.
            voice: The voice of the prompts.
            description: What the payment is for.
            valid_card_types: Which cards are taken, separated by spaces.
            parameters: Further parameters for the connector.
            prompts: Prompts of your own.

        Returns:
            The payment, which goes on; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            PayMachine,
            commands.Pay,
            control_id=control_id,
            on_completed=on_completed,
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
