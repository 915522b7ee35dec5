"""``anyrelay trace``: draw the ladder of a recorded trace."""

from __future__ import annotations

from pathlib import Path

import click

from anyrelay.cli.ending import DONE, WRONG_USE, complain
from anyrelay.testing.ladder import draw, rungs_of
from anyrelay.testing.trace import TraceError, TraceFrame, of_call, read_trace

__all__ = ["run_trace"]


def run_trace(file: str, *, call: str | None, form: str, output: str | None) -> int:
    """Draw a trace.

    Args:
        file: The trace, ``*.relay.jsonl``.
        call: The call_id of the call to draw, or its beginning; every message when None.
        form: A format of `anyrelay.testing.ladder.FORMATS`.
        output: The file to write; standard output when None.

    Returns:
        The exit status: 0, or 2 when the file is no trace, has no such call, or cannot be read or written.
    """
    try:
        frames = read_trace(file)
        if call is not None:
            frames = _frames_of(call, frames, file)
        drawing = draw(rungs_of(frames), form)
        if output is None:
            click.echo(drawing)
        else:
            Path(output).write_text(drawing + "\n", encoding="utf-8")
    except TraceError as error:
        complain(error)
        return WRONG_USE
    except OSError as error:
        complain(f"{error.filename} cannot be used: {error.strerror}")
        return WRONG_USE
    return DONE


def _frames_of(call: str, frames: list[TraceFrame], file: str) -> list[TraceFrame]:
    """Return the frames of a call.

    Raises:
        TraceError: There is no such call; the message lists the calls of the trace.
    """
    kept = of_call(frames, call)
    if not kept:
        known = sorted({call_id for frame in frames for call_id in frame.call_ids()})
        raise TraceError(f"--call {call}: {file} has no such call; its calls are {', '.join(known) or 'none'}")
    return kept
