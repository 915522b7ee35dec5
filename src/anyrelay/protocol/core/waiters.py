"""The callers that wait for one result: each has a promise of its own, and may have a deadline of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.core.timers import Timer, Timers

__all__ = ["Waiter", "Waiters"]

T = TypeVar("T")


class Waiter(Promise[T]):
    """The promise to one of several callers."""

    __slots__ = ("group", "target", "timer")

    group: Waiters[T]
    """The callers that wait for the same result."""
    timer: Timer | None
    """The deadline of the caller, None without one."""
    target: Any
    """The thing that the caller waits for, where callers wait for different things."""

    def expire(self, timers: Timers, now: float, timeout: float | None, late: Callable[[float], object]) -> None:
        """Give the caller a deadline.

        Args:
            timers: The deadlines of the session.
            now: The time, in seconds.
            timeout: The longest wait, in seconds; None, and infinity, wait without limit.
            late: Called with the time at the deadline, once the caller is taken out; it settles the promise.
        """

        def expired(at: float) -> None:
            self.group.forget(self)
            late(at)

        if timeout is not None and timeout < math.inf:
            self.timer = timers.at(now + timeout, expired)

    def abandon(self) -> None:
        """Stop waiting."""
        self.group.forget(self)
        super().abandon()


class Waiters(list[Waiter[T]]):
    """The callers that wait now.

    A list, since every operation and every transfer has one, mostly without callers: an empty list takes 56 bytes, and no
    Python function is called to make it or to look whether it is empty.
    """

    __slots__ = ()

    def add(self, target: Any = None, on_abandon: Callable[[], None] | None = None) -> Waiter[T]:
        """Return the promise to one more caller.

        Args:
            target: The thing that the caller waits for.
            on_abandon: Called when the caller waits no more.
        """
        waiter: Waiter[T] = Waiter(on_abandon)
        waiter.group, waiter.timer, waiter.target = self, None, target
        self.append(waiter)
        return waiter

    def resolve(self, value: T) -> None:
        """Resolve all promises."""
        for waiter in self.release():
            waiter.resolve(value)

    def fail(self, error: BaseException) -> None:
        """Fail all promises."""
        for waiter in self.release():
            waiter.fail(error)

    def release(self, is_due: Callable[[Waiter[T]], bool] | None = None) -> list[Waiter[T]]:
        """Take out the callers that are due, or all of them, and their deadlines; return the promises."""
        released = list(self if is_due is None else filter(is_due, self))
        self[:] = () if is_due is None else [waiter for waiter in self if waiter not in released]
        for waiter in released:
            if waiter.timer is not None:
                waiter.timer.cancel()
        return released

    def forget(self, waiter: Waiter[T]) -> None:
        """Take out one caller, and its deadline; harmless when the caller was taken out before."""
        if waiter in self:
            self.remove(waiter)
            if waiter.timer is not None:
                waiter.timer.cancel()
