"""Scripts and text messages of a running server, with our clients: in this process, and in a process of its own."""

from __future__ import annotations

import anyio
import pytest

from anyrelay import RelayClient, RelayError
from anyrelay.local import LocalRelay, SimulatedPhones, SyncLocalRelay, TextMessage
from anyrelay.sync import RelayClient as BlockingClient

ANNA, BERT = "+15550000001", "+15550000002"
DECLINED = [{"params": {"state": "pending"}}, {"params": {"state": "error", "error": "declined"}, "after": 0.01}]
FAILED = [{"params": {"message_state": "failed", "reason": "blocked"}}]


@pytest.mark.anyio
async def test_a_script_of_the_server():
    async with LocalRelay(SimulatedPhones()) as relay:
        relay.script("calling.pay", events=DECLINED)
        relay.script("calling.ai", code=402, message="No credit")
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["default"])
        seen = []

        @client.on_call
        async def handle(call):
            await call.answer()
            action = await call.pay("https://pay.example.com/")
            seen.append((await action.wait(5)).state)
            with pytest.raises(RelayError) as refused:
                await call.ai(prompt={"text": "Be helpful."})
            seen.append((refused.value.code, refused.value.message))
            fax = await call.receive_fax()
            seen.append((await fax.wait(5)).fax["type"])
            await call.hangup()

        async with client:
            await (await relay.phones.dial("sip:alice@example.com")).ended()
    assert seen == ["error", (402, "No credit"), "finished"]


@pytest.mark.anyio
async def test_text_messages_of_the_server():
    async with LocalRelay(SimulatedPhones(), numbers={BERT: "support"}) as relay:
        relay.phones.add(f"tel:{ANNA}")
        client = RelayClient(project="p", token="t", host=relay.url, contexts=["support"])
        received = []
        done = anyio.Event()

        @client.on_message
        async def take(message):
            received.append((message.from_number, message.to_number, message.body, message.context))
            reply = await client.send_message(to_number=ANNA, from_number=BERT, context="support", body="Thanks")
            received.append((await reply.wait(5)).message_state)
            done.set()

        async with client:
            await relay.text(to=BERT, body="Hello", from_number=ANNA)
            with anyio.fail_after(5):
                await done.wait()
    assert received == [(ANNA, BERT, "Hello", "support"), "delivered"]
    assert relay.phones.texts == [TextMessage(from_number=BERT, to_number=ANNA, body="Thanks")]


@pytest.mark.anyio
async def test_a_text_message_waits_for_a_client():
    async with LocalRelay(SimulatedPhones()) as relay:
        with pytest.raises(TimeoutError, match=r"no client received in the context '\+15550000002' within 0.01 s"):
            await relay.text(to=BERT, body="Hello", wait_for_subscriber=0.01)


def test_scripts_and_text_messages_of_a_server_in_another_process():
    with SyncLocalRelay(numbers={BERT: "support"}) as relay:
        relay.script("messaging.send", events=FAILED)
        relay.phones.add(f"tel:{ANNA}")
        with pytest.raises(ValueError, match=r"calling\.hold can only be refused"):
            relay.script("calling.hold", message="Held")
        client = BlockingClient(project="p", token="t", host=relay.url, contexts=["support"])
        received = []
        client.on_message(lambda message: received.append(message.body))
        with client:
            relay.text(to=BERT, body="Hello")
            sent = {"to_number": ANNA, "from_number": BERT, "context": "support", "body": "Thanks"}
            assert client.send_message(**sent).wait(5).reason == "blocked"
            assert relay.phones.texts == []
            relay.script("messaging.send")
            assert client.send_message(**sent).wait(5).message_state == "delivered"
            assert relay.phones.texts == [TextMessage(from_number=BERT, to_number=ANNA, body="Thanks")]
        assert received == ["Hello"]


@pytest.mark.anyio
async def test_the_word_for_the_dial_event_is_checked():
    with pytest.raises(ValueError, match="dial_event must be one of first, last, not 'never'"):
        LocalRelay(dial_event="never")


class UnusedPhones:
    """SIP phones that nobody calls."""

    uri = "sip:127.0.0.1:5060"

    async def start(self, events):
        self.events = events

    async def stop(self):
        pass


@pytest.mark.anyio
async def test_with_sip_phones_the_cloud_is_acted_if_the_server_was_told_to():
    async with LocalRelay(UnusedPhones()) as relay:
        with pytest.raises(ValueError, match=r"calling\.ai can only be refused"):
            relay.script("calling.ai", message="Hello")
    async with LocalRelay(UnusedPhones(), act=True) as relay:
        relay.script("calling.ai", message="Hello")
        assert relay.exchange.scripts.get("calling.ai").message == "Hello"
