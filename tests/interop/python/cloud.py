"""SignalWire's client for Python: the commands of SignalWire's cloud, one after the other, on one call.

The program reports each step as a line of JSON.
"""

import json
import os

from signalwire.relay import RelayClient


def report(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


async def handle(call) -> None:
    await call.answer()
    agent = await call.ai(prompt={"text": "Be helpful."})
    await call.ai_message(message_text="Hello", role="user")
    await call.ai_hold(timeout="10")
    await call.ai_unhold()
    await agent.stop()
    report("agent", state=(await agent.wait(20)).params["state"])
    payment = await call.pay("https://pay.example.com/", charge_amount="9.99")
    report("payment", state=(await payment.wait(20)).params["state"])
    fax = await call.send_fax("https://example.com/a.pdf")
    report("fax", type=(await fax.wait(20)).params["fax"]["type"])
    transcription = await call.transcribe()
    await transcription.stop()
    report("transcription", url=(await transcription.wait(20)).params["url"])
    await call.live_transcribe({"start": {"lang": "en-US"}})
    await call.live_transcribe({"stop": {}})
    await call.join_room("lobby")
    await call.leave_room()
    denoised = []
    call.on("calling.call.denoise", lambda event: denoised.append(event.params["denoised"]))
    await call.denoise()
    await call.denoise_stop()
    await call.hangup()
    await call.wait_for_ended(20)
    report("ended", denoised=denoised)


client = RelayClient(project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=["cloud"])
client.on_call(handle)
client.run()
