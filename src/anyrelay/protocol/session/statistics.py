"""The counts of a session."""

from __future__ import annotations

from attrs import define

__all__ = ["Statistics"]


@define
class Statistics:
    """Counts since the client was made; no count ever falls."""

    frames_received: int = 0
    """Messages from the server."""
    frames_sent: int = 0
    """Messages to the server."""
    broken_messages: int = 0
    """Messages that could not be read and were ignored."""
    unknown_answers: int = 0
    """Answers to no command of ours, or to one that was answered before."""
    unknown_requests: int = 0
    """Requests of the server's with a method that is not known."""
    events: int = 0
    """Events handled."""
    duplicate_events: int = 0
    """Events that came again and were ignored."""
    unknown_events: int = 0
    """Events of a type that has no class of its own; they are passed on all the same."""
    stray_events: int = 0
    """Events of calls that this session does not know."""
    dropped_events: int = 0
    """Events and messages that a handler did not get, because 10,000 others waited for it."""
    connections: int = 0
    """Times signed in."""
    connections_lost: int = 0
    """Connections that were signed in and dropped."""
    sessions_resumed: int = 0
    """Sessions that lived on over a new connection."""
    sessions_lost: int = 0
    """Sessions that did not."""
    calls: int = 0
    """Calls this client had."""
    calls_passed: int = 0
    """Offers given back to routing."""
    handler_errors: int = 0
    """Handlers that raised."""
