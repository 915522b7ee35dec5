"""AI agents on a call (``calling.ai``, ``calling.amazon_bedrock``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import StoppableMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply
from anyrelay.protocol.schema import RelayEvent

__all__ = ["AIMachine", "AIMethods"]


class AIMachine(StoppableMachine[RelayEvent]):
    """An AI agent's session on a call (``calling.ai``); ends with its own event, or with the call."""

    STARTED = "The agent's session, which has started; wait for its end, or stop the agent."
    EVENT = "calling.call.ai"


class AIMethods(CallMethods):
    """Start an AI agent, and send messages to the agent."""

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
        """Start an AI agent that talks with the caller (``calling.ai``).

        Args:
            agent: The identifier of an agent that is defined elsewhere.
            prompt: The agent's instructions.
            post_prompt: The question that the agent answers after the conversation.
            post_prompt_url: The URL for the answer to `post_prompt`.
            post_prompt_auth_user: The user name at `post_prompt_url`.
            post_prompt_auth_password: The password at `post_prompt_url`; never shown.
            global_data: The data that the agent's functions see.
            pronounce: How words are pronounced.
            hints: Words that the caller is likely to say.
            languages: The languages that the agent speaks.
            SWAIG: The functions that the agent may call.
            ai_params: The agent's settings.
        """
        return self.start_operation(
            now,
            schema.Ai,
            AIMachine(self, control_id, on_completed),
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
        """Start an agent of Amazon Bedrock that talks with the caller (``calling.amazon_bedrock``).

        Args:
            prompt: The agent's instructions.
            SWAIG: The functions that the agent may call.
            ai_params: The agent's settings.
            global_data: The data that the agent's functions see.
            post_prompt: The question that the agent answers after the conversation.
            post_prompt_url: The URL for the answer to `post_prompt`.
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
        """Send a message to the AI agent (``calling.ai_message``).

        Args:
            message_text: The text of the message.
            role: The role of its author: user, system or assistant.
            reset: The parts of the conversation that the agent is to forget.
            global_data: The data that the agent's functions see from now on.
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
        """Put the AI agent on hold (``calling.ai_hold``).

        Args:
            timeout: The longest time on hold, in seconds, as text.
            prompt: What the agent says before the hold.
        """
        return self.send_command(now, schema.AiHold, extra=extra, timeout=timeout, prompt=prompt)

    @command_doc
    def ai_unhold(self, now: float, /, *, prompt: str | None = None, **extra: Any) -> Promise[Reply]:
        """Take the AI agent off hold (``calling.ai_unhold``).

        Args:
            prompt: What the agent says after the hold.
        """
        return self.send_command(now, schema.AiUnhold, extra=extra, prompt=prompt)
