"""SignalWire's client for Python: a voicemail. It plays a greeting, records until #, and reports the recording.

The program reports each step as a line of JSON.
"""

import json
import os

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def handle(call) -> None:
    await call.answer()
    greeting = await call.play([{"type": "tts", "params": {"text": "Leave a message."}}])
    await greeting.wait(20)
    action = await call.record(
        {"beep": True, "format": "wav", "direction": "speak", "terminators": "#", "end_silence_timeout": 10}
    )
    report("recording")
    event = await action.wait(20)
    names = ("state", "url", "duration", "size")
    report("recorded", **{name: event.params[name] for name in names})
    await call.hangup()


client = RelayClient(
    project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["voicemail"]
)
client.on_call(handle)
client.run()
