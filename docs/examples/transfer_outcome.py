"""Transfer every call to the support desk, and act on what became of the transfer.

Credentials and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE.
"""

from anyrelay import Call, ReferStatus, RelayClient

SUPPORT = "sip:support@example.com"

client = RelayClient(contexts=["default"])


async def say(call: Call, text: str) -> None:
    playback = await call.play([{"type": "tts", "text": text}])
    await playback.wait()


@client.on_call
async def handle_call(call: Call) -> None:
    await call.answer()
    outcome = await call.refer_and_wait(SUPPORT, timeout=30)
    print(f"{outcome.status}, REFER {outcome.refer_response_code}, target {outcome.notify_response_code}", flush=True)

    match outcome.status:
        case ReferStatus.SUCCEEDED:
            # Caller and support talk to each other; the server ends this leg.
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
            # The caller hung up before anybody reported: there is nobody left to speak to.
            return
        case ReferStatus.UNKNOWN:
            # Neither success nor failure: do not hang up on somebody who may be talking to the target.
            print(f"not known: {outcome.unknown_because}", flush=True)
            await call.wait_for_ended()
            return

    await call.hangup()


if __name__ == "__main__":
    client.run()
