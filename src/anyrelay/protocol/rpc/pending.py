"""The life of a command: queued while the line is down, sent once, answered, given up, or lost with its connection.

| where it is | its caller times out or is cancelled | the connection drops |
| --- | --- | --- |
| queued | withdrawn: never sent | stays queued, sent after sign-in |
| sent | `RequestTimeout`, or nothing; the late reply still updates state | `ConnectionLost`; never sent again |

An error reply ends what the command was to start only where its code says that nothing will happen (`rejections.py`), and no
event has shown the contrary. After any other error the caller has its error, and the machine behind the command goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import orjson

from anyrelay.errors import CallGone, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import TimeoutQueue, Timer, Timers
from anyrelay.protocol.rpc.jsonrpc import Failure, Response, encode_request
from anyrelay.protocol.rpc.rejections import is_rejection
from anyrelay.protocol.rpc.submission import NO_OBSERVER, USUAL, CommandObserver, CommandOptions, Reply
from anyrelay.protocol.schema.json_text import as_code

__all__ = ["OPEN_LIMIT", "QUEUE_LIMIT", "PendingCommands"]

QUEUE_LIMIT: Final = 500
"""How many commands wait while the line is down."""

OPEN_LIMIT: Final = 50_000
"""How many sent commands may be without an answer, those that their callers gave up included."""

FEW_TIMEOUTS: Final = 64
"""How many deadlines of answered commands may wait besides twice as many of unanswered commands."""

_NAME_THE_CALL_ALONE: Final = frozenset({"calling.answer", "calling.end", "calling.pass"})
"""A 404 to one of these methods means the call; a 404 to another may mean an operation that the command names."""


class _Command(Promise[Any]):
    """A command without an answer, which is the promise to its caller too."""

    __slots__ = (
        *("_pending", "call_id", "deadline", "id", "is_queued", "machine", "method", "not_found_means_operation"),
        *("observer", "options", "renew", "result_if_accepted", "text", "timeout", "timer"),
    )

    call_id: str | None
    """The call that the command belongs to; None for a command that is on no call."""
    deadline: float
    """When the caller gets `RequestTimeout`, in seconds."""
    not_found_means_operation: bool
    """Whether a 404 means an operation that the command names, and not the call."""
    machine: CommandObserver
    """The machine that sent the command."""
    observer: CommandObserver
    """The observer that is told: the machine, or the object that the observer of the session put in its place."""
    renew: Callable[[], dict[str, Any]] | None
    """Makes the parameters of a queued command anew when the command is sent."""
    result_if_accepted: object
    """The result for the caller once the server accepted the command; None for the reply."""

    def __init__(
        self, pending: PendingCommands, id_: str, method: str, timeout: float, options: CommandOptions
    ) -> None:
        # The attributes of a promise are set here: each message makes a command, and `super().__init__()` would cost a call.
        self.done = False
        self._value = self._error = self._waker = self._on_abandon = None
        self._pending: PendingCommands | None = pending
        self.id = id_
        self.method = method
        self.text = ""
        self.timeout = timeout
        self.options = options
        self.is_queued = True
        self.timer: Timer | None = None

    def abandon(self) -> None:
        """Stop waiting: a command that was not sent is withdrawn, one that was sent goes on without its caller."""
        self._waker = None
        pending, self._pending = self._pending, None
        if pending is not None and not self.done:
            pending.abandon(self)


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
        """Make an object without commands.

        Args:
            timers: The deadlines of the session.
            new_id: Makes an identifier that was never used before.
            send: Queues a message for the transport.
            fit_for_a_log: Strikes secrets out of the server's messages.
            call_is_gone: Called with a call_id and the time when the server says that there is no such call.
        """
        self._timers = timers
        self._timeouts: TimeoutQueue[_Command] = TimeoutQueue(self._expire)
        timers.add_queue(self._timeouts)
        self._call_is_gone = call_is_gone
        self._fit_for_a_log = fit_for_a_log
        self._new_id = new_id
        self._send = send
        self._queued: dict[str, _Command] = {}
        self._sent: dict[str, _Command] = {}
        self.observe_command: Callable[[str, str, CommandObserver], CommandObserver] | None = None
        """Takes the method, the call_id and the observer of each command, and returns the observer to use."""

    @property
    def queued(self) -> int:
        """The number of commands that wait for the connection."""
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
        result_if_accepted: object = None,
    ) -> Promise[Any]:
        """Send a command, or queue it while the line is down.

        Args:
            now: The time, in seconds.
            method: The command's name on the wire.
            params: The command's parameters.
            line_up: Whether the command may be sent now.
            timeout: Seconds from now until the caller gets `RequestTimeout`, unless the options say otherwise.
            options: How the command is sent, and how the reply is read.
            command_observer: The machine that is told what becomes of the command.
            not_found_means_operation: Whether a 404 means an operation that the command names, and not the call.
            call_id: The call that the command belongs to: the command fails with the call; None for a command on no call.
            renew: Makes the parameters of a queued command anew when the command is sent: they depend on the session.
            result_if_accepted: The result for the caller once the server accepted the command; None for the reply.

        Raises:
            ValueError: JSON cannot carry a parameter.
            RelayError: Too many commands wait already.
        """
        if len(self._queued) >= QUEUE_LIMIT:
            raise RelayError(-1, f"{QUEUE_LIMIT} commands wait for the connection already; this one was not sent")
        if len(self._sent) >= OPEN_LIMIT:
            raise RelayError(-1, f"{OPEN_LIMIT} commands wait for their answers already; this one was not sent")
        id_ = self._new_id()
        try:
            text = orjson.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).decode()
        except TypeError:  # `encode_request` names the parameter, or writes half of a surrogate pair
            text = encode_request(id_, method, params)
        if options.timeout is not None:
            timeout = options.timeout
        command = _Command(self, id_, method, timeout, options)
        command.machine = command_observer
        if self.observe_command is not None:
            command_observer = self.observe_command(method, call_id or "", command_observer)
        command.observer = command_observer
        command.not_found_means_operation = not_found_means_operation
        command.call_id = call_id
        command.renew = renew
        command.result_if_accepted = result_if_accepted
        if line_up:
            self._sent[id_] = command
            command.is_queued = False
            self._send(text)
            if command_observer is not NO_OBSERVER:
                command_observer.sent(now)
        else:
            command.text = text
            self._queued[id_] = command
        command.deadline = now + timeout
        if options.timeout is None and not options.timeout_until_sent:
            timeouts = self._timeouts.entries
            timeouts.append(command)
            if len(timeouts) > FEW_TIMEOUTS + 2 * (len(self._sent) + len(self._queued)):
                # A command without an answer keeps the answered commands behind it in the queue until its own deadline.
                self._timeouts.entries = deque(each for each in timeouts if not each.done)
        elif command.is_queued or not options.timeout_until_sent:
            command.timer = self._timers.at(command.deadline, lambda at: self._expire(command, at))
        return command

    def flush(self, now: float) -> None:
        """Send everything that waits, in order; the line is up."""
        for command in list(self._queued.values()):
            del self._queued[command.id]
            if command.options.timeout_until_sent:
                self._stop_timer(command)
            if command.renew is not None:
                command.text = encode_request(command.id, command.method, command.renew())
            self._sent[command.id] = command
            command.is_queued = False
            self._send(command.text)
            command.text = ""
            command.observer.sent(now)

    def answer(self, answer: Response | Failure, now: float) -> bool:
        """Match an answer with its command; return False when no command waits for the answer."""
        if isinstance(answer, Response):
            return self.receive_result(answer.id, answer.result, now)
        command = self._sent.pop(answer.id, None)
        if command is not None:
            self._receive_error(command, answer.code, answer.message, now)
        return command is not None

    def receive_result(self, id_: str, result: Reply, now: float) -> bool:
        """Match a result with its command; return False when no command waits. A result whose code is not 2xx is an error."""
        command = self._sent.pop(id_, None)
        if command is None:
            return False
        code = result.get("code", "200")
        if code != "200" and not 200 <= (code := as_code(code)) <= 299:
            message = result.get("message")
            self._receive_error(command, code, "the server gave no message" if message is None else str(message), now)
            return True
        if command.timer is not None:
            self._stop_timer(command)
        if command.observer is not NO_OBSERVER:
            command.observer.accepted(result, now)
        command.resolve(result if command.result_if_accepted is None else command.result_if_accepted)
        return True

    def _receive_error(self, command: _Command, code: int, message: str, now: float) -> None:
        self._stop_timer(command)
        error = self._error(command, code, self._fit_for_a_log(message))
        if code in command.options.ok_codes:
            command.observer.accepted({}, now)
            command.resolve({} if command.result_if_accepted is None else command.result_if_accepted)
        else:
            if is_rejection(code) and not command.observer.is_under_way:
                command.observer.rejected(error)
            else:
                command.observer.in_doubt(error, now)
            self._fail(command, error)
        if isinstance(error, CallGone) and (code == 410 or command.method in _NAME_THE_CALL_ALONE):
            self._call_is_gone(error.call_id, now)

    def _fail(self, command: _Command, error: RelayError) -> None:
        """Tell a caller of an error, unless events have told more."""
        if command.machine.is_told:
            command.resolve({} if command.result_if_accepted is None else command.result_if_accepted)
        else:
            command.fail(error)

    def connection_lost(self) -> None:
        """Fail the commands that were sent, since no answer comes; queued commands stay."""
        self._give_up_sent(
            lambda method: ConnectionLost(f"the connection dropped before {method} was answered; it is not sent again")
        )

    def _give_up_sent(self, error_for: Callable[[str], RelayError]) -> None:
        sent, self._sent = self._sent, {}
        for command in sent.values():
            self._stop_timer(command)
            error = error_for(command.method)
            command.observer.abandoned(error)
            self._fail(command, error)

    def close(self, error: RelayError) -> None:
        """Fail everything that waits with `error`; nothing is sent any more."""
        self._give_up_sent(lambda _: error)
        for command in list(self._queued.values()):
            self._withdraw(command, error)

    def session_lost(self, error: RelayError) -> None:
        """Fail the queued commands on calls with `error`; the calls of the session exist no more."""
        for command in [each for each in self._queued.values() if each.call_id is not None]:
            self._withdraw(command, error)

    def _withdraw(self, command: _Command, error: RelayError) -> None:
        del self._queued[command.id]
        command.is_queued = False  # first: the observer may abandon the command
        self._stop_timer(command)
        command.observer.rejected(error)
        self._fail(command, error)

    def abandon(self, command: _Command) -> None:
        """The caller of a command has stopped waiting."""
        if command.is_queued:
            gone = RelayError(-1, f"{command.method} was withdrawn before it was sent: its caller gave up")
            self._withdraw(command, gone)
        else:
            command.observer.abandoned(None)

    def _expire(self, command: _Command, now: float) -> None:
        command.timer = None
        if command.is_queued:
            error = RequestTimeout(f"{command.method} was not sent within {command.timeout:g} s and was withdrawn")
            self._withdraw(command, error)
        else:
            error = RequestTimeout(f"{command.method} was not answered within {command.timeout:g} s")
            command.observer.abandoned(error)
            self._fail(command, error)

    def _stop_timer(self, command: _Command) -> None:
        if command.timer is not None:
            command.timer.cancel()
            command.timer = None

    def _error(self, command: _Command, code: int, message: str) -> RelayError:
        if command.call_id is not None and (code == 410 or (code == 404 and not command.not_found_means_operation)):
            return CallGone(code, message, command.call_id)
        return RelayError(code, message)
