"""The journal: frames, sessions, recordings, and the stream of all events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import anyio
from starlette.responses import Response

from anyrelay.local.server.control_api.errors import ApiError, invalid, not_found
from anyrelay.local.server.control_api.event_stream import EventStream
from anyrelay.local.server.control_api.operations import LIST_LIMIT, Asked, Operation, answer_list, operation
from anyrelay.local.server.control_api.schemas import integer, listing, text
from anyrelay.local.server.recordings import MEDIA_TYPES

__all__ = ["JOURNAL_OPERATIONS"]

LARGEST_SEQ: Final = 2**53
"""The largest number that JavaScript counts exactly."""

JOURNAL_OPERATIONS: Final[list[Operation]] = []
"""The operations of this module, in the order of the document."""

_AFTER: Final = integer("Only what has a greater number.", 0, LARGEST_SEQ)


@operation(
    JOURNAL_OPERATIONS,
    "GET",
    "/v1/frames",
    query={
        "call_id": text("Only those of this call.", limit=256),
        "method": text("Only those of this method, and the replies to them.", limit=256),
        "after": _AFTER,
        "limit": integer("How many.", 1, LIST_LIMIT, default=LIST_LIMIT),
    },
    answers={200: ("The messages.", listing("Frame"))},
)
async def list_frames(asked: Asked) -> Response:
    """List RELAY messages, SIP messages and steps of phones, oldest first."""
    limit = int(asked.query.get("limit", LIST_LIMIT))
    dropped = asked.journal.entries.dropped
    names = {name: asked.query[name] for name in ("call_id", "method", "after") if name in asked.query}
    found: list[dict[str, Any]] = []
    for frame in asked.journal.frames(**names):
        if len(found) == limit:
            return answer_list(found, dropped=dropped, after=found[-1]["seq"])
        found.append(frame.to_json())
    return answer_list(found, dropped=dropped)


@operation(
    JOURNAL_OPERATIONS,
    "GET",
    "/v1/events",
    query={"after": _AFTER},
    answers={200: ("The events frame, call, session, message, reset and dropped.", "text/event-stream")},
)
async def stream_events(asked: Asked) -> Response:
    """Follow what happens, as server-sent events."""
    seen, latest = asked.request.headers.get("last-event-id"), asked.journal.entries.latest
    if seen is not None and not re.fullmatch(r"[0-9]{1,16}", seen):
        raise invalid("Last-Event-ID must be the id of an event", "Last-Event-ID")
    return EventStream(asked.journal, min(int(seen or asked.query.get("after", latest)), latest))


@operation(JOURNAL_OPERATIONS, "GET", "/v1/sessions", answers={200: ("The sessions.", listing("Session"))})
async def list_sessions(asked: Asked) -> Response:
    """List the sessions of RELAY clients."""
    return answer_list([session.to_json() for session in asked.journal.sessions()])


@operation(
    JOURNAL_OPERATIONS,
    "GET",
    "/v1/recordings/{id}",
    answers={200: ("The recording.", [*MEDIA_TYPES.values(), "application/octet-stream"])},
)
async def get_recording(asked: Asked) -> Response:
    """Get a recording."""
    recording = asked.relay.exchange.recordings.get(asked.path["id"])
    if recording is None:
        raise not_found("recording")
    try:
        content = recording.content or await anyio.Path(recording.path).read_bytes()
    except OSError:
        raise ApiError(404, "the file of the recording is gone") from None
    media_type = MEDIA_TYPES.get(Path(recording.name).suffix[1:], "application/octet-stream")
    return Response(content, media_type=media_type)
