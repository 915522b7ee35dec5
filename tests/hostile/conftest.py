"""The worlds of the contract suite, one for each front end, for servers that mean harm."""

from world_fixtures import front, pytest_pyfunc_call, world

__all__ = ["front", "pytest_pyfunc_call", "world"]
