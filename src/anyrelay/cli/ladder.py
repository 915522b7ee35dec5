"""The ladder: who sent what to whom, drawn as it happens, one line a message."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Final

from rich.console import Console
from rich.text import Text

__all__ = ["Ladder"]

LANES: Final = ("target", "caller", "RELAY server", "your application")
"""Who takes part, from left to right."""

TARGET, CALLER, SERVER, APPLICATION = range(4)

_WIDTH: Final = 27
"""Characters from one lane to the next."""

_QUIET: Final = frozenset({"signalwire.ping"})


class Ladder:
    """Draws messages between lanes; safe to use from several threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._start = time.time()
        self._labels: dict[str, str] = {}

    def head(self) -> None:
        """Draw the names of the lanes."""
        line = Text(" " * 9)
        for name in LANES:
            line.append(name.center(_WIDTH), style="bold")
        self._print(line)

    def say(self, words: str, *, style: str = "dim") -> None:
        """Write a remark between the messages."""
        self._print(Text(" " * 9 + words, style=style))

    def sip(self, when: float, source: int, target: int, message: str) -> None:
        """Draw a SIP message by its whole text."""
        first, _, rest = message.partition("\r\n")
        if first.startswith("SIP/2.0 "):
            code = first[8:11]
            label, style = first[8:], "green" if code.startswith("2") else "yellow" if code.startswith("1") else "red"
            label += f" ({_method_of(rest)})"
        else:
            label, style = first.split(" ")[0], "cyan"
        if status := _sipfrag(rest):
            label += f" “{status}”"
        self._draw(when, source, target, label, style)

    def relay(self, when: float, *, from_client: bool, text: str) -> None:
        """Draw a RELAY message by its JSON text; acknowledgements of events are left out, as they would drown the rest."""
        try:
            frame = json.loads(text)
        except ValueError:
            return
        label = self._relay_label(frame)
        if label:
            ends = (APPLICATION, SERVER) if from_client else (SERVER, APPLICATION)
            self._draw(when, *ends, label, "magenta" if from_client else "blue")

    def _relay_label(self, frame: dict[str, Any]) -> str:
        method = frame.get("method")
        if method in _QUIET:
            return ""
        if method == "signalwire.event":
            params = frame.get("params", {})
            inner = params.get("params", {})
            name = str(params.get("event_type", "")).removeprefix("calling.")
            word = inner.get("call_state") if name in ("call.state", "call.receive") else inner.get("state")
            code = inner.get("sip_notify_response_code") or inner.get("sip_refer_response_code")
            return " ".join(str(part) for part in (name, word, code) if part)
        if method is not None:
            self._labels[str(frame.get("id"))] = method
            return str(method)
        asked = self._labels.pop(str(frame.get("id")), "")
        if not asked:
            return ""
        if "error" in frame:
            return f"{frame['error'].get('code')} {frame['error'].get('message')}"
        result = frame.get("result", {})
        return f"{result.get('code', '200')} {result.get('message', asked)}"

    def phone(self, when: float, words: str) -> None:
        """Draw what a simulated phone did, in the caller's lane."""
        self._draw(when, CALLER, CALLER, words, "cyan")

    def _draw(self, when: float, source: int, target: int, label: str, style: str) -> None:
        line = Text(f"{max(0.0, when - self._start):7.3f}  ", style="dim")
        left, right = sorted((source, target))
        middle = _WIDTH // 2
        line.append(_rungs(left, middle), style="dim")
        if left == right:
            line.append(f" {label}", style=style)
        else:
            span = (right - left) * _WIDTH - 1
            line.append(_arrow(label, span, to_right=target > source), style=style)
            line.append("│" + _tail(right, middle), style="dim")
        self._print(line)

    def _print(self, line: Text) -> None:
        with self._lock:
            self._console.print(line, soft_wrap=True, highlight=False)


def _rungs(upto: int, middle: int) -> str:
    """Return the lanes up to and including one, as far as its own line."""
    return " " * middle + "│" + (" " * (_WIDTH - 1) + "│") * upto


def _tail(after: int, middle: int) -> str:
    return (" " * (_WIDTH - 1) + "│") * (len(LANES) - 1 - after)


def _arrow(label: str, span: int, *, to_right: bool) -> str:
    """Return an arrow of `span` characters with its label on it."""
    room = span - 4
    label = label if len(label) <= room else label[: room - 1] + "…"
    shaft = f" {label} ".center(span - 1, "─")
    return shaft + "▶" if to_right else "◀" + shaft


def _method_of(headers: str) -> str:
    """Return the method that a response answers, from its CSeq."""
    for line in headers.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "cseq":
            return value.split()[-1]
    return "?"


def _sipfrag(rest: str) -> str:
    """Return the status line in the body of a NOTIFY, "" when there is none (RFC 3420)."""
    _, _, body = rest.partition("\r\n\r\n")
    body = body.strip()
    return body.split("\r\n")[0].removeprefix("SIP/2.0 ") if body.startswith("SIP/2.0 ") else ""
