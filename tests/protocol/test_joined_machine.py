"""Client and server joined in memory, driven at random through everything that can go wrong, and compared with a model.

Callers come and go; the connection drops, stalls and is resumed or not; the server replies late, refuses, repeats events and
disconnects. After every step, all that can be seen of the client has to equal the model, and at the end no waiter may be left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anyrelay.errors import CallGone, ConnectionLost, QueueOverflow, RequestTimeout
from anyrelay.protocol.session.session import ClientState
from anyrelay.testing.strategies import refer_histories
from anyrelay.testing.wire import IncomingCommand, SignIn
from anyrelay.testing.wire_connection import Direction
from tests.support.joined_model import SITUATIONS, TARGETS, CallModel, Model, ObservedWire, WaiterModel

numbers = st.integers(0, 1_000)
# Deadlines with their own fraction of a second never equal another time.
timeouts = st.sampled_from([0.3, 2.3, 5.3, 12.3, 60.3, None])
spellings = st.sampled_from([spelling for each in TARGETS for spelling in each])
final_codes = st.sampled_from(["200", "486", "480", "603", "500", "202", "180", ""])
ways = st.sampled_from(["refer", "start_refer", "refer_and_wait"])
words = st.sampled_from(["inProgress", "success", "busy", "cancel", "unknown", "failed", "trying"])


ERRORS = (404, 400, -32602, 500, 429, -32603, -32000)
"""Codes that say that nothing will happen, and codes that leave it open."""


class JoinedMachine(RuleBasedStateMachine):
    """One client, one server, up to three calls at a time, and a model of them."""

    QUEUE_LIMIT, READER_LIMIT = 6, 2
    """Limits so low that runs reach them."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = patch("anyrelay.protocol.rpc.pending.QUEUE_LIMIT", self.QUEUE_LIMIT)
        self.patched.start()
        self.build()

    def build(self, **settings: Any) -> None:
        self.wire = ObservedWire(**settings)
        self.model = Model(self.wire, queue_limit=self.QUEUE_LIMIT, reader_limit=self.READER_LIMIT)
        self.count = 0
        self.event_ids: list[str] = []

    # --- picking ----------------------------------------------------------------------------------------------------

    def number(self) -> int:
        self.count += 1
        return self.count

    def pick_call(self, pick: int) -> CallModel:
        """Draw mostly an open one, and sometimes any."""
        self.model.pair_calls()
        calls = list(self.model.calls.values()) or self.model.all_calls
        if pick % 8 == 0:
            calls = self.model.all_calls
        return calls[pick // 8 % len(calls)]

    def pick_call_id(self, pick: int) -> str:
        """Draw mostly a call with an open transfer."""
        calls = list(self.model.calls.values())
        busy = [call for call in calls if any(each.fate().is_open for each in call.refers)]
        if pick % 8 == 0 or not calls:
            return f"call-{pick // 8 % 3}"
        return (busy or calls)[pick // 8 % len(busy or calls)].call_id

    def has_calls(self) -> bool:
        return bool(self.model.all_calls)

    def has_transfers(self) -> bool:
        return any(call.refers for call in self.model.calls.values())

    # --- the beginning ----------------------------------------------------------------------------------------------

    @initialize(
        calls=st.integers(0, 3), bytewise=st.sampled_from([False] * 7 + [True]), most=st.sampled_from([1_000, 2])
    )
    def begin(self, calls: int, bytewise: bool, most: int = 1_000) -> None:
        self.build(max_active_calls=most)
        self.wire.bytewise = bytewise
        self.connect()
        for number in range(calls):
            self.send(f"call-{number}", "receive", call_state="created", context="default")

    @precondition(lambda self: self.model.closed)
    @rule()
    def connect(self) -> None:
        self.model.closed = False
        self.wire.serve()

    # --- callers ----------------------------------------------------------------------------------------------------

    @precondition(has_calls)
    @rule(pick=numbers, kind=st.sampled_from(["answer", "hangup"]))
    def command(self, pick: int, kind: str) -> None:
        call, number = self.pick_call(pick), self.number()
        machine = call.machine
        assert machine is not None
        if kind == "answer":
            self.model.command(kind, call, number, lambda: machine.answer(self.wire.now, n=number))
        else:
            self.model.command(kind, call, number, lambda: machine.hangup(self.wire.now, f"r{number}"))

    @precondition(has_calls)
    @rule(pick=numbers)
    def play(self, pick: int) -> None:
        call, number = self.pick_call(pick), self.number()
        machine = call.machine
        assert machine is not None
        media = {"type": "silence", "duration": 1}
        self.model.command(
            "play", call, number, lambda: machine.play(self.wire.now, media, control_id=f"p{number}", n=number)
        )

    @precondition(has_calls)
    @rule(
        pick=numbers,
        kind=ways,
        to=spellings,
        timeout=timeouts,
    )
    def refer(self, pick: int, kind: str, to: str, timeout: float | None) -> None:
        call, number = self.pick_call(pick), self.number()
        machine = call.machine
        assert machine is not None
        completed: list[Any] = []
        more: dict[str, Any] = {"n": number}
        if kind == "refer_and_wait":
            more["timeout"] = timeout
        if kind == "start_refer":
            more["on_completed"] = completed.append
        self.model.command(
            kind,
            call,
            number,
            lambda: getattr(machine, kind)(self.wire.now, to, **more),
            target=next(index for index, each in enumerate(TARGETS) if to in each),
            completed=completed,
            timeout=timeout if kind == "refer_and_wait" else None,
        )

    @precondition(has_calls)
    @rule(pick=numbers, kind=ways, to=spellings, timeout=timeouts)
    def refer_and_take(self, pick: int, kind: str, to: str, timeout: float | None) -> None:
        self.refer(pick, kind, to, timeout)
        self.take_all()

    @precondition(lambda self: self.wire.is_up and self.has_calls())
    @rule(pick=numbers, kind=ways, word=words, code=st.sampled_from(ERRORS), first=st.sampled_from(["word", "error"]))
    def refer_and_get_an_error(self, pick: int, kind: str, word: str, code: int, first: str) -> None:
        self.heal()
        call = self.pick_call(pick)
        self.refer(pick, kind, TARGETS[pick % len(TARGETS)][0], None)
        for what in ("word", "error") if first == "word" else ("error", "word"):
            if what == "word":
                self.send(call.call_id, "refer", state=word)
            elif self.wire.commands:
                self.wire.commands.pop().refuse(code)

    @precondition(lambda self: any(call.refers for call in self.model.all_calls))
    @rule(pick=numbers, timeout=timeouts)
    def wait(self, pick: int, timeout: float | None) -> None:
        call = [call for call in self.model.all_calls if call.refers][-1]
        listed = call.listed()
        assert call.machine is not None
        for transfer, machine in zip(listed, call.machine.refers, strict=True):
            if transfer is listed[pick % len(listed)]:
                asked = self.model.clock.moment(self.wire.now)
                promise = machine.wait(self.wire.now, timeout)
                call.waiters.append(WaiterModel(transfer, asked, timeout, promise))

    @precondition(
        lambda self: any(each.operation and isinstance(each.result, dict) for each in self.model.commands.values())
    )
    @rule(pick=numbers)
    def wait_for_playback(self, pick: int) -> None:
        started = [
            each
            for each in self.model.commands.values()
            if each.operation and isinstance(each.result, dict) and not each.abandoned
        ]
        if started:
            command = started[pick % len(started)]
            assert command.operation is not None
            promise = command.promise.result().wait(self.wire.now)
            self.model.operation_waiters.append((command.operation, promise))

    @precondition(lambda self: any(not each.promise.done for each in self.model.commands.values()))
    @rule(pick=numbers)
    def abandon(self, pick: int) -> None:
        waiting = [each for each in self.model.commands.values() if not each.promise.done and not each.abandoned]
        if waiting:
            self.model.abandon(waiting[pick % len(waiting)])
            self.wire.settle()

    @rule(kind=st.sampled_from(["receive", "unreceive"]), contexts=st.sampled_from([["default"], ["sales", "support"]]))
    def change_contexts(self, kind: str, contexts: list[str]) -> None:
        submit = getattr(self.wire.session, kind)
        self.model.command(kind, None, self.number(), lambda: submit(self.wire.now, contexts), contexts=contexts)

    @rule(timeout=st.sampled_from([5.3, 12.3, 60.3]))
    def dial(self, timeout: float) -> None:
        number, session = self.number(), self.wire.session
        device = {"type": "sip", "params": {"to": "sip:bob@example.com"}}
        self.model.command(
            "dial",
            None,
            number,
            lambda: session.dial(self.wire.now, [[device]], tag=f"t{number}", dial_timeout=timeout),
            timeout=timeout,
        )

    @precondition(has_calls)
    @rule(pick=numbers)
    def open_reader(self, pick: int) -> None:
        self.model.open_reader(self.pick_call(pick))

    @precondition(lambda self: any(call.readers for call in self.model.all_calls))
    @rule(pick=numbers, count=st.integers(1, 6))
    def read(self, pick: int, count: int) -> None:
        readers = [reader for call in self.model.all_calls for reader in call.readers]
        readers[-1 - pick % min(3, len(readers))].read(count)

    @precondition(lambda self: any(call.readers for call in self.model.calls.values()))
    @rule(count=st.integers(1, 4))
    def many_events(self, count: int) -> None:
        call = next(call for call in self.model.calls.values() if call.readers)
        for _ in range(count):
            self.send(call.call_id, "state", call_state="answered")

    @precondition(has_calls)
    @rule(pick=numbers, count=st.integers(2, 7))
    def burst_with_the_line_down(self, pick: int, count: int) -> None:
        self.wire.reachable = False
        self.wire.cut()
        self.model.catch_up()
        for _ in range(count):
            self.command(pick, "answer")

    # --- the server -------------------------------------------------------------------------------------------------

    @rule(pick=numbers)
    def offer(self, pick: int) -> None:
        self.send(f"call-{pick % 3}", "receive", call_state="created", context="default")

    @rule(pick=numbers, seconds=st.sampled_from([0.0, 4.9, 5.0]))
    def offer_again(self, pick: int, seconds: float) -> None:
        self.offer(pick)
        self.wire.advance(seconds)
        self.offer(pick)

    @precondition(lambda self: any(dial.is_open for dial in self.model.dials.values()))
    @rule(pick=numbers, state=st.sampled_from(["answered", "failed", "dialing"]))
    def dial_event(self, pick: int, state: str) -> None:
        tags = [tag for tag, dial in self.model.dials.items() if dial.is_open]
        tag = tags[pick % len(tags)]
        at_once = self.wire.is_up and self.wire.server is not None and not self.wire.delay[Direction.TO_CLIENT]
        if at_once or state != "answered":  # another test has late answers
            call = {"call_id": f"leg-{tag}", "node_id": "node", "tag": tag, "dial_winner": True}
            self.send("", "dial", tag=tag, dial_state=state, **({"call": call} if state == "answered" else {}))

    @rule(pick=numbers, state=st.sampled_from(["answered", "ending", "ended", "ended", "ended"]))
    def call_state(self, pick: int, state: str) -> None:
        self.send(self.pick_call_id(pick), "state", call_state=state)

    @precondition(has_transfers)
    @rule(pick=numbers, history=refer_histories(targets=spellings, min_size=1, max_size=2))
    def any_refer_events(self, pick: int, history: list[dict[str, Any]]) -> None:
        for params in history:
            extra = {name: value for name, value in params.items() if name not in ("call_id", "node_id")}
            self.send(self.pick_call_id(pick), "refer", **extra)

    @precondition(has_transfers)
    @rule(
        pick=numbers,
        word=words,
        to=spellings | st.just(""),
        refer=st.sampled_from(["202", "202", "", "", "408", "401", "403"]),
        notify=final_codes,
    )
    def refer_event(self, pick: int, word: str, to: str, refer: str, notify: str) -> None:
        codes = {"sip_refer_response_code": refer, "sip_notify_response_code": notify}
        self.send(self.pick_call_id(pick), "refer", state=word, sip_refer_to=to, **codes)

    @precondition(has_transfers)
    @rule(pick=numbers, word=words)
    def refer_word(self, pick: int, word: str) -> None:
        self.send(self.pick_call_id(pick), "refer", state=word)

    @precondition(lambda self: self.model.operations)
    @rule(pick=numbers, state=st.sampled_from(["playing", "paused", "finished", "error"]))
    def play_event(self, pick: int, state: str) -> None:
        number = sorted(self.model.operations)[-1 - pick % min(3, len(self.model.operations))]
        call_id = self.model.commands[number].call.call_id
        self.send(call_id, "play", control_id=f"p{number}", state=state)

    def send(self, call_id: str, kind: str, **params: Any) -> None:
        self.event_ids.append(self.wire.call_event(call_id, kind, **{**params, "n": self.number()}))

    @precondition(lambda self: self.event_ids)
    @rule(pick=numbers)
    def repeat_event(self, pick: int) -> None:
        self.wire.repeat_event(self.event_ids[-1 - pick % min(5, len(self.event_ids))])

    @precondition(lambda self: self.wire.commands)
    @rule(pick=numbers, how=st.sampled_from(["take", "take", "take", "code", "gone", "error", "error"]))
    def answer_command(self, pick: int, how: str) -> None:
        commands = self.wire.commands
        command: IncomingCommand = commands.pop(pick % min(3, len(commands)))
        match how:
            case "take":
                command.reply({"code": "200", "message": "taken", "n": self.number()})
            case "code":
                command.reply({"code": ("500", "408", "nonsense")[pick % 3], "message": "no"})
            case "gone":
                command.reply({"code": "410", "message": "gone"})
            case _:
                command.refuse(ERRORS[pick % len(ERRORS)])

    @precondition(lambda self: any(command.method == "calling.refer" for command in self.wire.commands))
    @rule(pick=numbers)
    def refuse_after_the_outcome(self, pick: int) -> None:
        command = next(command for command in self.wire.commands if command.method == "calling.refer")
        self.wire.commands.remove(command)
        self.send(command.params["call_id"], "refer", state="busy", sip_notify_response_code="486")
        command.refuse(ERRORS[pick % len(ERRORS)])

    @rule()
    def take_all(self) -> None:
        commands, self.wire.commands = self.wire.commands, []
        for command in commands:
            command.reply({"code": "200", "message": "taken", "n": self.number()})

    @precondition(lambda self: self.wire.is_up and self.has_calls())
    @rule(pick=numbers, wait=st.sampled_from([2.0, 3.5]))
    def deny_call(self, pick: int, wait: float) -> None:
        """The server has forgotten a call, and its end event is lost."""
        self.command(pick, "hangup")
        for command in self.wire.commands:
            command.reply({"code": "410", "message": "gone"})
        self.wire.commands.clear()
        self.wire.advance(wait)

    # --- faults -------------------------------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(
            ["cut", "cut", "stall", "disconnect", "restart", "close", "forget", "ping", "slow", "unreachable", "lose"]
        ),
        sign_in=st.sampled_from([SignIn.RESUME, SignIn.RESUME, SignIn.RESUME, *SignIn]),
        direction=st.sampled_from(Direction),
        delay=st.sampled_from([0.5, 4.0]),
    )
    def trouble(self, kind: str, sign_in: SignIn, direction: Direction, delay: float) -> None:
        wire = self.wire
        match kind:
            case "cut":
                wire.cut()
            case "stall":
                wire.cut(client_notices=False)
            case "disconnect" | "restart":
                wire.say_goodbye(restart=kind == "restart")
            case "close":
                wire.close_by_server(1001, "deployment")
            case "forget":
                wire.forget_session()
            case "ping":
                wire.ping_client()
            case "slow":
                wire.delay[direction] = delay
            case "unreachable":
                wire.reachable, wire.connect_takes = delay > 1, delay
            case _:
                wire.sign_in = sign_in
                wire.cut()

    @rule(
        sign_in=st.sampled_from([SignIn.RESUME, SignIn.RESUME, SignIn.ANEW, SignIn.UNRESTORED]), restart=st.booleans()
    )
    def reconnect(self, sign_in: SignIn, restart: bool) -> None:
        self.heal()
        if restart:
            self.wire.say_goodbye(restart=True)
        self.wire.sign_in = sign_in
        self.wire.cut()
        self.wire.advance(1.0)
        self.heal()

    @rule()
    def all_is_well(self) -> None:
        self.heal()
        self.wire.advance(1.0)

    def heal(self) -> None:
        self.wire.delay = dict.fromkeys(Direction, 0.0)
        self.wire.reachable, self.wire.connect_takes, self.wire.sign_in = True, 0.0, SignIn.RESUME

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.25, 1.0, 1.0, 2.75, 3.0, 3.25, 5.0, 10.0, 45.0]))
    def advance(self, seconds: float) -> None:
        self.wire.advance(seconds)

    @rule(seconds=st.sampled_from([2.0, 20.0, 3_600.0]))
    def jump(self, seconds: float) -> None:
        self.wire.jump(seconds)

    @precondition(lambda self: self.wire.is_up)
    @rule(
        pick=numbers,
        seconds=st.sampled_from([2.0, 12.0, 45.0, 200.0]),
        says=st.lists(
            st.sampled_from(["take all", "busy", "success", "ended", "ping", "disconnect", "close"]), max_size=4
        ),
    )
    def stop(self, pick: int, seconds: float, says: list[str]) -> None:
        """Stop the client's process for a while. The server goes on, and its bytes wait to be read."""
        self.model.pair_calls()
        call_id = self.pick_call_id(pick)
        due = self.wire.session.next_deadline()
        self.wire.stopped = True
        for word in says:
            self.wire.advance(seconds / 8)
            match word:
                case "take all":
                    self.take_all()
                case "busy" | "success":
                    self.send(call_id, "refer", state=word)
                case "ended":
                    self.send(call_id, "state", call_state="ended")
                case "ping":
                    self.wire.ping_client()
                case "disconnect":
                    self.wire.say_goodbye()
                case _:
                    self.wire.close_by_server(1001, "deployment")
        self.wire.advance(seconds / 2)
        self.wire.stopped = False
        if says and due is not None and due <= self.wire.now:
            self.model.reach("woke up with bytes waiting and deadlines passed")
        self.wire.settle()

    # --- the end ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.running)
    @rule(pick=numbers)
    def finish_handler(self, pick: int) -> None:
        self.model.pair_calls()
        self.model.finish_handler(self.model.running[pick % len(self.model.running)])

    @precondition(lambda self: not self.model.closed and not self.model.closing)
    @rule(sure=st.integers(0, 3), timeout=st.sampled_from([0.0, 4.7, 25.7]), finish=st.booleans())
    def drain(self, sure: int, timeout: float, finish: bool = False) -> None:
        if sure >= 2:
            self.model.drain(timeout)
            self.the_client_is_as_the_model_says()
            if finish:
                self.finish_all_work()

    @precondition(lambda self: self.model.draining)
    @rule()
    def finish_all_work(self) -> None:
        for number, operation in self.model.operations.items():
            if operation.result is None:
                call = self.model.commands[number].call
                assert call is not None
                self.send(call.call_id, "play", control_id=f"p{number}", state="finished")
        for call in self.model.calls.values():
            if any(transfer.fate().is_open for transfer in call.refers):
                self.send(call.call_id, "refer", state="busy")
        for tag, dial in self.model.dials.items():
            if dial.is_open:
                self.send("", "dial", tag=tag, dial_state="failed")
        self.finish_all_handlers()

    def finish_all_handlers(self) -> None:
        self.model.pair_calls()
        while self.model.running:
            self.finish_handler(0)

    @precondition(lambda self: not self.model.closed and not self.model.closing)
    @rule(sure=st.integers(0, 5))
    def disconnect(self, sure: int) -> None:
        if sure == 5:
            self.close()

    @precondition(lambda self: self.wire.is_up)
    @rule(pick=numbers, notify=final_codes, sure=st.integers(0, 3))
    def disconnect_while_reports_are_on_their_way(self, pick: int, notify: str, sure: int) -> None:
        if sure >= 2:
            self.wire.delay = {Direction.TO_CLIENT: 0.5, Direction.TO_SERVER: 0.5}
            self.refer_event(pick, "inProgress", "", "202", notify)
            self.close()

    def close(self) -> None:
        self.model.catch_up()
        if not self.model.closed:
            # A client that has not signed in closes at once.
            self.model.closing_asked = True
            self.wire.disconnect()

    @invariant()
    def the_client_is_as_the_model_says(self) -> None:
        self.model.compare()

    def teardown(self) -> None:
        try:
            self.end_all()
        finally:
            self.patched.stop()

    def end_all(self) -> None:
        if not self.count and self.model.closed:
            return
        self.heal()
        # The server is silent: only timeouts end open work.
        self.wire.advance(200.0)
        self.the_client_is_as_the_model_says()
        assert all(
            each.kind == "refer_and_wait"
            for each in self.model.commands.values()
            if not each.promise.done and not each.abandoned
        )
        self.close()
        self.wire.advance(10.0)
        self.the_client_is_as_the_model_says()
        assert self.wire.session.state is ClientState.CLOSED
        assert list(self.model.open_promises()) == []
        assert self.wire.session.calls == {}
        assert self.wire.session.next_deadline() is None
        for call in self.model.all_calls:
            for reader in call.readers:
                reader.read(self.READER_LIMIT + 1)
            assert call.machine is not None
            assert not call.machine.has_open_work
            assert all(transfer.outcome is not None for transfer in call.machine.refers)
        assert self.wire.session.statistics.handler_errors == 0
        assert self.wire.session.statistics.broken_messages == 0


TestJoinedMachine = JoinedMachine.TestCase
TestJoinedMachine.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def test_an_ordinary_run_gets_everywhere() -> None:
    before = Counter(Model.reached)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        JoinedMachine,
        settings=settings(TestJoinedMachine.settings, max_examples=240, derandomize=True, database=None),
    )
    reached = Model.reached - before
    assert [situation for situation in SITUATIONS if not reached[situation]] == []


# --- each situation by itself, with the limits that users have ------------------------------------------------------------


class Scripted(JoinedMachine):
    """The same machine and model, driven by a test."""

    QUEUE_LIMIT, READER_LIMIT = 500, 1_000


@pytest.fixture
def script() -> Iterator[Scripted]:
    machine = Scripted()
    yield machine
    machine.the_client_is_as_the_model_says()
    machine.teardown()


@contextmanager
def reaching(machine: Scripted, situation: str) -> Iterator[None]:
    """Expect that the model reaches a situation in the block, and finds no error before and after."""
    machine.the_client_is_as_the_model_says()
    before = Model.reached[situation]
    yield
    machine.the_client_is_as_the_model_says()
    assert Model.reached[situation] == before + 1


def busy(machine: Scripted) -> CallModel:
    """One call, with a playback, a transfer, a reader and a dial."""
    machine.begin(1, bytewise=False)
    machine.model.catch_up()
    [call] = machine.model.all_calls
    machine.open_reader(1)
    machine.play(1)
    machine.refer(1, "refer_and_wait", TARGETS[0][0], None)
    machine.dial(60.3)
    machine.change_contexts("receive", ["sales"])
    machine.take_all()
    machine.the_client_is_as_the_model_says()
    machine.wait_for_playback(0)
    return call


def still_waiting(machine: Scripted) -> list[bool]:
    """Whether the transfer, the playback and the dial of `busy` still have waiters."""
    refers = [each.promise for each in machine.model.commands.values() if each.kind in ("refer_and_wait", "dial")]
    return [not promise.done for promise in (*refers, machine.model.operation_waiters[0][1])]


def test_a_resumed_session_keeps_all_work(script: Scripted) -> None:
    busy(script)
    with reaching(script, "resumed, with calls up"):
        script.reconnect(SignIn.RESUME, restart=False)
    assert still_waiting(script) == [True] * 3
    assert script.wire.sent("signalwire.connect")[-1]["contexts"] == ["default", "sales"]
    assert len(script.wire.sent("calling.refer")) == 1


@pytest.mark.parametrize("sign_in", [SignIn.ANEW, SignIn.UNRESTORED])
def test_a_refused_resumption_fails_every_waiter(script: Scripted, sign_in: SignIn) -> None:
    call = busy(script)
    with reaching(script, "a resume was refused, with calls up"):
        script.reconnect(sign_in, restart=False)
    assert still_waiting(script) == [False] * 3
    assert call.gone is ConnectionLost


def test_a_restart_fails_every_waiter(script: Scripted) -> None:
    call = busy(script)
    with reaching(script, "restarted, with calls up"):
        script.wire.say_goodbye(restart=True)
        script.the_client_is_as_the_model_says()
        assert still_waiting(script) == [True] * 3, "what the old connection still reports counts"
        script.wire.close_by_server(1001)
    assert still_waiting(script) == [False] * 3
    assert call.gone is ConnectionLost


def test_five_hundred_commands_wait_for_a_connection(script: Scripted) -> None:
    busy(script)
    with reaching(script, "the queue was full"):
        script.burst_with_the_line_down(1, 501)
    assert len(script.wire.sent("calling.answer")) == 0
    script.all_is_well()
    assert len(script.wire.sent("calling.answer")) == 500


def test_a_command_that_waits_too_long_for_a_connection_is_never_sent(script: Scripted) -> None:
    script.begin(1, bytewise=False)
    script.wire.reachable = False
    script.wire.cut()
    for kind in ("refer", "start_refer", "refer_and_wait"):
        script.refer(1, kind, TARGETS[0][0], None)
        script.advance(10.5)
    script.all_is_well()
    script.advance(45.0)
    assert script.wire.sent("calling.refer") == []
    assert [type(each.promise.error) for each in script.model.commands.values()] == [RequestTimeout] * 3


def test_only_the_slow_reader_gets_queue_overflow(script: Scripted) -> None:
    call = busy(script)
    script.open_reader(1)
    slow, quick = call.readers
    for _ in range(1_000):
        script.call_state(1, "answered")
    script.the_client_is_as_the_model_says()
    quick.read(1_000)
    with reaching(script, "a reader was too slow"):
        script.call_state(1, "answered")
    slow.read(1_001)
    quick.read(2)
    assert (slow.error, quick.error) == (QueueOverflow, None)
    assert still_waiting(script) == [True] * 3


def test_a_call_over_the_limit_is_passed_back_once(script: Scripted) -> None:
    script.begin(2, bytewise=False, most=2)
    with reaching(script, "a call was passed back"):
        script.offer(2)
    with reaching(script, "a call that was passed back came again at once"):
        script.advance(4.5)
        script.offer(2)
    with reaching(script, "a call was passed back"):
        script.advance(0.5)
        script.offer(2)
    assert [each["call_id"] for each in script.wire.sent("calling.pass")] == ["call-2", "call-2"]


def test_a_call_unknown_to_the_server_ends_without_an_event(script: Scripted) -> None:
    call = busy(script)
    transfer = next(each.promise for each in script.model.commands.values() if each.kind == "refer_and_wait")
    with reaching(script, "the end of a call came by an error reply alone"):
        script.deny_call(1, 3.5)
    assert still_waiting(script) == [False, True, False]
    assert transfer.result().unknown_because == "call_ended"
    assert call.gone is CallGone
    assert script.wire.session.calls == {}


def test_an_error_reply_does_not_replace_the_coming_end_event(script: Scripted) -> None:
    call = busy(script)
    script.deny_call(1, 2.0)
    script.call_state(1, "ended")
    script.advance(3.5)
    script.the_client_is_as_the_model_says()
    assert call.gone is None
    assert call.machine is not None
    assert call.machine.state == "ended"


@pytest.mark.parametrize("last", ["handler", "playback", "transfer", "dial"])
def test_a_drain_waits_for_all_work_and_closes(script: Scripted, last: str) -> None:
    busy(script)
    playback = next(each.number for each in script.model.commands.values() if each.kind == "play")
    ends = {
        "handler": lambda: script.finish_all_handlers(),
        "playback": lambda: script.send("call-0", "play", control_id=f"p{playback}", state="finished"),
        "transfer": lambda: script.refer_word(1, "busy"),
        "dial": lambda: script.dial_event(0, "failed"),
    }
    with reaching(script, "a drain waited for work"):
        script.drain(3, 25.7)
        for name, end in [*((name, end) for name, end in ends.items() if name != last), (last, ends[last])]:
            script.the_client_is_as_the_model_says()
            assert script.wire.session.state is ClientState.DRAINING, name
            end()
    assert script.wire.session.state is ClientState.CLOSED
    assert {"contexts": ["default", "sales"]} in script.wire.sent("signalwire.unreceive")


def test_a_drain_ends_at_its_timeout(script: Scripted) -> None:
    busy(script)
    with reaching(script, "a drain waited in vain"):
        script.drain(3, 25.7)
        script.advance(25.0)
        script.the_client_is_as_the_model_says()
        assert script.wire.session.state is ClientState.DRAINING
        script.advance(1.0)
    assert still_waiting(script) == [False] * 3


def test_a_duplicate_event_is_handled_once(script: Scripted) -> None:
    call = busy(script)
    with reaching(script, "an event came twice"):
        script.repeat_event(0)
    assert len(script.model.handled) == len(set(script.model.handled)) == script.wire.session.statistics.events
    assert len(call.readers[0].queue) == 0


def test_a_report_that_comes_while_closing_settles_its_transfer(script: Scripted) -> None:
    busy(script)
    transfer = next(each for each in script.model.commands.values() if each.kind == "refer_and_wait")
    with reaching(script, "an event came while closing"):
        script.disconnect_while_reports_are_on_their_way(1, "486", 2)
        script.advance(0.75)
    assert transfer.promise.result().status == "busy"
