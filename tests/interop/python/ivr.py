"""SignalWire's client for Python: a menu. One digit is asked for; 1 connects the caller to a person, any other hangs up.

The program reports each step as a line of JSON.
"""

import json
import os

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


def speech(text: str) -> dict:
    return {"type": "tts", "params": {"text": text}}


async def handle(call) -> None:
    await call.answer()
    action = await call.play_and_collect(
        [speech("Press 1 for sales.")], {"digits": {"max": 1, "digit_timeout": 5.0}, "initial_timeout": 2.0}
    )
    result = (await action.wait(20)).params["result"]
    report("collected", type=result["type"], digits=result.get("params", {}).get("digits", ""))
    if result.get("params", {}).get("digits") != "1":
        await call.hangup()
        return
    await (await call.play([speech("Connecting you.")])).wait(20)
    device = {"type": "phone", "params": {"to_number": "+15550000009", "from_number": "+15550000001", "timeout": 20}}
    ringback = [{"type": "ringtone", "params": {"name": "us"}}]
    call.on("calling.call.connect", lambda event: report("connect", state=event.params["connect_state"]))
    await call.connect([[device]], ringback=ringback)
    await call.wait_for_ended()
    report("ended")


client = RelayClient(project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["ivr"])
client.on_call(handle)
client.run()
