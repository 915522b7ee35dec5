"""The session under attack: signed in, with open work, and the checks that hold after any attack.

There is no socket and no clock: the session and the server's side of its connection are joined in memory.
"""

from __future__ import annotations

from typing import Any

from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.core.handler_queue import HANDLER_QUEUE_LIMIT, HandlerQueue
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent
from anyrelay.protocol.session.outputs import RunHandler
from anyrelay.protocol.session.session import ClientState
from tests.support.joined import Joined, joined_call

MESSAGE_LIMIT = 4_096
"""The `max_message_size` of the sessions, in bytes; small, so that attacks reach it."""

CALLS_AT_MOST = 3
"""The `max_active_calls` of the sessions."""

PHONE = {"type": "phone", "params": {"to_number": "+15550100", "from_number": "+15550101"}}


class Attacked:
    """A session with open work of each kind. Attack `session`, then call `check`."""

    def __init__(self) -> None:
        self.pair: Joined
        call: CallMachine
        self.pair, call = joined_call(max_message_size=MESSAGE_LIMIT, max_active_calls=CALLS_AT_MOST)
        self.session = session = self.pair.session
        self.pair.silent = {"calling.play", "calling.refer", "calling.dial", "messaging.send", "test.never"}
        session.takes_messages(True)
        session.on_event(lambda event: None)
        call.on(RelayEvent, lambda event: None)
        self.events = call.events()
        self.promises: list[Promise[Any]] = [
            session.serve(0.0),
            session.execute(0.0, "test.never", {}),
            session.dial(0.0, [[PHONE]], tag="tag"),
            session.send_message(0.0, to_number="+15550100", from_number="+15550101", body="hi"),
            call.refer_and_wait(0.0, "sip:support@example.com"),
            call.play(0.0, {"type": "silence", "duration": 1}, control_id="p"),
            call.wait_for_ended(0.0),
        ]
        self.pair.settle()

    def check(self) -> None:
        """Check the bounds of queues, end the transport, close the client, and check that no waiter is left."""
        session = self.session
        session.data_to_send()
        assert session.state in ClientState
        self._do_outputs()
        assert sum(call.state != "ended" for call in session.calls.values()) <= CALLS_AT_MOST
        session.receive_eof(0.0)
        assert session.state in (ClientState.WAITING, ClientState.CLOSED), session.state
        self._do_outputs()
        for now in (20.0, 40.0):  # run every timeout
            session.handle_timeout(now)
            self._do_outputs()
        closed = session.disconnect(60.0)
        self._do_outputs()
        session.handle_timeout(70.0)
        assert closed.done
        assert session.state is ClientState.CLOSED
        assert not session.calls
        assert session.next_deadline() is None
        assert [promise for promise in self.promises if not promise.done] == []
        assert self.events.closed

    def _do_outputs(self) -> None:
        """Do the work of a front end: run the handlers, and take the outputs."""
        while self.session.outputs:
            match self.session.outputs.popleft():
                case HandlerQueue() as handler_queue:
                    taken = 0
                    while (delivery := handler_queue.take()) is not None:
                        delivery.handler(delivery.subject)
                        taken += 1
                    assert taken <= HANDLER_QUEUE_LIMIT
                case RunHandler(subject):
                    self.session.handler_finished(subject, None, 0.0)
                case _:
                    pass
