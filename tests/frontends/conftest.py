"""The contract suite: every coroutine test that asks for `world` runs on asyncio, on trio and on threads."""

from world_fixtures import front, pytest_pyfunc_call, time_limit, world

__all__ = ["front", "pytest_pyfunc_call", "time_limit", "world"]
