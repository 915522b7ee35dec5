"""``anyrelay serve --trace``: the server's RELAY messages are recorded in a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyrelay.cli.ending import WRONG_USE, complain
from anyrelay.frontend.trace import TraceWriter

if TYPE_CHECKING:
    from anyrelay.local.server.observers import Frame

__all__ = ["recording"]


def recording(path: str | None, serve: Callable[..., int], **options: Any) -> int:
    """Run a server, and record its messages unless `path` is None.

    Args:
        path: The trace to write.
        serve: Runs the server; takes ``on_frame``, which is called with each message.
        options: The other arguments of `serve`.

    Returns:
        The exit status: that of `serve`, or 2 when the file cannot be created.
    """
    if path is None:
        return serve(**options)
    try:
        writer = TraceWriter(path)
    except OSError as error:
        complain(f"--trace {path} cannot be created: {error.strerror}")
        return WRONG_USE

    def record(frame: Frame) -> None:
        writer.write(frame.time, frame.client, from_client=frame.direction == "rx", text=frame.text)

    with writer:
        return serve(on_frame=record, **options)
