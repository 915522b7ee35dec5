"""What a client logs at the first Ctrl-C in `run`, and which signal handlers are installed after."""

from __future__ import annotations

import signal

import pytest

from tests.frontends.test_processes import LIMIT, Program, next_line, outcome_of, program
from tests.support.frontend_world import World
from tests.support.scripted_relay import refer_event, refuse, state_event

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
def test_a_signal_logs_the_open_work_at_once(world: World, program: Program, number: signal.Signals) -> None:
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


def test_a_signal_logs_nothing_without_open_work(world: World, program: Program) -> None:
    process = program("client.run(backend=sys.argv[2])")
    world.relay.wait_for("signalwire.connect")
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, [], "")


loops = pytest.mark.parametrize("front", ["asyncio", "trio"])


@loops
def test_ctrl_c_leaves_run_in_no_exception_group(world: World, program: Program) -> None:
    process = program("""
import random

def strike(delay, main=threading.main_thread().ident):
    time.sleep(delay)
    signal.pthread_kill(main, signal.SIGINT)

before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
draw = random.Random(7)
returned = interrupted = 0
for number in range(150):
    striking = threading.Thread(target=strike, args=(draw.random() * draw.choice([0.001, 0.01, 0.03]),))
    try:
        striking.start()
        try:
            client.run(backend=sys.argv[2])
            returned += 1
        finally:
            striking.join()
    except KeyboardInterrupt:
        interrupted += 1
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before, number
    assert client.state in ("closed", "idle"), client.state
say(returned > 20, returned + interrupted)
""")
    assert outcome_of(process, 3 * LIMIT) == (0, ["True 150"], "")


@loops
def test_ctrl_c_does_not_wait_for_a_name_that_hangs(world: World, program: Program) -> None:
    process = program("""
import socket

def hang(*about, **more):
    say("looking up")
    time.sleep(3_600)

socket.getaddrinfo = hang
client.run(backend=sys.argv[2])
say("run has returned", client.state)
""")
    assert next_line(process) == "looking up"
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["run has returned closed"], "")


@loops
def test_ctrl_c_does_not_wait_for_a_token_that_hangs(world: World, program: Program) -> None:
    process = program("""
def hang():
    say("fetching")
    time.sleep(3_600)

client = RelayClient(jwt_token=hang, host=sys.argv[1], contexts=["default"])
client.run(backend=sys.argv[2])
say("run has returned", client.state)
""")
    assert next_line(process) == "fetching"
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["run has returned closed"], "")


@pytest.mark.parametrize("way", ["returns", "raises"])
def test_run_gives_signals_back_to_the_handlers_of_the_program(world: World, program: Program, way: str) -> None:
    if way == "raises":
        world.relay.script("signalwire.connect", refuse(401))
    process = program("""
from anyrelay import AuthenticationError
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: say("mine", signal.Signals(number).name))

try:
    client.run(backend=sys.argv[2])
except AuthenticationError:
    say("refused")
signal.raise_signal(signal.SIGINT)
signal.raise_signal(signal.SIGTERM)
""")
    if way == "returns":
        world.relay.wait_for("signalwire.connect")
        process.send_signal(signal.SIGTERM)
    lines = ["mine SIGINT", "mine SIGTERM"]
    status, said, _ = outcome_of(process)
    assert (status, said) == (0, lines if way == "returns" else ["refused", *lines])


def test_a_process_forked_in_run_obeys_signals_as_before(world: World, program: Program) -> None:
    process = program("""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork() where there are threads

@client.on_call
async def handle(call):
    child = os.fork()
    if child == 0:
        signal.raise_signal(signal.SIGTERM)
        os._exit(3)
    say("child", os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM)

client.run(backend=sys.argv[2])
""")
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    assert next_line(process) == "child True"
    process.send_signal(signal.SIGTERM)
    assert outcome_of(process)[:2] == (0, [])


@loops
async def test_run_in_a_running_loop_says_what_to_write(world: World) -> None:
    client = world.client()
    with pytest.raises(RuntimeError, match=r"write `await client\.serve_forever\(\)` instead"):
        client.run(backend=world.front)
    with pytest.raises(RuntimeError, match="as it does in a notebook"):
        client.run(backend="asyncio" if world.front == "trio" else "trio")
