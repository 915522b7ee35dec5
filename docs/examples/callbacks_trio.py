"""A trio application: callers leave their number, one task calls them back.

Run: python callbacks_trio.py
"""

import signal

import trio

from anyrelay import Call, DialFailed, RelayClient


async def main() -> None:
    client = RelayClient(contexts=["callback"], on_handler_error="hangup")
    wanted, waiting = trio.open_memory_channel[str](1000)

    @client.on_call
    async def take_number(call: Call) -> None:
        await call.answer()
        await say(call, "All our people are busy. We call you back.")
        await call.hangup()
        await wanted.send(call.from_)

    async with trio.open_nursery() as nursery:
        await nursery.start(client.serve_forever)
        nursery.start_soon(call_back, client, waiting)
        await drain_at_signal(client)
        nursery.cancel_scope.cancel()


async def call_back(client: RelayClient, waiting) -> None:
    """Call the numbers, one after the other."""
    async for uri in waiting:
        device = {"type": "sip", "params": {"to": uri}}
        try:
            call = await client.dial([[device]], dial_timeout=30)
        except DialFailed as error:
            print(f"{uri} does not answer: {error}")
            continue
        await say(call, "Hello, you wanted to talk to us.")
        await call.hangup()
        print(f"{uri} was called back")


async def say(call: Call, text: str) -> None:
    playback = await call.play_tts(text)
    await playback.wait()


async def drain_at_signal(client: RelayClient) -> None:
    """Wait for Ctrl-C or SIGTERM, and then for the handlers that run."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(signals)
        await client.drain()


if __name__ == "__main__":
    trio.run(main)
