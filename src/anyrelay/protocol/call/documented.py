"""Complete the docstrings of public methods of a call and of a client: decorators add the common arguments and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

__all__ = ["client_command_doc", "command_doc", "command_doc_without", "wait_doc"]

F = TypeVar("F", bound=Callable[..., Any])

_COMMAND_ARGS: Final = {
    "now": "The time, in seconds.",
    "queue_name": "The queue's name.",
    "url": "The URL of the audio file.",
    "language": "The language, such as en-US.",
    "gender": "male or female.",
    "voice": "The name of a voice.",
    "volume": "The volume, from -40 to 40 dB.",
    "control_id": "The operation's identifier; a new one when None.",
    "on_completed": "Called with the final event, once.",
    "status_url": "The URL to which the server also POSTs the events.",
    "extra": "Further parameters, sent as given.",
}
_COMMAND_ERRORS: Final = {
    "ValueError": "A parameter is not allowed; the error names the parameter, its value and its range.",
    "TypeError": "A parameter has a wrong type.",
    "CallGone": "The call does not exist any more.",
    "RelayError": "The server refused.",
    "RequestTimeout": "The reply did not come within `request_timeout`.",
    "ConnectionLost": "The connection dropped while the command was under way.",
}
_WAIT_ARGS: Final = {
    "now": "The time, in seconds.",
    "timeout": "How long to wait, in seconds; None waits as long as it takes.",
}
_WAIT_ERRORS: Final = {
    "TimeoutError": "`timeout` is over.",
    "ConnectionLost": "The session could not be resumed.",
}


def command_doc(method: F) -> F:
    """Complete the docstring of a method that sends a command: the common arguments, the result, and the errors."""
    return _complete(method, _COMMAND_ARGS, _result_of(method), _COMMAND_ERRORS)


def command_doc_without(error: str) -> Callable[[F], F]:
    """Return a decorator like `command_doc`, for methods that do not raise one of the common errors."""
    errors = {name: words for name, words in _COMMAND_ERRORS.items() if name != error}
    return lambda method: _complete(method, _COMMAND_ARGS, _result_of(method), errors)


client_command_doc = command_doc_without("CallGone")
"""Completes the docstring of a client's method that sends a command, as `command_doc` does, without the error of a call."""


def wait_doc(method: F) -> F:
    """Complete the docstring of a method that waits for an event: its arguments, the event, and the errors."""
    return _complete(method, _WAIT_ARGS, "The `CallStateEvent` of that state.", _WAIT_ERRORS)


def _result_of(method: Callable[..., Any]) -> str:
    """Return the words for the result: those of the operation in an annotation ``Promise[PlayMachine]``, else the reply."""
    name = method.__annotations__["return"].removeprefix("Promise[").removesuffix("]")
    return getattr(method.__globals__.get(name), "STARTED", "The server's reply.")


def _complete(method: F, arguments: Mapping[str, str], returns: str, errors: Mapping[str, str]) -> F:
    summary, own = _read(method.__doc__ or "")
    taken = method.__code__.co_varnames
    common = {name: words for name, words in arguments.items() if name in taken}
    sections = {
        "Args": _listed(own.get("Args", ""), common),
        "Returns": own.get("Returns", f"    {returns}"),
        "Raises": _listed(own.get("Raises", ""), errors),
    }
    method.__doc__ = "\n\n".join([summary, *(f"{title}:\n{text}" for title, text in sections.items())]) + "\n"
    return method


def _read(doc: str) -> tuple[str, dict[str, str]]:
    """Split a docstring: the text before its sections, and each section by its title."""
    first, *lines = doc.rstrip().splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)  # none from Python 3.13 on
    text = "\n".join([first, *(line[margin:] for line in lines)])
    summary, *parts = re.split(r"\n\n(Args|Returns|Raises):\n", text)
    return summary, dict(zip(parts[::2], parts[1::2], strict=True))


def _listed(own: str, common: Mapping[str, str]) -> str:
    """Return the lines of a section: the lines of the docstring itself, then the common lines that it does not name."""
    named = re.findall(r"^ {4}(\w+):", own, re.MULTILINE)
    more = [f"    {name}: {words}" for name, words in common.items() if name not in named]
    return "\n".join([own, *more] if own else more)
