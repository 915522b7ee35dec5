"""A call: its state, its operations, its transfers, and the way of its events to handlers, readers and machines.

Every public method of `Call`, in either front end, is a method of `CallMachine`: arguments, checks, docstring, and a
promise of the result. The first parameter is always the time, from the front end. Most are in the files of the features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import CallGone, RelayError
from anyrelay.protocol.call.ai import AIMethods
from anyrelay.protocol.call.answering import AnswerMethods
from anyrelay.protocol.call.collect import CollectMethods
from anyrelay.protocol.call.connect import ConnectMethods
from anyrelay.protocol.call.detect import DetectMethods
from anyrelay.protocol.call.digits import DigitMethods
from anyrelay.protocol.call.fax import FaxMethods
from anyrelay.protocol.call.listening import ListeningMethods, Search
from anyrelay.protocol.call.methods import NONE_YET
from anyrelay.protocol.call.operation import OperationMachine
from anyrelay.protocol.call.pay import PayMethods
from anyrelay.protocol.call.play import PlayMethods
from anyrelay.protocol.call.queue import QueueMethods
from anyrelay.protocol.call.record import RecordMethods
from anyrelay.protocol.call.refer import ReferMethods
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.call.refers import Refers
from anyrelay.protocol.call.rooms import RoomMethods
from anyrelay.protocol.call.sound import SoundMethods
from anyrelay.protocol.call.states import TRANSITIONS, CallState
from anyrelay.protocol.call.stream import StreamMethods
from anyrelay.protocol.call.tap import TapMethods
from anyrelay.protocol.call.transcribe import TranscribeMethods
from anyrelay.protocol.call.transfer import TransferMethods
from anyrelay.protocol.call.user_event import UserEventMethods
from anyrelay.protocol.call.waiting import WaitingMethods
from anyrelay.protocol.core.handler_queue import HandlerQueue
from anyrelay.protocol.core.link_timers import LinkTimer
from anyrelay.protocol.core.memory import pack_device
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.schema import CallReceiveEvent, CallStateEvent, ReferEvent, RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.call.host import CallHost
    from anyrelay.protocol.call.refer_machine import ReferMachine

__all__ = ["TRANSITIONS", "CallMachine", "CallState", "Search"]


class CallMachine(
    AnswerMethods,
    PlayMethods,
    RecordMethods,
    CollectMethods,
    DigitMethods,
    DetectMethods,
    ConnectMethods,
    RoomMethods,
    QueueMethods,
    SoundMethods,
    TapMethods,
    StreamMethods,
    TranscribeMethods,
    FaxMethods,
    PayMethods,
    AIMethods,
    UserEventMethods,
    ReferMethods,
    TransferMethods,
    ListeningMethods,
    WaitingMethods,
):
    """A call of a session."""

    def __init__(self, host: CallHost[CallMachine], offer: RelayEvent) -> None:
        """Make a call from its first event."""
        params = offer.params
        told = offer if isinstance(offer, CallReceiveEvent) else CallReceiveEvent.from_payload({"params": params})
        self.host = host
        self.timers: Timers = host.timers
        self.call_id: str = offer.call_id
        self.node_id: str
        self.project_id: str
        self.context: str
        self.direction: str
        self.node_id, self.project_id, self.context, self.direction = host.texts.shared(
            told.node_id, told.project_id, told.context, told.direction or "inbound"
        )
        self.tag: str = told.tag
        self.segment_id: str = told.segment_id
        self._device = pack_device(params["device"]) if isinstance(params.get("device"), dict) else b""
        self.state: CallState = _STATES.get(told.call_state, CallState.CREATED)
        self.end_reason: str = ""
        # All attributes are set here: CPython stores one that is set later in a dict of each call, which takes 400 bytes.
        self._listeners = ()
        self._subscriptions = NONE_YET
        self._state_waiters = None
        self._state_events = b""
        self._handler_queue: HandlerQueue | None = None
        self._refers: Refers | None = None
        self._operations: dict[str, OperationMachine[Any]] = NONE_YET
        self._grace: LinkTimer | None = None
        self._gone: RelayError | None = None

    # --- what the session tells -------------------------------------------------------------------------------------

    def receive(self, event: RelayEvent, now: float) -> None:
        """Take in an event of this call."""
        ended = isinstance(event, CallStateEvent) and self._take_state(event)
        # Readers first: what the event settles below may be the last thing that they were still open for.
        for listener in self._listeners:
            if isinstance(event, listener.event_class) and listener.event_type in (None, event.event_type):
                (self._handler_queue or self.handler_queue).post(listener.handler, event)
        if self._subscriptions:
            for subscription in list(self._subscriptions):
                subscription.offer(event)
        if isinstance(event, ReferEvent):
            refer = (self._refers or self.refers).owner_of(event)
            if refer is not None:
                refer.receive(event, now)
        elif self._operations and (operation := self._operation_of(event)) is not None:
            operation.receive(event)
        if ended:
            self._end(event, now)

    def _take_state(self, event: CallStateEvent) -> bool:
        """Move to the state that an event tells; return whether the call has ended with this event."""
        word = _STATES.get(event.call_state)
        if word is None:
            return False
        moved = TRANSITIONS.get((self.state, word))
        if moved is None:
            self._device = pack_device(event.device) or self._device
            return False
        self.state = moved
        self.end_reason = event.end_reason or self.end_reason
        self._keep_state_event(event)
        if event.device:  # the device is kept with its event
            self._device = b""
        return moved is CallState.ENDED

    def _operation_of(self, event: RelayEvent) -> OperationMachine[Any] | None:
        control_id = event.params.get("control_id")
        return self._operations.get(control_id) if isinstance(control_id, str) else None

    def subject_of(self, event: RelayEvent) -> OperationMachine[Any] | ReferMachine | None:
        """Return the operation or transfer that an event belongs to; None for an event of the call alone."""
        return self.refers.owner_of(event) if isinstance(event, ReferEvent) else self._operation_of(event)

    def _end(self, event: RelayEvent, now: float) -> None:
        """The call has ended: operations are resolved, transfers get their grace time, then the call is forgotten."""
        if self.host.observer is not None:
            self.host.observer.call_over(self)
        for operation in list(self._operations.values()):
            operation.call_ended(event)
        refers = self._refers
        if refers is not None:
            refers.call_ended(now)
        if not self._listeners and (refers is None or refers.all_settled):  # no listener is left for later events
            if self._grace is not None:
                self._stop_grace()
            self._retire()
        else:
            self._start_grace(self._grace_over, now)
            self._retire_if_over()

    def _start_grace(self, action: Callable[[float], None], now: float) -> None:
        self._stop_grace()
        self._grace = self.host.link_timers.after(self.host.settings.refer_grace, action, now)

    def _stop_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def _grace_over(self, now: float) -> None:
        self._grace = None
        self._retire_if_over()

    def _refer_over(self, refer: ReferMachine, outcome: ReferOutcome | None) -> None:
        if self.host.observer is not None:
            self.host.observer.refer_over(refer, outcome)
        if outcome is not None and refer.on_completed is not None:
            self.handler_queue.post(refer.on_completed, outcome, never_drop=True)
        self.host.work_ended()
        if self.state is CallState.ENDED:
            self._retire_if_over()

    def _retire_if_over(self) -> None:
        """Readers end once the last open transfer of an ended call is settled; after any grace time the call is forgotten."""
        if not self.is_silent:
            return
        if self._grace is None and not self.refers.any_queued:
            self._retire()
        else:
            self._end_readers()

    def _retire(self) -> None:
        """No more events of the call will come."""
        if self._subscriptions:
            self._end_readers()
        self.host.forget_call(self)
        self.refers.let_go()

    def session_lost(self, error: RelayError, now: float) -> None:
        """The session is gone for good, or the call alone: the waiters of the call get the error."""
        self._gone = error
        self._stop_grace()
        if self.host.observer is not None and self.state is not CallState.ENDED:
            self.host.observer.call_over(self)
        self._fail_readers(error)  # first: who reads an ended call takes the end of its last transfer for a plain end
        self.refers.session_lost(now)
        for operation in list(self._operations.values()):
            operation.session_lost(error)
        self._fail_state_waiters(error)

    def passed(self, now: float) -> None:
        """The call was passed back to routing: this client gets no more events of the call."""
        self.host.call_passed(self, now)
        self.session_lost(CallGone(410, f"call {self.call_id} was passed back", self.call_id), now)

    def said_to_be_gone(self, now: float) -> None:
        """The server answered a command with: no such call. The event that tells so may be on its way, or was lost."""
        if self.state is not CallState.ENDED and self._grace is None:
            self.refers.call_ended(now)
            self._start_grace(self._end_untold, now)

    def _end_untold(self, now: float) -> None:
        """End the waiting for the call's last event: no event reported the end within the grace time."""
        self.host.forget_call(self)
        self.refers.grace_over(now)
        self.session_lost(CallGone(410, f"call {self.call_id} is gone, says the server", self.call_id), now)

    def handed_over(self, now: float) -> None:
        """The call was handed to another application: this client gets no more events of the call."""
        if self._gone is None:
            self.host.forget_call(self)
            self.session_lost(CallGone(410, f"call {self.call_id} was transferred", self.call_id), now)

    # --- what public methods and machines use -----------------------------------------------------------------------

    @property
    def refers(self) -> Refers:
        """The transfers; made when they are first used, since most calls have none."""
        if self._refers is None:
            self._refers = Refers(self.host.link_timers, self.host.settings.refer_grace, self._refer_over)
        return self._refers

    @property
    def has_open_work(self) -> bool:
        """Whether an operation or a transfer is still open, or waits for the line."""
        return bool(self._operations) or self.open_transfers > 0

    @property
    def open_operations(self) -> int:
        """The number of operations that have not ended."""
        return len(self._operations)

    @property
    def open_transfers(self) -> int:
        """How many transfers have no outcome yet, those included whose command waits for the line."""
        return 0 if self._refers is None else self._refers.number_open

    @property
    def is_silent(self) -> bool:
        """Whether the call and its last open transfer have ended: no more events of the call will come."""
        return self.state is CallState.ENDED and not self.refers.any_open


_STATES: Final[dict[str, CallState]] = {state.value: state for state in CallState}
"""The state that each word of an event means."""
