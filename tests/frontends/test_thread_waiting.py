"""How threads sleep and are woken, and Ctrl-C in each step of falling asleep."""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import pytest

from anyrelay.sync.threads.waiting import OnceEvent, new_waiter, wait_for_release


def test_waiting_threads_go_on_once_the_event_is_set() -> None:
    once_event, passed = OnceEvent(), threading.Semaphore(0)

    def wait() -> None:
        once_event.wait()
        passed.release()

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)  # no thread may go on in this time
    assert not passed.acquire(blocking=False)
    once_event.set()
    once_event.set()
    for thread in threads:
        thread.join(10)
    assert [passed.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]
    once_event.wait()  # a thread that comes later does not wait at all


@pytest.mark.parametrize("in_main_thread", [True, False])
@pytest.mark.parametrize("timeout", [0.0, 0.05])
def test_waiting_times_out(in_main_thread: bool, timeout: float) -> None:
    took = []

    def wait() -> None:
        began = time.monotonic()
        OnceEvent().wait(timeout)
        took.append(time.monotonic() - began)

    if in_main_thread:
        wait()
    else:
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(10)
    assert len(took) == 1
    assert took[0] >= timeout


def test_ctrl_c_in_any_step_leaves_the_event_usable() -> None:
    """Ctrl-C comes before each byte code in turn, in any module."""
    struck = 0
    while _is_struck(once_event := OnceEvent(), struck):
        struck += 1
        other = threading.Thread(target=once_event.wait, daemon=True)
        other.start()
        reaching = threading.Thread(target=once_event.set, daemon=True)
        reaching.start()
        reaching.join(10)
        other.join(10)
        assert [reaching.is_alive(), other.is_alive()] == [False, False], f"struck before byte code {struck}"
        once_event.wait(10)
    assert struck > 20


def _is_struck(once_event: OnceEvent, skipped: int) -> bool:
    """Wait, with Ctrl-C before the byte code after so many others; return whether there were that many."""
    left = skipped

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # or CPython 3.12 tells of no byte code
    try:
        sys.settrace(trace)
        once_event.wait(0.001)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_the_main_thread_looks_for_signals_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that came just before the thread fell asleep is handled although nothing wakes the thread."""
    monkeypatch.setattr("anyrelay.sync.threads.waiting.LOOK_UP", 0.01)
    handled = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    in_time: list[bool] = []
    waiter = new_waiter()

    def strike_and_open() -> None:
        time.sleep(0.2)  # until the main thread sleeps
        # Struck in this thread, it interrupts no system call of the main one's, as one that comes a moment too early.
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        in_time.append(handled.wait(10))
        waiter.release()

    striker = threading.Thread(target=strike_and_open)
    try:
        striker.start()
        wait_for_release(waiter)
        assert in_time == [True]
    finally:
        striker.join()
        signal.signal(signal.SIGUSR1, before)
