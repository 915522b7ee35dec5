"""The clients that run documented programs: SignalWire's own, and anyrelay with nothing but the import changed."""

from __future__ import annotations

import os
import re
import sys
import uuid
from pathlib import Path
from typing import Final

__all__ = ["LANGUAGES", "RETURNED", "command_of"]

LANGUAGES: Final = {"python": ("signalwire", "anyrelay"), "typescript": ("typescript",)}
"""The clients that run the programs of a language; the first is SignalWire's own."""

IMPORTS: Final = {
    r"^from signalwire\.relay\.constants import": "from anyrelay.constants import",
    r"^from signalwire\.relay(\.\w+)? import": "from anyrelay import",
}
"""The imports that a program has, and what they become for anyrelay."""

RETURNED: Final = "the handler has returned"
"""The line on standard error with which a program in Python reports that a handler has done its work."""

LONGEST_SLEEP: Final = 0.3
"""The longest time that a program in Python sleeps, in seconds: programs show waits of minutes."""

LAUNCH: Final = f"""
import asyncio, functools, importlib, os, sys

relay = importlib.import_module(sys.argv[1])
made = relay.RelayClient.__init__

def __init__(self, *args, **kwargs):
    made(self, *args, **{{**kwargs, "host": os.environ["SIGNALWIRE_SPACE"]}})

def reporting(register):
    def register_reporting(self, handler):
        @functools.wraps(handler)
        async def handle(*args):
            try:
                return await handler(*args)
            finally:
                print("{RETURNED}", file=sys.stderr, flush=True)
        return register(self, handle)
    return register_reporting

relay.RelayClient.__init__ = __init__
for name in ("on_call", "on_message"):
    setattr(relay.RelayClient, name, reporting(getattr(relay.RelayClient, name)))

slept = asyncio.sleep

async def sleep(delay, *args):
    by_program = sys._getframe(1).f_code.co_filename == sys.argv[2]
    return await slept(min(delay, {LONGEST_SLEEP}) if by_program else delay, *args)

asyncio.sleep = sleep
with open(sys.argv[2], encoding="utf-8") as file:
    exec(compile(file.read(), sys.argv[2], "exec"), {{"__name__": "__main__"}})
"""
"""Starts a program: its server is the local one, its handlers report their end, and its sleeps are short."""


def command_of(client: str, text: str, folder: Path) -> tuple[list[str], Path]:
    """Write a program into a file, and return the command that runs it, with the folder to run it in.

    Args:
        client: ``signalwire``, ``anyrelay`` or ``typescript``. For the last, the variable ``SIGNALWIRE_TYPESCRIPT`` names a
            folder whose ``node_modules`` have SignalWire's SDK for TypeScript and ``tsx``.
        text: The program.
        folder: Where the file goes.
    """
    if client == "typescript":
        folder = Path(os.environ["SIGNALWIRE_TYPESCRIPT"])
        text = re.sub(r"'[\w-]+\.signalwire\.com'", "process.env.SIGNALWIRE_SPACE", text)
    for pattern, replacement in IMPORTS.items() if client == "anyrelay" else ():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    path = folder / f"program-{uuid.uuid4()}.{'mts' if client == 'typescript' else 'py'}"
    path.write_text(text, encoding="utf-8")
    if client == "typescript":
        return ["node", "--import", "tsx", str(path)], folder
    module = "anyrelay" if client == "anyrelay" else "signalwire.relay"
    return [sys.executable, "-c", LAUNCH, module, str(path)], folder
