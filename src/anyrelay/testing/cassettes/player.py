"""A RELAY server that replays a cassette to a client, in a thread of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from itertools import count
from typing import Final

from anyrelay.frontend.trace import TraceFrame, read_trace
from anyrelay.protocol.server import CommandReceived, ServerConnection
from anyrelay.testing.cassettes.script import CassetteScript

__all__ = ["CassettePlayer"]

DIFFERENT: Final = 409
"""The code of the reply to a command that the recording does not have."""

READ_SIZE: Final = 65_536


class CassettePlayer:
    """A server that replays a trace. The client's commands have to be the recorded ones; only their order may differ."""

    url: str
    """The URL for clients."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read a cassette; ``with`` starts the server.

        Args:
            path: The trace, ``*.relay.jsonl``.

        Raises:
            TraceError: The file is no trace.
            OSError: The file cannot be read.
        """
        self._path = os.fspath(path)
        self._script = CassetteScript(read_trace(path))
        self._changed = threading.Condition()

    def __enter__(self) -> CassettePlayer:
        """Start the server."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name="RELAY cassette", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5.0)

    def wait(self, timeout: float) -> None:
        """Wait until everything was replayed, or a command differed.

        Args:
            timeout: The longest wait, in seconds.

        Raises:
            AssertionError: A command differed or was missing; see `check`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._script.difference or not self._script.missing, timeout)
        self.check()

    def check(self) -> None:
        """Check that the client has sent the recorded commands and no others.

        Raises:
            AssertionError: A command differed, with a diff of the first one, or was missing.
        """
        remedy = f"if this is right, record {self._path} again: pytest --relay-record=rewrite"
        with self._changed:
            if self._script.difference:
                raise AssertionError(f"a command differs from the recording:\n{self._script.difference}\n{remedy}")
            if self._script.missing:
                raise AssertionError(f"the client has not sent {', '.join(self._script.missing)}; {remedy}")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # the server was stopped
                return
            with client, contextlib.suppress(OSError):
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        numbers = count(1)
        connection = ServerConnection(new_id=lambda: f"cassette-{next(numbers)}", knows_all=False)
        recorded = self._script.connection
        while data := client.recv(READ_SIZE):
            connection.receive_data(data)
            while (event := connection.next_event()) is not None:
                if isinstance(event, CommandReceived):
                    self._answer(connection, event)
            client.sendall(connection.data_to_send())
            if connection.wants_eof or self._script.connection not in (0, recorded):
                return

    def _answer(self, connection: ServerConnection, command: CommandReceived) -> None:
        with self._changed:
            known = self._script.receive(command.id, command.method, command.params)
            frames = list(self._script.due()) if known else []
            self._changed.notify_all()
        if not known:
            connection.refuse(command.id, DIFFERENT, "this command differs from the recording")
        for frame in frames:
            _say(connection, frame)


def _say(connection: ServerConnection, frame: TraceFrame) -> None:
    message = frame.message
    if frame.method == "signalwire.event":
        connection.send_event(frame.params)
    elif frame.method == "signalwire.disconnect":
        connection.say_goodbye(restart=bool(frame.params.get("restart")))
    elif isinstance(message.get("error"), dict):
        error = message["error"]
        connection.refuse(message["id"], int(error.get("code", -32603)), str(error.get("message", "")))
    elif isinstance(message.get("result"), dict):
        connection.reply(message["id"], message["result"])
