"""Client and server joined in memory, driven at random through everything that can go wrong, and compared with a model.

Callers come and go, the connection drops, stalls and comes back resumed or not, the server answers late, refuses, repeats
itself, says goodbye; after every step whatever can be seen of the client has to be what the model says, and at the end
nobody may be left waiting.
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from joined_model import TARGETS, CallModel, Model, ObservedWire, WaiterModel

from anyrelay.protocol.session import ClientState
from anyrelay.testing.cable import Direction
from anyrelay.testing.strategies import refer_histories
from anyrelay.testing.wire import IncomingCommand, SignIn

numbers = st.integers(0, 1_000)
# Deadlines with a fraction of their own never fall together with anything else.
timeouts = st.sampled_from([0.3, 2.3, 5.3, 12.3, 60.3, None])
spellings = st.sampled_from([spelling for each in TARGETS for spelling in each])
final_codes = st.sampled_from(["200", "486", "480", "603", "500", "202", "180", ""])
ways = st.sampled_from(["refer", "start_refer", "refer_and_wait"])
words = st.sampled_from(["inProgress", "success", "busy", "cancel", "unknown", "failed", "trying"])


class JoinedMachine(RuleBasedStateMachine):
    """One client, one server, up to three calls at a time, and a model that watches them."""

    QUEUE_LIMIT, READER_LIMIT = 6, 4
    """So low that they are reached."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = patch("anyrelay.protocol.requests.QUEUE_LIMIT", self.QUEUE_LIMIT)
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
        """Mostly one that is alive, and now and then any."""
        self.model.pair_calls()
        calls = list(self.model.calls.values()) or self.model.all_calls
        if pick % 8 == 0:
            calls = self.model.all_calls
        return calls[pick // 8 % len(calls)]

    def pick_call_id(self, pick: int) -> str:
        """Mostly the call whose transfer is open."""
        calls = list(self.model.calls.values())
        busy = [call for call in calls if any(each.fate(self.wire.now).is_open for each in call.transfers)]
        if pick % 8 == 0 or not calls:
            return f"call-{pick // 8 % 3}"
        return (busy or calls)[pick // 8 % len(busy or calls)].call_id

    def has_calls(self) -> bool:
        return bool(self.model.all_calls)

    def has_transfers(self) -> bool:
        return any(call.transfers for call in self.model.calls.values())

    # --- the beginning ----------------------------------------------------------------------------------------------

    @initialize(calls=st.integers(0, 3), bytewise=st.sampled_from([False] * 7 + [True]), most=st.sampled_from([1_000, 2]))
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

    @precondition(lambda self: any(call.transfers for call in self.model.all_calls))
    @rule(pick=numbers, timeout=timeouts)
    def wait(self, pick: int, timeout: float | None) -> None:
        call = [call for call in self.model.all_calls if call.transfers][-1]
        listed = call.listed(self.wire.now)
        assert call.machine is not None
        for transfer, machine in zip(listed, call.machine.transfers, strict=True):
            if transfer is listed[pick % len(listed)]:
                asked = (self.wire.now, 1, len(transfer.steps))
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

    @precondition(lambda self: any(dial.is_open for dial in self.model.dials.values()))
    @rule(pick=numbers, state=st.sampled_from(["answered", "failed", "dialing"]))
    def dial_event(self, pick: int, state: str) -> None:
        tags = [tag for tag, dial in self.model.dials.items() if dial.is_open]
        tag = tags[pick % len(tags)]
        at_once = self.wire.is_up and self.wire.server is not None and not self.wire.delay[Direction.TO_CLIENT]
        if at_once or state != "answered":  # a winner that comes too late is hung up: that is shown elsewhere
            call = {"call_id": f"leg-{tag}", "node_id": "node", "tag": tag, "dial_winner": True}
            self.send("", "dial", tag=tag, dial_state=state, **({"call": call} if state == "answered" else {}))

    @rule(pick=numbers, state=st.sampled_from(["answered", "ending", "ended", "ended", "ended"]))
    def call_state(self, pick: int, state: str) -> None:
        self.send(self.pick_call_id(pick), "state", call_state=state)

    @precondition(has_transfers)
    @rule(pick=numbers, history=refer_histories(targets=spellings, min_size=1, max_size=2))
    def any_refer_events(self, pick: int, history: list[dict[str, Any]]) -> None:
        for params in history:
            told = {name: value for name, value in params.items() if name not in ("call_id", "node_id")}
            self.send(self.pick_call_id(pick), "refer", **told)

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
    @rule(pick=numbers, how=st.sampled_from(["take", "take", "take", "code", "gone", "error"]))
    def answer_command(self, pick: int, how: str) -> None:
        commands = self.wire.commands
        command: IncomingCommand = commands.pop(pick % min(3, len(commands)))
        match how:
            case "take":
                command.reply({"code": "200", "message": "taken", "n": self.number()})
            case "code":
                command.reply({"code": "500", "message": "no"})
            case "gone":
                command.reply({"code": "410", "message": "gone"})
            case _:
                command.refuse(404 if pick % 2 else 500)

    @rule()
    def take_all(self) -> None:
        commands, self.wire.commands = self.wire.commands, []
        for command in commands:
            command.reply({"code": "200", "message": "taken", "n": self.number()})

    # --- trouble ----------------------------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(
            ["cut", "cut", "stall", "goodbye", "restart", "close", "forget", "ping", "slow", "unreachable", "lose"]
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
            case "goodbye" | "restart":
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
            self.wire.say_goodbye(restart=sign_in is SignIn.ANEW)
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

    # --- the end ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.running)
    @rule(pick=numbers)
    def finish_handler(self, pick: int) -> None:
        self.model.pair_calls()
        self.model.finish_handler(self.model.running[pick % len(self.model.running)])

    @precondition(lambda self: not self.model.closed and not self.model.closing)
    @rule(sure=st.integers(0, 3), timeout=st.sampled_from([0.0, 4.7, 25.7]))
    def drain(self, sure: int, timeout: float) -> None:
        if sure == 3:
            self.model.drain(timeout)

    @precondition(lambda self: self.model.draining)
    @rule()
    def finish_all_handlers(self) -> None:
        while self.model.running:
            self.finish_handler(0)

    @precondition(lambda self: not self.model.closed and not self.model.closing)
    @rule(sure=st.integers(0, 5))
    def disconnect(self, sure: int) -> None:
        if sure == 5:
            self.close()

    def close(self) -> None:
        self.model.catch_up()
        if not self.model.closed:
            # What is closed before it was signed in has nobody to say goodbye to, and is closed at once.
            self.model.closing_asked = True
            self.wire.disconnect()

    @invariant()
    def the_client_is_as_the_model_says(self) -> None:
        self.model.catch_up()
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
        # The server has gone silent: nothing but time ends what is under way.
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
            assert all(transfer.outcome is not None for transfer in call.machine.transfers)
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
