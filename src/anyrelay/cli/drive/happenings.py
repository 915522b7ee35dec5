"""The happenings on a call, read from the snapshots of the control API: texts, digits, transfers, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from anyrelay.cli.drive.control_api import CallSnapshot, ReferSnapshot

__all__ = ["Happening", "Happenings"]


@frozen
class Happening:
    """A happening on a call."""

    kind: str
    """``says``, ``digits`` or ``refer``, which the application does; ``answered``, ``transfer`` or ``ended``, which follow."""
    text: str = ""
    """The text, the digits, the target, the state of the transfer, or why the call ended."""

    def line(self) -> str:
        """Return the happening as a line for people."""
        return f"{self.kind:<9}{self.text}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return the happening for JSON."""
        return {"event": self.kind, "text": self.text}


class Happenings:
    """Compares each snapshot of a call with those before, which may come late or twice."""

    def __init__(self, call: CallSnapshot) -> None:
        """Start with the snapshot of the call when it was placed."""
        self.last = call
        """The latest snapshot."""
        self.answered = False
        """Whether the call was answered."""
        self.ended = False
        """Whether the call is over."""
        self._spoken = 0
        self._digits = 0
        self._refers: list[ReferSnapshot] = []

    def take(self, call: CallSnapshot) -> list[Happening]:
        """Return what has happened since the snapshots before this one, in order."""
        news: list[Happening] = []
        if call["answered_at"] is not None and not self.answered:
            self.answered = True
            news.append(Happening("answered"))
        news += [Happening("says", text) for text in call["spoken"][self._spoken :]]
        self._spoken = max(self._spoken, len(call["spoken"]))
        if digits := call["digits_sent"][self._digits :]:
            self._digits += len(digits)
            news.append(Happening("digits", digits))
        news += self._transfers(call["refers"])
        if call["state"] == "ended" and not self.ended:
            self.ended = True
            news.append(Happening("ended", call["end_reason"] or ""))
        if news:
            self.last = call
        return news

    def _transfers(self, refers: list[ReferSnapshot]) -> list[Happening]:
        news = []
        for index, refer in enumerate(refers):
            if index >= len(self._refers):
                news.append(Happening("refer", refer["to"]))
                before = None
            else:
                before = self._refers[index]
            if before != refer and refer["status"]:
                code = f" {refer['notify_code']}" if refer["notify_code"] else ""
                news.append(Happening("transfer", f"{refer['status']}{code}"))
        if len(refers) >= len(self._refers):
            self._refers = refers
        return news
