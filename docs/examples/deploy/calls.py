"""A program for a container: it touches a file while it is connected."""

import os
import tempfile
import threading
from pathlib import Path

from anyrelay import ClientState
from anyrelay.sync import Call, RelayClient

CONNECTED = Path(
    os.environ.get("CONNECTED") or tempfile.gettempdir(), "connected"
)

client = RelayClient(contexts=["calls"], on_handler_error="hangup")


@client.on_call
def handle_call(call: Call) -> None:
    call.answer()
    call.play_tts("Thank you for your call.").wait()
    call.hangup()


def show_health(closed: threading.Event, every: float = 5.0) -> None:
    """Touch the file every few seconds, while the client is connected."""
    while not closed.wait(every):
        if client.state in (ClientState.READY, ClientState.DRAINING):
            CONNECTED.touch()


if __name__ == "__main__":
    closed = threading.Event()
    threading.Thread(target=show_health, args=[closed]).start()
    try:
        client.run()  # SIGTERM drains
    finally:
        closed.set()
