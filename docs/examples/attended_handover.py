"""Hand a caller over to an agent who agrees first.

The caller is on hold meanwhile. If the agent presses 1, both calls are
connected. When either side hangs up, so does the program.

Run: python attended_handover.py sip:agent@example.com
"""

import sys
from contextlib import aclosing

from anyrelay import Call, CallDevice, ConnectEvent, DialFailed, RelayClient

client = RelayClient(contexts=["handover"], on_handler_error="hangup")
AGENT = sys.argv[-1]


@client.on_call
async def handle_call(call: Call) -> None:
    await call.answer()
    await say(call, "One moment please, I look for somebody.")
    await call.hold()
    agent = await find_agent(call.from_)
    if agent is None:
        await call.unhold()
        await say(call, "Nobody is free. Please call again later.")
    else:
        try:
            await call.unhold()
            await connect(call, agent)
        finally:
            await agent.hangup()
    await call.hangup()


async def find_agent(caller: str) -> Call | None:
    """Call the agent; return the call if the agent takes the caller."""
    device = {"type": "sip", "params": {"to": AGENT}}
    try:
        agent = await client.dial([[device]], dial_timeout=30)
    except DialFailed as error:
        print(f"no agent for {caller}: {error.message}")
        return None
    media = [{"type": "tts", "text": f"{caller} calls. Press 1 to talk."}]
    action = await agent.play_and_collect(media, {"digits": {"max": 1}})
    pressed = await action.wait()
    if pressed.digits == "1":
        return agent
    print(f"no agent for {caller}: declined")
    await agent.hangup()
    return None


async def connect(call: Call, agent: Call) -> None:
    """Connect the two calls; return when one of them has ended."""
    device = CallDevice(node_id=agent.node_id, call_id=agent.call_id)
    async with aclosing(call.events()) as events:
        await call.connect([[device]])
        async for event in events:
            if isinstance(event, ConnectEvent):
                print(f"{call.from_} and the agent: {event.connect_state}")
                if event.connect_state in ("disconnected", "failed"):
                    return


async def say(call: Call, text: str) -> None:
    playback = await call.play_tts(text)
    await playback.wait()


if __name__ == "__main__":
    client.run()
