"""AI agents on a call (``calling.ai``, ``calling.amazon_bedrock``; RELAY facts, section 3)."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from anyrelay.protocol.schema.command import CallCommand, OperationCommand, command
from anyrelay.protocol.schema.fields import is_amount, is_json, is_object, is_text, list_of, optional

__all__ = ["Ai", "AiHold", "AiMessage", "AiStop", "AiUnhold", "AmazonBedrock"]


@command("calling.ai", reply="AI started")
@frozen(kw_only=True)
class Ai(OperationCommand):
    """Start an AI agent on the call (``calling.ai``)."""

    agent: str | None = field(default=None, validator=optional(is_text()))
    """The identifier of an agent that is defined elsewhere."""
    prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The agent's instructions, with the parameters of its model."""
    post_prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The question that the agent answers when the conversation is over."""
    post_prompt_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the answer to the post-prompt is POSTed."""
    post_prompt_auth_user: str | None = field(default=None, validator=optional(is_text()))
    """The user name at `post_prompt_url`."""
    post_prompt_auth_password: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The password at `post_prompt_url`; never shown."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The data that the agent's functions see from the start."""
    pronounce: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """How words are pronounced."""
    hints: list[Any] | None = field(default=None, validator=optional(list_of(is_json)))
    """Words that the caller is likely to say."""
    languages: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """The languages that the agent speaks, each with its voice."""
    SWAIG: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The functions that the agent may call."""
    ai_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """The agent's settings, by their names on the wire."""


@command("calling.ai.stop", operation=True)
@frozen(kw_only=True)
class AiStop(OperationCommand):
    """Stop an AI agent (``calling.ai.stop``)."""


@command("calling.amazon_bedrock", reply="AI started")
@frozen(kw_only=True)
class AmazonBedrock(CallCommand):
    """Start an AI agent of Amazon Bedrock on the call (``calling.amazon_bedrock``)."""

    prompt: Any = field(default=None, validator=optional(is_json))
    """The agent's instructions, with the parameters of its model."""
    SWAIG: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The functions that the agent may call."""
    ai_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """The agent's settings, by their names on the wire."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The data that the agent's functions see from the start."""
    post_prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The question that the agent answers when the conversation is over."""
    post_prompt_url: str | None = field(default=None, validator=optional(is_text()))
    """The URL to which the answer to the post-prompt is POSTed."""


@command("calling.ai_message", reply="Message sent")
@frozen(kw_only=True)
class AiMessage(CallCommand):
    """Send a message to the AI agent (``calling.ai_message``)."""

    message_text: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """The text of the message."""
    role: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """The role of its author: ``user``, ``system`` or ``assistant``."""
    reset: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The parts of the conversation that the agent is to forget."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The data that the agent's functions see from now on."""


@command("calling.ai_hold", reply="AI on hold")
@frozen(kw_only=True)
class AiHold(CallCommand):
    """Put the AI agent on hold (``calling.ai_hold``)."""

    timeout: str | float | None = field(default=None, validator=optional(is_amount(0, unit="seconds")))
    """The longest time on hold, in seconds; SignalWire's reference gives a string."""
    prompt: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """What the agent says before the hold."""


@command("calling.ai_unhold", reply="AI resumed")
@frozen(kw_only=True)
class AiUnhold(CallCommand):
    """Take the AI agent off hold (``calling.ai_unhold``)."""

    prompt: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """What the agent says after the hold."""
