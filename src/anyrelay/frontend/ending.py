"""Close a session that has no driver any more: its waiters get an error, its callbacks are dropped."""

from __future__ import annotations

from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.session.outputs import Output, RunHandler
from anyrelay.protocol.session.session import Session

__all__ = ["abandon", "drop", "empty"]


def abandon(session: Session, error: Exception, now: float) -> None:
    """Close a session at once, without I/O: every waiter gets an error. Nothing happens when the session is closed already.

    Args:
        session: The session; it can be connected again.
        error: The reason, such as that the event loop has ended.
        now: The time, in seconds.
    """
    session.disconnect(now)
    session.transport_failed(error, now)
    while session.outputs:
        drop(session, session.outputs.popleft(), now)


def drop(session: Session, output: Output, now: float) -> None:
    """Drop one output of a session, so that the session does not wait for its end."""
    match output:
        case HandlerQueue():
            empty(output)
        case RunHandler(call):
            session.handler_finished(call, None, now)


def empty(handler_queue: HandlerQueue) -> None:
    """Drop all callbacks of a handler queue; the next callback that comes schedules the queue again."""
    while handler_queue.take() is not None:
        pass
