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
    """Let an AI agent talk."""

    agent: str | None = field(default=None, validator=optional(is_text()))
    """An agent that is defined elsewhere, by its identifier."""
    prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What the agent is told to be, with the parameters of its model."""
    post_prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What it is asked when the conversation is over."""
    post_prompt_url: str | None = field(default=None, validator=optional(is_text()))
    """Where its answer to that is POSTed."""
    post_prompt_auth_user: str | None = field(default=None, validator=optional(is_text()))
    """The user name there."""
    post_prompt_auth_password: str | None = field(default=None, repr=False, validator=optional(is_text()))
    """The password there; never shown here."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What the agent knows from the start, as its functions see it."""
    pronounce: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """How words are spoken."""
    hints: list[Any] | None = field(default=None, validator=optional(list_of(is_json)))
    """Words that are likely."""
    languages: list[dict[str, Any]] | None = field(default=None, validator=optional(list_of(is_object)))
    """The languages it speaks, each with its voice."""
    SWAIG: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The functions that it may call."""
    ai_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """How it behaves, by the names on the wire."""


@command("calling.ai.stop", operation=True)
@frozen(kw_only=True)
class AiStop(OperationCommand):
    """Stop an AI agent."""


@command("calling.amazon_bedrock", reply="AI started")
@frozen(kw_only=True)
class AmazonBedrock(CallCommand):
    """Let an AI agent of Amazon Bedrock talk."""

    prompt: Any = field(default=None, validator=optional(is_json))
    """What the agent is told to be, with the parameters of its model."""
    SWAIG: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """The functions that it may call."""
    ai_params: dict[str, Any] | None = field(default=None, validator=optional(is_object), metadata={"wire": "params"})
    """How it behaves, by the names on the wire."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What the agent knows from the start, as its functions see it."""
    post_prompt: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What it is asked when the conversation is over."""
    post_prompt_url: str | None = field(default=None, validator=optional(is_text()))
    """Where its answer to that is POSTed."""


@command("calling.ai_message", reply="Message sent")
@frozen(kw_only=True)
class AiMessage(CallCommand):
    """Tell the AI agent something."""

    message_text: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """What it is told."""
    role: str | None = field(default=None, validator=optional(is_text(limit=64)))
    """As whom: ``user``, ``system`` or ``assistant``."""
    reset: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What of the conversation it is to forget."""
    global_data: dict[str, Any] | None = field(default=None, validator=optional(is_object))
    """What its functions see from now on."""


@command("calling.ai_hold", reply="AI on hold")
@frozen(kw_only=True)
class AiHold(CallCommand):
    """Let the AI agent wait."""

    timeout: str | float | None = field(default=None, validator=optional(is_amount(0, unit="seconds")))
    """How long at most, in seconds; SignalWire's reference gives a string."""
    prompt: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """What it says before."""


@command("calling.ai_unhold", reply="AI resumed")
@frozen(kw_only=True)
class AiUnhold(CallCommand):
    """Let the AI agent go on."""

    prompt: str | None = field(default=None, validator=optional(is_text(limit=1_000_000, empty=True, lines=True)))
    """What it says then."""
