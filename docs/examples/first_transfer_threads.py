"""A first transfer without an account.

A local RELAY server, two simulated phones and an application in one file.
"""

import sys

from anyrelay.local import SyncLocalRelay
from anyrelay.sync import Call, RelayClient

SUPPORT = "sip:support@example.com"


def main(answers: str) -> None:
    with SyncLocalRelay() as relay:
        relay.phones.add(SUPPORT, answers=answers)

        client = RelayClient(
            project="any", token="any", host=relay.url, contexts=["default"]
        )

        @client.on_call
        def handle_call(call: Call) -> None:
            print(f"{call.from_} calls")
            call.answer()
            outcome = call.refer_and_wait(SUPPORT, timeout=5)
            code = outcome.notify_response_code
            print(f"outcome: {outcome.status} (target answered {code})")
            if outcome.status not in ("succeeded", "unknown"):
                call.play_tts("They cannot take your call.").wait()
                call.hangup()

        with client:
            # Alice hangs up after six seconds if the call goes on for so long.
            caller = relay.phones.dial(
                "sip:alice@example.com", context="default", hang_up_after=6
            )
            caller.ended(timeout=20)
            client.drain()
            heard = [media.params["text"] for media in caller.heard]
            print(f"the caller heard {heard}")
            print(f"the caller talks to {caller.transferred_to or 'nobody'}")


if __name__ == "__main__":
    answers = sys.argv[1] if len(sys.argv) > 1 else "answer"
    main(answers)
