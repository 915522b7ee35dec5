"""SignalWire's client for Python: dials two phones in turn, speaks to the one that answers, and hangs up.

The program reports each step as a line of JSON.
"""

import asyncio
import json
import os

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


def device(to: str) -> dict:
    return {"type": "sip", "params": {"to": to, "from": "sip:dialler@example.com", "timeout": 20}}


async def main() -> None:
    token, host = os.environ["RELAY_TOKEN"], os.environ["RELAY_HOST"]
    client = RelayClient(project="p", token=token, host=host, contexts=["default"])
    async with client:
        try:
            await client.dial([[device("sip:busy@example.com")]], dial_timeout=20)
        except Exception:
            report("not answered")
        call = await client.dial([[device("sip:busy@example.com")], [device("sip:bob@example.com")]], dial_timeout=20)
        report("answered", direction=call.direction)
        action = await call.play([{"type": "tts", "params": {"text": "Your table is ready."}}])
        await action.wait(20)
        report("played")
        await call.hangup()
        await call.wait_for_ended(20)
        report("ended", state=call.state)


asyncio.run(main())
