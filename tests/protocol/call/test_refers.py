"""REFERs of a call, through a session: the transfer of each event, a second transfer, and the command's queue and reply."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.errors import CallGone, ClientClosed, ConnectionLost, ReferInProgress, RelayError, RequestTimeout
from anyrelay.protocol.call.call import CallMachine
from anyrelay.protocol.call.refer_machine import ReferMachine, ReferState
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.call.refers import Refers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.schema import ReferEvent
from anyrelay.protocol.session.session import ClientState
from anyrelay.testing.wire import SignIn, Wire, accept
from tests.support.joined import always_heard

SALES, SUPPORT, DESK = "sip:sales@example.com", "sip:support@example.com", "sip:desk@example.com"
WAYS = ["refer", "start_refer", "refer_and_wait"]
ways = pytest.mark.parametrize("way", WAYS)


class Bench:
    """A signed-in client with one call, and a server that replies when a test asks for it."""

    def __init__(self, **settings: Any) -> None:
        self.wire = Wire(**settings)
        self.wire.connect()
        self.call: CallMachine = self.wire.offer_call("c1")
        self.completed: list[ReferOutcome] = []

    def ask(self, way: str, target: Any = SUPPORT, **more: Any) -> Promise[Any]:
        promise: Promise[Any] = getattr(self.call, way)(self.wire.now, target, **more)
        self.wire.settle()
        return promise

    def refer(self, target: Any = SUPPORT, **more: Any) -> Promise[Any]:
        return self.ask("refer", target, **more)

    def start(self, target: Any = SUPPORT, **more: Any) -> Promise[Any]:
        return self.ask("start_refer", target, on_completed=self.completed.append, **more)

    def refer_and_wait(self, target: Any = SUPPORT, **more: Any) -> Promise[Any]:
        return self.ask("refer_and_wait", target, **more)

    def reply(self) -> None:
        self.wire.take("calling.refer").reply()

    def event(self, state: str = "inProgress", to: str = "", *, refer: str = "", notify: str = "") -> None:
        codes = {"sip_refer_response_code": refer, "sip_notify_response_code": notify}
        self.wire.call_event("c1", "refer", state=state, sip_refer_to=to, **codes)

    @property
    def refers(self) -> list[ReferMachine]:
        return list(self.call.refers)

    @property
    def fates(self) -> list[str]:
        """The stored outcome of each transfer, in one word or two."""
        return [
            "open" if t.outcome is None else f"{t.outcome.status} {t.outcome.unknown_because or ''}".strip()
            for t in self.refers
        ]

    @property
    def sent(self) -> int:
        return len(self.wire.sent("calling.refer"))


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- one transfer, three ways in ----------------------------------------------------------------------------------------------


def test_refer_gives_the_reply_and_keeps_the_transfer(bench: Bench) -> None:
    promise = bench.refer({"type": "sip", "params": {"uri": SUPPORT}}, status_url="https://example.com/s", custom=1)
    assert not promise.done
    assert bench.wire.sent("calling.refer") == [
        {
            "node_id": "node",
            "call_id": "c1",
            "device": {"type": "sip", "params": {"uri": SUPPORT, "to": SUPPORT}},
            "status_url": "https://example.com/s",
            "custom": 1,
        }
    ]
    bench.reply()
    assert promise.result() == {"code": "200", "message": "Starting SIP REFER"}
    assert bench.fates == ["open"]
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]


def test_start_refer_returns_the_transfer_after_the_reply(bench: Bench) -> None:
    promise = bench.start()
    bench.event(refer="202")
    assert not promise.done
    bench.reply()
    transfer = promise.result()
    assert transfer is bench.refers[0]
    assert transfer.ack == {"code": "200", "message": "Starting SIP REFER"}
    waiter = transfer.wait(bench.wire.now)
    bench.wire.advance(40.0)
    bench.event("busy", notify="486")
    assert waiter.result().status == "busy"
    assert waiter.result() is transfer.outcome
    assert bench.completed == [transfer.outcome]
    assert waiter.result().elapsed == 40.0


def test_refer_and_wait_gives_the_outcome(bench: Bench) -> None:
    promise = bench.refer_and_wait(timeout=30.0)
    bench.reply()
    bench.event(refer="202")
    bench.wire.advance(29.75)
    assert not promise.done
    bench.event("declined", notify="603")
    assert promise.result() is bench.refers[0].outcome
    assert bench.fates == ["declined"]


def test_an_event_may_overtake_the_reply(bench: Bench) -> None:
    promise = bench.refer_and_wait()
    bench.event("busy", notify="600")
    assert promise.result().status == "busy"
    bench.reply()
    assert bench.fates == ["busy"]


def test_a_slow_or_lost_reply_does_not_affect_the_wait_for_the_outcome(bench: Bench) -> None:
    promise = bench.refer_and_wait(timeout=60.0)
    bench.wire.advance(20.0)
    assert not promise.done
    assert bench.wire.session.state is ClientState.READY
    bench.wire.cut()
    assert not promise.done
    bench.wire.advance(5.0)
    bench.event("success", notify="200")
    assert promise.result().succeeded
    assert bench.sent == 1


@pytest.mark.parametrize(
    ("heard", "because"), [("reply", "timed_out"), ("event", "timed_out"), ("nothing", "ack_lost")]
)
def test_a_timeout_is_stored_nowhere(bench: Bench, heard: str, because: str) -> None:
    promise = bench.refer_and_wait(timeout=12.5)
    if heard == "reply":
        bench.reply()
    elif heard == "event":
        bench.event()
    bench.wire.advance(12.25)
    assert not promise.done
    bench.wire.advance(0.25)
    assert (promise.result().status, promise.result().unknown_because) == ("unknown", because)
    assert bench.fates == ["open"]
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]


def test_a_failed_transfer_leaves_the_call_alone(bench: Bench) -> None:
    bench.wire.on_command = accept
    promise = bench.refer_and_wait()
    bench.event("busy", notify="486")
    assert promise.result().status == "busy"
    playback = bench.call.play(bench.wire.now, {"type": "tts", "text": "They are busy."})
    bench.wire.settle()
    assert playback.done
    assert not bench.wire.sent("calling.end")
    again = bench.refer_and_wait(DESK)
    bench.event("success", notify="200")
    assert again.result().succeeded
    assert bench.fates == ["busy", "succeeded"]


@ways
@pytest.mark.parametrize(
    ("device", "error"),
    [
        ("", ValueError),
        ("http://example.com", ValueError),
        ("sip:a@b\r\nX: y", ValueError),
        (5, TypeError),
        ({"type": "phone", "params": {"uri": SUPPORT}}, ValueError),
        ({"type": "sip", "params": {"uri": SUPPORT, "to": SALES}}, ValueError),
    ],
)
def test_an_invalid_target_is_not_sent(bench: Bench, way: str, device: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        bench.ask(way, device)
    with pytest.raises(error):
        bench.ask(way, SUPPORT, status_url=7 if error is TypeError else "")
    assert bench.refers == []
    assert bench.sent == 0
    bench.refer_and_wait()  # nothing stands in its way
    assert bench.sent == 1


def test_an_invalid_timeout(bench: Bench) -> None:
    for timeout in (-1, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            bench.refer_and_wait(timeout=timeout)
    assert bench.sent == 0


# --- refused ------------------------------------------------------------------------------------------------------------------


@ways
@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        (lambda command: command.refuse(404, "no call"), CallGone),
        (lambda command: command.reply({"code": "409", "message": "not yours"}), RelayError),
        (lambda command: command.refuse(-32601, "unknown method"), RelayError),
    ],
)
def test_a_refused_command_is_no_transfer(
    bench: Bench, way: str, refuse: Callable[[Any], None], error: type[Exception]
) -> None:
    more = {"on_completed": bench.completed.append} if way == "start_refer" else {}
    promise = bench.ask(way, **more)
    refuse(bench.wire.take("calling.refer"))
    assert type(promise.error) is error
    assert bench.refers == []
    bench.wire.advance(100.0)
    assert bench.completed == []
    bench.event("success", notify="200")
    bench.refer_and_wait()
    assert bench.sent == 2


@ways
def test_a_command_that_is_refused_since_the_call_is_gone_is_no_transfer(bench: Bench, way: str) -> None:
    more = {"on_completed": bench.completed.append} if way == "start_refer" else {}
    promise = bench.ask(way, **more)
    bench.wire.take("calling.refer").reply({"code": "410", "message": "gone"})
    assert type(promise.error) is CallGone
    bench.wire.advance(100.0)
    assert bench.refers == []
    assert bench.completed == []
    with pytest.raises(CallGone):
        bench.ask(way)
    assert bench.sent == 1


def test_a_refusal_that_comes_late_takes_the_transfer_back(bench: Bench) -> None:
    promise = bench.start()
    bench.wire.advance(10.0)
    assert isinstance(promise.error, RequestTimeout)
    assert bench.fates == ["open"]
    waiter = bench.refers[0].wait(bench.wire.now)
    bench.wire.take("calling.refer").refuse(400)
    assert isinstance(waiter.error, RelayError)
    assert bench.refers == []
    assert bench.completed == []


def test_a_refusal_that_comes_after_the_outcome_changes_nothing(bench: Bench) -> None:
    promise = bench.start()
    bench.event("busy", notify="486")
    bench.wire.take("calling.refer").refuse(400)
    assert promise.result() is bench.refers[0]
    assert bench.fates == ["busy"]
    assert len(bench.completed) == 1


# --- error replies that leave open what happens -----------------------------------------------------------------------------


OPEN_ANSWERS = [{"code": "500"}, {"code": "408"}, {"code": "nonsense"}, -32603, -32000, 429, 503]
REFUSALS = [{"code": "404"}, {"code": "410"}, -32602, 400]


def answer(bench: Bench, how: Any) -> None:
    command = bench.wire.take("calling.refer")
    if isinstance(how, dict):
        command.reply(how)
    else:
        command.refuse(how)


@pytest.mark.parametrize("how", OPEN_ANSWERS)
@ways
def test_a_transfer_goes_on_after_an_error_that_leaves_it_open(bench: Bench, way: str, how: Any) -> None:
    promise = bench.start() if way == "start_refer" else bench.ask(way)
    answer(bench, how)
    if way == "refer_and_wait":
        assert not promise.done
    else:
        assert isinstance(promise.error, RelayError)
    assert bench.fates == ["open"]
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]
    if way == "refer_and_wait":
        assert promise.result().succeeded
    assert len(bench.completed) == (way == "start_refer")


@pytest.mark.parametrize("how", [*OPEN_ANSWERS, *REFUSALS])
@ways
def test_after_an_event_no_error_takes_the_transfer_back(bench: Bench, way: str, how: Any) -> None:
    promise = bench.start() if way == "start_refer" else bench.ask(way)
    bench.event("inProgress", refer="202")
    answer(bench, how)
    if way == "refer_and_wait":
        assert not promise.done
    else:
        assert isinstance(promise.error, RelayError)
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]
    assert len(bench.completed) == (way == "start_refer")


@pytest.mark.parametrize("word", ["success", "busy", "unknown"])
@pytest.mark.parametrize("how", [*OPEN_ANSWERS, *REFUSALS, "none", "cut", "disconnect"])
@ways
def test_no_error_is_raised_after_the_outcome(bench: Bench, way: str, how: Any, word: str) -> None:
    promise = bench.start() if way == "start_refer" else bench.ask(way)
    bench.event(word)
    assert len(bench.completed) == (way == "start_refer")
    match how:
        case "none":
            bench.wire.advance(10.0)
        case "cut":
            bench.wire.cut()
        case "disconnect":
            bench.wire.disconnect()
        case _:
            answer(bench, how)
    [transfer] = bench.refers
    results = {"refer": {}, "start_refer": transfer, "refer_and_wait": transfer.outcome}
    assert promise.result() is results[way] or promise.result() == results[way]
    assert len(bench.completed) == (way == "start_refer")


@pytest.mark.parametrize("how", OPEN_ANSWERS)
def test_a_waiter_after_such_an_error_gets_ack_lost(bench: Bench, how: Any) -> None:
    promise = bench.refer_and_wait(timeout=20.0)
    answer(bench, how)
    bench.wire.advance(20.0)
    assert promise.result().unknown_because == "ack_lost"
    assert bench.fates == ["open"]
    bench.wire.call_state("c1", "ended")
    bench.wire.advance(3.0)
    assert bench.fates == ["unknown call_ended"]


def test_another_transfer_may_begin_after_such_an_error(bench: Bench) -> None:
    first = bench.start(SALES)
    answer(bench, -32603)
    assert isinstance(first.error, RelayError)
    bench.start(SUPPORT)
    bench.reply()
    assert bench.fates == ["unknown superseded", "open"]


def test_a_call_that_is_said_to_be_gone_after_an_event_of_its_transfer(bench: Bench) -> None:
    promise = bench.start()
    bench.event("inProgress")
    answer(bench, {"code": "410"})
    assert isinstance(promise.error, CallGone)
    bench.wire.advance(2.0)
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]


# --- time without a connection ----------------------------------------------------------------------------------------


def cut_for(bench: Bench, seconds: float) -> None:
    """Be without a connection for longer than the grace time."""
    bench.wire.reachable = False
    bench.wire.cut()
    bench.wire.advance(seconds)
    bench.wire.reachable = True


@pytest.mark.parametrize("before", ["ended", "cancel", "gone"])
def test_the_grace_time_stands_still_without_a_connection(bench: Bench, before: str) -> None:
    promise = bench.refer_and_wait(timeout=None)
    bench.reply()
    match before:
        case "ended":
            bench.wire.call_state("c1", "ended")
        case "cancel":
            bench.event("cancel")
        case "gone":
            bench.call.hangup(bench.wire.now)
            bench.wire.settle()
            bench.wire.take("calling.end").reply({"code": "410"})
    bench.wire.advance(0.05)
    cut_for(bench, 45.0)
    assert not promise.done
    bench.event("success", notify="200")  # the server keeps the event for the next connection
    assert not promise.done
    bench.wire.advance(31.0)
    assert promise.result().succeeded


def test_the_grace_time_starts_again_with_each_resumption(bench: Bench) -> None:
    promise = bench.refer_and_wait(timeout=None)
    bench.reply()
    bench.wire.call_state("c1", "ended")
    for _ in range(3):
        bench.wire.advance(2.5)
        bench.wire.cut()
        bench.wire.advance(1.0)  # the back-off
    assert not promise.done
    bench.wire.advance(10.0)
    assert promise.result().unknown_because == "call_ended"
    assert bench.wire.session.calls == {}


def test_an_unnoticed_dead_connection_does_not_count_as_grace_time(bench: Bench) -> None:
    promise = bench.refer_and_wait(timeout=None)
    bench.reply()
    bench.wire.call_state("c1", "ended")
    bench.wire.cut(client_notices=False)
    bench.event("success", notify="200")
    bench.wire.advance(12.9)  # the grace time, and most of what a ping may take
    assert not promise.done
    bench.wire.advance(2.0)
    assert promise.result().succeeded


def test_an_event_after_a_resumption_upgrades_unknown(bench: Bench) -> None:
    promise = bench.start()
    bench.reply()
    bench.event("unknown")
    bench.wire.call_state("c1", "ended")
    cut_for(bench, 20.0)
    bench.event("success", notify="200")
    bench.wire.advance(31.0)
    assert promise.result().outcome.succeeded
    assert [each.status for each in bench.completed] == ["unknown"]


@ways
def test_a_call_that_has_ended_is_not_referred(bench: Bench, way: str) -> None:
    bench.wire.call_state("c1", "ended")
    with pytest.raises(CallGone):
        bench.ask(way)
    assert bench.refers == []
    assert bench.sent == 0


# --- two at a time ----------------------------------------------------------------------------------------------------


def test_events_before_the_newer_reply_belong_to_the_older_one(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.refer(SUPPORT)
    bench.event("busy", notify="486")
    assert bench.fates == ["busy", "open"]
    bench.reply()
    bench.event("success", notify="200")
    assert bench.fates == ["busy", "succeeded"]


def test_events_after_the_newer_reply_belong_to_the_newer_one(bench: Bench) -> None:
    bench.start(SALES)
    bench.reply()
    bench.refer(SUPPORT)
    bench.reply()
    assert bench.fates == ["unknown superseded", "open"]
    assert [outcome.unknown_because for outcome in bench.completed] == ["superseded"]
    bench.event("success", notify="200")
    assert bench.fates == ["unknown superseded", "succeeded"]
    bench.event("noAnswer", SALES, notify="480")
    assert bench.fates == ["no_answer", "succeeded"]
    assert len(bench.completed) == 1


def test_a_target_named_by_the_event_decides(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.refer(SUPPORT)
    bench.event(
        "declined", "sip:Support@EXAMPLE.com", notify="603"
    )  # no transfer's target: the case of the user part counts
    assert bench.fates == ["declined", "open"]
    bench.refer(DESK)
    bench.event("busy", DESK, notify="486")
    assert bench.fates == ["declined", "open", "busy"]
    bench.event("failed", DESK, notify="500")
    assert bench.fates == ["declined", "open", "busy"]
    bench.event("success", notify="200")
    assert bench.fates == ["declined", "succeeded", "busy"]


@pytest.mark.parametrize(
    ("target", "named", "same"),
    [
        # RFC 3261 section 19.1.4, its own examples
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", True),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", True),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", True),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            True,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            True,
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", False),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", False),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", False),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", False),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", False),
    ],
)
def test_targets_are_compared_as_sip_compares_them(bench: Bench, target: str, named: str, same: bool) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.refer(target)
    bench.event("busy", named, notify="486")
    assert bench.fates == (["open", "busy"] if same else ["busy", "open"])


def test_an_event_settles_the_only_open_transfer_with_any_target(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.event("busy", "sip:b2bua-7f@10.0.0.1", notify="486")
    assert bench.fates == ["busy"]


def test_an_event_with_an_earlier_target_does_not_settle_the_open_transfer(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.event("unknown")
    bench.refer(SUPPORT)
    bench.reply()
    bench.event("success", SALES, notify="200")
    assert bench.fates == ["succeeded", "open"]
    bench.event("busy", SALES, notify="486")  # no news of the one, and nothing about the other
    assert bench.fates == ["succeeded", "open"]
    bench.event("busy", "", notify="486")
    assert bench.fates == ["succeeded", "busy"]


def test_twice_to_the_same_target(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.event("unknown", SALES)
    bench.refer(SALES)
    bench.reply()
    bench.event("unknown", SALES)
    bench.refer(SUPPORT)
    bench.event("success", SALES, notify="200")  # of two equal targets, the later transfer
    assert bench.fates == ["unknown not_reported", "succeeded", "open"]


def test_a_late_event_belongs_to_the_last_transfer_if_none_is_open(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.event("unknown")
    bench.refer(SUPPORT)
    bench.reply()
    bench.event("unknown")
    bench.event("success", notify="200")
    assert bench.fates == ["unknown not_reported", "succeeded"]


def test_a_transfer_that_was_settled_is_not_superseded(bench: Bench) -> None:
    bench.refer(SALES)
    bench.reply()
    bench.event("cancel")
    bench.refer(SUPPORT)
    bench.reply()
    assert bench.fates == ["canceled", "open"]
    bench.refer(DESK)
    bench.wire.advance(0.0)
    assert bench.fates == ["canceled", "open", "open"]


def test_replies_that_overtake_each_other(bench: Bench) -> None:
    bench.refer(SALES)
    bench.refer(SUPPORT)
    older, newer = bench.wire.take("calling.refer"), bench.wire.take("calling.refer")
    newer.reply()
    assert bench.fates == ["unknown superseded", "open"]
    older.reply()
    assert bench.fates == ["unknown superseded", "open"]
    bench.event("success", notify="200")
    assert bench.fates == ["unknown superseded", "succeeded"]


def test_an_event_without_any_transfer(bench: Bench) -> None:
    bench.event("success", notify="200")
    assert bench.refers == []
    bench.wire.cut()
    bench.refer()
    assert bench.refers == []  # a queued transfer is not open yet


# --- refer in progress ------------------------------------------------------------------------------------------------

alone = pytest.mark.parametrize("way", ["start_refer", "refer_and_wait"])
second = pytest.mark.parametrize("other", ["start_refer", "refer_and_wait"])


def assert_forbidden(bench: Bench) -> None:
    before = bench.sent
    for way in ("start_refer", "refer_and_wait"):
        with pytest.raises(ReferInProgress, match="nothing was sent"):
            bench.ask(way, DESK)
    assert bench.sent == before


@alone
def test_a_transfer_without_a_reply_forbids_another(bench: Bench, way: str) -> None:
    bench.ask(way)
    assert_forbidden(bench)
    bench.refer(SALES)  # which never refuses
    assert bench.sent == 2


@alone
def test_a_queued_transfer_forbids_another(bench: Bench, way: str) -> None:
    bench.wire.cut()
    promise = bench.ask(way)
    assert_forbidden(bench)
    promise.abandon()
    bench.ask(way, DESK)
    bench.wire.advance(5.0)
    assert [each["device"]["params"]["uri"] for each in bench.wire.sent("calling.refer")] == [DESK]


@second
def test_a_live_waiter_forbids_another(bench: Bench, other: str) -> None:
    action = bench.start()
    bench.reply()
    waiter = action.result().wait(bench.wire.now, 5.0)
    assert_forbidden(bench)
    bench.wire.advance(5.0)
    assert waiter.result().unknown_because == "timed_out"
    bench.ask(other, DESK)
    assert bench.sent == 2


@second
@pytest.mark.parametrize("end", ["outcome", "abandon", "timeout", "refusal", "ended"])
def test_a_transfer_without_a_waiter_forbids_nothing(bench: Bench, other: str, end: str) -> None:
    promise = bench.refer_and_wait(timeout=30.0)
    match end:
        case "outcome":
            bench.reply()
            bench.event("busy", notify="486")
        case "abandon":
            promise.abandon()
        case "timeout":  # without a reply too
            bench.wire.advance(30.0)
            assert promise.result().unknown_because == "ack_lost"
        case "refusal":
            bench.wire.take("calling.refer").refuse(409)
    if end == "ended":
        bench.wire.call_state("c1", "ended")
        with pytest.raises(ReferInProgress):
            bench.ask(other, DESK)
        return
    bench.ask(other, DESK)
    assert bench.sent == 2


@second
def test_an_outcome_that_overtook_its_reply_forbids_nothing(bench: Bench, other: str) -> None:
    promise = bench.refer_and_wait()
    bench.event("busy", notify="486")
    assert promise.result().status == "busy"
    bench.ask(other, DESK)
    assert bench.sent == 2


@second
@pytest.mark.parametrize("end", ["reply", "abandon", "timeout", "refusal", "lost"])
def test_a_started_transfer_forbids_nothing_after_its_reply(bench: Bench, other: str, end: str) -> None:
    promise = bench.start()
    match end:
        case "reply":
            bench.reply()
        case "abandon":
            promise.abandon()
        case "timeout":
            bench.wire.advance(10.0)
        case "refusal":
            bench.wire.take("calling.refer").refuse(409)
        case "lost":
            bench.wire.cut()
            bench.wire.advance(5.0)
    assert promise.done is (end != "abandon")
    bench.ask(other, DESK)
    assert bench.sent == 2


def test_a_plain_refer_forbids_nothing(bench: Bench) -> None:
    bench.refer(SALES)
    bench.start(SUPPORT)
    assert bench.sent == 2


# --- the command ------------------------------------------------------------------------------------------------------


@ways
@pytest.mark.parametrize("resumed", [True, False])
def test_a_refer_is_never_sent_again(bench: Bench, way: str, resumed: bool) -> None:
    promise = bench.ask(way)
    bench.wire.cut()
    assert bench.sent == 1
    if way == "refer_and_wait":
        assert not promise.done
    else:
        assert isinstance(promise.error, ConnectionLost)
    assert bench.fates == ["open"]
    bench.wire.sign_in = SignIn.RESUME if resumed else SignIn.ANEW
    bench.wire.advance(100.0)
    assert bench.sent == 1
    assert bench.fates == ["open" if resumed else "unknown connection_lost"]
    if resumed:
        bench.event("success", notify="200")
        assert bench.fates == ["succeeded"]
    if way == "refer_and_wait":
        expected = "timed_out" if resumed else "connection_lost"
        assert promise.result().unknown_because == (expected if not resumed else "ack_lost")


@pytest.mark.parametrize("way", ["refer", "start_refer"])
def test_a_refer_without_a_reply(bench: Bench, way: str) -> None:
    promise = bench.ask(way)
    bench.wire.advance(9.75)
    assert not promise.done
    bench.wire.advance(0.25)
    assert isinstance(promise.error, RequestTimeout)
    assert bench.wire.session.state is ClientState.READY
    bench.wire.advance(10.0)
    assert bench.sent == 1
    bench.reply()
    transfer = bench.refers[0]
    assert transfer.state is ReferState.OPEN  # the late reply counts
    bench.event("busy", notify="486")
    assert bench.fates == ["busy"]


@ways
def test_abandoning_a_queued_refer_withdraws_it(bench: Bench, way: str) -> None:
    bench.wire.cut()
    promise = bench.ask(way)
    bench.wire.advance(0.5)
    promise.abandon()
    bench.wire.advance(100.0)
    assert bench.wire.session.state is ClientState.READY
    assert bench.sent == 0
    assert bench.refers == []
    assert not bench.call.has_open_work


@ways
def test_a_timeout_in_the_queue_withdraws_the_refer(bench: Bench, way: str) -> None:
    bench.wire.reachable = False
    bench.wire.cut()
    promise = bench.ask(way)
    bench.wire.advance(9.75)
    assert not promise.done
    bench.wire.advance(0.25)
    assert isinstance(promise.error, RequestTimeout)
    bench.wire.reachable = True
    bench.wire.advance(100.0)
    assert bench.sent == 0
    assert bench.refers == []


def test_a_short_timeout_counts_in_the_queue_too(bench: Bench) -> None:
    bench.wire.reachable = False
    bench.wire.cut()
    promise = bench.refer_and_wait(timeout=2.5)
    bench.wire.advance(2.5)
    assert isinstance(promise.error, RequestTimeout)
    bench.wire.reachable = True
    bench.wire.advance(100.0)
    assert bench.sent == 0


@ways
def test_a_queued_refer_is_sent_after_the_sign_in(bench: Bench, way: str) -> None:
    bench.wire.cut()
    promise = bench.ask(way, timeout=8.0) if way == "refer_and_wait" else bench.ask(way)
    assert bench.refers == []
    bench.wire.advance(1.0)
    assert bench.sent == 1
    assert bench.fates == ["open"]
    if way != "refer_and_wait":
        bench.reply()
        assert promise.error is None
        return
    bench.wire.advance(6.75)
    assert not promise.done
    bench.wire.advance(0.25)  # the eight seconds run from the call, not from the sign-in
    assert promise.result().unknown_because == "ack_lost"
    assert promise.result().elapsed == 8.0


@ways
@pytest.mark.parametrize("end", ["anew", "closed"])
def test_a_queued_refer_ends_with_the_session(bench: Bench, way: str, end: str) -> None:
    bench.wire.cut()
    promise = bench.ask(way)
    if end == "anew":
        bench.wire.sign_in = SignIn.ANEW
        bench.wire.advance(5.0)
        assert isinstance(promise.error, ConnectionLost)
    else:
        bench.wire.disconnect()
        assert isinstance(promise.error, ClientClosed)
    assert bench.sent == 0
    assert bench.refers == []


@ways
@pytest.mark.parametrize("end", ["restart", "closed", "unrestored"])
def test_the_end_of_the_session_settles_the_transfer(bench: Bench, way: str, end: str) -> None:
    bench.ask(way)
    bench.reply()
    waiter = bench.refers[0].wait(bench.wire.now)
    match end:
        case "restart":
            bench.wire.say_goodbye(restart=True)
            assert bench.fates == ["open"]  # later reports on this connection count
            bench.wire.close_by_server()
        case "closed":
            bench.wire.disconnect()
        case "unrestored":
            bench.wire.sign_in = SignIn.UNRESTORED
            bench.wire.cut()
            bench.wire.advance(5.0)
    assert waiter.result().unknown_because == "connection_lost"
    assert bench.fates == ["unknown connection_lost"]
    assert "c1" not in bench.wire.session.calls


# --- the call ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grace", [3.0, 0.5])
def test_the_call_is_routable_through_the_grace_time(grace: float) -> None:
    bench = Bench(refer_grace=grace)
    bench.start()
    bench.reply()
    reader = bench.call.events()
    bench.wire.call_state("c1", "ended")
    bench.wire.advance(grace - 0.25)
    assert "c1" in bench.wire.session.calls
    assert not reader.closed
    bench.event("success", notify="200")
    assert bench.fates == ["succeeded"]
    assert reader.closed
    bench.wire.advance(0.25)
    assert "c1" not in bench.wire.session.calls
    bench.event("busy", notify="486")
    assert bench.wire.session.statistics.stray_events == 1


def test_the_end_of_the_grace_time_settles_and_forgets(bench: Bench) -> None:
    bench.start()
    bench.reply()
    bench.wire.advance(1.0)
    bench.wire.call_state("c1", "ended")
    bench.wire.advance(3.0)
    assert bench.fates == ["unknown call_ended"]
    assert bench.completed[0].elapsed == 4.0
    assert bench.wire.session.calls == {}


def test_a_refusal_forgets_an_ended_call_at_the_end_of_its_grace_time(bench: Bench) -> None:
    bench.refer()
    reader = bench.call.events()
    bench.wire.call_state("c1", "ended")
    bench.wire.advance(2.75)
    bench.wire.take("calling.refer").refuse(400)
    assert reader.closed
    assert "c1" in bench.wire.session.calls
    bench.wire.advance(0.25)
    assert bench.wire.session.calls == {}


def test_draining_ends_with_the_refusal_of_the_last_transfer(bench: Bench) -> None:
    bench.refer()
    bench.wire.finish_handler(bench.call)
    drained = bench.wire.session.drain(bench.wire.now)
    bench.wire.settle()
    assert not drained.done
    bench.wire.take("calling.refer").refuse(400)
    assert drained.done
    assert bench.wire.now == 0.0


def test_a_call_that_ends_while_the_refer_is_queued() -> None:
    received: list[tuple[ReferMachine, ReferOutcome | None]] = []
    timers = Timers()
    transfers = Refers(always_heard(timers), 3.0, lambda transfer, outcome: received.append((transfer, outcome)))
    transfer = transfers.arm(SUPPORT, 0.0, waits_for_reply=True)
    transfers.call_ended(1.0)
    assert list(transfers) == []
    transfer.sent(2.0)
    assert transfers.any_open
    assert timers.next_deadline() == 5.0
    timers.run_due(5.0)
    assert transfer.outcome is not None
    assert transfer.outcome.unknown_because == "call_ended"
    assert received == [(transfer, transfer.outcome)]


def test_on_completed_is_called_in_order_with_the_events(bench: Bench) -> None:
    seen: list[str] = []
    bench.call.on("calling.call.refer", lambda event: seen.append(event.params["state"]))
    bench.ask("start_refer", on_completed=lambda outcome: seen.append(outcome.status))
    bench.reply()
    for state, notify in (("inProgress", "180"), ("unknown", "180"), ("success", "200"), ("busy", "486")):
        bench.event(state, notify=notify)
    assert sorted(seen) == sorted(["inProgress", "unknown", "unknown", "success", "busy"])
    assert seen[0] == "inProgress"
    assert bench.fates == ["succeeded"]


# --- many transfers of one call -----------------------------------------------------------------------------------------------


def steps(work: Callable[[], object]) -> int:
    """Count the function calls and lines of a piece of work."""
    count = 0

    def trace(*_: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    gc.disable()  # a collection would run the finalizers of other tests
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def test_a_transfer_costs_the_same_however_many_the_call_has_had() -> None:
    """No code scans all transfers of a call: not for the next command, its reply or its events."""
    transfers = Refers(always_heard(Timers()), 3.0, lambda transfer, outcome: None)

    def one_more() -> None:
        transfer = transfers.arm(SUPPORT, 0.0, waits_for_reply=False)
        transfer.sent(0.0)
        transfer.accepted({}, 0.0)
        for state, code in (("inProgress", "100"), ("success", "200")):
            event = ReferEvent(state=state, sip_refer_to=SUPPORT, sip_notify_response_code=code)
            owner = transfers.owner_of(event)
            assert owner is not None
            owner.receive(event, 0.0)
        assert not transfers.any_open
        assert not transfers.awaited

    for _ in range(3):
        one_more()
    steps(one_more)  # the first traced run includes Python's preparation
    early = steps(one_more)
    for _ in range(500):
        one_more()
    assert steps(one_more) == early
    assert len(list(transfers)) == 506


def test_a_late_reply_supersedes_older_transfers_only() -> None:
    transfers = Refers(always_heard(Timers()), 3.0, lambda transfer, outcome: None)
    first, second, third = (transfers.arm(uri, 0.0, waits_for_reply=False) for uri in (SALES, SUPPORT, DESK))
    for transfer in (first, second, third):
        transfer.sent(0.0)
    second.accepted({}, 0.0)
    assert [transfer.is_open for transfer in (first, second, third)] == [False, True, True]
