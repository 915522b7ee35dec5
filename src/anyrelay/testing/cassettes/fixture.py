"""The value of the fixture ``relay_cassette``: a server that records a cassette, or replays it."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from anyrelay.frontend.trace import TraceWriter
from anyrelay.testing.cassettes.player import CassettePlayer
from anyrelay.testing.watched_relay import ThreadedRelay

__all__ = ["Cassette", "CassetteMissing"]


class CassetteMissing(LookupError):
    """There is no cassette for a test, and none may be recorded."""


class Cassette:
    """A RELAY server for one test: a recorded one, or the local server that is being recorded."""

    url: str
    """The URL for clients."""
    replaying: bool
    """Whether the cassette is replayed, rather than recorded."""

    def __init__(self, path: str | os.PathLike[str], record: str, *, pace: float = 1.0) -> None:
        """Choose whether to record or to replay.

        Args:
            path: The cassette.
            record: ``none`` replays; ``once`` records a cassette that is missing; ``rewrite`` records always.
            pace: The speed of the phones while recording, as a multiple of the scripted speed.

        Raises:
            CassetteMissing: There is no cassette, and `record` is ``none``.
        """
        self._path = Path(path)
        self._is_wanted = True
        self.replaying = record != "rewrite" and (record == "none" or self._path.exists())
        if self.replaying and not self._path.exists():
            raise CassetteMissing(f"there is no cassette {self._path}: record it with pytest --relay-record=once")
        self._server: CassettePlayer | ThreadedRelay = (
            CassettePlayer(path) if self.replaying else ThreadedRelay(pace=pace)
        )

    def __enter__(self) -> Cassette:
        """Start the server."""
        self._server.__enter__()
        self.url = self._server.url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server; write the cassette if it was recorded and the test did not fail."""
        try:
            if isinstance(self._server, ThreadedRelay) and error is None and self._is_wanted:
                self._write(self._server)
        finally:
            self._server.__exit__(kind, error, trace)

    def add(self, uri: str, **described: Any) -> None:
        """Describe a phone, as ``phones.add`` does; without effect while replaying."""
        if isinstance(self._server, ThreadedRelay):
            self._server.phones.add(uri, **described)

    def call(self, uri: str, *, context: str = "default", timeout: float = 30.0, **described: Any) -> None:
        """Let a phone call and wait until the call is over; while replaying, wait until the recorded call is over.

        Args:
            uri: The phone's SIP URI.
            context: The context that the phone calls.
            timeout: The longest wait for the end of the call, in seconds.
            described: Further arguments of ``phones.dial``.

        Raises:
            TimeoutError: The call is not over.
            AssertionError: A command of the client differs from the recording, or is missing.
        """
        if isinstance(self._server, ThreadedRelay):
            self._server.phones.dial(uri, context=context, **described).ended(timeout)
        else:
            self._server.wait(timeout)

    def check(self) -> None:
        """Check, while replaying, that the client has sent the recorded commands and no others.

        Raises:
            AssertionError: A command differed, with a diff of the first one, or was missing.
        """
        if isinstance(self._server, CassettePlayer):
            self._server.check()

    def discard(self) -> None:
        """Write no cassette: the test failed."""
        self._is_wanted = False

    def _write(self, relay: ThreadedRelay) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with TraceWriter(self._path) as writer:
            for frame in relay.watched.kept:
                writer.write(frame.time, frame.client, from_client=frame.direction == "rx", text=frame.text)
