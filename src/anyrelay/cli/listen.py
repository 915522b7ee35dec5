"""``anyrelay listen``: connect and print what happens."""

from __future__ import annotations

import logging
import os
import signal
import threading
from datetime import datetime
from typing import Any

from anyrelay.cli.account import explain, make_client
from anyrelay.cli.ending import DONE, FAILED, WRONG_USE, complain, say
from anyrelay.errors import RelayError
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.schema.json_text import json_of_any, write_json

__all__ = ["run_listen"]


def run_listen(contexts: tuple[str, ...], *, as_json: bool) -> int:
    """Print every event until Ctrl-C, or until nobody reads any more.

    Args:
        contexts: The contexts to receive.
        as_json: Whether to print JSON, one object per line.

    Returns:
        The exit status: 0 after Ctrl-C, 1 when the server could not be trusted or refused the credentials, 2 when the
        environment says too little.
    """
    try:
        client = make_client(contexts)
    except ValueError as error:
        complain(error)
        return WRONG_USE
    logging.getLogger("anyrelay.connection").setLevel(logging.INFO)
    logging.getLogger("anyrelay.call").setLevel(logging.ERROR)  # that it passes calls back is no news
    unread = threading.Lock()

    @client.on_event
    def tell(event: RelayEvent) -> None:
        # Several calls may tell at once, and a signal that came after the end of the run would kill the process.
        if not say(_as_json(event) if as_json else _as_words(event)) and unread.acquire(blocking=False):
            os.kill(os.getpid(), signal.SIGTERM)  # for the client's run, which ends in order

    try:
        client.run()
    except RelayError as error:
        complain(explain(error))
        return FAILED
    return DONE


def _as_json(event: RelayEvent) -> str:
    told: dict[str, Any] = {"event_type": event.event_type, "timestamp": event.timestamp, "params": event.params}
    try:
        return write_json(told)
    except ValueError:  # an infinite number and half of a surrogate pair
        return json_of_any(told)


def _as_words(event: RelayEvent) -> str:
    word = next((event.params[key] for key in ("call_state", "state") if isinstance(event.params.get(key), str)), "")
    line = f"{_when(event.timestamp):%H:%M:%S}  {event.event_type}  {word}  {event.call_id}"
    return line.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair cannot be printed


def _when(timestamp: float) -> datetime:
    try:
        return datetime.fromtimestamp(timestamp).astimezone() if timestamp else datetime.now().astimezone()
    except (ValueError, OverflowError, OSError):  # a time that no calendar has
        return datetime.now().astimezone()
