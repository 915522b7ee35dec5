"""The threads of the blocking front end's handlers."""

from __future__ import annotations

import threading
import time

from anyrelay.sync.workers import Workers

PATIENCE = 10.0


def test_a_thread_that_is_free_takes_the_next_job(workers: Workers) -> None:
    at_work: list[threading.Thread] = []
    for number in range(3):
        workers.submit(lambda: at_work.append(threading.current_thread()))
        deadline = time.monotonic() + PATIENCE
        while len(at_work) <= number and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # it looks for another job
    assert len(at_work) == 3
    assert len(set(at_work)) == 1


def test_jobs_run_beside_each_other(workers: Workers) -> None:
    meeting = threading.Barrier(4, timeout=PATIENCE)

    def meet() -> None:
        meeting.wait()

    for _ in range(3):
        workers.submit(meet)
    meeting.wait()  # it breaks, and raises, when one of the four does not come


def test_whoever_waits_for_the_threads_waits_for_those_that_jobs_called_for(workers: Workers) -> None:
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
    workers.join(PATIENCE)
    assert done == ["first", "second"]
