"""SignalWire's client for Python: answers calls, holds each until a line on standard input, then plays and hangs up.

The program reports each step as a line of JSON.
"""

import asyncio
import json
import os
import sys

from signalwire.relay import RelayClient

waiting: list[asyncio.Future[None]] = []


def report(event: str) -> None:
    print(json.dumps({"event": event}), flush=True)


def read_line() -> None:
    if not sys.stdin.readline():
        os._exit(0)
    while waiting:
        waiting.pop().set_result(None)


async def handle(call) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin, read_line)
    await call.answer()
    report("answered")
    line = asyncio.get_running_loop().create_future()
    waiting.append(line)
    await line
    playing = await call.play([{"type": "silence", "params": {"duration": 0.5}}])
    await playing.wait(10)
    report("played")
    await call.hangup()
    report("hung up")


client = RelayClient(project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["held"])
client.on_call(handle)
client.run()
