"""Identifiers are unique."""

from __future__ import annotations

import os
import threading
import uuid

import pytest

from anyrelay.frontend.identifiers import AT_ONCE, new_id


def test_each_identifier_is_a_new_random_uuid() -> None:
    drawn = [new_id() for _ in range(3 * AT_ONCE)]
    assert len(set(drawn)) == len(drawn)
    for each in drawn:
        assert str(uuid.UUID(each)) == each
        assert (uuid.UUID(each).version, uuid.UUID(each).variant) == (4, uuid.RFC_4122)


def test_two_threads_never_get_the_same_identifier() -> None:
    drawn: list[list[str]] = [[] for _ in range(8)]

    def draw(into: list[str]) -> None:
        into.extend(new_id() for _ in range(20 * AT_ONCE))

    threads = [threading.Thread(target=draw, args=(into,)) for into in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for into in drawn for each in into}) == 8 * 20 * AT_ONCE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_gets_no_identifier_of_its_parent() -> None:
    new_id()  # from now on there are prepared identifiers
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(new_id() for _ in range(AT_ONCE)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    theirs = {told[place : place + 36] for place in range(0, len(told), 36)}
    assert len(theirs) == AT_ONCE
    assert theirs.isdisjoint(new_id() for _ in range(AT_ONCE))
