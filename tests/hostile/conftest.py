"""The worlds of the contract suite, one for each front end, for servers that mean harm."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path.extend(str(TESTS / neighbour) for neighbour in ("frontends", "protocol"))

_spec = spec_from_file_location("frontends_conftest", TESTS / "frontends" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_contract = module_from_spec(_spec)
_spec.loader.exec_module(_contract)

front, world, pytest_pyfunc_call = _contract.front, _contract.world, _contract.pytest_pyfunc_call
