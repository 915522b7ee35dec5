"""The same as transfer_outcome.py, shorter and with plain threads: each call has a thread of its own."""

from anyrelay.sync import Call, ReferStatus, RelayClient

SUPPORT = "sip:support@example.com"

client = RelayClient(contexts=["default"])


@client.on_call
def handle_call(call: Call) -> None:
    call.answer()
    outcome = call.refer_and_wait(SUPPORT, timeout=30)
    print(f"{outcome.status}, REFER {outcome.refer_response_code}, target {outcome.notify_response_code}", flush=True)

    if outcome.succeeded:
        return
    if outcome.status is ReferStatus.UNKNOWN:
        call.wait_for_ended()
        return
    call.play([{"type": "tts", "text": "They cannot take your call now."}]).wait()
    call.hangup()


if __name__ == "__main__":
    client.run()
