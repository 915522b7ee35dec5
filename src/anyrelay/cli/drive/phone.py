"""``anyrelay phone``: a phone of text. The application's speech comes as lines; keys are typed, or a script presses them."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

from anyrelay.cli.drive.control_api import ApiError
from anyrelay.cli.drive.phone_call import PhoneCall, phone_call
from anyrelay.cli.drive.script import ScriptError, Statement, read_keys, read_script
from anyrelay.cli.ending import DONE, FAILED, complain, terminable

if TYPE_CHECKING:
    from anyrelay.cli.drive.control_api import ControlApi
    from anyrelay.cli.drive.output import Output

__all__ = ["ScriptFailed", "run_phone", "run_script"]

CHUNK: Final = 4_096
"""The most bytes of typed lines that are read at once."""

ANSWER_TIME: Final = 10.0
"""Seconds for which keys that were typed wait for the application to answer."""

STANDARD_INPUT: Final = 0


class ScriptFailed(Exception):
    """Something else happened than a script expects."""

    def __init__(self, statement: Statement, words: str) -> None:
        """Hold the statement that failed, and what came instead."""
        super().__init__(f"line {statement.line}: {statement.source}: {words}")


def run_phone(
    api: ControlApi, context: str, output: Output, *, from_uri: str | None, script: str | None, timeout: float
) -> int:
    """Call a context, and let a person or a script use the phone.

    Args:
        api: The server.
        context: The context, or the SIP URI, that is called.
        output: Prints the lines.
        from_uri: The caller; None for the server's default caller.
        script: The script, or ``@`` and the name of its file; None for keys that are typed.
        timeout: The longest wait of one statement, in seconds.

    Returns:
        The exit status: 0 when every statement came true, or without a script when the call was answered; else 1.

    Raises:
        ScriptError: The script cannot be read.
    """
    statements = None if script is None else read_script(_text_of(script))
    with terminable(), phone_call(api, context, output.happening, from_uri=from_uri) as call:
        if statements is None:
            _use_keyboard(call)
            return DONE if call.answered else FAILED
        try:
            run_script(call, statements, output, timeout=timeout)
        except ScriptFailed as error:
            complain(error)
            return FAILED
        return DONE


def run_script(call: PhoneCall, statements: list[Statement], output: Output, *, timeout: float) -> None:
    """Follow a script on a call.

    Args:
        call: The call.
        statements: The statements, in order.
        output: Prints each statement before it is followed.
        timeout: The longest wait of one statement, in seconds.

    Raises:
        ScriptFailed: Something else happened than a statement expects.
    """
    for statement in statements:
        output.statement(statement)
        limit = timeout if statement.within is None else statement.within
        if statement.expectation is None:
            call.wait_answered(limit)
            if call.ended or not call.answered:
                raise ScriptFailed(statement, _silence(call, limit))
            try:
                call.act(statement)
            except ApiError as error:
                raise ScriptFailed(statement, str(error)) from None
        else:
            _meet(call, statement, limit)


def _meet(call: PhoneCall, statement: Statement, limit: float) -> None:
    """Wait until the expectation of a statement is met."""
    assert statement.expectation is not None
    deadline = time.monotonic() + limit
    while True:
        while call.news:
            happening = call.news.popleft()
            if statement.expectation.fits(happening):
                return
            if not statement.passes_over(happening):
                raise ScriptFailed(statement, f"instead came: {' '.join(happening.line().split())}")
        left = deadline - time.monotonic()
        if call.ended or left <= 0:
            raise ScriptFailed(statement, _silence(call, limit))
        call.receive(left)


def _silence(call: PhoneCall, limit: float) -> str:
    """Return why no more happenings of a call come."""
    if call.ended:
        return f"the call has ended ({call.last['end_reason']})"
    if not call.answered:
        return f"the application did not answer within {limit:g} s"
    spoken = call.last["spoken"]
    return f"nothing more came within {limit:g} s; the last text was {(spoken[-1] if spoken else '')!r}"


def _use_keyboard(call: PhoneCall) -> None:
    """Press what is typed, until the call ends. Ctrl-D hangs up; the end of a file or a pipe means no more keys."""
    typed, descriptors = b"", [] if sys.stdin is None else [STANDARD_INPUT]
    while not call.ended:
        if not call.receive(None, *descriptors):
            continue
        data = os.read(STANDARD_INPUT, CHUNK)
        *lines, typed = (typed + data).split(b"\n")
        for line in lines if data else [*lines, typed]:
            _type(call, line.decode(errors="replace"))
        if not data:
            if os.isatty(STANDARD_INPUT):
                return
            descriptors = []


def _type(call: PhoneCall, line: str) -> None:
    """Do what one typed line says."""
    if not line.strip() or call.ended:
        return
    try:
        statement = read_keys(line)
    except ScriptError as error:
        complain(error)
        return
    call.wait_answered(ANSWER_TIME)
    try:
        call.act(statement)
    except ApiError as error:  # the call has just ended, most likely: the event is on its way
        complain(error)


def _text_of(script: str) -> str:
    """Return the text of a script, or of the file that it names.

    Raises:
        ScriptError: The file cannot be read.
    """
    if not script.startswith("@"):
        return script
    try:
        with open(script[1:], encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"--script {script} cannot be read: {getattr(error, 'strerror', None) or error}") from None
