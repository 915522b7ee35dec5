"""A state machine that looks for callers whom the phone menu forgets."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from ivr_threads import MENU, handle_call

from anyrelay.testing import SyncMemoryRelay, callers, targets


class PhoneMenu(RuleBasedStateMachine):
    """Callers, keys, targets and lost connections, in any order."""

    handler = staticmethod(handle_call)
    on_handler_error = "hangup"

    def __init__(self):
        super().__init__()
        self.relay = SyncMemoryRelay(latency=0.25).__enter__()
        self.client = self.relay.client(on_handler_error=self.on_handler_error)
        self.client.on_call(self.handler)
        self.client.connect()
        self.callers = []

    @rule(uri=st.sampled_from(sorted(MENU.values())), phone=targets())
    def describe(self, uri, phone):
        self.relay.phones.add(uri, **phone)

    @rule(caller=callers())
    def ring(self, caller):
        self.callers.append(
            self.relay.phones.dial("sip:a@example.com", **caller)
        )

    @rule(keys=st.text("123", min_size=1, max_size=3), after=st.floats(0, 9))
    def press(self, keys, after):
        self.relay.sleep(after)
        for caller in self.callers:
            caller.press(keys)

    @rule(after=st.floats(0, 5))
    def lose_the_connection(self, after):
        self.relay.sleep(after)
        self.relay.drop_connections()
        self.relay.sleep(60.0)  # the client is back, and hangs up if need be

    def teardown(self):
        """Ten minutes later, each caller has hung up or was hung up on."""
        self.relay.sleep(600.0)
        forgotten = [
            caller for caller in self.callers if caller.state != "ended"
        ]
        self.client.disconnect()
        self.relay.__exit__(None, None, None)
        assert not forgotten, forgotten


TestPhoneMenu = PhoneMenu.TestCase
TestPhoneMenu.settings = settings(
    max_examples=20, deadline=None, derandomize=True
)
