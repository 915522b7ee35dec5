"""What a machine submits beside a command: its options, and an observer that is told what becomes of the command."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

from anyrelay.errors import RelayError

__all__ = ["NO_OBSERVER", "USUAL", "CommandObserver", "CommandOptions", "Reply"]

Reply = dict[str, Any]
"""The result of a command."""


class CommandObserver:
    """Is told what becomes of a command that a machine sent, whether or not the caller still waits."""

    @property
    def subject(self) -> object | None:
        """The operation or transfer that the command starts, and that goes on after the reply."""
        return None

    @property
    def is_under_way(self) -> bool:
        """Whether an event has shown that the server carries the command out, no matter what the reply says."""
        return False

    @property
    def is_told(self) -> bool:
        """Whether an event has told how the command ended; the caller then gets no error from the reply."""
        return False

    def sent(self, now: float) -> None:
        """The command was sent."""

    def accepted(self, reply: Reply, now: float) -> None:
        """The server accepted the command."""

    def rejected(self, error: RelayError) -> None:
        """The server refused the command, or the command was never sent: it has no effect."""

    def in_doubt(self, error: RelayError, now: float) -> None:
        """The server answered with an error after which the command may still have its effect (`rejections.py`).

        Unless a subclass does more, such an answer counts as no answer in time.
        """
        self.abandoned(error)

    def abandoned(self, error: RelayError | None) -> None:
        """The caller waits for the answer no more; the command may still have its effect.

        Args:
            error: The error that the caller gets (timeout, connection dropped, client closed); None when the caller went
                away.
        """


NO_OBSERVER: Final = CommandObserver()
"""The observer of a command that no machine follows."""


@frozen
class CommandOptions:
    """The options of a command that differ from those of most commands."""

    ok_codes: tuple[int, ...] = ()
    """Codes of an error that mean the same as success to the caller."""
    timeout: float | None = None
    """Seconds from now until the caller gets `RequestTimeout`; None for the client's `request_timeout`."""
    timeout_until_sent: bool = False
    """Whether the timeout ends once the command is sent, because the caller then waits for an event."""


USUAL: Final = CommandOptions()
"""The options of most commands."""
