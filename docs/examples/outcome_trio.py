from anyrelay import RelayClient

client = RelayClient(contexts=["default"])

@client.on_call
async def handle_call(call):
    await call.answer()
    outcome = await call.refer_and_wait("sip:support@example.com")
    print(outcome.status, outcome.notify_response_code)

client.run(backend="trio")
