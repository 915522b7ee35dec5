"""The commands that a cassette expects of a client, and the server's messages between them. No socket and no clock.

A command of the client may come in another order than in the recording, as long as the server had said the same before.
Identifiers that a client makes up, and telephone numbers, may differ: the same one for the same one everywhere.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from attrs import define

from anyrelay.frontend.trace import TraceFrame

__all__ = ["CassetteScript"]

STRUCK_OUT: Final = "***"
"""The value that stands for a secret in a trace, and equals every value."""

_MADE_UP: Final = frozenset({"control_id", "tag"})
_LEFT_OUT: Final = frozenset(
    {"version", "agent", "event_acks", "authentication", "protocol", "authorization_state", "timestamp", "payload"}
)
"""The parameters of commands of a session that are not compared."""

_PSEUDONYM: Final = re.compile(r"(\+1555[0-9]{7})")
_NUMBER: Final = r"(\+?[0-9][0-9 ().-]*)"


@define(eq=False)
class _Expected:
    """A recorded command."""

    frame: TraceFrame
    """The command."""
    done: bool = False
    """Whether the client has sent the command."""


class CassetteScript:
    """A recording, as far as it was played."""

    difference: str
    """How the client's first command that was not recorded differs; "" while there is none."""

    def __init__(self, frames: Sequence[TraceFrame]) -> None:
        """Begin with the first frame of a recording."""
        self.difference = ""
        self._names: dict[str, str] = {}
        self._ids: dict[str, str | int] = {}
        self._steps: list[TraceFrame | _Expected] = [
            _Expected(frame) if frame.from_client else frame
            for frame in frames
            if (frame.method or not frame.from_client) and frame.method != "signalwire.ping"
        ]
        self._position = 0

    @property
    def missing(self) -> list[str]:
        """The methods of the recorded commands that the client has not sent."""
        return [each.frame.method for each in self._steps if isinstance(each, _Expected) and not each.done]

    @property
    def connection(self) -> int:
        """The number of the recorded connection that is played; 0 when nothing is left."""
        if self._position == len(self._steps):
            return 0
        step = self._steps[self._position]
        return step.frame.connection if isinstance(step, _Expected) else step.connection

    def receive(self, id_: str | int, method: str, params: dict[str, Any]) -> bool:
        """Take a command of the client; return whether it was recorded. If not, `difference` says how it differs."""
        open_commands = [each for each in self._open_commands() if not each.done]
        for expected in open_commands:
            names = dict(self._names)
            recorded = expected.frame
            if recorded.method == method and _matches(recorded.params, params, names):
                self._names = names
                self._ids[str(recorded.message.get("id"))] = id_
                expected.done = True
                return True
        if not self.difference:
            self.difference = self._describe(open_commands[0].frame if open_commands else None, method, params)
        return False

    def due(self) -> Iterator[TraceFrame]:
        """Yield the server's messages up to the next command that the client has to send, in the client's names."""
        connection = self.connection
        while self._position < len(self._steps) and self.connection == connection:
            step = self._steps[self._position]
            if isinstance(step, _Expected):
                if not step.done:
                    return
                self._position += 1
                continue
            self._position += 1
            message = self._in_clients_names(step.message)
            if not step.method:
                id_ = self._ids.pop(str(step.message.get("id")), None)
                if id_ is None:  # the reply to a ping
                    continue
                message["id"] = id_
            yield TraceFrame(step.time, step.connection, False, message)

    def _open_commands(self) -> Iterator[_Expected]:
        """Yield the commands that may come now: up to the first message of the server after a missing command."""
        missing = False
        for step in self._steps[self._position :]:
            if isinstance(step, _Expected):
                missing = missing or not step.done
                yield step
            elif missing:
                return

    def _in_clients_names(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._in_clients_names(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._in_clients_names(each) for each in value]
        if isinstance(value, str):
            renamed = self._names.get(value)
            return renamed or _PSEUDONYM.sub(lambda found: self._names.get(found[0], found[0]), value)
        return value

    def _describe(self, recorded: TraceFrame | None, method: str, params: dict[str, Any]) -> str:
        sent = _pretty(method, params)
        if recorded is None:
            return f"the recording has no further command, and the client sent:\n{sent}"
        expected = _pretty(recorded.method, self._in_clients_names(recorded.params))
        lines = difflib.unified_diff(expected.splitlines(), sent.splitlines(), "recorded", "sent", lineterm="", n=30)
        return "\n".join(lines)


def _pretty(method: str, params: dict[str, Any]) -> str:
    return f"{method} " + json.dumps(params, indent=2, sort_keys=True, ensure_ascii=False)


def _matches(recorded: Any, sent: Any, names: dict[str, str], key: str = "") -> bool:
    """Whether a value of the client fits the recorded one; `names` learns the identifiers and numbers of the client."""
    if recorded == STRUCK_OUT:
        return True
    if isinstance(recorded, dict) and isinstance(sent, dict):
        kept = [{name for name in each if name not in _LEFT_OUT} for each in (recorded, sent)]
        return kept[0] == kept[1] and all(_matches(recorded[name], sent[name], names, name) for name in kept[0])
    if isinstance(recorded, list) and isinstance(sent, list):
        return len(recorded) == len(sent) and all(
            _matches(one, other, names, key) for one, other in zip(recorded, sent, strict=True)
        )
    if isinstance(recorded, str) and isinstance(sent, str):
        if key in _MADE_UP:
            return names.setdefault(recorded, sent) == sent
        return recorded == sent or _same_text(recorded, sent, names)
    return bool(recorded == sent)


def _same_text(recorded: str, sent: str, names: dict[str, str]) -> bool:
    """Whether two texts are the same but for telephone numbers, which a trace replaces."""
    parts = _PSEUDONYM.split(recorded)
    pattern = "".join(_NUMBER if number % 2 else re.escape(part) for number, part in enumerate(parts))
    found = re.fullmatch(pattern, sent)
    if len(parts) == 1 or found is None:
        return False
    return all(names.setdefault(*pair) == pair[1] for pair in zip(parts[1::2], found.groups(), strict=True))
