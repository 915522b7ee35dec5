"""The checks of the pytest plugin: what is wrong after a test although no assertion failed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyrelay
from anyrelay.local.server.journal.calls import ReferRecord
from anyrelay.protocol.schema.sip_uri import same_sip_uri

if TYPE_CHECKING:
    from anyrelay.frontend.trace import TraceFrame
    from anyrelay.local.exchange.exchange import Exchange
    from anyrelay.local.simulated.phones import SimulatedCaller

__all__ = ["HandlerErrors", "assert_referred", "problems_of"]

_REFUSALS: Final = {
    **dict.fromkeys(("-32602", "-32600", "400"), "is malformed"),
    **dict.fromkeys(("-32601", "501"), "is not served here"),
}

_PACKAGE: Final = str(Path(anyrelay.__file__).parent)


class HandlerErrors(logging.Handler):
    """Collects the exceptions of handlers from the logger ``anyrelay.handler``. Use it as a context manager."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []
        self._logger = logging.getLogger("anyrelay.handler")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the exception of a record."""
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            call_id = getattr(record, "call_id", "")
            if not any(each is error for each in self.errors):
                error.add_note(f"raised in a handler{f' of call {call_id}' if call_id else ''}: {record.getMessage()}")
                self.errors.append(error)

    def __enter__(self) -> HandlerErrors:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def take(self) -> BaseException | None:
        """Return the first exception, with the others as notes, and forget all; None when no handler raised.

        The traceback begins in the application, without the frames of anyrelay above the handler.
        """
        errors, self.errors = self.errors, []
        if not errors:
            return None
        first, *others = errors
        for other in others:
            first.add_note(f"and another handler raised {''.join(traceback.format_exception_only(other)).strip()}")
        trace = first.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            trace = trace.tb_next
        return first.with_traceback(trace or first.__traceback__)


def problems_of(
    names: Iterable[str], exchange: Exchange, callers: Sequence[SimulatedCaller], frames: Sequence[TraceFrame]
) -> list[str]:
    """Return what the checks of these names find at a server, one line each.

    Args:
        names: Names of `anyrelay.testing.plugin_options.CHECKS`.
        exchange: The server's calls.
        callers: The phones that have called so far.
        frames: The RELAY messages so far.
    """
    found: list[str] = []
    if "refused_commands" in names:
        found += _refused_commands(frames)
    if "untaken_callers" in names:
        found += [
            f"{each.uri} called and no client took the call: it is {each.state} {each.end_reason}".rstrip()
            + "; subscribe to its context, and answer or pass the call in the handler"
            for each in callers
            if not each.was_called
            and (each.state == "ringing" or (each.end_reason == "noAnswer" and not _was_offered(each, frames)))
        ]
    if "open_calls" in names:
        found += [
            f"call {call.call_id} from {call.from_uri or 'a dial'} is still up ({call.state}): hang up in the handler, or"
            " await caller.ended() in the test"
            for call in exchange.calls
            if call.is_up
        ]
    return found


def _was_offered(caller: SimulatedCaller, frames: Sequence[TraceFrame]) -> bool:
    events = [
        params for event_type, params in (frame.event for frame in frames) if event_type == "calling.call.receive"
    ]
    return any(params.get("device", {}).get("params", {}).get("from") == caller.uri for params in events)


def _refused_commands(frames: Sequence[TraceFrame]) -> list[str]:
    methods = {
        (frame.connection, str(frame.message.get("id"))): frame.method
        for frame in frames
        if frame.from_client and frame.method
    }
    found = []
    for frame in frames:
        method = methods.get((frame.connection, str(frame.message.get("id"))), "")
        refusal = _refusal(frame.message)
        if not frame.from_client and not frame.method and method and refusal is not None:
            code, message = refusal
            found.append(f"{method} {_REFUSALS[code]}: {code} {message}")
    return found


def _refusal(reply: dict[str, Any]) -> tuple[str, str] | None:
    for part in (reply.get("error"), reply.get("result")):
        if isinstance(part, dict) and str(part.get("code")) in _REFUSALS:
            return str(part["code"]), str(part.get("message", ""))
    return None


def assert_referred(call: Any, *, to: str) -> None:
    """Assert that a call was referred to a SIP URI (``calling.refer``).

    Args:
        call: A `Call` of either front end, a caller of the phones, or a call of `LocalRelay.calls`.
        to: The SIP URI; compared as RFC 3261 section 19.1.4 says.

    Raises:
        AssertionError: The call was not referred to this target; the message names the targets of its transfers.
        TypeError: `call` has no transfers.
    """
    if hasattr(call, "referred_to"):
        targets = list(call.referred_to)
    elif hasattr(call, "refers"):
        targets = [refer.to if isinstance(refer, ReferRecord) else refer.refer_to for refer in call.refers]
    else:
        raise TypeError(f"call must be a Call, a caller or a CallRecord, not {type(call).__name__}")
    if not any(same_sip_uri(target, to) for target in targets):
        raise AssertionError(f"the call was not referred to {to}, but to {', '.join(targets) or 'no target'}")
