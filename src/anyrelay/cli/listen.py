"""``anyrelay listen``: connect and print what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from rich.console import Console

from anyrelay.errors import RelayError
from anyrelay.protocol.events import RelayEvent
from anyrelay.sync import RelayClient

__all__ = ["run_listen"]


def run_listen(contexts: tuple[str, ...], *, as_json: bool) -> int:
    """Print every event until Ctrl-C.

    Args:
        contexts: The contexts to receive.
        as_json: Whether to print JSON, one object per line.

    Returns:
        The exit status: 0 after Ctrl-C, 1 when there was no connection.
    """
    console = Console(markup=False)
    try:
        client = RelayClient(contexts=contexts)
        client.on_event(lambda event: _print(console, event, as_json=as_json))
        client.run()
    except (ValueError, RelayError) as error:
        console.print(str(error), style="bold red", highlight=False)
        return 1
    return 0


def _print(console: Console, event: RelayEvent, *, as_json: bool) -> None:
    if as_json:
        line: dict[str, Any] = {"event_type": event.event_type, "timestamp": event.timestamp, "params": event.params}
        print(orjson.dumps(line).decode(), flush=True)  # noqa: T201 - this is what the command is for
        return
    when = datetime.fromtimestamp(event.timestamp).astimezone() if event.timestamp else datetime.now().astimezone()
    word = next((event.params[key] for key in ("call_state", "state") if isinstance(event.params.get(key), str)), "")
    console.print(f"{when:%H:%M:%S}  {event.event_type}  {word}  {event.call_id}", highlight=False, markup=False)
