"""The client process of a soak test: answers, plays, transfers and hangs up each call, and keeps nothing of a call.

The process writes outcomes, and its memory, to standard output as lines of JSON. The process ends with the first line, or
the end, of its standard input.
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
"""The media that the client plays before each transfer."""

OUTCOME_WITHIN = 15.0
"""The longest wait for an outcome, in seconds, with a lost connection."""

_writing = threading.Lock()


def report(event: str, **fields: Any) -> None:
    """Write an event to standard output, for the parent process."""
    with _writing:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


def report_outcome(uri: str, outcome: ReferOutcome) -> None:
    """Report the outcome of a transfer."""
    notify, refer = outcome.notify_response_code, outcome.refer_response_code
    because = outcome.unknown_because
    report(
        "outcome", uri=uri, status=outcome.status, notify=notify, refer=refer, because=because, target=outcome.refer_to
    )


def report_memory(pause: float, stop: threading.Event) -> None:
    """Report the resident memory every `pause` seconds."""
    while not stop.wait(pause):
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        report("memory", at=time.monotonic(), resident=pages * os.sysconf("SC_PAGE_SIZE"))


# --- coroutines ---------------------------------------------------------------------------------------------------------


async def repeat_until_accepted(client: anyrelay.RelayClient, call: anyrelay.Call, command: Any) -> None:
    """Repeat a command until the server accepts it or the call is gone."""
    while call.call_id in client.calls:
        try:
            await command()
        except CallGone:
            return
        except (ConnectionLost, RequestTimeout):
            continue  # the server may have accepted the command
        except RelayError:
            return  # an earlier try was accepted
        return


async def whole_call(client: anyrelay.RelayClient, call: anyrelay.Call) -> None:
    """Answer, play, transfer, hang up."""
    await repeat_until_accepted(client, call, call.answer)
    try:
        playback = await call.play(MEDIA)
        await playback.wait(OUTCOME_WITHIN)
    except (ConnectionLost, RequestTimeout, TimeoutError) as error:
        report("interrupted", uri=call.from_, error=type(error).__name__)
    try:
        outcome = await call.refer_and_wait(target(number_of(call.from_)), timeout=OUTCOME_WITHIN)
    except RelayError as error:
        report("unsent", uri=call.from_, error=type(error).__name__)
    else:
        report_outcome(call.from_, outcome)
    await repeat_until_accepted(client, call, call.hangup)


async def run_async(host: str) -> dict[str, int]:
    """Take calls until a line of standard input; return the client's counters."""
    import anyio.to_thread

    async with anyrelay.RelayClient(project="p", token="t", host=host, contexts=["soak"]) as client:

        @client.on_call
        async def handle(call: anyrelay.Call) -> None:
            await whole_call(client, call)

        await anyio.to_thread.run_sync(sys.stdin.readline)
        await client.drain()
        return {**client.statistics(), "calls_left": len(client.calls)}


# --- threads ------------------------------------------------------------------------------------------------------------


def repeat_until_accepted_blocking(client: anyrelay.sync.RelayClient, call: anyrelay.sync.Call, command: Any) -> None:
    """Repeat a command until the server accepts it or the call is gone."""
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
    repeat_until_accepted_blocking(client, call, call.answer)
    try:
        playback = call.play(MEDIA)
        playback.wait(OUTCOME_WITHIN)
    except (ConnectionLost, RequestTimeout, TimeoutError) as error:
        report("interrupted", uri=call.from_, error=type(error).__name__)
    try:
        outcome = call.refer_and_wait(target(number_of(call.from_)), timeout=OUTCOME_WITHIN)
    except RelayError as error:
        report("unsent", uri=call.from_, error=type(error).__name__)
    else:
        report_outcome(call.from_, outcome)
    repeat_until_accepted_blocking(client, call, call.hangup)


def run_blocking(host: str) -> dict[str, int]:
    """Take calls until a line of standard input; return the client's counters."""
    with anyrelay.sync.RelayClient(project="p", token="t", host=host, contexts=["soak"]) as client:

        @client.on_call
        def handle(call: anyrelay.sync.Call) -> None:
            whole_call_blocking(client, call)

        sys.stdin.readline()
        client.drain()
        return {**client.statistics(), "calls_left": len(client.calls)}


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description="The client of a soak test.")
    parser.add_argument("--front", choices=("asyncio", "trio", "threads"), required=True)
    parser.add_argument("--host", required=True, help="the URL of the local server")
    parser.add_argument("--look-every", type=float, required=True, help="seconds between two readings of the memory")
    options = parser.parse_args()
    faulthandler.enable()
    logging.getLogger("anyrelay").setLevel(logging.ERROR)  # connections are lost on purpose
    stop = threading.Event()
    threading.Thread(target=report_memory, args=(options.look_every, stop), daemon=True).start()
    if options.front == "threads":
        counted = run_blocking(options.host)
    else:
        import anyio

        counted = anyio.run(run_async, options.host, backend=options.front)
    stop.set()
    report("over", statistics=counted, threads=[each.name for each in threading.enumerate() if "anyrelay" in each.name])


if __name__ == "__main__":
    main()
