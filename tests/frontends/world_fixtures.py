"""How every coroutine test that asks for `world` is run on asyncio, on trio and on threads."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest
from frontend_world import AsyncWorld, ThreadWorld, World

__all__ = ["front", "pytest_pyfunc_call", "world"]


@pytest.fixture(params=["asyncio", "trio", "threads"])
def front(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(front: str) -> Iterator[World]:
    world = ThreadWorld() if front == "threads" else AsyncWorld(front)
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
