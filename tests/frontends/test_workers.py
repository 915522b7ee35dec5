"""The worker threads of the blocking front end."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from queue import Empty, SimpleQueue

import pytest

from anyrelay.sync.threads.workers import Workers

TIMEOUT = 10.0


def test_an_idle_thread_takes_the_next_job(workers: Workers) -> None:
    at_work: list[threading.Thread] = []
    for number in range(3):
        workers.submit(lambda: at_work.append(threading.current_thread()))
        deadline = time.monotonic() + TIMEOUT
        while len(at_work) <= number and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # it looks for another job
    assert len(at_work) == 3
    assert len(set(at_work)) == 1


def test_jobs_run_beside_each_other(workers: Workers) -> None:
    meeting = threading.Barrier(4, timeout=TIMEOUT)

    def meet() -> None:
        meeting.wait()

    for _ in range(3):
        workers.submit(meet)
    meeting.wait()  # it breaks, and raises, when one of the four does not come


def test_join_waits_for_threads_that_jobs_started(workers: Workers) -> None:
    done: list[str] = []

    def second() -> None:
        time.sleep(0.2)
        done.append("second")

    def first() -> None:
        time.sleep(0.1)
        workers.submit(second)
        done.append("first")

    workers.submit(first)
    workers.dismiss()
    workers.join(TIMEOUT)
    assert done == ["first", "second"]


# --- threads that come and go ---------------------------------------------------------------------------------------


def have_none(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("dismissed", [False, True])
def test_a_job_without_a_thread_is_done_by_the_next_idle_thread(
    workers: Workers, monkeypatch: pytest.MonkeyPatch, dismissed: bool
) -> None:
    began, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        began.set()
        may_end.wait(TIMEOUT)

    workers.submit(hold)
    assert began.wait(TIMEOUT)
    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", have_none)
        workers.submit(done.set)
    if dismissed:
        workers.dismiss()
    may_end.set()
    assert done.wait(TIMEOUT)


def test_a_thread_that_is_idle_for_long_ends_and_is_forgotten(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anyrelay.sync.threads.workers.IDLE_TIME", 0.01)
    threads: list[weakref.ref[threading.Thread]] = []
    for number in range(1, 4):
        workers.submit(lambda: threads.append(weakref.ref(threading.current_thread())))
        deadline = time.monotonic() + TIMEOUT
        while len(threads) < number or threads[-1]() is not None:
            assert time.monotonic() < deadline, "the job was not done, or its thread is still there"
            gc.collect()
            time.sleep(0.01)


class Overtaken(SimpleQueue[Callable[[], None] | None]):
    """A queue whose first job comes just after a thread has waited for it in vain."""

    def __init__(self, workers: Workers, job: Callable[[], None]) -> None:
        self.overtake: Callable[[], None] | None = lambda: workers.submit(job)

    def get(self, block: bool = True, timeout: float | None = None) -> Callable[[], None] | None:
        if timeout is not None and self.overtake is not None:
            overtake, self.overtake = self.overtake, None
            overtake()
            raise Empty
        return super().get(block, timeout)


def test_a_job_that_is_handed_to_a_thread_about_to_end_is_done(workers: Workers) -> None:
    done = threading.Event()
    workers._jobs = Overtaken(workers, done.set)
    workers.submit(lambda: None)
    assert done.wait(TIMEOUT)


def test_the_next_job_in_a_thread_sees_no_context_variable_of_the_last(workers: Workers) -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    seen: SimpleQueue[tuple[int, str]] = SimpleQueue()

    def look_and_set() -> None:
        seen.put((threading.get_ident(), who.get()))
        who.set("the first")

    workers.submit(look_and_set)
    first, before = seen.get(timeout=TIMEOUT)
    while workers.idle == 0:
        time.sleep(0.001)
    workers.submit(look_and_set)
    assert seen.get(timeout=TIMEOUT) == (first, "nobody")
    assert before == "nobody"
