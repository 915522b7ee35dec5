"""A phone menu: 1 transfers to sales, 2 connects to support.

A wrong key, and a target that does not answer, lead back to the menu. After
three turns the caller can leave a message.

Run: python ivr.py
"""

from contextlib import aclosing
from typing import Any

from anyrelay import Call, ConnectEvent, RecordEvent, RelayClient

SALES = "sip:sales@example.com"
SUPPORT = "sip:support@example.com"
MENU = "Press 1 for sales, 2 for support."
WRONG_KEY = "There is no such choice."
NO_ANSWER = "They cannot take your call."
VOICEMAIL = "Please leave a message after the tone."

SETTINGS = {"contexts": ["menu"], "on_handler_error": "hangup"}
"""The client hangs up if the handler raises, so that nobody is forgotten."""


async def handle_call(call: Call) -> None:
    """Offer the menu three times at most, and then the voicemail."""
    await call.answer()
    for _ in range(3):
        key = await ask(call, MENU)
        if key == "1" and await transfer(call, SALES):
            return
        if key == "2" and await connect(call, SUPPORT):
            return
        await say(call, NO_ANSWER if key in ("1", "2") else WRONG_KEY)
    await take_message(call)
    await call.hangup()


async def say(call: Call, text: str) -> None:
    """Speak a text, and wait for its end."""
    playback = await call.play_tts(text)
    await playback.wait()


async def ask(call: Call, text: str) -> str:
    """Speak a text, and return the key that the caller presses, or ""."""
    collect = {"digits": {"max": 1}, "initial_timeout": 5.0}
    media = [{"type": "tts", "text": text}]
    action = await call.play_and_collect(media, collect)
    pressed = await action.wait()
    return pressed.digits


async def transfer(call: Call, target: str) -> bool:
    """Send the caller to a target by REFER; False if the call goes on."""
    outcome = await call.refer_and_wait(target, timeout=30)
    if outcome.status == "unknown":  # the target may still ring, or talk
        try:
            await call.wait_for_ended(timeout=60)
        except TimeoutError:
            return False
    return outcome.succeeded or outcome.status == "unknown"


async def connect(call: Call, target: str) -> bool:
    """Let caller and target talk; False if the target does not answer."""
    device = {"type": "sip", "params": {"to": target, "timeout": 30}}
    async with aclosing(call.events()) as events:
        await call.connect([[device]])
        async for event in events:
            if isinstance(event, ConnectEvent):
                if event.connect_state == "failed":
                    return False
                if event.connect_state == "disconnected":
                    break
    await call.hangup()
    return True


async def take_message(call: Call) -> None:
    """Record what the caller says."""
    await say(call, VOICEMAIL)
    settings = {"beep": True, "initial_timeout": 5, "end_silence_timeout": 2}
    recording = await call.record(audio=settings)
    keep_message(call, await recording.wait())


def keep_message(call: Call, message: RecordEvent) -> None:
    """Print where the message is; a real program writes an e-mail."""
    if message.state == "finished":
        print(f"{call.from_}: {message.duration:.0f} s at {message.url}")


def make_client(**settings: Any) -> RelayClient:
    """Return the client; the environment has the settings not given."""
    client = RelayClient(**{**SETTINGS, **settings})
    client.on_call(handle_call)
    return client


if __name__ == "__main__":
    make_client().run()
