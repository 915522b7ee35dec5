"""SignalWire's client for Python: takes calls, holds each until a line comes on standard input, then plays and hangs up.

It says what happens, a JSON object a line.
"""

import asyncio
import json
import os
import sys

from signalwire.relay import RelayClient

waiting: list[asyncio.Future[None]] = []


def say(event: str) -> None:
    print(json.dumps({"event": event}), flush=True)


def go_on() -> None:
    if not sys.stdin.readline():
        os._exit(0)
    while waiting:
        waiting.pop().set_result(None)


async def follow(call) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin, go_on)
    await call.answer()
    say("answered")
    told = asyncio.get_running_loop().create_future()
    waiting.append(told)
    await told
    playing = await call.play([{"type": "silence", "params": {"duration": 0.5}}])
    await playing.wait(10)
    say("played")
    await call.hangup()
    say("hung up")


client = RelayClient(project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["held"])
client.on_call(follow)
client.run()
