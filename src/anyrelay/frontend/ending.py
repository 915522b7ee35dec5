"""What is left to do when a session is not driven any more, in either front end."""

from __future__ import annotations

from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.session.outputs import Output, RunHandler
from anyrelay.protocol.session.session import Session

__all__ = ["abandon", "drop", "empty"]


def abandon(session: Session, error: Exception, now: float) -> None:
    """Close a session at once, without I/O: whoever waits is told. One that is closed already is left alone.

    Args:
        session: The session; it can be connected again.
        error: Why nobody drives it any more.
        now: The time, in seconds.
    """
    session.disconnect(now)
    session.transport_failed(error, now)
    while session.outputs:
        drop(session, session.outputs.popleft(), now)


def drop(session: Session, output: Output, now: float) -> None:
    """Leave undone what a session asked for."""
    match output:
        case HandlerQueue():
            empty(output)
        case RunHandler(call):
            session.handler_finished(call, None, now)


def empty(handler_queue: HandlerQueue) -> None:
    """Take everything out of a handler queue that nobody attends to any more, so that the next delivery asks for attention."""
    while handler_queue.take() is not None:
        pass
