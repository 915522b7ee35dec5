"""The Python blocks of the documentation as modules, so that pyright reads them beside the package.

A page shows parts of programs. The names that a block takes from its surroundings are declared before the block.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["RUN", "Block", "write_blocks"]

RUN: Final = ("handler-errors.md", "notebook.md", "property-tests.md", "proxy.md")
"""The how-to pages whose blocks ``tests/docs/test_howto_blocks.py`` runs, one after the other."""

NOT_CHECKED: Final = {
    "docs/explanation/architecture.md": "two lines of two modules, which define the same name",
    "docs/howto/add-a-command.md": "calls a command that does not exist; tests/frontends/test_add_a_command.py adds it",
    "docs/reference/testing.md": "a decorator without its function",
    **dict.fromkeys((f"docs/howto/{name}" for name in RUN), "tests/docs/test_howto_blocks.py runs the blocks"),
}
"""The pages whose blocks are left out, and why."""

COROUTINES: Final = """\
from typing import Any
import pytest
from anyrelay import Call, RelayClient
from anyrelay.local import LocalRelay, RelayCaller
def make_client(**settings: Any) -> RelayClient: ...
async def handle_call(call: Call) -> None: ...
call: Call
client: RelayClient
relay: LocalRelay
caller: RelayCaller
async def block() -> None:
"""

THREADS: Final = """\
from typing import Any
import pytest
from anyrelay.local import SyncCaller, SyncLocalRelay
from anyrelay.sync import Call, RelayClient
def make_client(**settings: Any) -> RelayClient: ...
def handle_call(call: Call) -> None: ...
call: Call
client: RelayClient
relay: SyncLocalRelay
caller: SyncCaller
def block() -> None:
"""

WEBHOOKS: Final = """\
from starlette.testclient import TestClient
from anyrelay import Call
from anyrelay.testing import MemoryRelay
call: Call
client: TestClient
relay: MemoryRelay
async def block() -> None:
"""


@frozen
class Block:
    """A block of a page, written to a module."""

    module: Path
    """The module."""
    page: str
    """The page, below the repository."""
    offset: int
    """What is added to a line of the module to get the line of the page."""


def surroundings(page: str, before: str, block: str) -> str:
    """Return the declarations for a block, which the text `before` precedes on its page."""
    if page == "docs/howto/webhooks.md":
        return WEBHOOKS
    tabs = re.findall(r"^(:::+\{tab-item\} .*|::::)$", before, re.MULTILINE)
    in_threads = "from anyrelay.sync" in block or "    with make_client" in block
    return THREADS if in_threads or (tabs and tabs[-1].endswith("threads")) else COROUTINES


def write_blocks(root: Path, folder: Path) -> list[Block]:
    """Write each block of the pages of the repository `root` to a module in `folder`."""
    blocks = []
    for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        page = path.relative_to(root).as_posix()
        text = path.read_text("utf-8")
        if page in NOT_CHECKED:
            continue
        for found in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            head = surroundings(page, text[: found.start()], found[1])
            module = folder / f"block_{len(blocks)}.py"
            body = re.sub(r"^(?=.)", "    ", found[1], flags=re.MULTILINE)
            module.write_text(f"{head}{body}", "utf-8")
            first_line = text.count("\n", 0, found.start(1)) + 1
            blocks.append(Block(module, page, first_line - head.count("\n") - 1))
    return blocks
