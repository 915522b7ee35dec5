"""The first transfer with your own SignalWire space: whoever calls the context default is sent on to a SIP address.

Project, token and host come from SIGNALWIRE_PROJECT_ID, SIGNALWIRE_API_TOKEN and SIGNALWIRE_SPACE.
"""

import logging
import sys

from anyrelay import Call, RelayClient


def main(support: str) -> None:
    client = RelayClient(contexts=["default"])

    @client.on_call
    async def handle_call(call: Call) -> None:
        print(f"{call.from_} calls", flush=True)
        await call.answer()
        outcome = await call.refer_and_wait(support, timeout=30)
        print(f"outcome: {outcome.status} (target answered {outcome.notify_response_code})", flush=True)
        if outcome.status not in ("succeeded", "unknown"):
            playback = await call.play([{"type": "tts", "text": "They cannot take your call. Goodbye."}])
            await playback.wait()
            await call.hangup()

    client.run()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python real_account.py sip:support@example.com")
    logging.basicConfig(level=logging.INFO)  # so that it says when it has signed in
    main(sys.argv[1])
