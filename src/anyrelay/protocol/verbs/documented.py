"""What all verbs share in their documentation: common arguments, the reply, and the errors of every command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["verb"]

F = TypeVar("F", bound=Callable[..., Any])

_ERRORS: Final = """
            ValueError: A parameter is not allowed; the message names it, its value and its range.
            TypeError: A parameter has a wrong type.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way."""

_COMMON_ARGS: Final = {
    "now": "The time, in seconds.",
    "control_id": "The operation's identifier; one is made when None.",
    "on_completed": "Called with the final event, once.",
    "extra": "Further parameters, sent as given.",
    "status_url": "Where the server POSTs the events too.",
    "volume": "From -40 to 40 dB.",
}
"""What the arguments that many verbs share mean: a docstring names only those that are its own."""


def verb(method: F) -> F:
    """Complete a verb's docstring with what all verbs share: the common arguments, the reply, and the errors."""
    text = (method.__doc__ or "").rstrip()
    summary, _, rest = text.partition("\n\n        Args:\n")
    arguments, _, returns = rest.partition("\n\n        Returns:\n") if rest else ("", "", "")
    if not rest:
        summary, _, returns = text.partition("\n\n        Returns:\n")
    named = set(re.findall(r"^ {12}(\w+):", arguments, re.MULTILINE))
    common = [f"            {name}: {words}" for name, words in _COMMON_ARGS.items() if name not in named]
    taken = set(method.__code__.co_varnames)
    lines = [
        line for line in (arguments, *common) if line and (line is arguments or line.split(":")[0].strip() in taken)
    ]
    returns = returns or "            The server's reply."
    parts = [summary, "Args:\n" + "\n".join(lines), "Returns:\n" + returns, "Raises:" + _ERRORS]
    method.__doc__ = "\n\n        ".join(parts) + "\n        "
    return method
