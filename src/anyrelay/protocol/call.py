"""One call: its state, its operations, its transfers, and whoever listens to it.

Every public method of `Call`, in either front end, is a method of `CallMachine`: arguments, checks, docstring, and a
promise of the result. The first parameter is always the time, which the front end fills in.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from attrs import field, frozen

from anyrelay.errors import CallGone, ReferInProgress, RelayError
from anyrelay.protocol.checks import check_handler, check_timeout
from anyrelay.protocol.commands import Answer, CallCommand, End, Pass, Refer, Transfer, make_command
from anyrelay.protocol.events import CallReceiveEvent, CallStateEvent, ReferEvent, RelayEvent
from anyrelay.protocol.mailbox import Mailbox
from anyrelay.protocol.operations import Operation
from anyrelay.protocol.promise import Promise, Subscription
from anyrelay.protocol.refer import ReferOutcome
from anyrelay.protocol.requests import Follower, Reply
from anyrelay.protocol.timers import Timer, Timers
from anyrelay.protocol.transfers import TransferOrder, Transfers
from anyrelay.protocol.values import ReferDeviceLike, read_refer_device
from anyrelay.protocol.verbs.agents import AgentVerbs
from anyrelay.protocol.verbs.base import OnCompleted
from anyrelay.protocol.verbs.bridging import BridgingVerbs
from anyrelay.protocol.verbs.inputs import InputVerbs
from anyrelay.protocol.verbs.media import MediaVerbs

if TYPE_CHECKING:
    from anyrelay.protocol.refer import Transfer as TransferMachine
    from anyrelay.protocol.session import Session

__all__ = ["TRANSITIONS", "CallMachine", "CallState", "Search"]

E = TypeVar("E", bound=RelayEvent)
O = TypeVar("O", bound=Operation)  # noqa: E741


class CallState(StrEnum):
    """Where a call is (RELAY facts, section 3)."""

    CREATED = auto()
    RINGING = auto()
    ANSWERED = auto()
    ENDING = auto()
    ENDED = auto()


_ORDER: Final = tuple(CallState)

TRANSITIONS: Final[dict[tuple[CallState, CallState], CallState]] = {
    (before, word): word for index, before in enumerate(_ORDER) for word in _ORDER[index + 1 :]
}
"""A call only moves forward, and may skip states; a report that comes late, or again, changes nothing."""


@frozen
class Search(Generic[E]):
    """A reader that looks for one event: its queue, and the user's predicate, which the front end calls."""

    subscription: Subscription[E]
    """The events to look at."""
    predicate: Callable[[E], object] | None = None
    """Whether an event is the one; None takes the first."""


@frozen(eq=False)
class _Listener:
    """A handler that `CallMachine.on` registered."""

    event_class: type[RelayEvent]
    event_type: str | None
    handler: Callable[[Any], Any] = field(repr=False)

    def wants(self, event: RelayEvent) -> bool:
        return isinstance(event, self.event_class) and self.event_type in (None, event.event_type)


@frozen(eq=False)
class _StateWaiter:
    """Somebody who waits for the call to get somewhere."""

    target: CallState
    promise: Promise[CallStateEvent]
    timer: Timer | None


class _Starting(Follower):
    """Follows the command that starts an operation."""

    def __init__(self, call: CallMachine, operation: Operation) -> None:
        self._call = call
        self._operation = operation

    def taken(self, reply: Reply, now: float) -> None:
        self._operation.taken()

    def refused(self, error: RelayError) -> None:
        self._operation.refused(error)


class _Passing(Follower):
    """Follows the command that passes a call back: once it is taken, the call is somebody else's."""

    def __init__(self, call: CallMachine) -> None:
        self._call = call

    def taken(self, reply: Reply, now: float) -> None:
        self._call.passed(now)


class CallMachine(MediaVerbs, InputVerbs, BridgingVerbs, AgentVerbs):
    """One call of a session."""

    def __init__(self, session: Session, offer: RelayEvent) -> None:
        """Make a call from the event that told of it."""
        params = offer.params
        self.session = session
        self.timers: Timers = session.timers
        self.call_id = offer.call_id
        self.node_id = _text(params, "node_id")
        self.project_id = _text(params, "project_id")
        self.context = offer.context if isinstance(offer, CallReceiveEvent) else _text(params, "context")
        self.tag = _text(params, "tag")
        self.direction = _text(params, "direction") or "inbound"
        self.segment_id = _text(params, "segment_id")
        self.device: dict[str, Any] = params["device"] if isinstance(params.get("device"), dict) else {}
        self.state = _state(_text(params, "call_state")) or CallState.CREATED
        self.end_reason = ""
        self.mailbox: Mailbox = session.new_mailbox(self.call_id)
        self.transfers = Transfers(self.timers, session.settings.refer_grace, self._transfer_over)
        self._operations: dict[str, Operation] = {}
        self._listeners: list[_Listener] = []
        self._subscriptions: dict[Subscription[Any], bool] = {}
        self._state_waiters: list[_StateWaiter] = []
        self._state_events: dict[CallState, CallStateEvent] = {}
        self._in_grace = False
        self._gone: RelayError | None = None

    # --- what the session tells -------------------------------------------------------------------------------------

    def receive(self, event: RelayEvent, now: float) -> None:
        """Take in an event of this call."""
        ended = isinstance(event, CallStateEvent) and self._take_state(event)
        # Readers first: what the event settles below may be the last thing that they were still open for.
        for listener in self._listeners:
            if listener.wants(event):
                self.mailbox.post(listener.handler, event)
        for subscription in list(self._subscriptions):
            subscription.offer(event)
        if isinstance(event, ReferEvent):
            self.transfers.receive(event, now)
        else:
            self._tell_operation(event)
        if ended:
            self._end(event, now)

    def _take_state(self, event: CallStateEvent) -> bool:
        """Move to the state that an event tells of; whether the call has ended with it."""
        word = _state(event.call_state)
        if word is None:
            return False
        if event.device:
            self.device = event.device
        moved = TRANSITIONS.get((self.state, word))
        if moved is None:
            return False
        self.state = moved
        self.end_reason = event.end_reason or self.end_reason
        self._state_events[moved] = event
        for waiter in list(self._state_waiters):
            self._answer_state_waiter(waiter)
        return moved is CallState.ENDED

    def _tell_operation(self, event: RelayEvent) -> None:
        control_id = event.params.get("control_id")
        operation = self._operations.get(control_id) if isinstance(control_id, str) else None
        if operation is not None:
            operation.receive(event)

    def _end(self, event: RelayEvent, now: float) -> None:
        """The call has ended: operations are resolved, transfers get their grace time, then the call is forgotten."""
        for operation in list(self._operations.values()):
            operation.call_ended(event)
        self._in_grace = True
        self.transfers.call_ended(now)
        self.timers.at(now + self.session.settings.refer_grace, self._grace_over)
        self._retire_if_over()

    def _grace_over(self, now: float) -> None:
        self._in_grace = False
        self._retire_if_over()

    def _transfer_over(self, transfer: TransferMachine, outcome: ReferOutcome | None) -> None:
        if outcome is not None and transfer.on_completed is not None:
            self.mailbox.post(transfer.on_completed, outcome, must_keep=True)
        self.session.work_ended()
        self._retire_if_over()

    def _retire_if_over(self) -> None:
        """Readers end once the last open transfer of an ended call is settled; the call is forgotten after the grace."""
        if self.state is not CallState.ENDED or self.transfers.any_open:
            return
        for subscription, raises in list(self._subscriptions.items()):
            subscription.end(self._ended_error() if raises else None)
        if not self._in_grace:
            self.session.forget_call(self)

    def _ended_error(self) -> CallGone:
        return CallGone(410, f"call {self.call_id} has ended", self.call_id)

    def session_lost(self, error: RelayError, now: float) -> None:
        """The session is gone for good, and this call with it (or the call alone): whoever waits is told."""
        self._gone = error
        self.transfers.session_lost(now)
        for operation in list(self._operations.values()):
            operation.session_lost(error)
        for subscription in list(self._subscriptions):
            subscription.end(error)
        waiters, self._state_waiters = self._state_waiters, []
        for waiter in waiters:
            _settle_timer(waiter)
            waiter.promise.fail(error)

    def passed(self, now: float) -> None:
        """The call was passed back to routing: nothing more will be heard of it here."""
        self.session.call_passed(self, now)
        self.session_lost(CallGone(410, f"call {self.call_id} was passed back", self.call_id), now)

    # --- what machines below use ------------------------------------------------------------------------------------

    @property
    def has_open_work(self) -> bool:
        """Whether an operation or a transfer is still open."""
        return bool(self._operations) or self.transfers.any_open

    def operation_ended(self, operation: Operation) -> None:
        """An operation is over and needs no more events."""
        self._operations.pop(operation.control_id, None)
        self.session.work_ended()

    def order(
        self,
        now: float,
        kind: type[CallCommand],
        *,
        follower: Follower | None = None,
        content_with: tuple[int, ...] = (),
        extra: dict[str, Any] | None = None,
        unanswered_for: float | None = None,
        only_while_queued: bool = False,
        **params: Any,
    ) -> Promise[Reply]:
        """Send a command on this call. Whatever is not named here is a parameter of the command, its ``timeout`` too.

        Raises:
            ValueError: A parameter is not allowed.
            TypeError: A parameter has a wrong type.
            CallGone: The call has ended, and 410 is not among `content_with`.
            ConnectionLost: The session of this call is over.
        """
        command = make_command(kind, extra or {}, node_id=self.node_id, call_id=self.call_id, **params)
        if self._gone is not None:
            raise self._gone.renewed()
        if self.state is CallState.ENDED:
            if 410 in content_with:
                return Promise.kept({})
            raise self._ended_error()
        return self.session.submit(
            now,
            command,
            follower=follower,
            content_with=content_with,
            timeout=unanswered_for,
            only_while_queued=only_while_queued,
        )

    def begin(
        self,
        now: float,
        operation: Callable[[CallMachine, str, OnCompleted], O],
        kind: type[CallCommand],
        *,
        control_id: str | None,
        on_completed: OnCompleted,
        extra: dict[str, Any],
        **params: Any,
    ) -> Promise[O]:
        """Send a command that starts an operation; the operation listens before the command leaves."""
        check_handler(on_completed, "on_completed")
        begun = operation(self, control_id if control_id is not None else self.make_id(), on_completed)
        if begun.control_id in self._operations:
            raise ValueError(f"control_id {begun.control_id!r} is in use by another operation of this call")
        self._operations[begun.control_id] = begun
        try:
            reply = self.order(
                now, kind, follower=_Starting(self, begun), extra=extra, control_id=begun.control_id, **params
            )
        except BaseException:
            del self._operations[begun.control_id]
            raise
        return reply.then(lambda _: begun)

    def make_id(self) -> str:
        """Make an identifier that was never used before."""
        return self.session.new_id()

    # --- the public methods -----------------------------------------------------------------------------------------

    def answer(
        self, now: float, /, *, codecs: list[str] | None = None, max_duration: float | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Answer an inbound call.

        Args:
            now: The time, in seconds.
            codecs: The codecs to offer, in order of preference; the server's choice when None.
            max_duration: How long the call may last, passed on as given (RELAY documents minutes).
            extra: Further parameters, sent as given.

        Returns:
            The server's reply.

        Raises:
            ValueError: A parameter is not allowed.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.order(now, Answer, codecs=codecs, max_duration=max_duration, extra=extra)

    def hangup(self, now: float, /, reason: str = "hangup") -> Promise[Reply]:
        """End the call; one that has ended already is left alone.

        Args:
            now: The time, in seconds.
            reason: The end reason, such as hangup, busy or decline.

        Returns:
            The server's reply, ``{}`` when the call had ended already.

        Raises:
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.order(now, End, reason=reason, content_with=(404, 410))

    def pass_(self, now: float, /) -> Promise[Reply]:
        """Give an offered call back to routing, to be offered to another subscriber.

        Returns:
            The server's reply.

        Raises:
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.order(now, Pass, follower=_Passing(self))

    def refer(
        self, now: float, /, device: ReferDeviceLike, *, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Ask for a transfer by SIP REFER, and do not wait for its outcome.

        The reply says only that the command was taken. `refer_and_wait` tells what became of the transfer; so does the last
        of `refers`, which keeps every transfer of this call.

        Args:
            now: The time, in seconds.
            device: Where to: a SIP URI, a dict ``{"type": "sip", "params": {"uri": …}}``, or a `SipReferDevice`.
            status_url: Where the server POSTs the transfer's events too.
            extra: Further parameters, sent as given.

        Returns:
            The server's reply, such as ``{"code": "200", "message": "Starting SIP REFER"}``.

        Raises:
            ValueError: The device is not one that can be referred to.
            TypeError: A parameter has a wrong type.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; it is never sent again.
        """
        return self._refer(now, device, status_url, extra).reply

    def start_refer(
        self,
        now: float,
        /,
        device: ReferDeviceLike,
        *,
        status_url: str | None = None,
        on_completed: Callable[[ReferOutcome], Any] | None = None,
        **extra: Any,
    ) -> Promise[TransferMachine]:
        """Start a transfer by SIP REFER, and return once the server took the command.

        Args:
            now: The time, in seconds.
            device: Where to, as for `refer`.
            status_url: Where the server POSTs the transfer's events too.
            on_completed: Called with the `ReferOutcome`, once.
            extra: Further parameters, sent as given.

        Returns:
            The transfer, which goes on: `wait` for its outcome.

        Raises:
            ValueError: The device is not one that can be referred to.
            TypeError: A parameter has a wrong type.
            ReferInProgress: Another transfer of this call is still being waited for; nothing was sent.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; it is never sent again.
        """
        order = self._refer(now, device, status_url, extra, alone=True, on_completed=on_completed)
        return order.reply.then(lambda _: order.transfer)

    def refer_and_wait(
        self,
        now: float,
        /,
        device: ReferDeviceLike,
        *,
        status_url: str | None = None,
        timeout: float | None = 60.0,
        **extra: Any,
    ) -> Promise[ReferOutcome]:
        """Transfer the call by SIP REFER, and wait for what becomes of it.

        Once the command has been sent, this returns an outcome and never raises for a deadline, a slow reply or a lost
        connection: what cannot be known is UNKNOWN, with the reason.

        Args:
            now: The time, in seconds.
            device: Where to, as for `refer`.
            status_url: Where the server POSTs the transfer's events too.
            timeout: How long to wait for the outcome, in seconds from now; None waits as long as it takes. When it is over
                the outcome is UNKNOWN because TIMED_OUT, and the transfer itself goes on.
            extra: Further parameters, sent as given.

        Returns:
            What became of the transfer.

        Raises:
            ValueError: The device is not one that can be referred to, or `timeout` is negative.
            TypeError: A parameter has a wrong type.
            ReferInProgress: Another transfer of this call is still being waited for; nothing was sent.
            CallGone: The call does not exist any more.
            RelayError: The server refused the command.
            RequestTimeout: The line was down for `request_timeout` (or `timeout`) seconds; the command was withdrawn unsent.
        """
        check_timeout(timeout)
        order = self._refer(now, device, status_url, extra, alone=True, unsent_for=timeout)
        return order.transfer.wait(now, timeout, on_abandon=order.reply.abandon)

    def _refer(
        self,
        now: float,
        device: ReferDeviceLike,
        status_url: str | None,
        extra: dict[str, Any],
        *,
        alone: bool = False,
        on_completed: Callable[[ReferOutcome], Any] | None = None,
        unsent_for: float | None = -1,
    ) -> TransferOrder:
        """Send a REFER command; its transfer is armed first, since an event may overtake the reply.

        Args:
            now: The time, in seconds.
            device: Where to.
            status_url: Where events are POSTed too.
            extra: Further parameters.
            alone: Whether a transfer that is being waited for forbids this one.
            on_completed: Called with the outcome.
            unsent_for: How long the command may wait for the line when nobody waits for its reply, in seconds, None for
                `request_timeout` alone; -1 when somebody waits for the reply.
        """
        check_handler(on_completed, "on_completed")
        target = read_refer_device(device)
        if alone and self.transfers.awaited:
            raise ReferInProgress(f"a transfer of call {self.call_id} is still being waited for; nothing was sent")
        request_timeout = self.session.settings.request_timeout
        waits_for_outcome = unsent_for != -1
        transfer = self.transfers.arm(target.uri, now, waits_for_reply=alone and not waits_for_outcome)
        transfer.on_completed = on_completed
        try:
            reply = self.order(
                now,
                Refer,
                device=target,
                status_url=status_url,
                extra=extra,
                follower=self.transfers.follow(transfer),
                unanswered_for=min(request_timeout, unsent_for)
                if waits_for_outcome and unsent_for is not None
                else None,
                only_while_queued=waits_for_outcome,
            )
        except BaseException:
            self.transfers.discard(transfer)
            raise
        return TransferOrder(transfer, reply)

    def transfer(self, now: float, /, dest: str, **extra: Any) -> Promise[Reply]:
        """Hand control of the call to another RELAY application or to a SWML script; this client loses the call.

        Args:
            now: The time, in seconds.
            dest: A context, the URL of a SWML script, or inline SWML.
            extra: Further parameters, sent as given.

        Returns:
            The server's reply.

        Raises:
            ValueError: `dest` is empty.
            CallGone: The call does not exist any more.
            RelayError: The server refused.
            RequestTimeout: The reply did not come within `request_timeout`.
            ConnectionLost: The connection dropped while the command was under way.
        """
        return self.order(now, Transfer, dest=dest, extra=extra)

    # --- listening --------------------------------------------------------------------------------------------------

    def on(self, event_type: type[E] | str, handler: Callable[[E], Any]) -> Callable[[], None]:
        """Call a handler with each event of one kind, in order; it may use the call.

        Args:
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            handler: A function (in the async front end a coroutine function too).

        Returns:
            A function that takes the handler off again.

        Raises:
            TypeError: `event_type` is neither, or `handler` cannot be called.
        """
        if not callable(handler):
            raise TypeError(f"handler must be a function, not {type(handler).__name__}")
        listener = _Listener(*_kind(event_type), handler)
        self._listeners = [*self._listeners, listener]

        def remove() -> None:
            self._listeners = [each for each in self._listeners if each is not listener]

        return remove

    def events(self) -> Subscription[RelayEvent]:
        """Iterate over the events of this call, from now on.

        Returns:
            An iterator that ends after the call's ended event and its last open transfer.

        Raises:
            QueueOverflow: (while iterating) the reader fell 1,000 events behind.
            ConnectionLost: (while iterating) the session could not be resumed.
        """
        return self._subscribe(RelayEvent, None, raises=False)

    @overload
    def wait_for(
        self,
        now: float,
        /,
        event_type: type[E],
        predicate: Callable[[E], object] | None = None,
        timeout: float | None = None,
    ) -> Search[E]: ...
    @overload
    def wait_for(
        self,
        now: float,
        /,
        event_type: str,
        predicate: Callable[[RelayEvent], object] | None = None,
        timeout: float | None = None,
    ) -> Search[RelayEvent]: ...
    def wait_for(
        self,
        now: float,
        /,
        event_type: type[RelayEvent] | str,
        predicate: Callable[[Any], object] | None = None,
        timeout: float | None = None,
    ) -> Search[Any]:
        """Wait for an event that comes from now on.

        Args:
            now: The time, in seconds.
            event_type: An event class, or the name of a RELAY event such as ``calling.call.play``.
            predicate: Whether an event is the one waited for; None takes the first.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event.

        Raises:
            TimeoutError: `timeout` is over.
            CallGone: The call ended first.
            ConnectionLost: The session could not be resumed.
        """
        check_timeout(timeout)
        subscription = self._subscribe(*_kind(event_type), raises=True)
        if timeout is not None and not subscription.closed:
            expired = TimeoutError(f"no such event on call {self.call_id} within {timeout:g} s")
            expiry = self.timers.at(now + timeout, lambda _: subscription.end(expired))
            subscription.also_on_close(expiry.cancel)
        return Search(subscription, predicate)

    def _subscribe(
        self, event_class: type[RelayEvent], event_type: str | None, *, raises: bool
    ) -> Subscription[RelayEvent]:
        def forget() -> None:
            self._subscriptions.pop(subscription, None)

        subscription = Subscription(event_class, event_type)
        if self._gone is not None:
            subscription.end(self._gone)
        elif self.state is CallState.ENDED and not self.transfers.any_open:
            subscription.end(self._ended_error() if raises else None)
        else:
            self._subscriptions[subscription] = raises
            subscription.also_on_close(forget)
        return subscription

    def wait_for_ringing(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call rings; returns at once when it does, or did.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event that told so.

        Raises:
            TimeoutError: `timeout` is over.
            ConnectionLost: The session could not be resumed.
        """
        return self._wait_for_state(now, CallState.RINGING, timeout)

    def wait_for_answered(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is answered; returns at once when it is, or was.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event that told so.

        Raises:
            TimeoutError: `timeout` is over.
            CallGone: The call ended without having been answered.
            ConnectionLost: The session could not be resumed.
        """
        return self._wait_for_state(now, CallState.ANSWERED, timeout)

    def wait_for_ending(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call is about to end; returns at once when it is, or has ended.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event that told so.

        Raises:
            TimeoutError: `timeout` is over.
            ConnectionLost: The session could not be resumed.
        """
        return self._wait_for_state(now, CallState.ENDING, timeout)

    def wait_for_ended(self, now: float, /, timeout: float | None = None) -> Promise[CallStateEvent]:
        """Wait until the call has ended; returns at once when it has.

        Args:
            now: The time, in seconds.
            timeout: How long to wait, in seconds; None waits as long as it takes.

        Returns:
            The event that told so.

        Raises:
            TimeoutError: `timeout` is over.
            ConnectionLost: The session could not be resumed.
        """
        return self._wait_for_state(now, CallState.ENDED, timeout)

    def _wait_for_state(self, now: float, target: CallState, timeout: float | None) -> Promise[CallStateEvent]:
        check_timeout(timeout)

        def give_up() -> None:
            _settle_timer(waiter)
            self._state_waiters = [each for each in self._state_waiters if each is not waiter]

        def expire(_: float) -> None:
            self._state_waiters.remove(waiter)
            promise.fail(TimeoutError(f"call {self.call_id} was not {target} within {timeout:g} s"))

        promise: Promise[CallStateEvent] = Promise(give_up)
        waiter = _StateWaiter(target, promise, None if timeout is None else self.timers.at(now + timeout, expire))
        self._state_waiters.append(waiter)
        self._answer_state_waiter(waiter)
        if self._gone is not None and not promise.done:
            give_up()
            promise.fail(self._gone)
        return promise

    def _answer_state_waiter(self, waiter: _StateWaiter) -> None:
        """Answer a waiter if the call got to where it waits for, or past it."""
        if _ORDER.index(self.state) < _ORDER.index(waiter.target):
            return
        self._state_waiters.remove(waiter)
        _settle_timer(waiter)
        told = self._state_events.get(waiter.target)
        if told is None and waiter.target is CallState.ANSWERED and self.state in (CallState.ENDING, CallState.ENDED):
            why = f"call {self.call_id} ended without having been answered"
            waiter.promise.fail(CallGone(410, why, self.call_id))
            return
        # A call that skipped the state, or was in it when it was offered, is told by where it is now.
        told = told or self._state_events.get(self.state)
        waiter.promise.resolve(told or CallStateEvent(call_id=self.call_id, call_state=self.state, device=self.device))


def _settle_timer(waiter: _StateWaiter) -> None:
    if waiter.timer is not None:
        waiter.timer.cancel()


def _kind(event: type[RelayEvent] | str) -> tuple[type[RelayEvent], str | None]:
    if isinstance(event, str):
        return RelayEvent, event
    if isinstance(event, type) and issubclass(event, RelayEvent):
        return event, None
    raise TypeError(f"event_type must be an event class or the name of an event, not {event!r}")


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    return value if isinstance(value, str) else ""


def _state(word: str) -> CallState | None:
    try:
        return CallState(word)
    except ValueError:
        return None
