"""Transfer every call to the support desk, and handle every outcome.

Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN
and SIGNALWIRE_SPACE.
"""

from anyrelay import Call, ReferStatus, RelayClient

SUPPORT = "sip:support@example.com"

client = RelayClient(contexts=["default"])


async def say(call: Call, text: str) -> None:
    playback = await call.play_tts(text)
    await playback.wait()


@client.on_call
async def handle_call(call: Call) -> None:
    await call.answer()
    outcome = await call.refer_and_wait(SUPPORT, timeout=30)
    refer_code = outcome.refer_response_code
    target_code = outcome.notify_response_code
    print(f"{outcome.status}: REFER {refer_code}, target {target_code}")

    match outcome.status:
        case ReferStatus.SUCCEEDED:
            # The caller talks to support. The server ends this call.
            return
        case ReferStatus.BUSY:
            await say(call, "They are busy.")
        case ReferStatus.NO_ANSWER:
            await say(call, "Nobody answers.")
        case ReferStatus.DECLINED:
            await say(call, "They cannot take your call now.")
        case ReferStatus.FAILED:
            await say(call, "They cannot be reached.")
        case ReferStatus.REJECTED:
            await say(call, "Your phone does not allow transfers.")
        case ReferStatus.CANCELED:
            # The caller hung up before the phone reported an outcome.
            return
        case ReferStatus.UNKNOWN:
            # The caller may be talking to the target: do not hang up.
            print(f"not known: {outcome.unknown_because}")
            await call.wait_for_ended()
            return

    await call.hangup()


if __name__ == "__main__":
    client.run()
