"""Print the output of the commands, as lines for people or as one JSON object a line, and return their exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anyrelay.cli.drive.control_api import ApiError, ControlApi, NoServer
from anyrelay.cli.drive.event_stream import StreamEnded
from anyrelay.cli.ending import FAILED, WRONG_USE, complain, say

if TYPE_CHECKING:
    from anyrelay.cli.drive.happenings import Happening
    from anyrelay.cli.drive.script import Statement

__all__ = ["Output", "with_server"]


class Output:
    """Prints results, for people or as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        """Whether each line is a JSON object."""

    def result(self, line: str, described: Mapping[str, Any]) -> bool:
        """Print a line or the JSON object for it; return False when standard output is closed."""
        return say(json.dumps(described) if self.as_json else line)

    def words(self, line: str) -> None:
        """Print a line that is for people alone; print nothing as JSON."""
        if not self.as_json:
            say(line)

    def happening(self, happening: Happening) -> None:
        """Print what has happened on a call."""
        self.result(happening.line(), happening.to_json())

    def statement(self, statement: Statement) -> None:
        """Print the statement of a script that is followed next."""
        self.result(f"> {statement.source}", {"event": "statement", "line": statement.line, "text": statement.source})


def with_server(url: str, run: Callable[[ControlApi], int]) -> int:
    """Run a command with the control API at a URL, and return its exit status.

    An error is printed on standard error. The status is then 1, or 2 when an argument is wrong.
    """
    try:
        return run(ControlApi(url))
    except ValueError as error:
        complain(error)
        return WRONG_USE
    except ApiError as error:
        complain(error)
        return WRONG_USE if error.is_about_arguments else FAILED
    except (NoServer, StreamEnded) as error:
        complain(error)
        return FAILED
