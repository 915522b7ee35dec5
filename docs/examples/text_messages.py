"""Answer text messages: opening hours, a call back, and STOP.

Run: python text_messages.py
"""

from anyrelay import DialFailed, Message, PhoneDevice, RelayClient

client = RelayClient(contexts=["sms"])
silent: set[str] = set()
"""The numbers that want no more messages."""


@client.on_message
async def handle_message(message: Message) -> None:
    person, own = message.from_number, message.to_number
    match (message.body or "").strip().upper():
        case "STOP":
            silent.add(person)
            return
        case "START":
            silent.discard(person)
            text = "Welcome back. Reply HOURS, CALL or STOP."
        case "HOURS":
            text = "We are open from 9 to 17 o'clock."
        case "CALL":
            text = await call(person, own)
        case _:
            text = "Reply HOURS, CALL or STOP."
    if person not in silent:
        reply = await client.send_message(
            to_number=person, from_number=own, body=text
        )
        await reply.wait(timeout=60)
        print(f"{person}: {text} ({reply.state})")


async def call(person: str, own: str) -> str:
    """Call the person, and return what to write."""
    device = PhoneDevice(to_number=person, from_number=own, timeout=30)
    try:
        conversation = await client.dial([[device]], dial_timeout=45)
    except DialFailed:
        return "We could not reach you. Reply CALL to try again."
    playback = await conversation.play_tts("You wanted to talk to us.")
    await playback.wait()
    await conversation.hangup()
    return "Thank you for the conversation."


if __name__ == "__main__":
    client.run()
