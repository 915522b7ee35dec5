"""``anyrelay listen``: connect to RELAY and print every event."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import threading
from datetime import datetime
from typing import Any, Final

from anyrelay.cli.account import explain, make_client
from anyrelay.cli.ending import DONE, FAILED, WRONG_USE, complain, say
from anyrelay.errors import RelayError
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.json_text import json_of_any, write_json

__all__ = ["run_listen"]

_NOT_PRINTABLE: Final = re.compile(r"[^ -~]")


def run_listen(contexts: tuple[str, ...], *, as_json: bool, trace: str | None = None) -> int:
    """Print every event until Ctrl-C, or until standard output is closed.

    Args:
        contexts: The contexts to receive.
        as_json: Whether to print JSON, one object per line.
        trace: The file in which every RELAY message is recorded; None for no file.

    Returns:
        The exit status: 0 after Ctrl-C, 1 when the server's certificate is not trusted or the server refused the
        credentials, 2 when an environment variable is missing or wrong, or the file cannot be created.
    """
    try:
        client = make_client(contexts, trace=trace)
    except ValueError as error:
        complain(error)
        return WRONG_USE
    except OSError as error:
        complain(f"--trace {trace} cannot be created: {error.strerror}")
        return WRONG_USE
    logging.getLogger("anyrelay.connection").setLevel(logging.INFO)
    logging.getLogger("anyrelay.call").setLevel(logging.ERROR)  # passed calls are no news here
    unread = threading.Lock()

    @client.on_event
    def tell(event: RelayEvent) -> None:
        # Handlers of several calls may run at once. A second signal, after the end of the run, would kill the process.
        if not say(_as_json(event) if as_json else _as_words(event)) and unread.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGTERM)  # `run` ends in order at this signal

    try:
        client.run()
    except RelayError as error:
        complain(explain(error))
        return FAILED
    return DONE


def _as_json(event: RelayEvent) -> str:
    told: dict[str, Any] = {"event_type": event.event_type, "timestamp": event.timestamp, "params": event.params}
    try:
        text = write_json(told)
    except ValueError:  # an infinite number and half of a surrogate pair
        text = json_of_any(told)
    # JSON escapes ASCII control characters itself. Others, such as U+009B, control a terminal too.
    return text if text.isprintable() else _NOT_PRINTABLE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _as_words(event: RelayEvent) -> str:
    word = next((event.params[key] for key in ("call_state", "state") if isinstance(event.params.get(key), str)), "")
    return f"{_when(event.timestamp):%H:%M:%S}  {event.event_type}  {word}  {event.call_id}"


def _when(timestamp: float) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp).astimezone() if timestamp else datetime.now().astimezone()
    except (ValueError, OverflowError, OSError):  # a time that no calendar has
        return datetime.now().astimezone()
