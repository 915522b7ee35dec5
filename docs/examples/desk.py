"""An application as one would write it: the client is made by whoever runs it, so a test can make its own."""

from anyrelay import Call, RelayClient

SUPPORT = "sip:support@example.com"
VOICEMAIL = "sip:voicemail@example.com"


async def handle_call(call: Call) -> None:
    """Offer the call to support, then to voicemail."""
    await call.answer()
    for target in (SUPPORT, VOICEMAIL):
        outcome = await call.refer_and_wait(target, timeout=30)
        if outcome.status in ("succeeded", "unknown"):
            return  # of the unknown, nobody knows that they do not talk: the next target would cut in
    await call.hangup()


def make_client(**settings: object) -> RelayClient:
    """Return the application's client; settings that are not given come from the environment."""
    client = RelayClient(contexts=["support"], **settings)
    client.on_call(handle_call)
    return client


if __name__ == "__main__":
    make_client().run()
