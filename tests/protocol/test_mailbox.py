"""Mailboxes: what is to be told to user code, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from anyrelay.protocol import mailbox as mailboxes
from anyrelay.protocol.mailbox import Delivery, Mailbox


def test_deliveries_are_made_in_order_and_somebody_attends_once() -> None:
    attended: list[Mailbox] = []
    told: list[Any] = []
    box = Mailbox("call-1", attended.append, lambda _: None)
    box.post(told.append, 1)
    box.post(told.append, 2)
    assert attended == [box]
    assert box.attended
    assert box.take() == Delivery(told.append, 1)
    box.post(told.append, 3)
    assert [box.take(), box.take(), box.take()] == [Delivery(told.append, 2), Delivery(told.append, 3), None]
    assert not box.attended
    box.post(told.append, 4)
    assert attended == [box, box]


def test_some_are_taken_at_once_and_somebody_stays_at_it_until_he_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "TAKEN_AT_ONCE", 2)
    attended: list[Mailbox] = []
    handler: Callable[[Any], Any] = print
    box = Mailbox("call-1", attended.append, lambda _: None)
    box.post(handler, 1)
    box.post(handler, 2)
    box.post(handler, 3)
    assert box.take_some() == [Delivery(handler, 1), Delivery(handler, 2)]
    assert box.take_some() == [Delivery(handler, 3)]
    box.post(handler, 4)
    assert attended == [box]
    assert box.take_some() == [Delivery(handler, 4)]
    assert box.take_some() == []
    assert box.attended
    box.leave()
    assert not box.attended
    box.post(handler, 5)
    assert attended == [box, box]


def test_what_comes_before_he_leaves_asks_for_attention_again() -> None:
    attended: list[Mailbox] = []
    box = Mailbox("call-1", attended.append, lambda _: None)
    box.post(print, 1)
    assert len(box.take_some()) == 1
    assert not box.has_mail
    box.post(print, 2)
    assert box.has_mail
    assert attended == [box]
    box.leave()
    assert box.attended
    assert attended == [box, box]


def test_over_the_limit_events_are_dropped_but_results_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAILBOX_LIMIT", 2)
    overflowed: list[Mailbox] = []
    handler: Callable[[Any], Any] = print
    box = Mailbox("call-1", lambda _: None, overflowed.append)
    for number in range(4):
        box.post(handler, number)
    box.post(handler, "result", must_keep=True)
    assert box.dropped == 2
    assert overflowed == [box, box]
    assert [delivery.subject for delivery in iter(box.take, None)] == [0, 1, "result"]
