"""The refusal of a command, with the code and the words of its reply."""

from __future__ import annotations

from typing import Any

__all__ = ["CommandRefused"]


class CommandRefused(Exception):
    """A command is answered with this code instead of 200."""

    def __init__(self, code: int, message: str) -> None:
        """Refuse with a code of RELAY facts, section 1, and the reason in words."""
        super().__init__(message)
        self.code = code
        self.message = message

    def result(self) -> dict[str, Any]:
        """Return the result that the client gets."""
        return {"code": str(self.code), "message": self.message}
