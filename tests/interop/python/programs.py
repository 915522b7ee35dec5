"""Programs for SignalWire's client for Python, of every kind that the pages of its RELAY documentation show.

Each program handles the calls of the context that has its name, and returns what it saw. One process runs all of them, and
prints the result of each call as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from signalwire.relay import RelayClient

Program = Callable[[Any], Awaitable[Any]]

WAIT = 20.0
"""Seconds to wait for each event."""

PERSON, BUSY = "sip:person@example.com", "sip:busy@example.com"
TUNE = "https://example.com/tune.wav"

PROGRAMS: dict[str, Program] = {}


def program(handle: Program) -> Program:
    PROGRAMS[handle.__name__] = handle
    return handle


def sip(to: str) -> dict[str, Any]:
    return {"type": "sip", "params": {"to": to, "from": "sip:shop@example.com", "timeout": 10}}


# --- playing


@program
async def plays(call: Any) -> Any:
    return [
        (await (await call.play_tts("Welcome.", language="en-US", gender="male")).wait(WAIT)).params["state"],
        (await (await call.play_audio(TUNE, volume=-3.0)).wait(WAIT)).params["state"],
        (await (await call.play_silence(1)).wait(WAIT)).params["state"],
        (await (await call.play_ringtone("us", duration=2)).wait(WAIT)).params["state"],
    ]


@program
async def plays_and_pauses(call: Any) -> Any:
    states: list[str] = []
    call.on("calling.call.play", lambda event: states.append(event.params["state"]))
    action = await call.play([{"type": "ringtone", "params": {"name": "us", "duration": 500}}], loop=0)
    await action.pause()
    await action.resume()
    await action.volume(5.0)
    await action.stop()
    await action.wait(WAIT)
    return states


@program
async def plays_in_the_background(call: Any) -> Any:
    done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    await call.play_tts("Thanks.", on_completed=lambda event: done.set_result(event.params["state"]))
    return await asyncio.wait_for(done, WAIT)


# --- collecting


@program
async def prompts_for_digits(call: Any) -> Any:
    action = await call.prompt_tts("Your number?", {"digits": {"max": 4, "terminators": "#"}, "initial_timeout": 60})
    return (await action.wait(WAIT)).params["result"]


@program
async def prompts_for_speech(call: Any) -> Any:
    collect = {"speech": {"language": "en-US", "hints": ["sales"]}, "initial_timeout": 60}
    result = (await (await call.prompt_audio(TUNE, collect)).wait(WAIT)).params["result"]
    return [result["type"], result["params"]["text"]]


@program
async def collects_nothing(call: Any) -> Any:
    action = await call.collect(digits={"max": 1}, initial_timeout=1, start_input_timers=False)
    await action.start_input_timers()
    return (await action.wait(WAIT)).params["result"]["type"]


# --- recording, detecting


@program
async def records(call: Any) -> Any:
    action = await call.record({"format": "wav", "direction": "speak", "beep": True, "initial_timeout": 0})
    await action.pause()
    await action.resume()
    await action.stop()
    event = (await action.wait(WAIT)).params
    return [event["state"], event["url"].endswith(".wav")]


@program
async def detects_a_machine(call: Any) -> Any:
    detector = await call.detect_answering_machine(initial_timeout=20, timeout=30)
    await call.play_tts("Hello?")
    return (await detector.wait(WAIT)).params["detect"]["params"]["event"]


@program
async def detects_a_fax(call: Any) -> Any:
    detector = await call.detect_fax(tone="CED", timeout=30)
    await call.play_tts("Hello?")
    return (await detector.wait(WAIT)).params["detect"]["params"]["event"]


@program
async def detects_a_digit(call: Any) -> Any:
    detector = await call.detect_digit(digits="123", timeout=30)
    await call.play_tts("Press a digit.")
    return (await detector.wait(WAIT)).params["detect"]["params"]["event"]


# --- connecting, referring


async def connect_state(call: Any, state: str) -> str:
    """Wait for a state of a connection, and return it."""
    event = await call.wait_for("calling.call.connect", lambda event: event.params["connect_state"] == state, WAIT)
    reached: str = event.params["connect_state"]
    return reached


@program
async def connects_in_turn(call: Any) -> Any:
    states: list[str] = []
    call.on("calling.call.connect", lambda event: states.append(event.params["connect_state"]))
    connected = asyncio.create_task(connect_state(call, "connected"))
    await call.connect([[sip(BUSY)], [sip(PERSON)]], ringback=[{"type": "ringtone", "params": {"name": "us"}}])
    await connected
    disconnected = asyncio.create_task(connect_state(call, "disconnected"))
    await call.disconnect()
    await disconnected
    return states


@program
async def fails_to_connect(call: Any) -> Any:
    failed = asyncio.create_task(connect_state(call, "failed"))
    await call.connect([[sip(BUSY), sip(BUSY)]])
    return await failed


@program
async def refers(call: Any) -> Any:
    states: list[str] = []
    call.on("calling.call.refer", lambda event: states.append(event.params["state"]))
    await call.refer({"type": "sip", "params": {"to": PERSON}})
    await call.wait_for_ended(WAIT)
    return states


# --- everything else on a call


@program
async def sends_digits(call: Any) -> Any:
    waiting = asyncio.create_task(call.wait_for("calling.call.send_digits", None, WAIT))
    await call.send_digits("1w2")
    return (await waiting).params["state"]


@program
async def holds(call: Any) -> Any:
    return [(await call.hold())["code"], (await call.unhold())["code"], (await call.echo(timeout=1))["code"]]


@program
async def binds_digits(call: Any) -> Any:
    await call.bind_digit("*9", "calling.end", bind_params={"reason": "busy"}, realm="menu", max_triggers=1)
    await call.bind_digit("*8", "calling.hold", realm="other")
    await call.clear_digit_bindings(realm="other")
    await call.play_tts("Press star and 9.")
    return (await call.wait_for_ended(WAIT)).params["end_reason"]


@program
async def confers(call: Any) -> Any:
    joined = await call.join_conference("team", muted=True, beep="true", end_on_exit=True)
    left = await call.leave_conference(joined["conference_id"])
    return [joined["code"], left["code"]]


@program
async def waits_in_a_queue(call: Any) -> Any:
    seen: list[str] = []
    call.on("calling.call.queue", lambda event: seen.append(event.params["status"]))
    waiting = asyncio.create_task(
        call.wait_for("calling.call.queue", lambda event: event.params["status"] == "left", WAIT)
    )
    await call.queue_enter("support")
    await call.queue_leave("support")
    await waiting
    return seen


@program
async def taps_and_streams(call: Any) -> Any:
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 4000, "codec": "PCMU"}}
    tap = await call.tap({"type": "audio", "params": {"direction": "both"}}, device)
    stream = await call.stream("wss://example.com/audio", track="both_tracks")
    await tap.stop()
    await stream.stop()
    return [(await action.wait(WAIT)).params["state"] for action in (tap, stream)]


@program
async def tells_the_phone(call: Any) -> Any:
    return (await call.user_event(event="hello"))["code"]


@program
async def hands_the_call_on(call: Any) -> Any:
    handed_on.add(call.call_id)
    return (await call.transfer("takes_the_call"))["code"]


@program
async def takes_the_call(call: Any) -> Any:
    return call.direction


# --- calls and messages of the client's own


@program
async def dials_another_phone(call: Any) -> Any:
    other = await client.dial([[sip(PERSON)]])
    await other.hangup("busy")
    return [other.direction, (await other.wait_for_ended(WAIT)).params["end_reason"]]


@program
async def sends_a_message(call: Any) -> Any:
    message = await client.send_message(
        to_number="+15550000009", from_number="+15550000001", body="Hello", media=["https://example.com/a.png"]
    )
    return (await message.wait(WAIT)).params["message_state"]


@program
async def receives_other_contexts(call: Any) -> Any:
    await client.receive(["later"])
    await client.unreceive(["later"])
    return "received"


handed_on: set[str] = set()
"""The calls that come a second time, in another context: the client does not tell which."""


async def handle(call: Any) -> None:
    called = call.device["params"]["to"].removeprefix("sip:").partition("@")[0]
    name = "takes_the_call" if call.call_id in handed_on else called
    try:
        await call.answer()
        result = await PROGRAMS[name](call)
    except Exception:
        result = traceback.format_exc()
    print(json.dumps({"event": name, "result": result}), flush=True)
    if name != "hands_the_call_on":
        try:
            await call.hangup()
        except Exception:  # the program's last step has ended the call
            return


client = RelayClient(
    project="p", token=os.environ["RELAY_TOKEN"], host=os.environ["RELAY_HOST"], contexts=list(PROGRAMS)
)
client.on_call(handle)
client.run()
