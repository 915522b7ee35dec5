"""A state machine that looks for callers whom the phone menu forgets."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from ivr_threads import SALES, SETTINGS, SUPPORT, handle_call

from anyrelay.testing import SyncMemoryRelay, callers, targets


class PhoneMenu(RuleBasedStateMachine):
    """Callers, keys, targets and lost connections, in any order."""

    handler = staticmethod(handle_call)
    on_handler_error = SETTINGS["on_handler_error"]

    def __init__(self):
        super().__init__()
        self.relay = SyncMemoryRelay(latency=0.25).__enter__()
        self.client = self.relay.client(on_handler_error=self.on_handler_error)
        self.client.on_call(self.handler)
        self.client.connect()
        self.callers = []

    @initialize(sales=targets(), support=targets())
    def describe(self, sales, support):
        self.relay.phones.add(SALES, **sales)
        self.relay.phones.add(SUPPORT, **support)

    @rule(caller=callers())
    def ring(self, caller):
        self.callers.append(
            self.relay.phones.dial("sip:a@example.com", **caller)
        )

    @precondition(lambda self: self.callers)
    @rule(keys=st.text("123", min_size=1, max_size=3), after=st.floats(0, 9))
    def press(self, keys, after):
        self.relay.sleep(after)
        for caller in self.callers:
            caller.press(keys)

    @precondition(lambda self: self.callers)
    @rule(after=st.floats(0, 5))
    def lose_the_connection(self, after):
        self.relay.sleep(after)
        self.relay.drop_connections()
        self.relay.sleep(60.0)  # the client is back, and hangs up if need be

    def talking(self):
        """Return how many callers are connected with support."""
        state = {}
        for event_type, params in [each.event for each in self.relay.frames()]:
            if event_type == "calling.call.connect":
                state[params["call_id"]] = params["connect_state"]
        return list(state.values()).count("connected")

    def teardown(self):
        """Ten minutes later, each caller has ended the call or talks."""
        self.relay.sleep(600.0)
        states = [caller.state for caller in self.callers]
        forgotten = len(states) - states.count("ended") - self.talking()
        self.client.disconnect()
        self.relay.__exit__(None, None, None)
        assert not forgotten, f"{forgotten} callers are forgotten: {states}"


TestPhoneMenu = PhoneMenu.TestCase
TestPhoneMenu.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, derandomize=True
)
