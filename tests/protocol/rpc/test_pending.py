"""A command from its queue to its end: sent, answered, abandoned or lost."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from anyrelay.errors import CallGone, ClientClosed, ConnectionLost, RelayError, RequestTimeout
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timers
from anyrelay.protocol.rpc import pending
from anyrelay.protocol.rpc.jsonrpc import Failure, Response
from anyrelay.protocol.rpc.pending import QUEUE_LIMIT, PendingCommands
from anyrelay.protocol.rpc.submission import CommandObserver, CommandOptions


class Noting(CommandObserver):
    """Keeps what it observes."""

    def __init__(self) -> None:
        self.observed: list[str] = []

    def sent(self, now: float) -> None:
        super().sent(now)
        self.observed.append(f"sent {now}")

    def accepted(self, reply: dict[str, Any], now: float) -> None:
        super().accepted(reply, now)
        self.observed.append(f"accepted {reply} {now}")

    def rejected(self, error: RelayError) -> None:
        super().rejected(error)
        self.observed.append(f"rejected {type(error).__name__}")

    def abandoned(self, error: RelayError | None) -> None:
        super().abandoned(error)
        self.observed.append("abandoned")


class Bench:
    """The pending commands, and the sent texts."""

    def __init__(self) -> None:
        ids = count(1)
        self.timers = Timers()
        self.sent: list[str] = []
        self.book = PendingCommands(self.timers, lambda: f"r{next(ids)}", self.sent.append)

    def submit(
        self, command_observer: CommandObserver | None = None, *, line_up: bool = False, **more: Any
    ) -> Promise[Any]:
        options: dict[str, Any] = {
            "line_up": line_up,
            "timeout": 10.0,
            "command_observer": command_observer or CommandObserver(),
            **more,
        }
        return self.book.submit(0.0, "m", {"a": 1}, **options)


WIRE = '{"jsonrpc":"2.0","id":"r1","method":"m","params":{"a":1}}'


def test_a_command_is_sent_at_once_with_a_connection() -> None:
    bench, command_observer = Bench(), Noting()
    promise = bench.submit(command_observer, line_up=True)
    assert bench.sent == [WIRE]
    assert bench.timers.next_deadline() == 10.0
    assert bench.book.answer(Response("r1", {"code": "200"}), 1.0)
    assert promise.result() == {"code": "200"}
    assert bench.timers.next_deadline() is None
    assert command_observer.observed == ["sent 0.0", "accepted {'code': '200'} 1.0"]
    assert not bench.book.answer(Response("r1", {}), 1.0)  # once is enough


def test_a_command_is_queued_without_a_connection() -> None:
    bench, command_observer = Bench(), Noting()
    first, _ = bench.submit(command_observer), bench.submit()
    assert (bench.sent, bench.book.queued) == ([], 2)
    assert not bench.book.answer(Response("r1", {}), 0.0)
    bench.book.connection_lost()
    bench.book.flush(2.0)
    assert [text[23:25] for text in bench.sent] == ["r1", "r2"]
    assert bench.timers.next_deadline() == 10.0  # from the call on
    assert bench.book.queued == 0
    assert not first.done


def test_a_queued_command_is_withdrawn_at_its_timeout() -> None:
    bench, command_observer = Bench(), Noting()
    promise = bench.submit(command_observer)
    bench.timers.run_due(10.0)
    with pytest.raises(RequestTimeout, match="m was not sent within 10 s and was withdrawn"):
        promise.result()
    bench.book.flush(11.0)
    assert bench.sent == []
    assert command_observer.observed == ["rejected RequestTimeout"]


def test_a_queued_command_is_withdrawn_when_abandoned() -> None:
    bench, command_observer = Bench(), Noting()
    promise = bench.submit(command_observer)
    promise.abandon()
    bench.book.flush(1.0)
    assert bench.sent == []
    assert command_observer.observed == ["rejected RelayError"]
    assert bench.timers.next_deadline() is None
    promise.abandon()


def test_a_late_reply_counts_after_the_timeout() -> None:
    bench, command_observer = Bench(), Noting()
    promise = bench.submit(command_observer, line_up=True)
    bench.timers.run_due(10.0)
    with pytest.raises(RequestTimeout, match="m was not answered within 10 s"):
        promise.result()
    assert bench.book.answer(Response("r1", {"code": "200"}), 12.0)
    assert command_observer.observed == ["sent 0.0", "abandoned", "accepted {'code': '200'} 12.0"]


def test_a_late_reply_counts_after_the_command_was_abandoned() -> None:
    bench, command_observer = Bench(), Noting()
    bench.submit(command_observer, line_up=True).abandon()
    assert bench.book.answer(Failure("r1", 400, "no"), 1.0)
    assert command_observer.observed == ["sent 0.0", "abandoned", "rejected RelayError"]


@pytest.mark.parametrize(
    "answer", [Failure("r1", -32603, "?"), Failure("r1", -1, "?"), Response("r1", {"code": "500"})]
)
def test_an_open_error_reply_is_no_rejection(answer: Failure | Response) -> None:
    bench, command_observer = Bench(), Noting()
    promise = bench.submit(command_observer, line_up=True)
    assert bench.book.answer(answer, 1.0)
    assert isinstance(promise.error, RelayError)
    assert command_observer.observed == ["sent 0.0", "abandoned"]
    assert bench.timers.next_deadline() is None


def test_an_error_reply_after_an_event_is_no_rejection() -> None:
    class UnderWay(Noting):
        is_under_way = True

    bench, command_observer = Bench(), UnderWay()
    promise = bench.submit(command_observer, line_up=True)
    bench.book.answer(Failure("r1", 404, "no"), 1.0)
    assert isinstance(promise.error, RelayError)
    assert command_observer.observed == ["sent 0.0", "abandoned"]


def test_a_sent_command_is_lost_with_its_connection() -> None:
    bench, command_observer = Bench(), Noting()
    promise, abandoned = bench.submit(command_observer, line_up=True), bench.submit(line_up=True)
    abandoned.abandon()
    bench.book.connection_lost()
    with pytest.raises(ConnectionLost, match="the connection dropped before m was answered; it is not sent again"):
        promise.result()
    bench.book.flush(1.0)
    assert len(bench.sent) == 2
    assert command_observer.observed == ["sent 0.0", "abandoned"]
    assert bench.timers.next_deadline() is None
    assert not bench.book.answer(Response("r1", {}), 1.0)


def test_closing_ends_all_of_them() -> None:
    bench, sent, queued = Bench(), Noting(), Noting()
    promises = [bench.submit(sent, line_up=True), bench.submit(queued)]
    bench.book.close(ClientClosed("closed"))
    assert all(isinstance(promise.error, ClientClosed) for promise in promises)
    assert (sent.observed, queued.observed) == (["sent 0.0", "abandoned"], ["rejected ClientClosed"])
    assert bench.timers.next_deadline() is None


def test_queued_commands_on_a_call_end_with_its_session() -> None:
    bench = Bench()
    on_call, other = bench.submit(call_id="c"), bench.submit()
    bench.book.session_lost(ConnectionLost("over"))
    assert isinstance(on_call.error, ConnectionLost)
    assert not other.done
    assert bench.book.queued == 1


def test_a_timeout_until_the_command_is_sent() -> None:
    bench = Bench()
    promise = bench.submit(options=CommandOptions(timeout=4.0, timeout_until_sent=True))
    assert bench.timers.next_deadline() == 4.0
    bench.book.flush(1.0)
    assert bench.timers.next_deadline() is None
    bench.submit(options=CommandOptions(timeout_until_sent=True), line_up=True)
    assert bench.timers.next_deadline() is None
    assert not promise.done


def test_the_queue_is_bounded() -> None:
    bench = Bench()
    for _ in range(QUEUE_LIMIT):
        bench.submit()
    with pytest.raises(RelayError, match="500 commands wait for the connection already; this one was not sent"):
        bench.submit()
    bench.book.flush(0.0)
    assert len(bench.sent) == 500
    bench.submit()


def test_unanswered_commands_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "OPEN_LIMIT", 2)
    bench = Bench()
    for _ in range(2):
        bench.submit(line_up=True)
    with pytest.raises(RelayError, match="2 commands wait for their answers already"):
        bench.submit(line_up=True)


def test_a_value_that_json_cannot_carry_is_rejected() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="m: its parameters are not JSON"):
        bench.book.submit(0.0, "m", {"a": object()}, line_up=True, timeout=1.0)
    assert bench.timers.next_deadline() is None
    assert bench.book.queued == 0


@pytest.mark.parametrize(
    ("answer", "options", "error"),
    [
        (Response("r1", {}), {}, None),
        (Response("r1", {"code": "200"}), {}, None),
        (Response("r1", {"code": 299}), {}, None),
        (Response("r1", {"code": "199", "message": "m"}), {}, RelayError(199, "m")),
        (Response("r1", {"code": 200.0}), {}, None),
        (Response("r1", {"code": "300"}), {}, RelayError(300, "the server gave no message")),
        (Response("r1", {"code": "300", "message": None}), {}, RelayError(300, "the server gave no message")),
        (Response("r1", {"code": None, "message": 5}), {}, RelayError(-1, "5")),
        (Response("r1", {"code": "404", "message": "m"}), {}, RelayError(404, "m")),
        (Response("r1", {"code": "404", "message": "m"}), {"call_id": "c"}, CallGone(404, "m", "c")),
        (Response("r1", {"code": "410", "message": "m"}), {"call_id": "c"}, CallGone(410, "m", "c")),
        (Failure("r1", 404, "m"), {"call_id": "c"}, CallGone(404, "m", "c")),
        (Failure("r1", 404, "m"), {"call_id": "c", "not_found_means_operation": True}, RelayError(404, "m")),
        (Failure("r1", 410, "m"), {"call_id": "c", "not_found_means_operation": True}, CallGone(410, "m", "c")),
        (Failure("r1", -32601, "m"), {"call_id": "c"}, RelayError(-32601, "m")),
        (Failure("r1", 404, "m"), {"call_id": "c", "options": CommandOptions(ok_codes=(404,))}, None),
        (Response("r1", {"code": "404"}), {"call_id": "c", "options": CommandOptions(ok_codes=(404,))}, None),
    ],
)
def test_which_answers_are_errors(answer: Any, options: dict[str, Any], error: RelayError | None) -> None:
    bench = Bench()
    promise = bench.submit(line_up=True, **options)
    bench.book.answer(answer, 0.0)
    assert type(promise.error) is type(error)
    if error is not None:
        assert isinstance(promise.error, RelayError)
        assert promise.error.args == error.args


def test_an_accepted_error_code_is_an_empty_reply() -> None:
    bench = Bench()
    promise = bench.submit(line_up=True, options=CommandOptions(ok_codes=(404,)))
    bench.book.answer(Response("r1", {"code": "404", "message": "no"}), 0.0)
    assert promise.result() == {}


def test_a_caller_may_be_promised_something_else_than_the_reply() -> None:
    bench = Bench()
    started, stopped = bench.submit(line_up=True, result_if_accepted="it"), bench.submit(line_up=True)
    assert bench.book.receive_result("r1", {"code": 200}, 0.0)
    assert bench.book.receive_result("r2", {}, 0.0)
    assert (started.result(), stopped.result()) == ("it", {})


@pytest.mark.parametrize(("more", "result"), [({}, {}), ({"result_if_accepted": "it"}, "it")])
def test_events_that_told_the_end_say_more_than_an_error(more: dict[str, Any], result: object) -> None:
    class Told(Noting):
        is_told = True

    bench, lost, refused = Bench(), Told(), Told()
    promises = [bench.submit(lost, line_up=True, **more), bench.submit(refused, line_up=True, **more)]
    bench.book.answer(Failure("r2", 404, "no"), 1.0)
    bench.book.connection_lost()
    assert [promise.result() for promise in promises] == [result, result]
    assert lost.observed == ["sent 0.0", "abandoned"]
    assert refused.observed == ["sent 0.0", "rejected RelayError"]


def test_deadlines_of_what_was_answered_do_not_pile_up_behind_one_that_was_not() -> None:
    bench = Bench()
    slow = bench.submit(line_up=True)
    for number in range(2, 1_000):
        bench.submit(line_up=True)
        bench.book.receive_result(f"r{number}", {}, 0.0)
    assert len(bench.book._timeouts.entries) < 140
    assert bench.timers.next_deadline() == 10.0
    assert not slow.done


def test_what_follows_no_machine_has_no_subject() -> None:
    assert CommandObserver().subject is None


def test_an_answer_takes_back_a_timeout_of_its_own() -> None:
    bench = Bench()
    bench.submit(line_up=True, options=CommandOptions(timeout=4.0))
    assert bench.timers.next_deadline() == 4.0
    assert bench.book.receive_result("r1", {}, 1.0)
    assert bench.timers.next_deadline() is None
