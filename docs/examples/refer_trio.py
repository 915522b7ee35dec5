from anyrelay import RelayClient

client = RelayClient(
    project="your-project-id",
    token="your-api-token",
    host="your-space.signalwire.com",
    contexts=["default"],
)

@client.on_call
async def handle_call(call):
    await call.answer()
    await call.play([{"type": "tts", "text": "Transferring to another line."}])

    result = await call.refer(
        device={
            "type": "sip",
            "params": {"uri": "sip:support@example.com"},
        },
    )
    print(f"SIP REFER result: {result}")

client.run(backend="trio")
