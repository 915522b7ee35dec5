"""The model behind the joined state machine: the expected state of a client, from the messages of its connection.

The model sees the steps of server and caller, and each message when it is sent and when it arrives. It keeps its own record of
calls, commands, operations and transfers. `refer_oracle` gives the expected outcome of a transfer.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch

import hypothesis
import pytest

from anyrelay.errors import (
    CallGone,
    ClientClosed,
    ConnectionLost,
    DialFailed,
    DialTimeout,
    QueueOverflow,
    ReferInProgress,
    RelayError,
    RequestTimeout,
)
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.core.promise import Promise, Subscription
from anyrelay.protocol.core.timers import TimeoutQueue, Timer, Timers
from anyrelay.protocol.outbound.dial import LATE_LEGS
from anyrelay.protocol.session.states import LinkState
from anyrelay.testing import wire, wire_connection
from tests.support.link_clock import LinkClock
from tests.support.refer_oracle import NEVER, Fate, Moment, Step, expect, expect_for_waiter

GRACE = 3.1
REQUEST_TIMEOUT = 10.05
"""Times that never equal those of the link, which are whole seconds: the order of equal times is open."""

TARGETS = [
    ["sip:sales@example.com", "sip:sales@EXAMPLE.com", "SIP:%73ales@example.com;x=1"],
    ["sip:support@example.com;transport=tcp", "sip:support@example.com;Transport=TCP"],
    ["sip:+15551234@example.com:5060"],
]
"""Three targets, each in equivalent spellings."""

PASS_AGAIN_AFTER = 5.0
"""The time in which an offer that was passed back is not passed back again, in seconds."""

SITUATIONS = (
    "resumed, with calls up",
    "a resume was refused, with calls up",
    "restarted, with calls up",
    "the queue was full",
    "a reader was too slow",
    "a call was passed back",
    "a call that was passed back came again at once",
    "the end of a call came by an error reply alone",
    "a drain waited for work",
    "a drain waited in vain",
    "an event came twice",
    "an event came while closing",
    "an error left it open what a command does",
    "an error came after an event",
    "an error came after the outcome",
    "a grace time began anew",
    "woke up with bytes waiting and deadlines passed",
)
"""The situations that a run has to reach, or the machine shows nothing about them."""


class TracingTimers(Timers):
    """Timers that know the time of the deadline being handled: after a jump of the clock it differs from the current time."""

    __slots__ = ("firing",)

    def __init__(self) -> None:
        super().__init__()
        self.firing: float | None = None

    def at(self, when: float, action: Callable[[float], None]) -> Timer:
        due = when if when > -math.inf else self.firing  # the next turn counts as now

        def fire(now: float) -> None:
            before, self.firing = self.firing, due
            try:
                action(now)
            finally:
                self.firing = before

        return super().at(when, fire)

    def add_queue(self, queue: TimeoutQueue[Any]) -> None:
        expire = queue.expire

        def fire(entry: Any, now: float) -> None:
            before, self.firing = self.firing, entry.deadline
            try:
                expire(entry, now)
            finally:
                self.firing = before

        queue.expire = fire
        super().add_queue(queue)


@dataclass(frozen=True)
class Mark:
    """A step of the client or its connection, in its place among the messages."""

    at: float
    kind: str
    now: float
    error: BaseException | None = None
    ping_id: str = ""


NOW = Moment((1e300,), 1e300)
"""The place after every step so far."""


class ObservedWire(wire.Wire):
    """A wire whose log also has the ends of connections."""

    def __init__(self, **settings: Any) -> None:
        with patch("anyrelay.protocol.session.session.Timers", TracingTimers):
            super().__init__(refer_grace=GRACE, request_timeout=REQUEST_TIMEOUT, **settings)
        assert isinstance(self.session.timers, TracingTimers)
        self.timers = self.session.timers
        handle_timeout = self.session.handle_timeout

        def look_at_deadlines(now: float) -> None:
            self.mark("look begins")
            handle_timeout(now)
            self.mark("look ends")

        self.session.handle_timeout = look_at_deadlines  # type: ignore[method-assign]
        tell_session = self.session.connection_lost

        def connection_lost() -> None:
            self.mark("connection lost")
            tell_session()

        self.session.connection_lost = connection_lost  # type: ignore[method-assign]
        link = self.session._link
        close_link = link.close

        def close(now: float) -> Promise[None]:
            before = link.state
            promise = close_link(now)
            if link.state is LinkState.CLOSING is not before:
                self.mark("closing, and the line was up" if before is LinkState.READY else "closing")
            return promise

        link.close = close  # type: ignore[method-assign]
        keep_alive = link.keep_alive
        send_ping = keep_alive._ping

        def ping(now: float) -> None:
            send_ping(now)
            self.mark("ping", ping_id=keep_alive.ping_id)

        keep_alive._ping = ping  # type: ignore[method-assign]

    def sent(self, method: str) -> list[dict[str, Any]]:
        marked, self.log = self.log, [each for each in self.log if not isinstance(each, Mark)]
        try:
            return super().sent(method)
        finally:
            self.log = marked

    @property
    def is_up(self) -> bool:
        """Whether a command would be sent at once."""
        return self.session._link.state is LinkState.READY

    def mark(self, kind: str, error: BaseException | None = None, *, ping_id: str = "") -> None:
        at = self.now if self.timers.firing is None else min(self.now, self.timers.firing)
        self.log.append(Mark(at, kind, self.now, error, ping_id))  # type: ignore[arg-type]

    def serve(self) -> None:
        promise = self.session.serve(self.now)
        promise.on_ready(lambda: self.mark("closed", promise.error))
        self.settle()


@dataclass(eq=False)
class CommandModel:
    """A command, and the expected result of its caller."""

    number: int
    kind: str
    call: CallModel | None
    at: float
    promise: Promise[Any]
    timeout: float
    sent_at: float | None = None
    times_sent: int = 0
    result: Any = None
    acceptance: dict[str, Any] | None = None
    """The reply that accepted the command, also when it came after the caller's result."""
    abandoned: bool = False
    withdrawn: bool = False
    transfer: TransferModel | None = None
    operation: OperationModel | None = None
    contexts: list[str] = field(default_factory=list)
    """The contexts that the command changes."""

    @property
    def queued(self) -> bool:
        return self.sent_at is None and not self.withdrawn

    def pass_time(self, until: float) -> None:
        """End the command at its caller's deadline. A caller that waits for an outcome waits no longer for a connection."""
        waits = self.kind not in ("refer_and_wait", "dial") or self.queued
        if self.result is None and waits and not self.abandoned and self.at + self.timeout <= until:
            self.withdrawn = self.withdrawn or self.sent_at is None
            self.fail(RequestTimeout)

    def end(self, result: Any) -> None:
        if self.result is None:
            self.result = result
        if self.withdrawn and self.operation is not None:
            self.operation.end(result)

    def fail(self, error: type[BaseException]) -> None:
        """Fail the caller, unless events have brought the outcome."""
        self.end(self.told_by_events or error)

    @property
    def told_by_events(self) -> str:
        """The state that an event gave to the command's transfer or operation after its end."""
        has_end = self.operation is not None and self.operation.is_told
        if self.transfer is not None and self.kind != "refer_and_wait":
            stored = self.transfer.fate().stored
            has_end = stored is not None and (stored.status != "unknown" or stored.because == "not_reported")
        return "by events" if has_end else ""


@dataclass(eq=False)
class DialModel:
    """An outbound dial, known by its tag while one of its legs could appear."""

    command: CommandModel
    timeout: float
    given_up_at: float | None = None
    over: bool = False
    heard: bool = False

    @property
    def is_open(self) -> bool:
        return self.given_up_at is None and not self.over

    def pass_time(self, until: float) -> None:
        expires = self.command.at + self.timeout
        if self.is_open and expires <= until:
            if self.command.queued:
                self.command.withdrawn = self.over = True
            else:
                self.given_up_at = expires
            self.command.end(DialTimeout)
        if self.given_up_at is not None and self.given_up_at + LATE_LEGS <= until:
            self.over = True

    def end(self, result: Any) -> None:
        self.over = True
        self.command.withdrawn = (
            self.command.withdrawn or self.command.queued
        )  # an event came before the command was sent
        if not self.command.abandoned:
            self.command.end(result)


@dataclass(eq=False)
class PassModel:
    """An offer that is passed back to routing, and whether the pass was sent."""

    call_id: str
    at: float
    queued: bool = True


@dataclass(eq=False)
class ReaderModel:
    """A reader of a call's events."""

    call: CallModel
    subscription: Subscription[Any]
    limit: int
    queue: deque[int] = field(default_factory=deque)
    over: bool = False
    error: type[RelayError] | None = None

    def tell(self, number: int) -> bool:
        """Queue an event; return False when the queue is full."""
        if self.over:
            return True
        if len(self.queue) == self.limit:
            self.end(QueueOverflow)
            return False
        self.queue.append(number)
        return True

    def end(self, error: type[RelayError] | None) -> None:
        if not self.over:
            self.over, self.error = True, error

    def read(self, count: int) -> None:
        """Take some events, and check them, and the end."""
        for _ in range(count):
            if self.queue:
                event = self.subscription.take()
                assert event is not None
                assert event.params["n"] == self.queue.popleft()
            elif self.error is not None:
                with pytest.raises(RelayError) as caught:
                    self.subscription.take()
                assert caught.type is self.error
            else:
                assert self.subscription.take() is None

    def compare(self) -> None:
        assert self.subscription.closed is self.over, self
        assert self.subscription.ready is (self.over or bool(self.queue)), self


@dataclass(eq=False)
class OperationModel:
    """A playback, and how it ended."""

    number: int
    result: Any = None
    heard: bool = False
    is_told: bool = False

    def end(self, result: Any) -> None:
        if self.result is None:
            self.result = result


@dataclass(eq=False)
class TransferModel:
    """A transfer whose command was sent, and all its steps since."""

    command: CommandModel
    target: int
    clock: LinkClock
    steps: list[Step] = field(default_factory=list)
    completed: list[ReferOutcome] = field(default_factory=list)

    def fate(self) -> Fate:
        return expect(self.steps, self.grace_over, NOW)

    def grace_over(self, began: Moment) -> Moment:
        return self.clock.heard_for(GRACE, began)

    def add(self, at: float, kind: str, params: dict[str, Any] | None = None) -> None:
        self.steps.append(Step(at, kind, params or {}, self.clock.moment(at)))


@dataclass(eq=False)
class WaiterModel:
    """A waiter for the outcome of a transfer."""

    transfer: TransferModel
    asked: Moment
    timeout: float | None
    promise: Promise[ReferOutcome]
    abandoned: bool = False

    def expected(self) -> Any:
        deadline = NEVER if self.timeout is None else self.transfer.clock.due(self.asked.at + self.timeout)
        return expect_for_waiter(self.transfer.steps, self.transfer.grace_over, self.asked, deadline, NOW)


@dataclass(eq=False)
class CallModel:
    """A call of one session."""

    call_id: str
    clock: LinkClock
    machine: CallMachine | None = None
    ended_at: Moment | None = None
    ended_unsure: bool = False
    said_gone_at: Moment | None = None
    gone: type[RelayError] | None = None
    refers: list[TransferModel] = field(default_factory=list)
    commands: list[CommandModel] = field(default_factory=list)
    waiters: list[WaiterModel] = field(default_factory=list)
    readers: list[ReaderModel] = field(default_factory=list)

    def is_silent(self) -> bool:
        """Whether the call and its last open transfer have ended."""
        return self.ended_at is not None and not any(transfer.fate().is_open for transfer in self.refers)

    def listed(self) -> list[TransferModel]:
        """The transfers that the call keeps: sent, and not refused."""
        return [transfer for transfer in self.refers if not transfer.fate().refused]

    def is_known(self) -> bool:
        """Whether the client keeps the call."""
        if self.gone is not None:
            return False
        if self.ended_at is None or self.is_transferred():
            return True
        return self.ended_unsure and self.clock.heard_for(GRACE, self.ended_at) is NEVER

    def end(self, at: float) -> None:
        """End the call; if every outcome is settled, no later event matters."""
        fates = [fate for transfer in self.refers if not (fate := transfer.fate()).refused]
        known = [fate.upgraded or fate.settled for fate in fates]
        unsure = any(outcome is None or outcome.status == "unknown" for outcome in known)
        self.ended_unsure = unsure or self.has_queued_transfer
        self.ended_at = self.clock.moment(at)
        for transfer in self.refers:
            transfer.add(at, "ended")

    def is_transferred(self) -> bool:
        """Whether a transfer is open, or its command waits for a connection."""
        return self.has_queued_transfer or any(transfer.fate().is_open for transfer in self.refers)

    @property
    def has_queued_transfer(self) -> bool:
        return any(each.transfer is not None and each.queued for each in self.commands)

    def lose(self, at: float, error: type[RelayError], what: str = "lost") -> None:
        """End the call without an event."""
        self.gone = error
        for reader in self.readers:
            reader.end(error)
        for transfer in self.refers:
            transfer.add(at, what)
        for command in self.commands:
            if command.operation is not None:
                command.operation.end(error)

    def is_awaited(self) -> bool:
        """Whether another start_refer or refer_and_wait is forbidden."""
        starting = any(
            each.kind == "start_refer" and each.result is None and not each.abandoned for each in self.commands
        )
        queued = any(
            each.kind == "refer_and_wait" and each.queued and each.result is None and not each.abandoned
            for each in self.commands
        )
        return starting or queued or any(not each.abandoned and each.expected() is None for each in self.waiters)


class Model:
    """The model of a client."""

    reached: ClassVar[Counter[str]] = Counter()
    """How often each situation was reached, in all runs of this process."""

    def __init__(self, joined: ObservedWire, *, queue_limit: int, reader_limit: int) -> None:
        self.wire = joined
        self.clock = LinkClock()
        self.queue_limit = queue_limit
        self.reader_limit = reader_limit
        self.max_active_calls = joined.session.settings.max_active_calls
        self.read = 0
        self.protocol = ""
        self.ever_signed_in = False
        self.refusals = 0
        self.session_ends = False
        self.closing = False
        self.closing_asked = False
        self.closed = True
        self.closed_at: set[float] = set()
        self.draining = False
        self.drain_ends = math.inf
        self.drain_waited = False
        self.contexts = list(joined.session.settings.contexts)
        self.calls: dict[str, CallModel] = {}
        self.all_calls: list[CallModel] = []
        self.commands: dict[int, CommandModel] = {}
        self.operations: dict[int, OperationModel] = {}
        self.dials: dict[str, DialModel] = {}
        self.passes: list[PassModel] = []
        self.passed: dict[str, float] = {}
        self.running: list[CallModel] = []
        self.acknowledgements: Counter[tuple[int, Any]] = Counter()
        self.operation_waiters: list[tuple[OperationModel, Promise[Any]]] = []
        self.requests: dict[str, Any] = {}
        self.seen: set[tuple[Any, str]] = set()
        self.handled: list[int] = []
        joined.session.on_event(lambda event: self.received.append(event.params["n"]))
        self.received: list[int] = []

    def reach(self, situation: str) -> None:
        """Count a situation."""
        assert situation in SITUATIONS
        Model.reached[situation] += 1
        if hypothesis.currently_in_test_context():
            hypothesis.event(situation)

    # --- steps of the caller ------------------------------------------------------------------------------------------

    def command(
        self, kind: str, call: CallModel | None, number: int, submit: Callable[[], Promise[Any]], **more: Any
    ) -> None:
        """Send a command, and check the errors that are raised at once."""
        now = self.wire.now
        at_once = self.error_at_once(kind, call)
        if at_once is not None:
            with pytest.raises(RelayError) as caught:
                submit()
            assert caught.type is at_once
            return
        asked = self.clock.moment(now)
        promise = submit()
        if kind == "hangup" and call is not None and (call.ended_at is not None or call.gone is not None):
            assert promise.result() == {}
            return
        timeout = REQUEST_TIMEOUT
        if kind == "dial":
            # Its own timeout may end before that of the queue.
            timeout = REQUEST_TIMEOUT if more["timeout"] > REQUEST_TIMEOUT else math.inf
        elif more.get("timeout") is not None:
            timeout = min(timeout, more["timeout"])
        command = CommandModel(number, kind, call, now, promise, timeout)
        self.commands[number] = command
        if call is not None:
            call.commands.append(command)
        if kind == "dial":
            self.dials[f"t{number}"] = DialModel(command, more["timeout"])
        if kind in ("receive", "unreceive"):
            command.contexts = [each for each in more["contexts"] if (each in self.contexts) is (kind == "unreceive")]
            self.want(command.contexts, kind == "receive")
        if kind == "play":
            command.operation = self.operations[number] = OperationModel(number)
            # A command without a reply at the end of its call does not keep its operation open.
        if "target" in more:
            command.transfer = TransferModel(command, more["target"], self.clock)
            command.transfer.completed = more["completed"]
        if kind == "refer_and_wait":
            assert command.transfer is not None
            waiter = WaiterModel(command.transfer, asked, more["timeout"], promise)
            command.waiter = waiter  # type: ignore[attr-defined]
        self.wire.settle()

    def error_at_once(self, kind: str, call: CallModel | None) -> type[RelayError] | None:
        if call is not None:
            if kind in ("start_refer", "refer_and_wait") and call.is_awaited():
                return ReferInProgress
            if call.gone is not None:
                return None if kind == "hangup" and call.gone is CallGone else call.gone
            if call.ended_at is not None:
                return None if kind == "hangup" else CallGone
        if self.closing or self.closed:
            return ClientClosed
        if self.queue_is_full:
            self.reach("the queue was full")
            return RelayError
        return None

    @property
    def queue_is_full(self) -> bool:
        queued = sum(each.queued for each in self.commands.values()) + sum(each.queued for each in self.passes)
        assert queued <= self.queue_limit
        return queued == self.queue_limit

    def want(self, contexts: list[str], more: bool) -> None:
        """Set the contexts of the next sign-in."""
        if more:
            self.contexts = list(dict.fromkeys([*self.contexts, *contexts]))
        else:
            self.contexts = [each for each in self.contexts if each not in contexts]

    def undo_contexts(self, command: CommandModel) -> None:
        """Undo the contexts of a command that was refused or withdrawn."""
        self.want(command.contexts, command.kind == "unreceive")
        command.contexts = []

    def open_reader(self, call: CallModel) -> None:
        assert call.machine is not None
        with patch("anyrelay.protocol.call.listening.Subscription", partial(Subscription, limit=self.reader_limit)):
            reader = ReaderModel(call, call.machine.events(), self.reader_limit)
        if call.gone is not None:
            reader.end(call.gone)
        elif call.is_silent():
            reader.end(None)
        call.readers.append(reader)

    def drain(self, timeout: float) -> None:
        if not self.draining and not self.closing:
            self.draining, self.drain_ends = True, self.wire.now + timeout
            self.drain_waited = self.any_work()
        self.wire.session.drain(self.wire.now, timeout)
        self.wire.settle()

    def finish_handler(self, call: CallModel) -> None:
        assert call.machine is not None
        self.running.remove(call)
        self.wire.finish_handler(call.machine)

    def abandon(self, command: CommandModel) -> None:
        command.promise.abandon()
        command.abandoned = True
        if command.kind == "dial" and command.sent_at is not None:
            self.dials[f"t{command.number}"].given_up_at = self.wire.now
        if command.kind == "refer_and_wait" and command.call and command.transfer in command.call.refers:
            command.waiter.abandoned = True  # type: ignore[attr-defined]
        if command.queued and command.result is None:
            command.withdrawn = True
            command.end(RelayError)
            if command.kind == "dial":
                self.dials[f"t{command.number}"].over = True

    # --- messages and marks -------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Read the log since the last call."""
        for entry in self.wire.log[self.read :]:
            self.tidy()
            if isinstance(entry, Mark):
                self.take_mark(entry)
            elif entry.direction is wire_connection.Direction.TO_SERVER:
                if entry.fate is wire_connection.Fate.SENT and "method" in entry.message:
                    self.request_sent(entry)
                elif entry.fate is wire_connection.Fate.SENT:
                    self.acknowledgements[entry.connection, entry.message["id"]] -= 1
            elif entry.fate is wire_connection.Fate.ARRIVED:
                self.arrived(entry)
        self.read = len(self.wire.log)
        # Every deadline up to now has to be handled by now.
        self.clock.begin_look()
        self.pass_time(self.wire.now)
        self.clock.end_look()

    def pass_time(self, until: float) -> None:
        self.clock.look_until(until)
        for command in self.commands.values():
            if command.result is None:
                command.pass_time(until)
        for dial in self.dials.values():
            dial.pass_time(until)
        for each in self.passes:
            each.queued = each.queued and until < each.at + REQUEST_TIMEOUT
        self.tidy()

    def tidy(self) -> None:
        """Remove withdrawn commands; end what a grace time or the settling of the last transfer ended."""
        for command in self.commands.values():
            if command.withdrawn:
                self.undo_contexts(command)
        for dial in self.dials.values():
            dial.over = dial.over or dial.command.withdrawn
        anew = self.clock.counted_anew
        for call in self.all_calls:
            if any(not reader.over for reader in call.readers) and call.is_silent():
                for reader in call.readers:
                    reader.end(None)
        for call in self.calls.values():
            if call.said_gone_at is None or call.ended_at is not None:
                continue
            if (over := self.clock.heard_for(GRACE, call.said_gone_at)) is not NEVER:
                self.reach("the end of a call came by an error reply alone")
                call.lose(over.at, CallGone, "gone")
        for call_id in [call_id for call_id, call in self.calls.items() if not call.is_known()]:
            del self.calls[call_id]
        if self.clock.counted_anew > anew:
            self.reach("a grace time began anew")

    def request_sent(self, entry: wire_connection.Logged) -> None:
        method, params = entry.message["method"], entry.message["params"]
        if method == "signalwire.connect":
            self.requests[entry.message["id"]] = "connect"
            assert params.get("contexts", []) == (self.contexts if not self.draining else []), "what is wanted now"
            assert params.get("protocol", "") == self.protocol, "the session that is to be resumed"
            return
        command = self.command_in(method, params)
        if command is None:
            return
        command.times_sent += 1
        assert command.times_sent == 1, "sent twice"
        assert not command.withdrawn, "sent although its caller gave up, or its call or session is over"
        assert not command.abandoned or command.sent_at is not None
        command.sent_at = entry.at
        self.requests[entry.message["id"]] = command
        if command.transfer is not None:
            call = command.call
            call.refers.append(command.transfer)
            if command.kind == "refer_and_wait":
                call.waiters.append(command.waiter)  # type: ignore[attr-defined]
            if call.ended_at is not None or call.said_gone_at is not None:
                command.transfer.add(entry.at, "ended")

    def command_in(self, method: str, params: dict[str, Any]) -> CommandModel | None:
        """Return the command of a request; None for the client's own requests."""
        if method in ("signalwire.receive", "signalwire.unreceive"):
            kind = method.rpartition(".")[2]
            mine = [each for each in self.commands.values() if each.kind == kind and each.queued]
            assert mine or (kind == "unreceive" and self.draining)
            return mine[0] if mine else None
        if method == "calling.pass":
            waiting = [each for each in self.passes if each.queued and each.call_id == params["call_id"]]
            assert waiting, "passed back without a reason, or twice"
            waiting[0].queued = False
            self.reach("a call was passed back")
            return None
        if not method.startswith("calling."):
            return None
        if method == "calling.dial":
            return self.commands[int(params["tag"][1:])]
        return self.commands[int(params["reason"][1:]) if method == "calling.end" else params["n"]]

    def arrived(self, entry: wire_connection.Logged) -> None:
        message = entry.message
        if message.get("method") == "signalwire.event":
            if self.closing:
                self.reach("an event came while closing")  # it cannot be acknowledged, but counts
            else:
                self.acknowledgements[entry.connection, message["id"]] += 1
            self.event(entry.at, message)
        elif "method" in message and not self.closing:
            self.acknowledgements[entry.connection, message["id"]] += 1
            if message["method"] == "signalwire.disconnect":
                self.clock.link_down(entry.at, entry.at)
                self.session_ends = self.session_ends or message["params"]["restart"]
        elif self.clock.pong(message.get("id", ""), entry.at):
            self.tidy()
        elif "method" not in message:
            request = self.requests.pop(message["id"], None)
            if request == "connect":
                self.sign_in_answered(entry.at, message)
            elif request is not None:
                self.answered(entry.at, request, message)

    def sign_in_answered(self, at: float, message: dict[str, Any]) -> None:
        if self.closing:
            return
        if "error" in message:
            self.refusals += 1
            if self.refusals >= 3 and self.ever_signed_in:
                self.session_lost(at, ConnectionLost)
                self.protocol = ""
            return
        self.refusals, self.ever_signed_in = 0, True
        result = message["result"]
        if self.protocol and (result["protocol"] != self.protocol or result.get("session_restored") is False):
            if self.calls:
                self.reach("a resume was refused, with calls up")
            self.session_lost(at, ConnectionLost)
        elif self.protocol and self.calls:
            self.reach("resumed, with calls up")
        self.protocol = result["protocol"]
        self.clock.link_up(at)

    def answered(self, at: float, command: CommandModel, message: dict[str, Any]) -> None:
        error = self.error_in(message)
        if command.call is None and error is CallGone:
            error = RelayError  # an unknown id is no call
        content = command.kind == "hangup" and error is CallGone
        failed = error is not None and not content
        refused = failed and self.is_about_the_request(self.code_in(message))
        if failed and not refused:
            self.reach("an error left it open what a command does")
        # The reply counts, also after its caller's timeout.
        if command.kind == "dial":
            dial = self.dials[f"t{command.number}"]
            if refused and not dial.heard and not dial.over:
                dial.end(error)
            elif failed and dial.is_open:
                dial.given_up_at = at
                command.end(error)
            return
        if command.transfer is not None:
            assert command.call is not None
            if failed and any(step.kind == "event" for step in command.transfer.steps):
                self.reach("an error came after an event")
            if failed and command.told_by_events:
                self.reach("an error came after the outcome")
            if refused or not failed:
                command.transfer.add(at, "refused" if refused else "reply")
            if not failed:
                refers = command.call.refers
                for older in refers[: refers.index(command.transfer)]:
                    older.add(at, "superseded")
        if refused and command.operation is not None and not command.operation.heard:
            command.operation.end(error)
        if refused:
            self.undo_contexts(command)
        if failed:
            command.fail(error)
        else:
            command.acceptance = message.get("result", {})
        command.end(message.get("result", {}))
        # A 404 to other commands may mean the operation, queue or conference that they name.
        if error is CallGone and (command.kind in ("answer", "hangup") or self.code_in(message) == 410):
            assert command.call is not None
            self.said_to_be_gone(
                at, self.calls.get(command.call.call_id)
            )  # an id that is offered again is the same call's

    @staticmethod
    def is_about_the_request(code: int) -> bool:
        if code < 0:
            return code in (-32700, -32600, -32601, -32602)
        return code // 100 == 4 and code not in (408, 425, 429)

    def said_to_be_gone(self, at: float, call: CallModel | None) -> None:
        if call is not None and call.ended_at is None and call.said_gone_at is None:
            call.said_gone_at = self.clock.moment(at)
            for transfer in call.refers:
                transfer.add(at, "ended")

    @staticmethod
    def code_in(message: dict[str, Any]) -> int:
        if "error" in message:
            return message["error"]["code"]
        code = message["result"].get("code", "200")
        return int(code) if code.isdecimal() else -1

    @staticmethod
    def error_in(message: dict[str, Any]) -> type[RelayError] | None:
        code = Model.code_in(message)
        if 200 <= code < 300:
            return None
        return CallGone if code in (404, 410) else RelayError

    def event(self, at: float, message: dict[str, Any]) -> None:
        params = message["params"]["params"]
        key = (message["id"], json.dumps(message["params"], sort_keys=True))
        if key in self.seen:
            self.reach("an event came twice")
            return
        self.seen.add(key)
        self.handled.append(params["n"])
        kind = message["params"]["event_type"].rpartition(".")[2]
        if kind == "dial":
            self.dial_told(at, params)
            return
        call = self.calls.get(params["call_id"])
        if call is None:
            if kind == "receive" and not self.closing:
                self.offered(at, params["call_id"])
            return
        for reader in call.readers:
            if not reader.tell(params["n"]):
                self.reach("a reader was too slow")
        match kind:
            case "refer":
                owner = self.owner_of(call, params.get("sip_refer_to"))
                if owner is not None:
                    owner.add(at, "event", params)
            case "state" if params["call_state"] == "ended" and call.ended_at is None:
                call.end(at)
                for command in call.commands:
                    if command.operation is not None:
                        command.operation.end("call_ended")
            case "play":
                number = int(params["control_id"][1:])
                operation = self.operations.get(number)
                if operation is None or self.commands[number].call is not call:
                    return
                operation.heard = True
                if operation.result is None and params["state"] in ("finished", "error"):
                    operation.is_told = True
                    operation.end(("event", params["n"]))

    def offered(self, at: float, call_id: str) -> None:
        """An offer is taken, or passed back if the client cannot take it, but not repeatedly."""
        active = sum(call.ended_at is None for call in self.calls.values())
        if active < self.max_active_calls and not self.draining:
            call = self.calls[call_id] = CallModel(call_id, self.clock)
            self.all_calls.append(call)
            self.running.append(call)
        elif at - self.passed.get(call_id, -math.inf) < PASS_AGAIN_AFTER:
            self.reach("a call that was passed back came again at once")
        elif not self.queue_is_full:
            self.passed[call_id] = at
            self.passes.append(PassModel(call_id, at))

    def dial_told(self, at: float, params: dict[str, Any]) -> None:
        dial = self.dials.get(params["tag"])
        if dial is None or dial.over:
            return
        dial.heard = True
        if params["dial_state"] == "failed":
            dial.end(DialFailed)
        if params["dial_state"] == "answered":
            call = CallModel(params["call"]["call_id"], self.clock)
            self.calls[call.call_id] = call
            self.all_calls.append(call)
            dial.end(call)

    @staticmethod
    def owner_of(call: CallModel, named: Any) -> TransferModel | None:
        """Return the transfer of an event: the older open one, unless the event names the target of the other."""
        listed = call.listed()
        if not listed:
            return None
        expected = next((transfer for transfer in listed if transfer.fate().is_open), listed[-1])
        target = next((index for index, spellings in enumerate(TARGETS) if named in spellings), None)
        if target is None or target == expected.target:
            return expected
        return next((transfer for transfer in reversed(listed) if transfer.target == target), expected)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def take_mark(self, mark: Mark) -> None:
        match mark.kind:
            case "look begins":
                self.clock.begin_look()
                return
            case "look ends":
                self.pass_time(mark.at)
                self.clock.end_look()
                return
            case "ping":
                if self.clock.is_looking:
                    self.pass_time(mark.at)
                self.clock.ping(mark.ping_id, mark.now)
                return
        if self.clock.is_looking:
            self.pass_time(mark.at)
        self.clock.link_down(mark.at, mark.now)
        match mark.kind:
            case "connection lost":
                self.connection_lost(mark.at)
            case "closing" | "closing, and the line was up":
                self.leave(mark.at)
                self.closing = True
                for dial in self.dials.values():
                    if dial.is_open and mark.kind != "closing":
                        # Ringing legs are hung up; their callers get an error at the end of closing, before any leg is late.
                        dial.given_up_at = math.inf
            case _:
                if not self.closing and mark.error is None:
                    self.leave(mark.at)
                self.client_closed(mark)

    def leave(self, at: float) -> None:
        """The client closes: on request, or after a drain."""
        if self.closing_asked:
            return
        assert self.draining, "closed without a request"
        if at >= self.drain_ends:
            self.reach("a drain waited in vain")
        else:
            assert not self.any_work(), "closed while something is under way"
            if self.drain_waited:
                self.reach("a drain waited for work")

    def any_work(self) -> bool:
        """Whether a handler runs, or an operation, a transfer or a dial is open."""
        operations = [each.operation for call in self.calls.values() for each in call.commands if each.operation]
        return (
            bool(self.running)
            or any(dial.is_open for dial in self.dials.values())
            or any(operation.result is None for operation in operations)
            or any(call.is_transferred() for call in self.calls.values())
        )

    def connection_lost(self, at: float) -> None:
        self.end_sent(ConnectionLost)
        if self.session_ends:
            if self.calls:
                self.reach("restarted, with calls up")
            self.session_lost(at, ConnectionLost)
            self.protocol = ""
        self.session_ends = False

    def client_closed(self, mark: Mark) -> None:
        self.closed_at.add(mark.at)
        error = ClientClosed if mark.error is None else type(mark.error)
        self.end_sent(error)
        for command in self.commands.values():
            if command.queued and command.result is None:
                command.withdrawn = True
                command.fail(error)
        self.session_lost(mark.at, error)  # type: ignore[arg-type]
        self.protocol = ""
        self.ever_signed_in = self.closing = self.closing_asked = self.session_ends = self.draining = False
        self.refusals = 0
        self.closed = True

    def end_sent(self, error: type[BaseException]) -> None:
        for request in self.requests.values():
            if isinstance(request, CommandModel) and request.kind not in ("refer_and_wait", "dial"):
                request.fail(error)
        self.requests.clear()

    def session_lost(self, at: float, error: type[RelayError]) -> None:
        self.seen.clear()
        for call in self.calls.values():
            call.lose(at, error)
        self.calls.clear()
        for dial in self.dials.values():
            if dial.command.sent_at is not None:
                dial.end(error)
        for each in self.passes:
            each.queued = False
        for command in self.commands.values():
            if command.queued and command.result is None and command.call is not None:
                command.withdrawn = True
                command.fail(error)

    # --- comparing ----------------------------------------------------------------------------------------------------

    def pair_calls(self) -> None:
        """Catch up, and match the model's calls with those of handlers and dials."""
        self.catch_up()
        for call, machine in zip(self.running, self.wire.offered, strict=True):
            assert machine.call_id == call.call_id
            call.machine = machine
        for dial in self.dials.values():
            call = dial.command.result
            if isinstance(call, CallModel) and not dial.command.abandoned:
                call.machine = dial.command.promise.result()
                assert call.machine.call_id == call.call_id

    def compare(self) -> None:
        """Check everything that can be seen of the client against the model."""
        self.pair_calls()
        now = self.wire.now
        assert self.received == self.handled, "each event is handled once, in order, and none is lost"
        assert set(self.wire.session.calls) == set(self.calls), "the calls that are kept"
        open_ones = {key: count for key, count in self.acknowledgements.items() if count}
        assert not open_ones, "each event is acknowledged once, on its own connection"
        if self.wire.is_up:
            assert not any(each.queued for each in (*self.commands.values(), *self.passes)), "the line is up"
        if self.draining and not self.closing:
            assert self.any_work(), "drained, and not closed"
            assert now < self.drain_ends, "drained for too long"
        for call in self.all_calls:
            for reader in call.readers:
                reader.compare()
        for command in self.commands.values():
            self.compare_command(command)
        for operation, promise in self.operation_waiters:
            assert promise.done is (operation.result is not None), operation
            if promise.done:
                compare_result(promise, operation.result)
        for call in self.all_calls:
            self.compare_transfers(call)
        if self.waits_for_sign_of_life():
            assert self.wire.session._link.keep_alive.ping_id, "a grace time waits for a pong, and no ping was sent"

    def waits_for_sign_of_life(self) -> bool:
        """Whether a grace time would have ended if a pong had arrived."""
        began = []
        for call in self.calls.values():
            if call.ended_at is not None and call.ended_unsure:
                began.append(call.ended_at)
            if call.ended_at is None and call.said_gone_at is not None:
                began.append(call.said_gone_at)
            for transfer in call.refers:
                if transfer.fate().is_open:
                    began += [step.moment for step in transfer.steps if step.kind == "ended" and step.moment][:1]

        def waits(moment: Moment) -> bool:
            return self.clock.heard_for(GRACE, moment) is NEVER and self.clock.waits_for_sign

        return any(waits(moment) for moment in began)

    def compare_command(self, command: CommandModel) -> None:
        if command.abandoned:
            return
        if command.kind == "refer_and_wait" and command.sent_at is not None:
            expected = command.waiter.expected()  # type: ignore[attr-defined]
            compare_waiter(command.promise, expected, command.transfer)
            return
        assert command.promise.done is (command.result is not None), command
        if command.result is None:
            return
        if isinstance(command.result, CallModel):
            assert command.promise.result() is command.result.machine
        elif command.result == "by events":
            compare_told(command)
        elif isinstance(command.result, dict):
            value = command.promise.result()
            if command.kind == "play":
                assert value.control_id == f"p{command.number}"
            elif command.kind == "start_refer":
                assert value.ack == command.result
            else:
                expected = {} if command.kind == "hangup" and command.result.get("code") in ("404", "410") else None
                assert value == (command.result if expected is None else expected)
        elif command.result is RequestTimeout and command.at + command.timeout in self.closed_at:
            # A timeout at the same time may end the drain before or after this command: both are right.
            assert type(command.promise.error) in (RequestTimeout, ClientClosed)
        else:
            assert type(command.promise.error) is command.result, (command, command.promise.error)

    def compare_transfers(self, call: CallModel) -> None:
        if call.machine is None:  # a leg without a caller
            assert not call.refers
            return
        listed = call.listed()
        machines = list(call.machine.refers)
        assert len(listed) == len(machines), (listed, machines)
        for transfer, machine in zip(listed, machines, strict=True):
            fate = transfer.fate()
            compare_outcome(machine.outcome, fate.stored, transfer)
            completed = transfer.completed
            if transfer.command.kind == "start_refer":
                assert len(completed) == (fate.settled is not None), (completed, fate)
                if completed:
                    compare_outcome(completed[0], fate.settled, transfer)
        for transfer in call.refers:
            if transfer.fate().refused:
                assert transfer.completed == []
        for waiter in call.waiters:
            if not waiter.abandoned:
                compare_waiter(waiter.promise, waiter.expected(), waiter.transfer)

    def open_promises(self) -> Iterable[Any]:
        for command in self.commands.values():
            if not command.abandoned and not command.promise.done:
                yield command
        for operation, promise in self.operation_waiters:
            if not promise.done:
                yield operation
        for call in self.all_calls:
            yield from (each for each in call.waiters if not each.abandoned and not each.promise.done)


def compare_told(command: CommandModel) -> None:
    """Check a command whose events brought the outcome before its reply, if a reply came at all."""
    value = command.promise.result()
    match command.kind:
        case "refer":
            assert value == {}
        case "start_refer":
            assert value.ack == command.acceptance
            assert value.outcome is not None
        case _:
            assert value.control_id == f"p{command.number}"


def compare_outcome(outcome: ReferOutcome | None, expected: Any, context: Any) -> None:
    if outcome is None or expected is None:
        assert outcome is expected, (outcome, expected, context)
        return
    seen = (outcome.status, outcome.unknown_because, outcome.refer_response_code, outcome.notify_response_code)
    wanted = (expected.status, expected.because, expected.refer_code, expected.notify_code)
    assert (*seen, len(outcome.events)) == (*wanted, expected.events), (outcome, expected, context)


def compare_waiter(promise: Promise[Any], expected: Any, transfer: Any) -> None:
    assert promise.done is (expected is not None), (promise.done, expected, transfer)
    if expected == "refused":
        assert isinstance(promise.error, RelayError)
    elif expected is not None and expected.events < 0:
        outcome = promise.result()
        assert (outcome.status, outcome.unknown_because) == (expected.status, expected.because), transfer
    elif expected is not None:
        compare_outcome(promise.result(), expected, transfer)


def compare_result(promise: Promise[Any], expected: Any) -> None:
    last_states = {ConnectionLost: "session_lost", CallGone: "call_gone", "call_ended": "call_ended"}
    if isinstance(expected, tuple):
        assert promise.result().params["n"] == expected[1]
    elif expected in last_states:
        assert promise.result().state == last_states[expected]
    else:
        assert type(promise.error) is expected, (promise.error, expected)
