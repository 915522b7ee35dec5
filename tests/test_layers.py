"""The directions of the house: who may import whom, and that the protocol does no I/O."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import anyrelay

ROOT: Final = Path(anyrelay.__file__).parent

ALLOWED: Final = {
    "errors": set[str](),
    "protocol": {"errors", "protocol"},
    "frontend": {"errors", "protocol", "frontend"},
    "aio": {"errors", "protocol", "frontend", "aio"},
    "sync": {"errors", "protocol", "frontend", "sync"},
    "telemetry": {"errors", "protocol", "frontend"},
    "local": {"errors", "protocol", "local"},
}
"""What each room may import of the others. Rooms that are not named here may import anything."""

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

BORROWED: Final = {"frames.py": {"os"}}
"""What one file may import besides: the masks of frames are random, as wsproto draws its own."""

MAY_USE: Final = {"os": {"urandom"}, "logging": {"DEBUG", "INFO", "WARNING", "ERROR"}}
"""Of some of these, all that may be used."""

SHARED: Final = {
    "anyrelay.SHARED_NAMES",
    *(f"anyrelay.{name}" for names in anyrelay.SHARED_NAMES.values() for name in names),
}
"""What both front ends hand on is listed once, by the package itself; `anyrelay.sync` takes it from there."""

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


def faults(source: str, room: str, *, file: str = "", package: str = "") -> list[str]:
    """Return what a module of a room may not do."""
    tree = ast.parse(source)
    found = []
    for name in imports_of(tree, package or f"anyrelay.{room}"):
        inside = name.split(".")[1:] if name.split(".")[0] == "anyrelay" else None
        if inside is not None:
            if room == "sync" and name in SHARED:
                continue
            if room in ALLOWED and (not inside or inside[0] not in ALLOWED[room]):
                found.append(f"{room} imports {name}")
        elif room == "errors" and name != "__future__.annotations" and not is_within(name, {"typing"}):
            found.append(f"errors imports {name}")
        elif room == "protocol" and not is_within(name, WITHOUT_IO | BORROWED.get(file, set())):
            found.append(f"protocol imports {name}")
    if room == "protocol":
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
def test_a_module_keeps_to_its_room(path: Path) -> None:
    place = path.relative_to(ROOT)
    room = place.parts[0].removesuffix(".py")
    package = ".".join(["anyrelay", *place.parts[:-1]])
    assert faults(path.read_text(encoding="utf-8"), room, file=place.name, package=package) == []


def test_every_room_that_is_named_here_is_there() -> None:
    rooms = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in modules()}
    assert set(ALLOWED) <= rooms
    assert set().union(*ALLOWED.values()) <= rooms


@pytest.mark.parametrize(
    ("room", "source", "fault"),
    [
        ("errors", "import os", "errors imports os"),
        ("errors", "from anyrelay.protocol import events", "errors imports anyrelay.protocol.schema"),
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
        ("protocol", "from anyrelay.aio import client", "protocol imports anyrelay.aio.client"),
        ("protocol", "from ..aio import client", "protocol imports anyrelay.aio.client"),
        ("protocol", "from .. import sync", "protocol imports anyrelay.sync"),
        ("protocol", "import anyrelay", "protocol imports anyrelay"),
        (
            "protocol",
            "if TYPE_CHECKING:\n    from anyrelay.local import exchange",
            "protocol imports anyrelay.local.exchange.exchange",
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
        ("local", "from anyrelay.testing import wire", "local imports anyrelay.testing.wire"),
    ],
)
def test_a_fault_is_found(room: str, source: str, fault: str) -> None:
    assert faults(source, room)[:1] == [fault]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("protocol", "from __future__ import annotations\nimport re, math\nfrom attrs import frozen"),
        ("protocol", "from anyrelay.errors import RelayError\nfrom .events import RelayEvent\nfrom . import refer"),
        ("protocol", "connection.open()"),
        ("aio", "import anyio, socket, time\nfrom anyrelay.frontend import views"),
        ("sync", "from anyrelay import SHARED_NAMES, RelayError"),
        ("cli", "from anyrelay import aio, sync, local, testing"),
        ("testing", "from anyrelay.aio import client"),
    ],
)
def test_what_is_allowed_is_no_fault(room: str, source: str) -> None:
    assert faults(source, room) == []
