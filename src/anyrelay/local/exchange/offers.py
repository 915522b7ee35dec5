"""Offers of calls to clients: ``calling.call.receive``, ``calling.pass`` and ``calling.transfer`` to another context.

A call is offered to one subscriber of its context. That session controls the call until it passes the offer back, hands the
call on, or is given up (RELAY facts, sections 1 and 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from anyrelay.local.exchange.calls import CallState
from anyrelay.local.exchange.feature import ExchangeHost, Feature, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.protocol.schema import Pass, Transfer

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.lifecycle import Lifecycle
    from anyrelay.local.exchange.sessions import RelaySession
    from anyrelay.protocol.core.timers import Timer

__all__ = ["Offers"]

OFFER_AGAIN: Final = 6.0
"""Seconds after which a call that every subscriber has passed back is offered anew.

Clients leave such an offer alone for a time, anyrelay's for 5 s; an offer that is left alone comes no third time.
"""


OFFER_TIME: Final = 60.0
"""Seconds for which a client may leave an offer unanswered while another client has subscribed to the context.

The call is then offered to the other client, as if the first one had passed it back.
"""


class Offers(Feature):
    """Chooses the session that controls a call."""

    def __init__(self, host: ExchangeHost, lifecycle: Lifecycle, on_handed_on: Callable[[Call], None]) -> None:
        """Offer nothing yet.

        Args:
            host: The exchange.
            lifecycle: Tells the states of offered calls.
            on_handed_on: Called with a call before the call is offered to another client than its controller.
        """
        super().__init__(host)
        self._lifecycle = lifecycle
        self._on_handed_on = on_handed_on
        self._deadlines: dict[Call, Timer] = {}  # of the offers that clients may leave unanswered
        self.commands = {Pass: ServedCommand(self._pass), Transfer: ServedCommand(self._transfer)}

    # --- commands

    def _pass(self, _: Pass, call: Call, now: float) -> None:
        if call.taken or call.state is CallState.ENDING:
            raise CommandRefused(409, "The call is answered already")
        assert call.controller is not None
        call.passed_by.add(call.controller)
        self.offer(call, now)

    def _transfer(self, command: Transfer, call: Call, now: float) -> None:
        if call.state is CallState.ENDING:
            raise CommandRefused(409, "The call is ending")
        if command.dest.lstrip().startswith(("{", "http:", "https:", "version:")):
            raise CommandRefused(501, "SWML is not run here: dest can only be a context")
        if self.host.sessions.next_subscriber(command.dest, peek=True) is None:
            raise CommandRefused(404, f"No client has subscribed to the context {command.dest[:100]}")
        call.context = command.dest
        call.passed_by.clear()
        self._on_handed_on(call)
        self.offer(call, now)

    # --- offering

    def offer(self, call: Call, now: float) -> None:
        """Offer a call to the next subscriber of its context, or again in a while when there is none now."""
        self._cancel_deadline(call)
        session = self.host.sessions.next_subscriber(call.context, call.passed_by)
        if call.controller is not None and call.controller is not session:
            # A client that is away would get the offer when it is back.
            call.controller.pending.forget_call(call.call_id)
        call.controller, call.taken = session, False
        if session is None:
            self.host.timers.at(now + OFFER_AGAIN, lambda at: self._offer_again(call, at))
            return
        self.host.tell(session, "calling.call.receive", call.offer_params(session.project_id), now)
        state = CallState.RINGING if call.state is CallState.CREATED else call.state
        self._lifecycle.set_state(call, state, now)
        self._deadlines[call] = self.host.timers.at(now + OFFER_TIME, lambda at: self._not_taken(call, session, at))

    def _not_taken(self, call: Call, session: RelaySession, now: float) -> None:
        """Offer a call to another client that is connected, if the call was offered and not answered."""
        del self._deadlines[call]
        if call.controller is session and not call.taken:
            passed_by = {*call.passed_by, session}
            other = self.host.sessions.next_subscriber(call.context, passed_by, peek=True)
            if other is not None and other.connection is not None and not call.is_ending:
                call.passed_by = passed_by
                self.offer(call, now)

    def _cancel_deadline(self, call: Call) -> None:
        if (deadline := self._deadlines.pop(call, None)) is not None:
            deadline.cancel()

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the deadline of the call's offer."""
        self._cancel_deadline(call)

    def _offer_again(self, call: Call, now: float) -> None:
        if call.controller is None and call.state in (CallState.RINGING, CallState.ANSWERED):
            call.passed_by.clear()
            self.offer(call, now)

    # --- clients that come and go

    def client_left(self, session: RelaySession, now: float) -> None:
        """Offer the calls that a client has not answered to the next one: the client has left."""
        for call in self.host.calls.of_session(session):
            if not call.taken:
                self.offer(call, now)

    def client_lost(self, session: RelaySession, now: float) -> None:
        """Offer the calls that a client has not answered to a client that is here: the client's connection broke."""
        for call in self.host.calls.of_session(session):
            if not call.taken:
                self._offer_to_client_here(call, now)

    def subscriber_arrived(self, session: RelaySession, now: float) -> None:
        """Offer waiting calls to a client that has subscribed to more contexts.

        A call waits when no client could be offered it, or when its client is away and has not answered it.
        """
        for call in self.host.calls:
            waits = call.controller is None or (call.controller.connection is None and not call.taken)
            if waits and call.controller is not session and call.context in session.contexts:
                self._offer_to_client_here(call, now)

    def _offer_to_client_here(self, call: Call, now: float) -> None:
        if call.state not in (CallState.RINGING, CallState.ANSWERED):
            return
        candidate = self.host.sessions.next_subscriber(call.context, call.passed_by, peek=True)
        if candidate is not None and candidate.connection is not None:
            self.offer(call, now)
