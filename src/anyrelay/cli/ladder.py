"""The ladder: a line for each SIP and RELAY message, from its sender to its receiver, drawn as it happens."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
import time
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from anyrelay.cli.ending import mute
from anyrelay.local.logs import printable
from anyrelay.testing.ladder import Labels, arrow

__all__ = ["Ladder"]

LANES: Final = ("target", "caller", "RELAY server", "your application")
"""The parties, from left to right."""

TARGET, CALLER, SERVER, APPLICATION = range(4)

_WIDTHS: Final = (22, 30)
"""The fewest and the most characters between two lanes."""

_MARGIN: Final = 9
"""Characters before the first lane, for the time."""

_DELAY: Final = 0.15
"""The time that a line waits for earlier lines, in seconds."""


class Ladder:
    """Draws messages between lanes, in the order of their times; safe to use from several threads.

    Several processes report messages. Each line therefore waits a moment for earlier lines. Use the ladder as a context
    manager: leaving the block draws the lines that wait.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.time()
        self._labels = Labels()
        self._lines: queue.SimpleQueue[tuple[float, int, Text] | None] = queue.SimpleQueue()
        self._count = itertools.count()
        self._printer = threading.Thread(target=self._print_in_order, daemon=True)
        # In a pipe or a file, lines may be long.
        width = (console.width - _MARGIN) // len(LANES) if console.is_terminal else _WIDTHS[1]
        self._width = min(max(width, _WIDTHS[0]), _WIDTHS[1])

    def __enter__(self) -> Ladder:
        self._printer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.put(None)
        self._printer.join()

    def head(self) -> None:
        """Draw the names of the lanes."""
        line = Text(" " * _MARGIN)
        for name in LANES:
            line.append(name.center(self._width), style="bold")
        self._put(time.time(), line)

    def say(self, words: str, *, style: str = "dim") -> None:
        """Write a remark between the messages."""
        self._put(time.time(), Text(" " * _MARGIN + words, style=style))

    def _put(self, when: float, line: Text) -> None:
        self._lines.put((when, next(self._count), line))

    def _print_in_order(self) -> None:
        waiting: list[tuple[float, int, Text]] = []
        over = False
        while waiting or not over:
            timeout = max(0.0, waiting[0][0] + _DELAY - time.time()) if waiting else None
            with contextlib.suppress(queue.Empty):
                while not over:
                    entry = self._lines.get(timeout=timeout)
                    over = entry is None
                    if entry is not None:
                        heapq.heappush(waiting, entry)
                        timeout = max(0.0, waiting[0][0] + _DELAY - time.time())
            while waiting and (over or waiting[0][0] + _DELAY <= time.time()):
                line = heapq.heappop(waiting)[2]
                try:
                    self._console.print(line, soft_wrap=not self._console.is_terminal, no_wrap=True, highlight=False)
                except (BrokenPipeError, SystemExit):  # rich turns the first into the second: standard output is closed
                    mute()

    def sip(self, when: float, source: int, target: int, message: str) -> None:
        """Draw a SIP message from its whole text."""
        first, _, rest = message.partition("\r\n")
        if first.startswith("SIP/2.0 "):
            code = first[8:11]
            label, style = first[8:], "green" if code.startswith("2") else "yellow" if code.startswith("1") else "red"
            label += f" ({_method_of(rest)})"
        else:
            label, style = first.split(" ")[0], "cyan"
        if status := _sipfrag(rest):
            label += f" “{status}”"
        self._draw(when, source, target, printable(label), style)

    def relay(self, when: float, message: dict[str, Any], *, from_client: bool) -> None:
        """Draw a RELAY message; leave out acknowledgements of events, which would outnumber the rest."""
        label, _ = self._labels.of(message, from_client=from_client)
        if label:
            ends = (APPLICATION, SERVER) if from_client else (SERVER, APPLICATION)
            self._draw(when, *ends, label, "magenta" if from_client else "blue")

    def phone(self, when: float, words: str) -> None:
        """Draw a remark on a simulated phone."""
        line = Text(f"{max(0.0, when - self._start):7.3f}  ", style="dim")
        line.append(f"{' ' * (self._width // 2)}· {words}", style="cyan")
        self._put(when, line)

    def _draw(self, when: float, source: int, target: int, label: str, style: str) -> None:
        line = Text(f"{max(0.0, when - self._start):7.3f}  ", style="dim")
        left, right = sorted((source, target))
        line.append(self._rungs(left), style="dim")
        span = (right - left) * self._width - 1
        line.append(arrow(label, span, to_right=target > source), style=style)
        line.append("│" + self._lanes_after(right), style="dim")
        self._put(when, line)

    def _rungs(self, upto: int) -> str:
        """Return the lanes up to and including a lane."""
        return " " * (self._width // 2) + "│" + (" " * (self._width - 1) + "│") * upto

    def _lanes_after(self, lane: int) -> str:
        return (" " * (self._width - 1) + "│") * (len(LANES) - 1 - lane)


def _method_of(headers: str) -> str:
    """Return the method of a response's request, from the CSeq header."""
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
