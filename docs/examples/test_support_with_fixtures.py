"""Tests of support.py with the fixtures of anyrelay's pytest plugin."""

import pytest

from support import SUPPORT, VOICEMAIL, handle_call


@pytest.mark.anyio
@pytest.mark.parametrize("support", ["busy", "no-answer", "decline"])
async def test_voicemail_takes_the_call_if_support_does_not(
    relay_client, phones, support
):
    phones.add(SUPPORT, answers=support)
    phones.add(VOICEMAIL)
    relay_client.on_call(handle_call)
    caller = await phones.dial("sip:alice@example.com")
    await caller.ended()
    assert caller.transferred_to == VOICEMAIL


def test_a_caller_who_hangs_up_early(sync_relay_client, sync_phones):
    outcomes = []

    @sync_relay_client.on_call
    def handle(call):
        call.answer()
        outcomes.append(call.refer_and_wait(SUPPORT))

    sync_phones.add(SUPPORT)
    caller = sync_phones.dial(
        "sip:alice@example.com",
        on_refer={"name": "hang-up-early", "last_notify": False},
    )
    caller.ended()
    sync_relay_client.drain()
    assert outcomes[0].status == "canceled"
