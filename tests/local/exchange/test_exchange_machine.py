"""A state machine of the exchange: clients and phones do what they like, and the rules of calls hold all the same.

The last tests break the exchange, each in one place, and show that the machine notices.
"""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from anyrelay.local.exchange.call_control import CallControl
from anyrelay.local.exchange.connect import ConnectFeature
from anyrelay.local.exchange.lifecycle import Lifecycle
from anyrelay.local.exchange.offers import OFFER_AGAIN, Offers
from anyrelay.local.simulated.recorder import SimulatedRecorder
from tests.support.exchange_bench import Bench

BOB = {"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:alice@example.com", "timeout": 5}}
TUNE = [{"type": "ringtone", "params": {"name": "us", "duration": 3}}]
RECORD_ENDS = ("finished", "no_input", "error")

numbers = st.integers(0, 20)


class ExchangeMachine(RuleBasedStateMachine):
    """Two clients of two contexts, phones that call, and one phone that is called."""

    @initialize(answers=st.sampled_from(["answer", "busy", "silent"]), connects=st.booleans())
    def begin(self, answers, connects):
        self.bench = Bench()
        self.bench.phones.add("sip:bob@example.com", answers, ring_time=1)
        self.clients = [self.bench.client(["one"]), self.bench.client(["one", "two"])]
        self.control_ids = 0
        for _ in range(3):
            self.bench.dial(context="one")
        for number in range(2):  # the third call still rings
            self.order(0, number, "answer")
        if connects:
            self.order(0, 0, "connect", devices=[[BOB]])
            self.bench.advance(1.5)

    def pick(self, items, number):
        return items[number % len(items)] if items else None

    def order(self, which, number, method, **params):
        """Give a command on one of all calls, as its controller, or as the other client, which is not obeyed."""
        call = self.pick(list(self.bench.exchange.calls), number)
        if call is None:
            return
        sessions = [client.server_side.session for client in self.clients]
        client = self.clients[which]
        if which == 0 and call.controller in sessions:
            client = self.clients[sessions.index(call.controller)]
        obeyed = call.controller is client.server_side.session
        code, _ = client.command(call.call_id, method, **params)
        assert obeyed or code in (409, 501), "a client that does not control the call"

    # --- phones

    @rule(context=st.sampled_from(["one", "two"]), gives_up_after=st.sampled_from([None, 2.0]))
    def call(self, context, gives_up_after):
        self.bench.dial(context=context, patience=gives_up_after)

    @rule(number=numbers, deed=st.sampled_from(["hang up", "press", "say", "tone"]))
    def act(self, number, deed):
        phone = self.pick(self.bench.phones.callers, number)
        if phone is not None:
            deeds = {
                "hang up": phone.hang_up,
                "press": lambda: phone.press("1#"),
                "say": lambda: phone.say("Hello."),
                "tone": lambda: phone.send_tone("CED"),
            }
            deeds[deed]()
            self.bench.settle()

    # --- clients

    @rule(
        which=st.integers(0, 1),
        number=numbers,
        method=st.sampled_from(["answer", "pass", "disconnect", "hold", "echo"]),
    )
    def command(self, which, number, method):
        self.order(which, number, method)

    @rule(which=st.sampled_from([0, 0, 0, 1]), number=numbers, reason=st.sampled_from(["hangup", "busy"]))
    def end(self, which, number, reason):
        self.order(which, number, "end", reason=reason)

    @rule(which=st.sampled_from([0, 0, 0, 1]), number=numbers, context=st.sampled_from(["one", "two"]))
    def hand_on(self, which, number, context):
        self.order(which, number, "transfer", dest=context)

    @rule(
        which=st.integers(0, 1),
        number=numbers,
        what=st.sampled_from(
            [
                ("play", {"play": TUNE}),
                ("record", {"record": {"audio": {}}}),
                ("record", {"record": {"audio": {"initial_timeout": 0, "end_silence_timeout": 0}}}),
                ("collect", {"digits": {"max": 1}, "speech": {}}),
                ("play_and_collect", {"play": TUNE, "collect": {"digits": {"max": 2}}}),
                ("detect", {"detect": {"type": "machine", "params": {}}}),
                ("queue.enter", {"queue_name": "q"}),
                ("pay", {"payment_connector_url": "https://example.com"}),
            ]
        ),
    )
    def begin_operation(self, which, number, what):
        method, params = what
        self.control_ids += 1
        self.order(which, number, method, control_id=f"o{self.control_ids}", **params)

    @rule(
        which=st.sampled_from([0, 0, 0, 1]),
        number=numbers,
        devices=st.sampled_from([[[BOB]], [[BOB, BOB]], [[BOB], [BOB]]]),
    )
    def connect(self, which, number, devices):
        self.order(which, number, "connect", devices=devices, ringback=TUNE)

    @rule(which=st.sampled_from([0, 0, 0, 1]), number=numbers)
    def take_from_the_queue(self, which, number):
        device = {"type": "queue", "params": {"node_id": "n", "queue_name": "q"}}
        self.order(which, number, "connect", devices=[[device]])

    @rule(which=st.sampled_from([0, 0, 0, 1]), number=numbers, end_on_exit=st.booleans(), recorded=st.booleans())
    def join(self, which, number, end_on_exit, recorded):
        record = "record-from-start" if recorded else "do-not-record"
        self.order(which, number, "join_conference", name="team", end_on_exit=end_on_exit, record=record)

    @rule(which=st.integers(0, 1))
    def lose_the_connection(self, which):
        client = self.clients[which]
        client.lose_connection()
        client.resume(["one"] if which == 0 else ["one", "two"])

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 40.0]))
    def wait(self, seconds):
        self.bench.advance(seconds)

    # --- what always holds

    @invariant()
    def calls_are_controlled_by_clients_that_are_known(self):
        if hasattr(self, "bench"):
            sessions = set(self.bench.exchange.sessions)
            assert all(call.controller is None or call.controller in sessions for call in self.bench.exchange.calls)

    @invariant()
    def calls_end_once_and_nothing_plays_on_them_after_that(self):
        if hasattr(self, "bench"):
            ended = Counter()
            for envelope in self.bench.happened:
                params = envelope["params"]
                if envelope["event_type"] == "calling.call.state":
                    assert not ended[params["call_id"]], "a state after the end"
                    ended[params["call_id"]] += params["call_state"] == "ended"
                elif envelope["event_type"] in ("calling.call.play", "calling.call.collect", "calling.call.detect"):
                    assert not ended[params["call_id"]], f"{envelope['event_type']} after the end"

    @invariant()
    def only_calls_that_are_up_hear_each_other(self):
        if hasattr(self, "bench"):
            for name, legs in self.bench.phones.mixes.by_name().items():
                assert name.startswith("conference-") or len(legs) == 2, "a connection of one call"
                for leg in legs:
                    call = self.bench.exchange.calls.of_leg(leg)
                    assert call is not None
                    assert call.mix

    def teardown(self):
        """Everybody hangs up: no call, no mix, no queue and no recording is left over."""
        if not hasattr(self, "bench"):
            return
        self.bench.advance(OFFER_AGAIN + 1)
        # Both clients are here, and receive every context: no call waits for a client for longer.
        lost = [call.call_id for call in self.bench.exchange.calls if call.controller is None and not call.is_ending]
        assert lost == [], "calls that no client was offered"
        for phone in self.bench.phones.callers:
            phone.hang_up()
            self.bench.settle()
            self.only_calls_that_are_up_hear_each_other()
        self.bench.advance(1)
        assert self.recordings_under_way() == Counter(), "recordings that outlive their calls"
        self.bench.advance(60)
        assert list(self.bench.exchange.calls) == []
        assert self.bench.phones.mixes.by_name() == {}
        assert {phone.state for phone in self.bench.phones.callers} <= {"ended"}
        assert self.bench.exchange.calls._by_leg == {}

    def recordings_under_way(self):
        """How often each recording has begun, less how often it has ended."""
        under_way = Counter()
        for envelope in self.bench.happened:
            params = envelope["params"]
            if params.get("status", "").startswith("recording-"):
                under_way[params["conference_id"]] += 1 if params["status"] == "recording-in-progress" else -1
            if envelope["event_type"] == "calling.call.record":
                under_way[params["control_id"]] += -1 if params["state"] in RECORD_ENDS else 1
        assert min(under_way.values(), default=0) >= 0, "a recording ends twice"
        return +under_way


ExchangeMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestExchangeMachine = ExchangeMachine.TestCase


# --- faults that the machine must notice

FAULTS = {}


def fault(found_by):
    """Plant a fault: the function is given pytest's monkeypatch. `found_by` is in the text of what the machine then says."""

    def known(plant):
        FAULTS[plant.__name__] = plant, found_by
        return plant

    return known


@fault("a client that does not control the call")
def two_clients_control_a_call(patch):
    patch.setattr(CallControl, "_call_of", lambda self, command, session: self._host.calls.get(command.call_id))


@fault("calls that no client was offered")
def a_call_that_is_passed_back_is_lost(patch):
    def passed(self, command, call, now):
        call.controller = None

    patch.setattr(Offers, "_pass", passed)


@fault("a state after the end")
def a_call_ends_twice(patch):
    ended = Lifecycle._ended

    def twice(self, report, call, now):
        ended(self, report, call, now)
        self._tell_state(call, call.state_params(report.reason), now)

    patch.setattr(Lifecycle, "_ended", twice)


@fault("a connection of one call")
def a_bridge_outlives_its_leg(patch):
    patch.setattr(ConnectFeature, "call_ended", lambda self, call, now: None)


@fault("recordings that outlive their calls")
def a_recording_survives_its_call(patch):
    patch.setattr(SimulatedRecorder, "close", lambda self, now: None)


@pytest.mark.parametrize("name", FAULTS)
def test_the_machine_notices_a_fault(name, monkeypatch):
    plant, found_by = FAULTS[name]
    plant(monkeypatch)
    searching = settings(
        ExchangeMachine.TestCase.settings, max_examples=300, phases=[Phase.generate], derandomize=True, database=None
    )
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(ExchangeMachine, settings=searching)
    assert found_by in str(found.value)
