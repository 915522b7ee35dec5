"""The ladder of a call from the frames of the journal: RELAY messages, SIP messages and steps of phones in one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from anyrelay.local.ladder import RELAY_LANES, Rung, draw
from anyrelay.local.server.journal.frames import SERVER, JournalFrame

__all__ = ["LADDERS", "ladder_of"]

_LEFT_OUT: Final = ("acknowledgement", "ping")
"""The kinds of messages that would outnumber all others."""


@frozen
class LadderForm:
    """A format of a ladder."""

    media_type: str
    """The media type of the drawing."""
    ending: str
    """The ending of its file."""


LADDERS: Final = {
    "svg": LadderForm("image/svg+xml", "svg"),
    "mermaid": LadderForm("text/vnd.mermaid", "mmd"),
    "text": LadderForm("text/plain", "txt"),
    "jsonl": LadderForm("application/jsonl", "relay.jsonl"),
}
"""The formats: drawings, and the RELAY messages as a trace that ``anyrelay trace`` reads."""


def ladder_of(frames: Sequence[JournalFrame], form: str) -> str:
    """Return the ladder of a call in one of `LADDERS`.

    Args:
        frames: The frames of the call, oldest first.
        form: The format.
    """
    if form == "jsonl":
        return "\n".join(_trace_line(frame) for frame in frames if frame.kind == "relay")
    frames = [frame for frame in frames if frame.role not in _LEFT_OUT]
    lanes = _lanes(frames)
    names = {name: number for number, (name, _) in enumerate(lanes)}
    start = frames[0].time if frames else 0.0
    rungs = [
        Rung(
            max(0.0, frame.time - start),
            names[frame.sender],
            names[frame.receiver],
            _label(frame),
            frame.role,
        )
        for frame in frames
    ]
    return draw(rungs, form, [shown for _, shown in lanes])


def _lanes(frames: Sequence[JournalFrame]) -> list[tuple[str, str]]:
    """Return the parties from left to right: phones, the server, clients; each with the name that is shown."""
    parties = [party for frame in frames for party in (frame.sender, frame.receiver) if party != SERVER]
    clients = sorted({party for party in parties if party.startswith("client ")})
    phones = list(dict.fromkeys(party for party in parties if not party.startswith("client ")))
    server, application = RELAY_LANES
    shown = [(client, f"{application} ({client})") for client in clients]
    if len(shown) < 2:
        shown = [(clients[0] if clients else "client 1", application)]
    return [*((phone, phone) for phone in phones), (SERVER, server), *shown]


def _label(frame: JournalFrame) -> str:
    return frame.summary or frame.method or frame.role


def _trace_line(frame: JournalFrame) -> str:
    client = frame.sender if frame.direction == "rx" else frame.receiver
    told = {"time": round(frame.time, 6), "connection": int(client.removeprefix("client "))}
    return json.dumps({**told, "from": "client" if frame.direction == "rx" else "server", "message": _json(frame.text)})


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return {}
