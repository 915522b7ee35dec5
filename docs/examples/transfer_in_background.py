"""Start a transfer and continue: a function receives the outcome."""

from anyrelay import Call, ReferOutcome, RelayClient

client = RelayClient(contexts=["default"])


async def transferred(outcome: ReferOutcome) -> None:
    # The client calls this function once, also when the outcome is UNKNOWN.
    print(f"{outcome.refer_to}: {outcome.status}")


@client.on_call
async def handle_call(call: Call) -> None:
    await call.answer()
    action = await call.start_refer(
        "sip:support@example.com", on_completed=transferred
    )
    print(f"the server accepted the command: {action.ack}")

    outcome = await action.wait(timeout=0.01)
    reason = outcome.unknown_because
    print(f"after 10 ms: {outcome.status}, {reason}")


if __name__ == "__main__":
    client.run()
