"""An application that a test can start.

One function handles a call; the other makes the client, and takes settings.
"""

from typing import Any

from anyrelay import Call, RelayClient

SUPPORT = "sip:support@example.com"
VOICEMAIL = "sip:voicemail@example.com"


async def handle_call(call: Call) -> None:
    """Transfer the call to support, or to voicemail if that fails."""
    await call.answer()
    for target in (SUPPORT, VOICEMAIL):
        outcome = await call.refer_and_wait(target, timeout=30)
        if outcome.status in ("succeeded", "unknown"):
            # After "unknown" the caller may be talking to the target:
            # a second transfer would end that conversation.
            return
    await call.hangup()


def make_client(**settings: Any) -> RelayClient:
    """Return the client; the environment has the settings not given."""
    client = RelayClient(contexts=["support"], **settings)
    client.on_call(handle_call)
    return client


if __name__ == "__main__":
    make_client().run()
