"""``anyrelay trace``: draw the ladder of a recorded trace, or of a running server; save the SIP of a call as a pcap file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from anyrelay.cli.drive.control_api import ApiError, ControlApi, FrameSnapshot, NoServer
from anyrelay.cli.ending import DONE, WRONG_USE, complain, mute
from anyrelay.frontend.trace import TraceError, TraceFrame, frame_of, of_call, read_trace
from anyrelay.testing.ladder import draw, rungs_of

__all__ = ["run_trace"]


_CLIENT = re.compile(r"client ([0-9]+)")
"""The name of a client in the control API."""


def run_trace(source: str, *, call: str | None, form: str, output: str | None) -> int:
    """Draw a trace, or save the SIP messages of a call.

    Args:
        source: The trace, ``*.relay.jsonl``, or the URL of a server's control API.
        call: The call_id of the call to draw, or its beginning; every message when None.
        form: A format of `anyrelay.testing.ladder.FORMATS`, or ``pcap``.
        output: The file to write; standard output when None.

    Returns:
        The exit status: 0, or 2 when the source is no trace, has no such call, or cannot be read, or the output cannot be
        written.
    """
    try:
        content = _capture(source, call) if form == "pcap" else _drawing(source, call, form)
        if output is None:
            click.echo(content, nl=False)
        else:
            Path(output).write_bytes(content if isinstance(content, bytes) else content.encode())
    except (ValueError, NoServer, ApiError) as error:
        complain(error)
        return WRONG_USE
    except BrokenPipeError:  # the reader of standard output has seen enough
        mute()
    except OSError as error:
        complain(f"{error.filename or output or 'standard output'} cannot be used: {error.strerror}")
        return WRONG_USE
    return DONE


def _capture(source: str, call: str | None) -> bytes:
    """Return the SIP messages of a call that a running server still has, as a pcap file.

    Raises:
        ValueError: The source is no URL, the call is not named, or there is no such call.
        NoServer: No control API replies there.
        ApiError: The call has no SIP messages, or the server wants another token.
    """
    if not _is_url(source):
        raise ValueError(f"--format pcap needs the URL of a server: {source} has no SIP messages")
    if call is None:
        raise ValueError("--format pcap needs --call")
    api = ControlApi(source)
    return api.capture(api.find_call(call))


def _drawing(source: str, call: str | None, form: str) -> str:
    """Return the ladder of a trace, or of a running server; see `run_trace`."""
    frames = list(_frames_of_server(source)) if _is_url(source) else read_trace(source)
    if call is not None:
        frames = _frames_of_call(call, frames, source)
    rungs = rungs_of(frames)
    return draw(rungs, form) + ("\nno messages\n" if form == "text" and not rungs else "\n")


def _is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _frames_of_server(url: str) -> Iterator[TraceFrame]:
    """Return the RELAY messages that a running server still has, oldest first.

    Raises:
        ValueError: The URL is not ``http://HOST:PORT``.
        NoServer: No control API replies there.
        ApiError: The server wants another token.
    """
    for seen in ControlApi(url).relay_messages():
        frame = _frame_of_message(seen)
        if frame is not None:
            yield frame


def _frame_of_message(seen: FrameSnapshot) -> TraceFrame | None:
    sender, receiver = _CLIENT.match(seen["from"]), _CLIENT.match(seen["to"])
    client = sender or receiver
    return client and frame_of(seen["time"], int(client[1]), from_client=sender is not None, text=seen["text"])


def _frames_of_call(call: str, frames: list[TraceFrame], source: str) -> list[TraceFrame]:
    """Return the frames of a call.

    Raises:
        TraceError: There is no such call; the message lists the calls of the trace.
    """
    kept = of_call(frames, call)
    if not kept:
        known = sorted({call_id for frame in frames for call_id in frame.call_ids()})
        raise TraceError(f"--call {call}: {source} has no such call; its calls are {', '.join(known) or 'none'}")
    return kept
