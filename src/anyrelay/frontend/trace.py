"""Traces: the RELAY messages of a client and its server as lines of JSON (``*.relay.jsonl``), fit to be kept and shown.

Secrets are struck out. `Pseudonyms` replaces telephone numbers, the same number by the same pseudonym everywhere in a trace.
"""

from __future__ import annotations

import json
import os
import re
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import evolve, field, frozen

from anyrelay.frontend import log
from anyrelay.protocol.schema.json_text import read_json
from anyrelay.protocol.schema.secrets import scrub_frame, shown
from anyrelay.protocol.session.outputs import LogEntry, TracedMessage

__all__ = ["ClientTrace", "Pseudonyms", "TraceError", "TraceFrame", "TraceWriter", "frame_of", "of_call", "read_trace"]

_NUMBER: Final = re.compile(r"(?<![\w.+-])\+?[0-9](?:[ ()-]{0,2}[0-9]){6,14}(?![\w.-])")
_IDENTIFIER: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-")
_PERSONAL: Final = frozenset(
    {"from", "to", "from_number", "to_number", "sip_refer_to", "uri", "to_uri", "digits", "body", "text", "name"}
)
"""The fields whose values may hold a telephone number."""


class TraceError(ValueError):
    """A file is not a trace; the message names the line."""


@frozen
class TraceFrame:
    """A RELAY message of a trace."""

    time: float
    """When the message was read or written, in seconds since 1970, where the trace was recorded."""
    connection: int
    """The number of the connection; the first is 1."""
    from_client: bool
    """Whether the client sent the message."""
    message: dict[str, Any] = field(repr=shown)
    """The JSON-RPC message, secrets struck out."""

    @property
    def method(self) -> str:
        """The JSON-RPC method, "" for a reply."""
        method = self.message.get("method", "")
        return method if isinstance(method, str) else ""

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of a request, {} for a reply."""
        params = self.message.get("params")
        return params if isinstance(params, dict) else {}

    @property
    def event(self) -> tuple[str, dict[str, Any]]:
        """The type and the inner parameters of a ``signalwire.event``; "" and {} for other messages."""
        if self.method != "signalwire.event":
            return "", {}
        inner = self.params.get("params")
        return str(self.params.get("event_type", "")), inner if isinstance(inner, dict) else {}

    def call_ids(self) -> set[str]:
        """Return every call_id that the message names."""
        return set(_values_of("call_id", self.message))

    def to_line(self) -> str:
        """Return the frame as a line of a trace, without the line end."""
        fields = {"time": round(self.time, 6), "connection": self.connection}
        return json.dumps({**fields, "from": "client" if self.from_client else "server", "message": self.message})


def frame_of(time: float, connection: int, *, from_client: bool, text: str) -> TraceFrame | None:
    """Return the trace's frame for the text of a message, secrets struck out; None when the text is no JSON object."""
    try:
        message = read_json(scrub_frame(text))
    except ValueError:
        return None
    return TraceFrame(time, connection, from_client, message) if isinstance(message, dict) else None


class Pseudonyms:
    """Replaces telephone numbers in messages: equal numbers get equal pseudonyms, ``+15550000001`` and so on."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def replace(self, value: Any, *, personal: bool = False) -> Any:
        """Return a JSON value whose telephone numbers are replaced.

        Args:
            value: The value of a message.
            personal: Whether a text may hold telephone numbers; identifiers and times never do.
        """
        if isinstance(value, dict):
            return {key: self.replace(each, personal=personal or key in _PERSONAL) for key, each in value.items()}
        if isinstance(value, list):
            return [self.replace(each, personal=personal) for each in value]
        if isinstance(value, str) and personal and not _IDENTIFIER.match(value):
            return _NUMBER.sub(self._pseudonym, value)
        return value

    def in_frame(self, frame: TraceFrame) -> TraceFrame:
        """Return a frame whose telephone numbers are replaced."""
        return evolve(frame, message=self.replace(frame.message))

    def _pseudonym(self, found: re.Match[str]) -> str:
        digits = re.sub(r"[^0-9]", "", found[0])
        return self._known.setdefault(digits, f"+1555{len(self._known) + 1:07d}")


class TraceWriter:
    """Writes RELAY messages to a trace. Use it as a context manager, or `close` it; else the file is closed with the object."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Create the file, readable by its owner only.

        Args:
            path: The file, by custom ``*.relay.jsonl``. An existing file is replaced.

        Raises:
            OSError: The file cannot be created.
        """
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._pseudonyms = Pseudonyms()

    def write(self, time: float, connection: int, *, from_client: bool, text: str) -> None:
        """Write a message; a text that is no JSON object is left out, and so is a message after `close`.

        Args:
            time: Seconds since 1970.
            connection: The number of the connection.
            from_client: Whether the client sent the message.
            text: The JSON text.

        Raises:
            OSError: The file cannot be written.
        """
        frame = frame_of(time, connection, from_client=from_client, text=text)
        if frame is not None:
            self._write_frame(frame)

    def _write_frame(self, frame: TraceFrame) -> None:
        """Write a frame, as `write` does."""
        if self._close.alive:
            os.write(self._descriptor, f"{self._pseudonyms.in_frame(frame).to_line()}\n".encode())

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ClientTrace:
    """Gives the messages of a client to a trace. An error is logged, and ends the trace; the client goes on."""

    def __init__(self, target: str | os.PathLike[str] | Callable[[TraceFrame], object]) -> None:
        """Create the file, or take the function.

        Args:
            target: The file to write, or a function that is called with each `TraceFrame`.

        Raises:
            TypeError: `target` is neither.
            OSError: The file cannot be created.
        """
        if isinstance(target, str | os.PathLike):
            self._take: Callable[[TraceFrame], object] = TraceWriter(target)._write_frame
        elif callable(target):
            pseudonyms = Pseudonyms()
            self._take = lambda frame: target(pseudonyms.in_frame(frame))
        else:
            raise TypeError(f"trace must be the path of a file, or a function, not {type(target).__name__}")
        self._is_over = False

    def record(self, message: TracedMessage) -> None:
        """Record a message of the client, with the time of now."""
        if self._is_over:
            return
        try:
            frame = frame_of(time.time(), message.connection, from_client=message.from_client, text=message.text)
            if frame is not None:
                self._take(frame)
        except Exception as error:
            self._is_over = True
            log.write(LogEntry(LogEntry.ERROR, f"the trace ends here: {error!r}", error=error))


def read_trace(path: str | os.PathLike[str]) -> list[TraceFrame]:
    """Read a trace.

    Args:
        path: The file.

    Returns:
        The frames, in the order of the file.

    Raises:
        TraceError: A line is no frame.
        OSError: The file cannot be read.
    """
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        _frame_of_line(line, f"{os.fspath(path)}, line {number}")
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _frame_of_line(line: str, where: str) -> TraceFrame:
    try:
        read = json.loads(line)
        frame = TraceFrame(float(read["time"]), int(read["connection"]), read["from"] == "client", read["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TraceError(
            f"{where} is no frame of a trace: record one with RelayClient(trace=FILE) or anyrelay serve --trace FILE"
        ) from None
    if not isinstance(frame.message, dict):
        raise TraceError(f"{where}: message must be a JSON object")
    return frame


def of_call(frames: Iterable[TraceFrame], call_id: str) -> list[TraceFrame]:
    """Return the frames of a call: requests and events that name its call_id, and the replies to them.

    Args:
        frames: The frames of a trace.
        call_id: The call, or the beginning of its call_id.
    """
    kept: list[TraceFrame] = []
    asked: set[tuple[int, bool, str]] = set()
    for frame in frames:
        key = str(frame.message.get("id"))
        if frame.method and any(each.startswith(call_id) for each in frame.call_ids()):
            asked.add((frame.connection, frame.from_client, key))
            kept.append(frame)
        elif not frame.method and (frame.connection, not frame.from_client, key) in asked:
            kept.append(frame)
    return kept


def _values_of(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key == name and isinstance(each, str):
                yield each
            yield from _values_of(name, each)
    elif isinstance(value, list):
        for each in value:
            yield from _values_of(name, each)
