from anyrelay.sync import RelayClient

client = RelayClient(contexts=["default"])

@client.on_call
def handle_call(call):
    call.answer()
    outcome = call.refer_and_wait("sip:support@example.com")
    print(outcome.status, outcome.notify_response_code)

client.run()
