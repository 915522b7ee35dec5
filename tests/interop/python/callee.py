"""SignalWire's client for Python: answers a call of a context, sends three digits after a line on standard input.

The program reports each step as a line of JSON.
"""

import asyncio
import json
import os
import sys

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def handle(call) -> None:
    params = call.device["params"]
    report("called", sender=params["from_number"], number=params["to_number"])
    await call.answer()
    await asyncio.to_thread(sys.stdin.readline)
    await call.send_digits("123")
    report("sent")
    await call.wait_for_ended(20)
    report("ended")


client = RelayClient(project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["office"])
client.on_call(handle)
client.run()
