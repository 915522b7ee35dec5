"""Transfer each caller of the context default to a SIP address.

Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN
and SIGNALWIRE_SPACE.
"""

import logging
import sys

from anyrelay import Call, RelayClient


def main(support: str) -> None:
    client = RelayClient(contexts=["default"])

    @client.on_call
    async def handle_call(call: Call) -> None:
        print(f"{call.from_} calls")
        await call.answer()
        outcome = await call.refer_and_wait(support, timeout=30)
        code = outcome.notify_response_code
        print(f"outcome: {outcome.status} (target answered {code})")
        if outcome.status not in ("succeeded", "unknown"):
            playback = await call.play_tts("They cannot take your call.")
            await playback.wait()
            await call.hangup()

    client.run()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python real_account.py sip:support@example.com")
    logging.basicConfig(level=logging.INFO)  # log "signed in" after the sign-in
    main(sys.argv[1])
