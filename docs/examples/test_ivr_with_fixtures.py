"""The branches of the phone menu with fixtures: asyncio, trio and threads."""

import time

import ivr
import ivr_threads
import pytest
from ivr_branches import BRANCHES, SLOW

pytestmark = pytest.mark.relay(contexts=["menu"], pace=50)
ALICE = "sip:alice@example.com"
NAMES = sorted(BRANCHES.keys() - SLOW)


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_a_branch(name, local_relay, relay_client):
    branch, targets = BRANCHES[name]
    relay_client.on_call(ivr.handle_call)
    for uri, answers in targets.items():
        local_relay.phones.add(uri, answers)
    caller = await local_relay.phones.dial(ALICE, context="menu")
    for step in branch(local_relay, caller):
        if isinstance(step, tuple):
            await relay_client.execute(*step)
        else:
            await caller.until(step, 30)
    assert await caller.ended(30) == "hangup"


@pytest.mark.parametrize("name", NAMES)
def test_a_branch_in_threads(name, sync_local_relay, sync_relay_client):
    branch, targets = BRANCHES[name]
    sync_relay_client.on_call(ivr_threads.handle_call)
    for uri, answers in targets.items():
        sync_local_relay.phones.add(uri, answers)
    caller = sync_local_relay.phones.dial(ALICE, context="menu")
    for step in branch(sync_local_relay, caller):
        if isinstance(step, tuple):
            sync_relay_client.execute(*step)
        else:
            wait_until(step)
    assert caller.ended(30) == "hangup"


def wait_until(condition):
    """Look every 10 ms whether a condition holds, for 30 seconds at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the caller waits in vain"
        time.sleep(0.01)
