"""The ladder of a trace: one line for each RELAY message, between the RELAY server and the application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anyrelay.frontend.trace import TraceFrame
from anyrelay.local.ladder import FORMATS, Rung, arrow, draw, label_of

__all__ = ["FORMATS", "Labels", "Rung", "arrow", "draw", "rungs_of"]


class Labels:
    """Names messages; remembers requests, so that a reply without a text of its own is named after its request."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, bool], str] = {}

    def of(self, message: dict[str, Any], *, from_client: bool) -> tuple[str, str]:
        """Return the label and the kind of a message; "" for acknowledgements and pings, which would outnumber the rest.

        Args:
            message: The JSON-RPC message.
            from_client: Whether the client sent the message.
        """
        id_, method = str(message.get("id")), message.get("method")
        if method is None:
            answered = self._methods.pop((id_, not from_client), "")
            kind, label = label_of(message, answered=answered)
            return (label, kind) if answered else ("", "")
        kind, label = label_of(message, answered="")
        if kind == "command":
            self._methods[id_, from_client] = str(method)
        return ("", "") if kind == "ping" else (label, kind)


def rungs_of(frames: Iterable[TraceFrame]) -> list[Rung]:
    """Return the rungs of a trace; acknowledgements and pings are left out."""
    labels, rungs = Labels(), []
    start: float | None = None
    for frame in frames:
        start = frame.time if start is None else start
        label, kind = labels.of(frame.message, from_client=frame.from_client)
        if label:
            ends = (1, 0) if frame.from_client else (0, 1)
            rungs.append(Rung(max(0.0, frame.time - start), *ends, label, kind))
    return rungs
