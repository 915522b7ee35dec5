"""The life of a command: queued while the line is down, sent once, answered, given up, or lost with its connection.

| where it is | its caller times out or gives up | the connection drops |
| --- | --- | --- |
| queued | withdrawn: never sent | stays queued, sent after sign-in |
| sent | `RequestTimeout`, or nothing; the late reply still updates state | `ConnectionLost`; never sent again |

An error reply ends what the command was to start only where its code says that nothing will happen (`rejections.py`), and no
event has shown the contrary. After any other one the caller has its error, and the machine behind the command goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import Any, Final

from attrs import define, frozen

from anyrelay.errors import CallGone, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer, Timers
from anyrelay.protocol.rpc.jsonrpc import Failure, Response, encode_request
from anyrelay.protocol.rpc.rejections import is_rejection
from anyrelay.protocol.schema.json_text import as_code

__all__ = [
    "NO_OBSERVER",
    "OPEN_LIMIT",
    "QUEUE_LIMIT",
    "USUAL",
    "CommandObserver",
    "CommandOptions",
    "PendingCommands",
    "Reply",
    "Stage",
]

Reply = dict[str, Any]
"""The result of a command."""

QUEUE_LIMIT: Final = 500
"""How many commands wait while the line is down."""

OPEN_LIMIT: Final = 50_000
"""How many sent commands may be without an answer, those that their callers gave up included."""

_NAME_THE_CALL_ALONE: Final = frozenset({"calling.answer", "calling.end", "calling.pass"})
"""A 404 to one of these means the call; to another it may mean what the command is about besides."""


class Stage(StrEnum):
    """Where a command is."""

    QUEUED = auto()
    SENT = auto()
    OVER = auto()


class CommandObserver:
    """What a machine wants to hear of a command of its own, whether or not its caller still waits."""

    subject: object | None = None
    """The operation or transfer that the command starts, and that goes on after the reply."""

    @property
    def is_under_way(self) -> bool:
        """Whether an event has shown that the server carries it out, whatever its reply says."""
        return False

    def sent(self, now: float) -> None:
        """It has left."""

    def accepted(self, reply: Reply, now: float) -> None:
        """The server took it."""

    def rejected(self, error: RelayError) -> None:
        """The server refused it, or it never left: nothing will come of it."""

    def in_doubt(self, error: RelayError, now: float) -> None:
        """The server answered with an error that does not say that nothing will happen: it may still have its effect.

        Unless a command observer does more, this is as if the answer had not come in time.
        """
        self.abandoned(error)

    def abandoned(self, error: RelayError | None) -> None:
        """Its caller waits for the answer no more; it may still have its effect.

        Args:
            error: What the caller gets (too late, connection dropped, client closed); None when it went away.
        """


NO_OBSERVER: Final = CommandObserver()
"""Follows a command that no machine wants to hear of."""


@frozen
class CommandOptions:
    """How a command is sent, and how its reply is taken, where that differs from most commands."""

    ok_codes: tuple[int, ...] = ()
    """Codes of an error that mean the same as success to the caller."""
    timeout: float | None = None
    """Seconds from now until its caller gets `RequestTimeout`; None for the client's `request_timeout`."""
    timeout_until_sent: bool = False
    """Whether the timeout ends once the command is sent, because its caller then waits for something else."""


USUAL: Final = CommandOptions()
"""The options of most commands."""


@define(eq=False, repr=False)
class _Open:
    """A command without an answer."""

    id: str
    method: str
    text: str
    promise: Promise[Reply]
    command_observer: CommandObserver
    stage: Stage
    options: CommandOptions
    not_found_means_operation: bool
    call_id: str | None
    renew: Callable[[], dict[str, Any]] | None
    timer: Timer | None = None


class PendingCommands:
    """Every command without an answer, by the JSON-RPC id of its request."""

    def __init__(
        self,
        timers: Timers,
        new_id: Callable[[], str],
        send: Callable[[str], None],
        fit_for_a_log: Callable[[str], str] = str,
        call_is_gone: Callable[[str, float], None] = lambda call_id, now: None,
    ) -> None:
        """Make an empty one.

        Args:
            timers: Where deadlines go.
            new_id: Makes an identifier that was never used before.
            send: Queues a message for the transport.
            fit_for_a_log: Strikes secrets out of the server's words.
            call_is_gone: Called with a call_id and the time when the server says that there is no such call.
        """
        self._timers = timers
        self._call_is_gone = call_is_gone
        self._fit_for_a_log = fit_for_a_log
        self._new_id = new_id
        self._send = send
        self._queued: dict[str, _Open] = {}
        self._sent: dict[str, _Open] = {}
        self.observe_command: Callable[[str, str, CommandObserver], CommandObserver] | None = None
        """Given each command's method, its call_id and its observer, returns the observer that takes its place."""

    @property
    def queued(self) -> int:
        """How many wait for the line."""
        return len(self._queued)

    def submit(
        self,
        now: float,
        method: str,
        params: dict[str, Any],
        *,
        line_up: bool,
        timeout: float,
        options: CommandOptions = USUAL,
        command_observer: CommandObserver = NO_OBSERVER,
        not_found_means_operation: bool = False,
        call_id: str | None = None,
        renew: Callable[[], dict[str, Any]] | None = None,
    ) -> Promise[Reply]:
        """Send a command, or queue it while the line is down.

        Args:
            now: The time, in seconds.
            method: Its name on the wire.
            params: Its parameters.
            line_up: Whether it may be sent now.
            timeout: Seconds from now until its caller gets `RequestTimeout`, unless the options say otherwise.
            options: How it is sent, and how its reply is taken.
            command_observer: The machine that wants to hear of it.
            not_found_means_operation: Whether a 404 means an operation, or something else that the command names, and not
                the call.
            call_id: The call that it is a command on, whose fate it shares; None for any other command.
            renew: Makes the parameters anew when it leaves after it was queued: they depend on the session.

        Raises:
            ValueError: JSON cannot carry it.
            RelayError: Too many wait already.
        """
        if len(self._queued) >= QUEUE_LIMIT:
            raise RelayError(-1, f"{QUEUE_LIMIT} commands wait for the connection already; this one was not sent")
        if len(self._sent) >= OPEN_LIMIT:
            raise RelayError(-1, f"{OPEN_LIMIT} commands wait for their answers already; this one was not sent")
        timeout = timeout if options.timeout is None else options.timeout
        id_ = self._new_id()
        text = encode_request(id_, method, params)
        if self.observe_command is not None:
            command_observer = self.observe_command(method, call_id or "", command_observer)
        promise: Promise[Reply] = Promise(lambda: self._abandon(request))
        request = _Open(
            id=id_,
            method=method,
            text=text,
            promise=promise,
            command_observer=command_observer,
            stage=Stage.QUEUED,
            options=options,
            not_found_means_operation=not_found_means_operation,
            call_id=call_id,
            renew=renew,
        )
        if line_up:
            self._let_go(request, now)
        else:
            self._queued[id_] = request
        if request.stage is Stage.QUEUED or not options.timeout_until_sent:
            request.timer = self._timers.at(now + timeout, lambda _: self._expire(request, timeout))
        return promise

    def flush(self, now: float) -> None:
        """The line is up: send everything that waits, in order."""
        for request in list(self._queued.values()):
            del self._queued[request.id]
            if request.options.timeout_until_sent:
                self._stop_timer(request)
            if request.renew is not None:
                request.text = encode_request(request.id, request.method, request.renew())
            self._let_go(request, now)

    def _let_go(self, request: _Open, now: float) -> None:
        self._sent[request.id] = request
        request.stage = Stage.SENT
        self._send(request.text)
        request.text = ""
        request.command_observer.sent(now)

    def answer(self, answer: Response | Failure, now: float) -> bool:
        """Match an answer with its request; False when there is none."""
        request = self._sent.pop(answer.id, None)
        if request is None:
            return False
        request.stage = Stage.OVER
        self._stop_timer(request)
        error = self._error_in(answer, request)
        if error is None or error.code in request.options.ok_codes:
            reply = answer.result if isinstance(answer, Response) and error is None else {}
            request.command_observer.accepted(reply, now)
            request.promise.resolve(reply)
        else:
            if is_rejection(error.code) and not request.command_observer.is_under_way:
                request.command_observer.rejected(error)
            else:
                request.command_observer.in_doubt(error, now)
            request.promise.fail(error)
        if isinstance(error, CallGone) and (error.code == 410 or request.method in _NAME_THE_CALL_ALONE):
            self._call_is_gone(error.call_id, now)
        return True

    def connection_lost(self) -> None:
        """What was sent will not be answered any more; what is queued stays."""
        lost, self._sent = self._sent, {}
        for request in lost.values():
            request.stage = Stage.OVER
            self._stop_timer(request)
            error = ConnectionLost(f"the connection dropped before {request.method} was answered; it is not sent again")
            request.command_observer.abandoned(error)
            request.promise.fail(error)

    def close(self, error: RelayError) -> None:
        """Nothing is sent any more: everything that waits fails with `error`."""
        sent, self._sent = self._sent, {}
        for request in sent.values():
            request.stage = Stage.OVER
            self._stop_timer(request)
            request.command_observer.abandoned(error)
            request.promise.fail(error)
        for request in list(self._queued.values()):
            self._withdraw(request, error)

    def session_lost(self, error: RelayError) -> None:
        """The calls of the session exist no more: what is queued for them fails with `error`."""
        for request in [each for each in self._queued.values() if each.call_id is not None]:
            self._withdraw(request, error)

    def _withdraw(self, request: _Open, error: RelayError) -> None:
        del self._queued[request.id]
        request.stage = Stage.OVER
        self._stop_timer(request)
        request.command_observer.rejected(error)
        request.promise.fail(error)

    def _abandon(self, request: _Open) -> None:
        if request.stage is Stage.QUEUED:
            gone = RelayError(-1, f"{request.method} was withdrawn before it was sent: its caller gave up")
            self._withdraw(request, gone)
        else:
            request.command_observer.abandoned(None)

    def _expire(self, request: _Open, timeout: float) -> None:
        request.timer = None
        if request.stage is Stage.QUEUED:
            error = RequestTimeout(f"{request.method} was not sent within {timeout:g} s and was withdrawn")
            self._withdraw(request, error)
        else:
            error = RequestTimeout(f"{request.method} was not answered within {timeout:g} s")
            request.command_observer.abandoned(error)
            request.promise.fail(error)

    def _stop_timer(self, request: _Open) -> None:
        if request.timer is not None:
            request.timer.cancel()
            request.timer = None

    def _error_in(self, answer: Response | Failure, request: _Open) -> RelayError | None:
        """Return the error that an answer is: a JSON-RPC error, or a result whose code is not 2xx."""
        if isinstance(answer, Failure):
            code, message = answer.code, answer.message
        else:
            if "code" not in answer.result:
                return None
            code = as_code(answer.result["code"])
            if 200 <= code <= 299:
                return None
            message = str(answer.result.get("message", "the server gave no message"))
        message = self._fit_for_a_log(message)
        if request.call_id is not None and (code == 410 or (code == 404 and not request.not_found_means_operation)):
            return CallGone(code, message, request.call_id)
        return RelayError(code, message)
