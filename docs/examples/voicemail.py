"""A voicemail: greet the caller, record a message, print where it is.

Run: python voicemail.py
"""

from anyrelay import Call, RelayClient

SETTINGS = {
    "beep": True,
    "terminators": "#",
    "initial_timeout": 5,
    "end_silence_timeout": 2,
}

client = RelayClient(contexts=["voicemail"], on_handler_error="hangup")


async def say(call: Call, text: str) -> None:
    playback = await call.play_tts(text)
    await playback.wait()


@client.on_call
async def take_message(call: Call) -> None:
    await call.answer()
    await say(call, "Nobody is here. Please leave a message, then press #.")
    recording = await call.record(audio=SETTINGS)
    message = await recording.wait()
    # A caller who hangs up has left a message too: the recording is finished.
    if message.state == "finished" and message.duration >= 1:
        print(f"{call.from_} left {message.duration:.0f} s: {message.url}")
        await say(call, "Thank you.")
    else:
        print(f"{call.from_} left no message")
    await call.hangup()


if __name__ == "__main__":
    client.run()
