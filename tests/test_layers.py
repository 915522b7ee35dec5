"""The directions of the packages: who may import whom, without circles, and that the protocol does no I/O."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import anyrelay

ROOT: Final = Path(anyrelay.__file__).parent

_CORE = {"errors", "_lazy", "protocol.core", "protocol.rpc", "protocol.schema"}

_LOCAL = {"local.http_requests", "local.json_process", "local.logs", "local.mp3", "local.reach"}

_PORTS = {"local.exchange.ports", "local.exchange.reports"}

ALLOWED: Final = {
    "errors": set[str](),
    "constants": set[str](),
    "_lazy": set[str](),
    "protocol.core": {"errors", "protocol.core", "protocol.schema"},
    "protocol.rpc": {"errors", "protocol.core", "protocol.rpc", "protocol.schema"},
    "protocol.schema": {"errors", "_lazy", "protocol.schema"},
    "protocol.transport": {"errors", "protocol.transport"},
    "protocol.call": {*_CORE, "protocol.call"},
    "protocol.outbound": {*_CORE, "protocol.call", "protocol.outbound"},
    "protocol.session": {*_CORE, "protocol.call", "protocol.outbound", "protocol.session", "protocol.transport"},
    "protocol.server": {*_CORE, "protocol.transport"},
    "frontend": {"constants", "errors", "protocol", "frontend"},
    "aio": {"errors", "protocol", "frontend", "aio"},
    "sync": {"errors", "_lazy", "protocol", "frontend", "sync"},
    "telemetry": {"errors", "protocol", "frontend"},
    "webhooks": {"errors", "protocol"},
    "local.exchange": {"errors", "protocol", "local.exchange", "local.logs"},
    "local.simulated": {"errors", "protocol", *_PORTS, "local.logs", "local.mp3", "local.simulated"},
    "local.sip": {"errors", "protocol", *_LOCAL, *_PORTS, "local.sip"},
    "local": {"errors", "_lazy", "protocol", "local"},
}
"""What each package may import of the others; the longest name that fits a module counts. Those not named here are free."""

WITHOUT_IO: Final = frozenset(
    {
        *(
            "__future__",
            "abc",
            "contextlib",
            "dataclasses",
            "enum",
            "functools",
            "importlib.import_module",
            "types",
            "typing",
        ),
        *("base64", "collections", "heapq", "io.StringIO", "itertools", "math", "operator", "re", "string", "struct"),
        *("difflib.get_close_matches", "json.JSONDecoder", "json.dumps", "json.loads"),
        *("email.utils", "http.HTTPStatus", "ipaddress", "logging", "ssl", "urllib.parse"),
        *("attrs", "cattrs", "h11", "orjson", "wsproto"),
    }
)
"""All that the protocol may import from outside: no socket, file, clock, thread, event loop or source of chance. TLS and
wsproto draw random bytes of their own, which is theirs."""

BORROWED: Final = {"fast_frames.py": {"os"}}
"""What one file may import besides: the masks of frames are random, as wsproto draws its own."""

MAY_USE: Final = {"os": {"urandom"}, "logging": {"DEBUG", "INFO", "WARNING", "ERROR"}}
"""Of some of these, all that may be used."""

DOES_IO: Final = frozenset({"open", "print", "input", "breakpoint", "exec", "eval"})


def imports_of(tree: ast.AST, package: str) -> Iterator[str]:
    """Return everything that a module imports, with names: ``from a import b`` is ``a.b``; those for typing included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{each.name}" for each in node.names)


def is_within(name: str, allowed: frozenset[str] | set[str]) -> bool:
    """Whether a dotted name is one of the allowed ones, or inside of one."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in allowed for length in range(1, len(parts) + 1))


def package_of(module: str) -> str:
    """Return the longest name in `ALLOWED` that a module, named without ``anyrelay.``, is or is inside of; "" for none."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in ALLOWED), "")


def faults(source: str, module: str, *, file: str = "", package: str = "") -> list[str]:
    """Return what a module may not do; it is named without ``anyrelay.``, such as ``protocol.call``."""
    tree = ast.parse(source)
    owner, in_protocol = package_of(module), module.split(".")[0] == "protocol"
    found = []
    for name in imports_of(tree, package or f"anyrelay.{module}"):
        if name.split(".")[0] == "anyrelay":
            inside = name.removeprefix("anyrelay").removeprefix(".")
            if owner and not is_within(inside, ALLOWED[owner]):
                found.append(f"{owner} imports {name}")
        elif owner == "errors" and name != "__future__.annotations" and not is_within(name, {"typing"}):
            found.append(f"errors imports {name}")
        elif in_protocol and not is_within(name, WITHOUT_IO | BORROWED.get(file, set())):
            found.append(f"protocol imports {name}")
    if in_protocol:
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        found += [
            f"protocol uses {use.value.id}.{use.attr}"
            for use in uses
            if isinstance(use.value, ast.Name) and use.attr not in MAY_USE.get(use.value.id, {use.attr})
        ]
        found += [f"protocol calls {call.id}" for call in calls if isinstance(call, ast.Name) and call.id in DOES_IO]
    return found


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_keeps_to_its_package(path: Path) -> None:
    place = path.relative_to(ROOT).with_suffix("")
    parts = place.parts[:-1] if place.name == "__init__" else place.parts
    package = ".".join(["anyrelay", *place.parts[:-1]])
    assert faults(path.read_text(encoding="utf-8"), ".".join(parts), file=path.name, package=package) == []


def module_of(path: Path) -> str:
    """Return the name of a module, such as ``anyrelay.protocol.call``."""
    return ".".join(("anyrelay", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def circle(sources: Mapping[str, str]) -> list[str]:
    """Return a circle of imports, those for type checkers included, among modules given with their sources; [] for none."""
    imports: dict[str, set[str]] = {}
    for module, source in sources.items():
        names = {name if name in sources else name.rpartition(".")[0] for name in imports_of(ast.parse(source), module)}
        imports[module] = (names & sources.keys()) - {module}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_no_circle_of_imports_is_left() -> None:
    sources = {module_of(path): path.read_text(encoding="utf-8") for path in modules()}
    assert len(sources) > 200
    assert circle(sources) == []


@pytest.mark.parametrize(
    "sources",
    [
        {"a": "import b", "b": "from a import x"},
        {"a": "import b.c", "b": "", "b.c": "if TYPE_CHECKING:\n    from a import A"},
        {"a": "from b import c", "b": "from b import c", "b.c": "def f():\n    import a"},
        {"a": "import b", "b": "import c", "c": "import a"},
    ],
)
def test_a_circle_is_found(sources: dict[str, str]) -> None:
    assert "a" in circle(sources)


def test_every_package_that_is_named_here_is_there() -> None:
    there = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in modules()}
    assert set(ALLOWED) <= there
    assert set().union(*ALLOWED.values()) <= there


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("errors", "import os", "errors imports os"),
        ("errors", "from anyrelay.protocol import schema", "errors imports anyrelay.protocol.schema"),
        ("protocol", "import socket", "protocol imports socket"),
        ("protocol", "import time as t", "protocol imports time"),
        ("protocol", "import threading, asyncio", "protocol imports threading"),
        ("protocol", "from random import random", "protocol imports random.random"),
        ("protocol", "from uuid import uuid4", "protocol imports uuid.uuid4"),
        ("protocol", "import secrets", "protocol imports secrets"),
        ("protocol", "from os import urandom", "protocol imports os.urandom"),
        ("protocol", "import os.path", "protocol imports os.path"),
        ("protocol", "from pathlib import Path", "protocol imports pathlib.Path"),
        ("protocol", "from io import open", "protocol imports io.open"),
        ("protocol", "import urllib.request", "protocol imports urllib.request"),
        ("protocol", "import anyio", "protocol imports anyio"),
        ("protocol.call", "from anyrelay.aio import client", "protocol.call imports anyrelay.aio.client"),
        ("protocol.call", "from ...aio import client", "protocol.call imports anyrelay.aio.client"),
        ("protocol.rpc", "from ... import sync", "protocol.rpc imports anyrelay.sync"),
        ("protocol.core", "import anyrelay", "protocol.core imports anyrelay"),
        (
            "protocol.session",
            "if TYPE_CHECKING:\n    from anyrelay.local import exchange",
            "protocol.session imports anyrelay.local.exchange",
        ),
        ("protocol", "def f():\n    import datetime", "protocol imports datetime"),
        ("protocol", "def f():\n    with open('x'): pass", "protocol calls open"),
        ("protocol", "logging.info('x')", "protocol uses logging.info"),
        ("protocol", "os.environ['x']", "protocol uses os.environ"),
        ("frontend", "from anyrelay.aio import driver", "frontend imports anyrelay.aio.driver"),
        ("aio", "from anyrelay.sync import client", "aio imports anyrelay.sync.client"),
        ("sync", "import anyrelay.aio.client", "sync imports anyrelay.aio.client"),
        ("sync", "from anyrelay import RelayClient", "sync imports anyrelay.RelayClient"),
        ("local", "from anyrelay.frontend import views", "local imports anyrelay.frontend.views"),
        ("protocol.call", "from anyrelay.protocol import session", "protocol.call imports anyrelay.protocol.session"),
        (
            "protocol.schema",
            "from anyrelay.protocol.call import call",
            "protocol.schema imports anyrelay.protocol.call.call",
        ),
        ("local.exchange", "from anyrelay.local import sip", "local.exchange imports anyrelay.local.sip"),
        ("local.sip", "from anyrelay.local.exchange import calls", "local.sip imports anyrelay.local.exchange.calls"),
        ("local", "from anyrelay.testing import wire", "local imports anyrelay.testing.wire"),
    ],
)
def test_a_fault_is_found(module: str, source: str, fault: str) -> None:
    assert faults(source, module)[:1] == [fault]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("protocol", "from __future__ import annotations\nimport re, math\nfrom attrs import frozen"),
        ("protocol.call", "from anyrelay.errors import RelayError\nfrom . import refer"),
        ("protocol", "connection.open()"),
        ("aio", "import anyio, socket, time\nfrom anyrelay.frontend import views"),
        ("sync", "from anyrelay._lazy import handing_on\nfrom anyrelay.frontend.names import homes"),
        ("cli", "from anyrelay import aio, sync, local, testing"),
        ("testing", "from anyrelay.aio import client"),
    ],
)
def test_what_is_allowed_is_no_fault(module: str, source: str) -> None:
    assert faults(source, module) == []
