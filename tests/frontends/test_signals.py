"""What Ctrl-C on `run()` says and restores."""

from __future__ import annotations

import signal

import pytest
from frontend_world import World
from scripted_relay import refer_event, state_event
from test_processes import Program, outcome_of, program

__all__ = ["program"]

AT_WORK = """
@client.on_call
async def handle(call):
    await call.answer()
    await call.start_refer("sip:support@example.com")
    await call.wait_for_ended()

client.run(backend=sys.argv[2])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_says_at_once_what_is_waited_for(world: World, program: Program, number: signal.Signals) -> None:
    process = program(AT_WORK)
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    world.relay.wait_for("calling.refer")
    process.send_signal(number)
    assert process.stderr is not None
    work = "waiting for at most 30 s for open work: call call-1 (handler, 1 transfer)"
    assert process.stderr.readline() == f"{work}; Ctrl-C or SIGTERM again closes the client at once\n"
    world.relay.event(refer_event("200"))
    world.relay.event(state_event("ended"))
    assert outcome_of(process)[0] == 0


def test_a_signal_says_nothing_where_there_is_nothing_to_wait_for(world: World, program: Program) -> None:
    process = program("client.run(backend=sys.argv[2])")
    world.relay.wait_for("signalwire.connect")
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, [], "")
