"""SignalWire's client for Python: calls a number, collects three digits, and hangs up.

The program reports each step as a line of JSON.
"""

import asyncio
import json
import os

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def main() -> None:
    token, host = os.environ["RELAY_TOKEN"], os.environ["RELAY_HOST"]
    client = RelayClient(project="p", token=token, host=host, contexts=["nothing"])
    async with client:
        device = {"type": "phone", "params": {"to_number": "+15550000002", "from_number": "+15550000001"}}
        call = await client.dial([[device]], dial_timeout=30)
        action = await call.collect(digits={"max": 3, "digit_timeout": 10.0}, initial_timeout=30.0)
        report("collecting")
        result = (await action.wait(30)).params["result"]
        report("collected", digits=result["params"]["digits"])
        await call.hangup()
        await call.wait_for_ended(20)
        report("ended")


asyncio.run(main())
