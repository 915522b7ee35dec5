"""Print the events of a server process on standard output: as JSON for programs, in words for people."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from typing import Any

from anyrelay.local.logs import printable
from anyrelay.protocol.schema.secrets import without_url_secrets

__all__ = ["Report", "print_json", "print_words"]

Report = Callable[[dict[str, Any]], None]
"""Takes each event that the server reports, on its event loop."""


def print_json(event: dict[str, Any]) -> None:
    """Print an event for programs."""
    _print(json.dumps(event))


def print_words(event: dict[str, Any]) -> None:
    """Print an event for people, fit for a terminal. Replies to orders are for programs, and are not printed."""
    match event["event"]:
        case "ready":
            _print_ready(event)
        case "happened":
            params = event["params"]
            words = [params.get(name) for name in ("call_state", "state", "end_reason", "sip_refer_to")]
            words += [params.get(name) for name in ("sip_refer_response_code", "sip_notify_response_code", "error")]
            _show(" ".join([event["event_type"], params.get("call_id", "-"), *(str(word) for word in words if word)]))
        case "relay":
            _show(f"{'<-' if event['direction'] == 'rx' else '->'} {event['client']} {event['text']}")
        case "sip":
            _show(f"{event['source']} -> {event['target']} {event['message'].strip().splitlines()[0]}")
        case "phone":
            _show(f"{event['uri']} {event['words']}")


def _print_ready(ready: dict[str, Any]) -> None:
    """Print how clients, phones and people reach the server."""
    _print(f"RELAY clients connect to {ready['relay']}")
    if ready["sip"]:
        _print(f"SIP phones call {ready['sip'].replace('sip:', 'sip:<context>@', 1)}")
    if ready["ca_file"]:
        _print(f"Clients are to trust {ready['ca_file']} (SIGNALWIRE_RELAY_CA_FILE)")
    if ready.get("token"):
        _print(f"Clients sign in with any project and the token {ready['token']} (SIGNALWIRE_API_TOKEN)")
    if ready.get("http"):
        token = f"#token={ready['http_token']}" if ready.get("http_token") else ""
        _print(f"The page and the control API are at {ready['http']}/{token}")
    for name, value in ready.get("environment", {}).items():
        _print(f"export {name}={shlex.quote(value)}")
    if ready.get("environment") and not ready["ca_file"]:
        _print("# SignalWire's own clients need TLS: --tls-dir DIR")
    if ready.get("acted"):
        _print(f"# Acted by scripts only: {', '.join(ready['acted'])}")


def _show(line: str) -> None:
    """Print a line with text from outside, without secrets and control characters."""
    _print(printable(without_url_secrets(line)))


def _print(line: str) -> None:
    """Print a line; when the reader has closed the pipe, end the process with SIGTERM and without an error."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)
