"""One client process: does one work or several with one front end, and prints the figures of each as one JSON line.

With ``--turns`` it does its work once for each line on standard input, so that several clients can take turns.
"""

from __future__ import annotations

import argparse
import cProfile
import faulthandler
import importlib
import json
from typing import Any

from metering import turns

PROGRAMS = {
    "bare-asyncio": "client_bare",
    "bare-blocking": "client_bare",
    "bare-handler": "client_bare_threads",
    "bare-handover": "client_bare_threads",
    "sdk": "client_sdk",
    "asyncio": "client_aio",
    "trio": "client_aio",
    "sync": "client_sync",
}
"""The module of each front end; only the one that runs is imported."""


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="One client of the load server.")
    parser.add_argument("--front", required=True, choices=PROGRAMS)
    parser.add_argument("--host", required=True, help="HOST:PORT of the load server; the CA is in the environment")
    parser.add_argument("--jobs", required=True, type=json.loads, help="JSON: a list of works, each with its arguments")
    parser.add_argument("--turns", action="store_true", help="do each work once for each line on standard input")
    parser.add_argument("--limit", type=float, default=600.0, help="after this many seconds it is killed, stacks shown")
    parser.add_argument(
        "--profile", metavar="FILE", help="write a cProfile of the main thread, for reading, not for timing"
    )
    options = parser.parse_args()
    faulthandler.dump_traceback_later(options.limit, exit=True)
    program = importlib.import_module(PROGRAMS[options.front])
    profile = cProfile.Profile() if options.profile else None
    if profile is not None:
        profile.enable()
    for work, sizes in options.jobs:
        program.run(options.front, work, options.host, sizes, turns(on_request=options.turns), _tell)
    if profile is not None:
        profile.disable()
        profile.dump_stats(options.profile)


def _tell(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
