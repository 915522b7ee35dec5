"""Every branch of the phone menu in memory: asyncio, trio and threads."""

import ivr
import ivr_threads
import pytest
from ivr_branches import BRANCHES

from anyrelay.testing import MemoryRelay, SyncMemoryRelay, run_virtual

ALICE = "sip:alice@example.com"


async def play(name):
    """Let a caller go through a branch of ivr.py."""
    branch, targets = BRANCHES[name]
    async with MemoryRelay() as relay, relay.client(**ivr.SETTINGS) as client:
        client.on_call(ivr.handle_call)
        for uri, answers in targets.items():
            relay.phones.add(uri, answers)
        caller = await relay.phones.dial(ALICE, context="menu")
        for step in branch(relay, caller):
            if isinstance(step, tuple):
                await client.execute(*step)
            else:
                await caller.until(step, 120)
        assert await caller.ended(120) == "hangup"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch(name, backend):
    run_virtual(play, name, backend=backend)


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_in_threads(name):
    branch, targets = BRANCHES[name]
    settings = ivr_threads.SETTINGS
    with SyncMemoryRelay() as relay, relay.client(**settings) as client:
        client.on_call(ivr_threads.handle_call)
        for uri, answers in targets.items():
            relay.phones.add(uri, answers)
        caller = relay.phones.dial(ALICE, context="menu")
        for step in branch(relay, caller):
            if isinstance(step, tuple):
                client.execute(*step)
            else:
                relay.until(step, 120)
        assert caller.ended(120) == "hangup"
