"""Hang up calls that no handler holds (``calling.end``), again until the server has answered or the call is over.

A command that was lost with its connection may not have reached the server, and a server that is busy may have answered with
an error. Hanging up twice does no harm.
"""

from __future__ import annotations

import math
from typing import Final

from anyrelay.errors import ConnectionLost, LocalError, RelayError
from anyrelay.protocol.call.call import CallMachine, CallState
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.rejections import is_rejection
from anyrelay.protocol.rpc.submission import CommandOptions, Reply
from anyrelay.protocol.schema import End
from anyrelay.protocol.session.host import SessionHost
from anyrelay.protocol.session.outputs import LogEntry

__all__ = ["HANG_UPS", "HANG_UP_AGAIN", "HangUps"]

HANG_UP_AGAIN: Final = 5.0
"""The time until a call is hung up again, in seconds, after an error reply that does not say that the call is gone."""

HANG_UPS: Final = 5
"""How often a call is hung up at most while the server answers with such errors."""

_OPTIONS: Final = CommandOptions(ok_codes=(404, 410), timeout=math.inf)
"""Without a timeout the command waits until there is a connection."""


class HangUps:
    """The calls of one session that are being hung up."""

    def __init__(self, host: SessionHost) -> None:
        """Hang up calls of this session."""
        self._host = host

    def hang_up(self, call: CallMachine, now: float, reason: str, tries: int = HANG_UPS) -> None:
        """Hang up a call; when that is not possible, write a log record.

        Args:
            call: The call.
            now: The time, in seconds.
            reason: The end reason.
            tries: How often the server may answer with an error that does not say that the call is gone.
        """
        if call.state in (CallState.ENDING, CallState.ENDED):
            return
        try:
            reply: Promise[Reply] = call.send_command(now, End, reason=reason, options=_OPTIONS)
        except RelayError as error:
            self._host.log(LogEntry.WARNING, f"the call could not be hung up: {error}", call_id=call.call_id)
            return
        reply.on_ready(lambda: self._answered(call, reply, reason, tries - 1))

    def _hang_up_again(self, call: CallMachine, now: float, reason: str, tries: int) -> None:
        # A call that the session does not have any more has ended with its session.
        if self._host.calls.get(call.call_id) is call:
            self.hang_up(call, now, reason, tries)

    def _answered(self, call: CallMachine, reply: Promise[Reply], reason: str, tries: int) -> None:
        error, timers = reply.error, self._host.timers
        if isinstance(error, ConnectionLost):
            # The next turn has a `now`, and knows whether the session is over too.
            timers.soon(lambda now: self._hang_up_again(call, now, reason, tries + 1))
        elif (
            isinstance(error, RelayError) and not (isinstance(error, LocalError) or is_rejection(error.code)) and tries
        ):

            def wait(now: float) -> None:
                timers.at(now + HANG_UP_AGAIN, lambda at: self._hang_up_again(call, at, reason, tries))

            timers.soon(wait)
