"""Completion by the Tab key: the calls and contexts of the running server; nothing without a server."""

from __future__ import annotations

from click.shell_completion import CompletionItem

from anyrelay.cli.drive.control_api import USUAL_SERVER, ApiError, ControlApi, NoServer

__all__ = ["calls_that_begin", "contexts_that_begin"]


def calls_that_begin(typed: str, server: str | None, *, timeout: float) -> list[CompletionItem]:
    """Return the calls that are up and whose id begins as typed, each with its caller as a help text."""
    try:
        calls = ControlApi(server or USUAL_SERVER, timeout=timeout).calls()
    except (ApiError, NoServer, ValueError):
        return []
    up = [call for call in calls if call["state"] != "ended" and call["id"].startswith(typed)]
    return [CompletionItem(call["id"], help=f"{call['state']}, from {call['from']}") for call in up]


def contexts_that_begin(typed: str, server: str | None, *, timeout: float) -> list[CompletionItem]:
    """Return the contexts that clients receive and that begin as typed."""
    try:
        contexts = ControlApi(server or USUAL_SERVER, timeout=timeout).contexts()
    except (ApiError, NoServer, ValueError):
        return []
    return [CompletionItem(context) for context in contexts if context.startswith(typed)]
