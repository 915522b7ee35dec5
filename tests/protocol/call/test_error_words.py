"""Errors name the public methods and classes of both front ends, and the remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import anyrelay
import anyrelay.sync
from anyrelay.errors import DialFailed
from tests.support.joined import joined_call

FRONTS = [anyrelay, anyrelay.sync]


class Driver:
    """Calls the methods of a machine as the drivers of both front ends do, without waiting."""

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return method(0.0, *args, **kwargs)

    call_and_wait = call
    locked = staticmethod(lambda function, *args, **kwargs: function(*args, **kwargs))

    async def find(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


class SyncDriver(Driver):
    def find(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)


def call_of(front: Any) -> Any:
    _, machine = joined_call()
    return front.Call(Driver() if front is anyrelay else SyncDriver(), machine)


def run(front: Any, use: Callable[[Any], Any], face: Any) -> Any:
    async def awaited() -> Any:
        result = use(face)
        return await result if asyncio.iscoroutine(result) else result

    return asyncio.run(awaited()) if front is anyrelay else use(face)


MISUSES: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda c: c.wait_for("x", timeouts=5),
        "Call.wait_for(): got an unexpected keyword argument 'timeouts'; did you mean 'timeout'?",
    ),
    (
        lambda c: c.hangup(reasons="x"),
        "Call.hangup(): got an unexpected keyword argument 'reasons'; did you mean 'reason'?",
    ),
    (
        lambda c: c.play_tts("x", voise="y"),
        "Call.play_tts(): got an unexpected keyword argument 'voise'; did you mean 'voice'?",
    ),
    (lambda c: c.hold(1), "Call.hold(): too many positional arguments"),
    (lambda c: c.play(), "Call.play(): missing a required argument: 'media'"),
    (lambda c: c.refer(), "Call.refer(): missing a required argument: 'device'"),
    (lambda c: c.send_digits("1", digits="2"), "Call.send_digits(): multiple values for argument 'digits'"),
    (lambda c: c.on("x"), "Call.on(): missing a required argument: 'handler'"),
    (lambda c: c.detect_fax(zzz=1), "Call.detect_fax(): got an unexpected keyword argument 'zzz'"),
    (lambda c: c.start_refer(), "Call.start_refer(): missing a required argument: 'device'"),
]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize(("use", "words"), MISUSES)
def test_a_wrong_argument_names_the_public_method(front: Any, use: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(TypeError) as caught:
        run(front, use, call_of(front))
    assert str(caught.value) == words


@pytest.mark.parametrize("front", FRONTS)
def test_an_error_inside_a_method_is_unchanged(front: Any) -> None:
    with pytest.raises(TypeError, match=r"^digits must be a string of digits"):
        run(front, lambda c: c.send_digits(5), call_of(front))
    with pytest.raises(TypeError, match=r"^handler must be a function, not int"):
        run(front, lambda c: c.on("x", 5), call_of(front))


@pytest.mark.parametrize("front", FRONTS)
def test_an_unknown_setting_names_the_client(front: Any) -> None:
    with pytest.raises(TypeError, match=r"^RelayClient\.__init__\(\) got an unexpected keyword argument 'porject'"):
        front.RelayClient(porject="p")
    with pytest.raises(
        TypeError, match=r"^RelayClient\.__init__\(\) takes from 1 to 7 positional arguments but 8 were given"
    ):
        front.RelayClient("p", "t", None, None, None, 5, 10)


def test_a_failed_dial_has_the_reason_of_the_server() -> None:
    pair, _ = joined_call()
    dialled = pair.session.dial(0.0, [[{"type": "phone", "params": {"to_number": "+1"}}]], tag="t")
    pair.settle()
    pair.event(
        "calling.call.dial", {"tag": "t", "dial_state": "failed", "failed_reason": "no phone is described as tel:+1"}
    )
    with pytest.raises(DialFailed, match=r"nobody answered the dial: no phone is described as tel:\+1$"):
        dialled.result()
