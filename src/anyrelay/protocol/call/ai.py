"""AI agents on a call (``calling.ai``, ``calling.amazon_bedrock``)."""

from __future__ import annotations

from typing import Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, StoppableMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import Reply
from anyrelay.protocol.schema import RelayEvent

__all__ = ["AIMachine", "AIMethods"]


class AIMachine(StoppableMachine[RelayEvent]):
    """An AI agent's session (``calling.ai``); it ends with its own event, or with its call."""

    EVENT = "calling.call.ai"
    WORDS: ClassVar = ENDS
    STOP = "AiStop"


class AIMethods(CallMethods):
    """Start an AI agent, and talk to it."""

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
            schema.Ai,
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
            schema.AmazonBedrock,
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
            schema.AiMessage,
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
        return self.send_command(now, schema.AiHold, extra=extra, timeout=timeout, prompt=prompt)

    @command_doc
    def ai_unhold(self, now: float, /, *, prompt: str | None = None, **extra: Any) -> Promise[Reply]:
        """Take the AI agent off hold.

        Args:
            prompt: What it says then.
        """
        return self.send_command(now, schema.AiUnhold, extra=extra, prompt=prompt)
