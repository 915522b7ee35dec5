"""The guide "Add a RELAY command" is followed on a copy of the source: its command works on each front end."""

from __future__ import annotations

import filecmp
import re
import shutil
import signal
import textwrap
from pathlib import Path
from typing import Final

import pytest

import anyrelay
from tests.frontends.test_processes import Program, outcome_of, program
from tests.support.frontend_world import World
from tests.support.places import DOCS

__all__ = ["program"]

PAGE: Final = (DOCS / "howto" / "add-a-command.md").read_text(encoding="utf-8")
SOURCE: Final = Path(anyrelay.__file__).parent
MOST_FILES: Final = 7
"""How many source files a command with an event and an action may touch."""

CODE_BLOCK: Final = re.compile(
    r"^```\{code-block\} (python|diff)\n:caption: src/(\S+)\n\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
USE: Final = re.compile(r"^## Use the command\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def insert(text: str, hunk: str) -> str:
    """Insert the lines of a hunk that start with ``+``, each below the line above it, which the text has exactly once."""
    lines = text.splitlines()
    place = -1
    for line in hunk.splitlines():
        kind, content = line[:1], line[1:]
        if kind == "+":
            place += 1
            lines.insert(place, content)
        else:
            assert kind == " ", line
            assert lines.count(content) == 1, f"{lines.count(content)} lines are: {content}"
            place = lines.index(content)
    return "\n".join([*lines, ""])


def follow(page: str, source: Path) -> None:
    """Do what a page says: write its blocks of Python, and insert the new lines of its blocks of differences."""
    for language, name, block in CODE_BLOCK.findall(page):
        path = source / name
        if language == "python":
            assert not path.exists(), name
            path.write_text(block, encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
            for hunk in block.split("@@\n"):
                text = insert(text, hunk)
            path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a copy of the source in which the page was followed."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(SOURCE, folder / "anyrelay", ignore=shutil.ignore_patterns("__pycache__"))
    follow(PAGE, folder)
    return folder


def test_the_guide_touches_at_most_seven_source_files(source: Path) -> None:
    copied = {path.relative_to(source / "anyrelay") for path in source.rglob("*.py")}
    touched = {
        path.as_posix()
        for path in copied
        if not (SOURCE / path).exists() or not filecmp.cmp(SOURCE / path, source / "anyrelay" / path, shallow=False)
    }
    assert touched == set(re.findall(r"^\| `(\S+\.py)` \|", PAGE, re.MULTILINE))
    assert len(touched) == MOST_FILES


WHISPERS: Final = """
from anyrelay import WhisperAction, WhisperEvent

@client.on_call
async def handle(call):
    {use}
    say(type(action) is WhisperAction, type(event) is WhisperEvent, action.completed)
    second = await call.whisper("One more.", control_id="c-2")
    say(await second.stop())
    try:
        await call.whisper("One more.", listener="everybody")
    except ValueError as error:
        say(error)

client.run(backend=sys.argv[2])
"""


def test_the_command_works(world: World, program: Program, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(source))
    [use] = USE.findall(PAGE)
    process = program(WHISPERS.format(use=textwrap.indent(use, "    ").strip()))
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    whispered = world.relay.wait_for("calling.whisper")
    assert (whispered["text"], whispered["listener"]) == ("Two callers wait.", "callee")
    world.relay.event(("calling.call.whisper", {"control_id": whispered["control_id"], "state": "finished"}))
    assert world.relay.wait_for("calling.whisper.stop")["control_id"] == "c-2"
    world.relay.event(("calling.call.whisper", {"control_id": "c-2", "state": "finished"}))
    process.send_signal(signal.SIGTERM)
    status, said, _ = outcome_of(process)
    assert (status, said[:2]) == (0, ["finished", "True True True"])
    assert said[3] == "listener must be one of caller, callee, not 'everybody'"
