"""Start a transfer, and go on: the outcome comes to a function of its own."""

from anyrelay import Call, ReferOutcome, RelayClient

client = RelayClient(contexts=["default"])


async def transferred(outcome: ReferOutcome) -> None:
    # Called once, when the transfer is settled; with UNKNOWN too.
    print(f"{outcome.refer_to}: {outcome.status}", flush=True)


@client.on_call
async def handle_call(call: Call) -> None:
    await call.answer()
    action = await call.start_refer("sip:support@example.com", on_completed=transferred)
    print(f"the server took the command: {action.ack}", flush=True)

    outcome = await action.wait(timeout=0.01)
    print(f"a moment later: {outcome.status}, {outcome.unknown_because}", flush=True)


if __name__ == "__main__":
    client.run()
