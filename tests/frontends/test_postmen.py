"""The threads that tell handlers: everything is told once and in order, whatever comes while they hand a mailbox back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import pytest

from anyrelay.protocol.mailbox import Delivery, Mailbox
from anyrelay.sync import RelayClient
from anyrelay.sync.postmen import Postmen
from anyrelay.sync.workers import Workers

PATIENCE = 30.0


def refuse_to_fail(_mailbox: Mailbox, error: BaseException) -> None:
    raise AssertionError("no handler raises here") from error


def until(come_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not come_true():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.001)


def post_once_found_empty(monkeypatch: pytest.MonkeyPatch, post: Callable[[], None]) -> None:
    """Have something posted just after a mailbox was found empty for the first time."""
    take_some, posted = Mailbox.take_some, threading.Lock()

    def take_some_and_be_overtaken(mailbox: Mailbox) -> list[Delivery]:
        taken = take_some(mailbox)
        if not taken and posted.acquire(blocking=False):
            post()
        return taken

    monkeypatch.setattr(Mailbox, "take_some", take_some_and_be_overtaken)


def test_what_comes_while_a_mailbox_is_handed_back_is_told(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    hurried, told = threading.Event(), list[int]()
    postmen = Postmen(workers, refuse_to_fail, hurried.set)
    mailbox = Mailbox("call-1", postmen.add, lambda _: None)
    post_once_found_empty(monkeypatch, lambda: mailbox.post(told.append, 2))
    mailbox.post(told.append, 1)
    postmen.call()
    assert hurried.wait(PATIENCE)
    assert told == [1]
    postmen.take_back()
    postmen.call()
    until(lambda: told == [1, 2])


def test_it_is_told_even_when_the_clients_thread_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = RelayClient(project="p", token="t", host="localhost")._driver
    told: list[int] = []
    mailbox = driver.session.new_mailbox("call-1")
    post_once_found_empty(monkeypatch, lambda: mailbox.post(told.append, 2))
    driver.locked(mailbox.post, told.append, 1)
    driver._follow_outputs()
    until(lambda: told == [1, 2])
    until(lambda: not mailbox.has_mail)
    driver._workers.dismiss()
    driver._workers.join(PATIENCE)


def test_everything_is_told_in_order_whoever_is_faster(workers: Workers) -> None:
    rounds = 3_000
    postmen = Postmen(workers, refuse_to_fail, lambda: None)
    mailboxes = [Mailbox(f"call-{number}", postmen.add, lambda _: None) for number in range(3)]
    told: list[list[int]] = [[] for _ in mailboxes]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for number in range(rounds):
            for mailbox, heard in zip(mailboxes, told, strict=True):
                mailbox.post(heard.append, number)
            postmen.take_back()
            postmen.call()

        def everything_is_told() -> bool:
            postmen.take_back()
            postmen.call()
            return all(len(heard) == rounds for heard in told)

        until(everything_is_told)
    finally:
        sys.setswitchinterval(before)
    assert told == [list(range(rounds))] * 3
