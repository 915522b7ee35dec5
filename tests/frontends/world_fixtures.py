"""How every coroutine test that asks for `world` is run on asyncio, on trio and on threads."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from frontend_world import LIMIT, AsyncWorld, ThreadWorld, World

__all__ = ["front", "pytest_pyfunc_call", "time_limit", "world"]


@pytest.fixture(params=["asyncio", "trio", "threads"])
def front(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def time_limit() -> float:
    return LIMIT


@pytest.fixture
def world(front: str, time_limit: float) -> Iterator[World]:
    world = ThreadWorld(limit=time_limit) if front == "threads" else AsyncWorld(front, limit=time_limit)
    yield world
    world.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    world = pyfuncitem.funcargs.get("world")
    if world is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    world.run(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names})
    return True
