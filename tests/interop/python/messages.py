"""SignalWire's client for Python: reports the messages of a context, and sends one message if ``RELAY_TO`` is set.

The program reports each step as a line of JSON.
"""

import asyncio
import json
import os

from signalwire.relay import RelayClient

CONTEXT = os.environ["RELAY_CONTEXT"]


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def handle(message) -> None:
    report("received", body=message.body, sender=message.from_number, context=message.context)


async def main() -> None:
    token, host = os.environ["RELAY_TOKEN"], os.environ["RELAY_HOST"]
    client = RelayClient(project="p", token=token, host=host, contexts=[CONTEXT])
    client.on_message(handle)
    async with client:
        if "RELAY_TO" in os.environ:
            message = await client.send_message(
                to_number=os.environ["RELAY_TO"],
                from_number=os.environ["RELAY_FROM"],
                context=CONTEXT,
                body="Hello",
                media=["https://example.com/a.png"],
            )
            message.on(lambda event: report("state", state=event.params["message_state"]))
            await message.wait(20)
            report("done", state=message.state, reason=message.reason)
        await asyncio.Event().wait()


asyncio.run(main())
