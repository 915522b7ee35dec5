"""Answer a call, hang it up, or give an offered call back (``calling.answer``, ``calling.end``, ``calling.pass``)."""

from __future__ import annotations

from typing import Any, Final

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc, command_doc_without
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import CommandObserver, CommandOptions, Reply

__all__ = ["AnswerMethods"]

_GONE_IS_FINE: Final = CommandOptions(ok_codes=(404, 410))
"""The options of a command that has nothing more to do when the call is gone."""


class _PassObserver(CommandObserver):
    """Follows the ``calling.pass`` of a call: once the server accepts it, the call belongs to another client."""

    def __init__(self, call: AnswerMethods) -> None:
        self._call = call

    def accepted(self, reply: Reply, now: float) -> None:
        self._call.passed(now)


class AnswerMethods(CallMethods):
    """Answer a call, hang it up, or give an offered call back."""

    @command_doc
    def answer(
        self, now: float, /, *, codecs: list[str] | None = None, max_duration: float | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Answer an inbound call.

        Args:
            codecs: The codecs to offer, in order of preference; the server's choice when None.
            max_duration: How long the call may last, passed on as given: SignalWire's pages and sources disagree on seconds or
                minutes.
        """
        return self.send_command(now, schema.Answer, codecs=codecs, max_duration=max_duration, extra=extra)

    @command_doc_without("CallGone")
    def hangup(self, now: float, /, reason: str = "hangup") -> Promise[Reply]:
        """End the call; one that has ended already is left alone.

        Args:
            reason: The end reason, such as hangup, busy or decline.

        Returns:
            The server's reply, ``{}`` when the call had ended already.
        """
        return self.send_command(now, schema.End, reason=reason, options=_GONE_IS_FINE)

    @command_doc
    def pass_(self, now: float, /) -> Promise[Reply]:
        """Give an offered call back to routing, to be offered to another subscriber."""
        return self.send_command(now, schema.Pass, command_observer=_PassObserver(self))
