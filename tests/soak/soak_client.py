"""The client of a soak, a process of its own: answers, plays, transfers, hangs up, and keeps nothing of it.

What it is told goes to standard output as lines of JSON, its own memory too; it ends with the first line, or the end, of its
standard input.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import anyrelay
import anyrelay.sync
from anyrelay import CallGone, ConnectionLost, ReferOutcome, RelayError, RequestTimeout
from tests.soak.soak_phones import number_of, target

MEDIA = [{"type": "tts", "params": {"text": "Transferring you now."}}]
"""What is played before each transfer."""

OUTCOME_WITHIN = 15.0
"""Seconds in which an outcome is there if there is to be one, a lost connection included."""

_telling = threading.Lock()


def tell(event: str, **told: Any) -> None:
    """Tell the parent something."""
    with _telling:
        sys.stdout.write(json.dumps({"event": event, **told}) + "\n")
        sys.stdout.flush()


def tell_outcome(uri: str, outcome: ReferOutcome) -> None:
    """Tell what became of a transfer."""
    notify, refer = outcome.notify_response_code, outcome.refer_response_code
    because = outcome.unknown_because
    tell(
        "outcome", uri=uri, status=outcome.status, notify=notify, refer=refer, because=because, target=outcome.refer_to
    )


def tell_memory(pause: float, stop: threading.Event) -> None:
    """Tell how much memory is resident, every few seconds."""
    while not stop.wait(pause):
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        tell("memory", at=time.monotonic(), resident=pages * os.sysconf("SC_PAGE_SIZE"))


# --- coroutines ---------------------------------------------------------------------------------------------------------


async def insist(client: anyrelay.RelayClient, call: anyrelay.Call, command: Any) -> None:
    """Give a command until the server has it, or there is no such call any more."""
    while call.call_id in client.calls:
        try:
            await command()
        except CallGone:
            return
        except (ConnectionLost, RequestTimeout):
            continue  # the server may have it or not
        except RelayError:
            return  # it had it before
        return


async def whole_call(client: anyrelay.RelayClient, call: anyrelay.Call) -> None:
    """Answer, play, transfer, hang up."""
    await insist(client, call, call.answer)
    try:
        playback = await call.play(MEDIA)
        await playback.wait(OUTCOME_WITHIN)
    except (ConnectionLost, RequestTimeout, TimeoutError) as error:
        tell("unplayed", uri=call.from_, error=type(error).__name__)
    try:
        outcome = await call.refer_and_wait(target(number_of(call.from_)), timeout=OUTCOME_WITHIN)
    except RelayError as error:
        tell("unsent", uri=call.from_, error=type(error).__name__)
    else:
        tell_outcome(call.from_, outcome)
    await insist(client, call, call.hangup)


async def run_async(host: str) -> dict[str, int]:
    """Take calls until standard input says stop; return what the client counted."""
    import anyio.to_thread

    async with anyrelay.RelayClient(project="p", token="t", host=host, contexts=["soak"]) as client:

        @client.on_call
        async def handle(call: anyrelay.Call) -> None:
            await whole_call(client, call)

        await anyio.to_thread.run_sync(sys.stdin.readline)
        await client.drain()
        return {**client.statistics(), "calls_left": len(client.calls)}


# --- threads ------------------------------------------------------------------------------------------------------------


def insist_blocking(client: anyrelay.sync.RelayClient, call: anyrelay.sync.Call, command: Any) -> None:
    """Give a command until the server has it, or there is no such call any more."""
    while call.call_id in client.calls:
        try:
            command()
        except CallGone:
            return
        except (ConnectionLost, RequestTimeout):
            continue
        except RelayError:
            return
        return


def whole_call_blocking(client: anyrelay.sync.RelayClient, call: anyrelay.sync.Call) -> None:
    """Answer, play, transfer, hang up."""
    insist_blocking(client, call, call.answer)
    try:
        playback = call.play(MEDIA)
        playback.wait(OUTCOME_WITHIN)
    except (ConnectionLost, RequestTimeout, TimeoutError) as error:
        tell("unplayed", uri=call.from_, error=type(error).__name__)
    try:
        outcome = call.refer_and_wait(target(number_of(call.from_)), timeout=OUTCOME_WITHIN)
    except RelayError as error:
        tell("unsent", uri=call.from_, error=type(error).__name__)
    else:
        tell_outcome(call.from_, outcome)
    insist_blocking(client, call, call.hangup)


def run_blocking(host: str) -> dict[str, int]:
    """Take calls until standard input says stop; return what the client counted."""
    with anyrelay.sync.RelayClient(project="p", token="t", host=host, contexts=["soak"]) as client:

        @client.on_call
        def handle(call: anyrelay.sync.Call) -> None:
            whole_call_blocking(client, call)

        sys.stdin.readline()
        client.drain()
        return {**client.statistics(), "calls_left": len(client.calls)}


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="The client of a soak.")
    parser.add_argument("--front", choices=("asyncio", "trio", "threads"), required=True)
    parser.add_argument("--host", required=True, help="the URL of the local server")
    parser.add_argument("--look-every", type=float, required=True, help="seconds between two looks at the memory")
    options = parser.parse_args()
    faulthandler.enable()
    logging.getLogger("anyrelay").setLevel(logging.ERROR)  # connections are lost on purpose
    stop = threading.Event()
    threading.Thread(target=tell_memory, args=(options.look_every, stop), daemon=True).start()
    if options.front == "threads":
        counted = run_blocking(options.host)
    else:
        import anyio

        counted = anyio.run(run_async, options.host, backend=options.front)
    stop.set()
    tell("over", statistics=counted, threads=[each.name for each in threading.enumerate() if "anyrelay" in each.name])


if __name__ == "__main__":
    main()
