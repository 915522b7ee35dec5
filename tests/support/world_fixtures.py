"""Fixtures that run every coroutine test with `world` on asyncio, on trio and with threads."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.frontend_world import LIMIT, AsyncWorld, ThreadWorld, World

__all__ = ["front", "pytest_pyfunc_call", "time_limit", "world"]


FRONTS: list[Any] = ["asyncio", "trio", "threads"]
if sys.version_info >= (3, 12):
    FRONTS.append(pytest.param("eager", marks=pytest.mark.eager))


@pytest.fixture(params=["asyncio", "trio", "threads"])
def front(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def time_limit() -> float:
    return LIMIT


@pytest.fixture
def world(front: str, time_limit: float) -> Iterator[World]:
    world = new_world(front, time_limit)
    yield world
    world.close()


def new_world(front: str, limit: float) -> World:
    """Make the world of a front end; ``eager`` is asyncio with `asyncio.eager_task_factory`."""
    if front == "threads":
        return ThreadWorld(limit=limit)
    return AsyncWorld("asyncio", limit=limit, eager=True) if front == "eager" else AsyncWorld(front, limit=limit)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    world = pyfuncitem.funcargs.get("world")
    if world is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    world.run(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names})
    return True
