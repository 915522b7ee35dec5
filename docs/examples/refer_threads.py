from anyrelay.sync import RelayClient

client = RelayClient(
    project="your-project-id",
    token="your-api-token",
    host="your-space.signalwire.com",
    contexts=["default"],
)

@client.on_call
def handle_call(call):
    call.answer()
    call.play([{"type": "tts", "text": "Transferring to another line."}])

    result = call.refer(
        device={
            "type": "sip",
            "params": {"uri": "sip:support@example.com"},
        },
    )
    print(f"SIP REFER result: {result}")

client.run()
