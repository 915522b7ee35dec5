"""Each way through the phone menu, as a caller takes it.

A branch is a generator. It yields a condition to wait for, and then lets the
caller act; it may also yield a command for the client to send. So the same
branches test ivr.py and ivr_threads.py, with sockets and in memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ivr import MENU, NO_ANSWER, SALES, SUPPORT, VOICEMAIL, WRONG_KEY

BRANCHES: dict[str, tuple[Callable[..., Iterator[Any]], dict[str, str]]] = {}
"""The branches by name: the generator, and what the two targets do."""

SLOW = {"no_key", "sales_never_answers"}
"""The branches that wait for seconds, unless time is virtual."""


def branch(sales="answer", support="answer"):
    """Add a generator to the branches."""

    def add(function):
        targets = {SALES: sales, SUPPORT: support}
        BRANCHES[function.__name__] = (function, targets)
        return function

    return add


def events(relay, event_type):
    """Return the parameters of the events of a type so far."""
    found = [frame.event for frame in relay.frames()]
    return [params for kind, params in found if kind == event_type]


def peers(relay):
    """Return the calls that callers are connected with, or were."""
    states = events(relay, "calling.call.connect")
    return [
        each["peer"] for each in states if each["connect_state"] == "connected"
    ]


def hears(caller, *texts):
    """Return a condition: the caller has heard exactly these texts."""
    return lambda: [each.params["text"] for each in caller.heard] == [*texts]


@branch()
def sales_answers(relay, caller):
    yield hears(caller, MENU)
    caller.press("1")
    yield lambda: caller.transferred_to == SALES


@branch(sales="busy")
def sales_is_busy_and_support_answers(relay, caller):
    yield hears(caller, MENU)
    caller.press("1")
    yield hears(caller, MENU, NO_ANSWER, MENU)
    caller.press("2")
    yield lambda: peers(relay)
    caller.hang_up()


@branch()
def support_hangs_up(relay, caller):
    yield hears(caller, MENU)
    caller.press("2")
    yield lambda: peers(relay)
    peer = peers(relay)[0]
    where = {"node_id": peer["node_id"], "call_id": peer["call_id"]}
    yield "calling.end", {**where, "reason": "hangup"}


@branch(support="no-answer")
def support_does_not_answer(relay, caller):
    yield hears(caller, MENU)
    caller.press("2")
    yield hears(caller, MENU, NO_ANSWER, MENU)
    caller.press("1")
    yield lambda: caller.transferred_to == SALES


@branch()
def three_wrong_keys_and_a_message(relay, caller):
    for turn in range(3):
        yield hears(caller, *turn * [MENU, WRONG_KEY], MENU)
        caller.press("9")
    yield hears(caller, *3 * [MENU, WRONG_KEY], VOICEMAIL)
    yield lambda: relay.sent("calling.record")
    caller.say("Please call me back.", after=1)
    yield lambda: caller.state == "ended"
    recording = events(relay, "calling.call.record")[-1]
    assert recording["state"] == "finished"


@branch()
def three_wrong_keys_and_no_message(relay, caller):
    for turn in range(3):
        yield hears(caller, *turn * [MENU, WRONG_KEY], MENU)
        caller.press("9")
    yield lambda: caller.state == "ended"
    recording = events(relay, "calling.call.record")[-1]
    assert recording["state"] == "no_input"


@branch()
def no_key(relay, caller):
    yield hears(caller, MENU, WRONG_KEY, MENU)
    caller.press("1")
    yield lambda: caller.transferred_to == SALES


@branch(sales="silent")
def sales_never_answers(relay, caller):
    yield hears(caller, MENU)
    caller.press("1")
    yield hears(caller, MENU, NO_ANSWER, MENU)
    caller.hang_up()


@branch()
def the_caller_hangs_up(relay, caller):
    yield hears(caller, MENU)
    caller.hang_up()
    yield lambda: caller.state == "ended"
    assert not relay.sent("calling.refer")


@branch()
def the_connection_is_lost(relay, caller):
    yield hears(caller, MENU)
    relay.drop_connections()
    caller.press("1")
    yield lambda: caller.transferred_to == SALES
