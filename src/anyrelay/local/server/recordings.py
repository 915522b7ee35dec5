"""Hands out recordings over plain HTTP: GET of the URLs in ``calling.call.record`` events.

The names in these URLs are random, so only a client that got a URL can fetch the recording. Each connection serves one
request.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import h11

from anyrelay.local.logs import logger_of
from anyrelay.local.server.addresses import addresses_of, listened_port

if TYPE_CHECKING:
    from anyio.abc import Listener, SocketStream

    from anyrelay.local.exchange.recordings import Recordings
    from anyrelay.local.server.upgrades import UpgradePolicy

__all__ = ["RecordingServer"]

logger = logger_of(__name__)

REQUEST_TIME: Final = 10.0
"""Seconds in which a client is to send its request."""

SEND_TIME: Final = 60.0
"""Seconds in which a client is to take the recording."""

FETCHES_AT_ONCE: Final = 64
"""How many requests are served at once; others wait."""

HEAD_BYTES: Final = 16_384
"""The longest head of a request, in bytes."""

PATH: Final = "/recordings/"

MEDIA_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}


class RecordingServer:
    """A listener beside the listener for RELAY."""

    url: str
    """The URL that the recordings' names are added to, after a slash."""

    def __init__(self, recordings: Recordings, hosts: UpgradePolicy) -> None:
        """Serve these recordings to clients that name one of these hosts in their request."""
        self.url = ""
        self._recordings = recordings
        self._hosts = hosts
        self._listener: Listener[SocketStream] | None = None
        self._limiter = anyio.CapacityLimiter(FETCHES_AT_ONCE)

    async def listen(self, host: str, shown_host: str) -> None:
        """Listen on a free port of a host; `shown_host` is what the URLs name.

        Raises:
            OSError: The host cannot be listened on.
        """
        self._listener = await anyio.create_tcp_listener(local_host=host or None, local_port=0)
        self.url = f"http://{shown_host}:{listened_port(self._listener)}{PATH.rstrip('/')}"

    async def run(self) -> None:
        """Serve until cancelled."""
        assert self._listener is not None
        await self._listener.serve(self._serve)

    async def aclose(self) -> None:
        """Stop listening; `run` must be cancelled first."""
        if self._listener is not None:
            await self._listener.aclose()

    async def _serve(self, stream: SocketStream) -> None:
        async with stream, self._limiter:
            try:
                connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
                request = None
                with anyio.move_on_after(REQUEST_TIME):
                    request = await _request(connection, stream)
                if request is not None:
                    with anyio.move_on_after(SEND_TIME):
                        await self._answer(connection, request, stream)
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, h11.ProtocolError) as error:
                logger.debug("a recording could not be fetched: %s", str(error) or type(error).__name__)

    async def _answer(self, connection: h11.Connection, request: h11.Request, stream: SocketStream) -> None:
        status, media_type, body = await self._found(request, stream)
        headers = [("content-type", media_type), ("content-length", str(len(body))), ("connection", "close")]
        head = connection.send(h11.Response(status_code=status, headers=headers)) or b""
        content = b"" if request.method == b"HEAD" else connection.send(h11.Data(data=body)) or b""
        await stream.send(head + content)

    async def _found(self, request: h11.Request, stream: SocketStream) -> tuple[int, str, bytes]:
        """Return the HTTP status, the media type and the body of the answer."""
        peer, local = addresses_of(stream)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
        if refusal := self._hosts.refusal(local, peer, headers):
            return refusal[0], "text/plain", refusal[1].encode()
        if request.method not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"only GET and HEAD are served"
        path = request.target.decode("latin-1").partition("?")[0]
        recording = self._recordings.get(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if recording is None:
            return 404, "text/plain", b"there is no such recording"
        try:
            content = recording.content or await anyio.Path(recording.path).read_bytes()
        except OSError as error:
            logger.warning("the recording %s cannot be read: %s", recording.path, error.strerror or error)
            return 410, "text/plain", b"the recording's file is gone"
        return 200, MEDIA_TYPES.get(Path(recording.name).suffix[1:], "application/octet-stream"), content


async def _request(connection: h11.Connection, stream: SocketStream) -> h11.Request | None:
    """Return the head of a request; None when the client left."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        try:
            connection.receive_data(await stream.receive())
        except anyio.EndOfStream:
            return None
