"""The threads that call handlers: each callback is made once and in order, also one that comes while a queue is handed back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import pytest

from anyrelay.protocol.core.handler_queue import Callback, HandlerQueue
from anyrelay.sync import RelayClient
from anyrelay.sync.threads.dispatcher import HandlerDispatcher
from anyrelay.sync.threads.workers import Workers

TIMEOUT = 30.0


def refuse_to_fail(_handler_queue: HandlerQueue, error: BaseException) -> None:
    raise AssertionError("no handler raises here") from error


def until(come_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not come_true():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.001)


def post_once_found_empty(monkeypatch: pytest.MonkeyPatch, post: Callable[[], None]) -> None:
    """Have a callback posted just after a handler queue was found empty for the first time."""
    take_some, posted = HandlerQueue.take_some, threading.Lock()

    def take_some_and_be_overtaken(handler_queue: HandlerQueue) -> list[Callback]:
        taken = take_some(handler_queue)
        if not taken and posted.acquire(blocking=False):
            post()
        return taken

    monkeypatch.setattr(HandlerQueue, "take_some", take_some_and_be_overtaken)


def test_a_callback_that_comes_while_a_queue_is_handed_back_is_made(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried, told = threading.Event(), list[int]()
    dispatcher = HandlerDispatcher(workers, refuse_to_fail, hurried.set)
    handler_queue = HandlerQueue("call-1", dispatcher.waiting.append, lambda _: None)
    post_once_found_empty(monkeypatch, lambda: handler_queue.post(told.append, 2))
    handler_queue.post(told.append, 1)
    dispatcher.call()
    assert hurried.wait(TIMEOUT)
    assert told == [1]
    dispatcher.take_back()
    dispatcher.call()
    until(lambda: told == [1, 2])


def test_callbacks_are_made_when_the_io_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = RelayClient(project="p", token="t", host="localhost")._driver
    io = driver.io
    told: list[int] = []
    handler_queue = io.session.new_handler_queue("call-1")
    post_once_found_empty(monkeypatch, lambda: handler_queue.post(told.append, 2))
    driver.locked(handler_queue.post, told.append, 1)
    io._follow_outputs()
    until(lambda: told == [1, 2])
    until(lambda: not handler_queue.has_callbacks)
    io.workers.dismiss()
    io.workers.join(TIMEOUT)


def test_callbacks_are_made_in_order_whichever_thread_is_faster(workers: Workers) -> None:
    rounds = 3_000
    dispatcher = HandlerDispatcher(workers, refuse_to_fail, lambda: None)
    handler_queues = [HandlerQueue(f"call-{number}", dispatcher.waiting.append, lambda _: None) for number in range(3)]
    told: list[list[int]] = [[] for _ in handler_queues]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for number in range(rounds):
            for handler_queue, heard in zip(handler_queues, told, strict=True):
                handler_queue.post(heard.append, number)
            dispatcher.take_back()
            dispatcher.call()

        def everything_is_told() -> bool:
            dispatcher.take_back()
            dispatcher.call()
            return all(len(heard) == rounds for heard in told)

        until(everything_is_told)
    finally:
        sys.setswitchinterval(before)
    assert told == [list(range(rounds))] * 3
