"""Tests of support.py that need no account, no network and no phone."""

import anyio
import pytest

from anyrelay.local import LocalRelay, SimulatedPhones
from support import SUPPORT, VOICEMAIL, make_client


async def call_with(support_answers, **caller_settings):
    # At twenty times their usual pace, phones ring for a fraction of a second.
    async with LocalRelay(phones=SimulatedPhones(pace=20)) as relay:
        relay.phones.add(SUPPORT, answers=support_answers)
        relay.phones.add(VOICEMAIL, answers="answer")
        async with make_client(project="p", token="t", host=relay.url):
            caller = await relay.phones.dial(
                "sip:alice@example.com", context="support", **caller_settings
            )
            await caller.ended()
            return caller


def test_support_takes_the_call():
    caller = anyio.run(call_with, "answer")
    assert caller.transferred_to == SUPPORT
    assert caller.referred_to == [SUPPORT]


@pytest.mark.parametrize("support", ["busy", "no-answer", "decline"])
def test_voicemail_takes_the_call_if_support_does_not(support):
    caller = anyio.run(call_with, support)
    assert caller.transferred_to == VOICEMAIL
    assert caller.referred_to == [SUPPORT, VOICEMAIL]


async def call_from_a_phone_that_refuses_refers():
    return await call_with("answer", on_refer="refuse")


def test_the_application_hangs_up_if_the_phone_refuses_transfers():
    caller = anyio.run(call_from_a_phone_that_refuses_refers)
    assert caller.transferred_to == ""
    assert caller.end_reason == "hangup"
