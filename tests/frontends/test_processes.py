"""Tests that need a process of their own: signals, the end of the interpreter, fork, and the imported modules.

Each program is written once, for coroutines; for threads `async` and `await` are taken out, which is all that a program needs
to move from one front end to the other.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from anyrelay import AuthenticationError, ClientState
from tests.support.frontend_world import World
from tests.support.scripted_relay import never, refuse, state_event

LIMIT = 20.0
"""How long a program may take, in seconds."""

START = """
import os, signal, sys, threading, time
from anyrelay import ClientClosed, RelayClient

client = RelayClient(project="p", token="t", host=sys.argv[1], contexts=["default"])

def say(*words):
    print(*words, flush=True)
"""

EAGER = """
import asyncio

def eager_loop(make=asyncio.events.new_event_loop):
    loop = make()
    loop.set_task_factory(asyncio.eager_task_factory)
    return loop

asyncio.events.new_event_loop = eager_loop
"""

Program = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def program(world: World) -> Iterator[Program]:
    """Start a program that finds the world's server in its first argument, and its event loop's name in the second."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str, *, first: str = "") -> subprocess.Popen[str]:
        text = first + (EAGER if world.eager else "") + START + text
        if world.front == "threads":
            text = re.sub(r"\basync |\bawait ", "", text).replace("from anyrelay import", "from anyrelay.sync import")
            text = re.sub(r"anyio\.run\((\w+), backend=\S+\)", r"\1()", text.replace("import anyio\n", ""))
            text = text.replace("client.run(backend=sys.argv[2])", "client.run()")
        command = [sys.executable, "-W", "error", "-c", text, world.relay.url, world.front]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def outcome_of(process: subprocess.Popen[str], limit: float = LIMIT) -> tuple[int, list[str], str]:
    """Wait for the end of a program; return its exit status, its lines of output, and its standard error."""
    output, errors = process.communicate(timeout=limit)
    return process.returncode, output.splitlines(), errors


def next_line(process: subprocess.Popen[str]) -> str:
    """Return a line, and read not a byte more: `communicate` does not see the buffer of a reader."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(process.stdout.fileno(), 1)):
        line += byte
    return line.decode().strip()


# --- run() and signals ----------------------------------------------------------------------------------------------

RUN = """
@client.on_call
async def handle(call):
    await call.answer()
    await call.wait_for_ended()
    say("the handler has finished")

client.run(backend=sys.argv[2])
say("run has returned", client.state)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains(world: World, program: Program, number: signal.Signals) -> None:
    process = program(RUN)
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    world.relay.wait_for("calling.answer")
    process.send_signal(number)
    world.relay.wait_for("signalwire.unreceive")
    world.relay.event(state_event("ended"))
    status, lines, errors = outcome_of(process)
    assert (status, lines) == (0, ["the handler has finished", "run has returned closed"])
    work = "waiting for at most 30 s for open work: call call-1 (handler)"
    assert errors == f"{work}; Ctrl-C or SIGTERM again closes the client at once\n"


def test_the_second_signal_closes(world: World, program: Program) -> None:
    process = program(RUN)
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    world.relay.wait_for("calling.answer")
    process.send_signal(signal.SIGINT)
    world.relay.wait_for("signalwire.unreceive")
    process.send_signal(signal.SIGINT)
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (0, ["run has returned closed"])


def test_a_signal_before_the_first_connection(world: World, program: Program) -> None:
    world.relay.script("signalwire.connect", never)
    process = program(RUN)
    world.relay.wait_for("signalwire.connect")
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["run has returned closed"], "")


def run(world: World, client: Any) -> None:
    client.run(**({} if world.front == "threads" else {"backend": world.front}))


def test_run_raises_bare(world: World) -> None:
    world.relay.script("signalwire.connect", refuse(401, "who are you?"))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(AuthenticationError, match="who are you"):
        run(world, world.client())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_run_off_the_main_thread(world: World) -> None:
    client = world.client()

    @client.on_call
    async def handle(call: Any) -> None:
        await client.disconnect()

    thread = threading.Thread(target=run, args=(world, client))
    thread.start()
    world.relay.offer()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert client.state is ClientState.CLOSED


# --- Ctrl-C where there is no run() ---------------------------------------------------------------------------------

WAITS = {
    "wait_for_ended": "call.wait_for_ended()",
    "wait_for": "call.wait_for('calling.call.play')",
    "refer_and_wait": "call.refer_and_wait('sip:support@example.com')",
    "answer": "call.answer()",
    "events": "next(call.events())",
    "drain": "client.drain()",
}


@pytest.mark.parametrize("front", ["threads"])
@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_ends_a_wait(world: World, program: Program, wait: str) -> None:
    world.relay.script("calling.answer", never)
    process = program(f"""
calls = []
arrived = threading.Event()

@client.on_call
def handle(call):
    calls.append(call)
    arrived.set()
    call.wait_for_ended()

with client:
    say("connected")
    arrived.wait()
    (call,) = calls
    try:
        say("waiting")
        {WAITS[wait]}
    except KeyboardInterrupt:
        say("interrupted")
    client.execute("test.echo")
    say(client.state)
""")
    assert next_line(process) == "connected"
    world.relay.offer()
    assert next_line(process) == "waiting"
    if wait in ("answer", "refer_and_wait", "drain"):
        world.relay.wait_for({"answer": "calling.answer", "drain": "signalwire.unreceive"}.get(wait, "calling.refer"))
    process.send_signal(signal.SIGINT)
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (0, ["interrupted", "draining" if wait == "drain" else "ready"])


@pytest.mark.parametrize("front", ["threads"])
def test_ctrl_c_ends_connecting(world: World, program: Program) -> None:
    world.relay.script("signalwire.connect", never)
    process = program("""
try:
    client.connect()
except KeyboardInterrupt:
    say("interrupted")
while client.state != "closed" or threading.active_count() > 1:
    time.sleep(0.005)
say("nothing is left")
""")
    world.relay.wait_for("signalwire.connect")
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["interrupted", "nothing is left"], "")


STRUCK = {
    "a command": 'client.execute("test.echo", {"text": "x" * 2_000})',
    "a wait": """
            with contextlib.suppress(TimeoutError):
                call.wait_for("calling.call.play", timeout=0.001)
""",
    "connecting": "client.disconnect(); client.connect()",
}


@pytest.mark.parametrize("front", ["threads"])
@pytest.mark.parametrize("what", STRUCK)
def test_ctrl_c_may_come_anywhere(world: World, program: Program, what: str) -> None:
    process = program(f"""
import contextlib, random

main = threading.main_thread().ident
over = threading.Event()
armed = False

def obey(number, frame):
    global armed
    if armed:
        armed = False  # until it is caught
        raise KeyboardInterrupt

def strike():
    draw = random.Random(7)
    strikes = 0
    while strikes < 150 or struck <= 20 or answered <= 20:
        time.sleep(draw.random() * {0.02 if what == "connecting" else 0.004})
        signal.pthread_kill(main, signal.SIGINT)
        strikes += 1
    over.set()

arrived = threading.Event()
calls = []

@client.on_call
def handle(offered):
    calls.append(offered)
    arrived.set()

struck = answered = 0
signal.signal(signal.SIGINT, obey)
client.connect()
say("connected")
arrived.wait()
(call,) = calls
threading.Thread(target=strike).start()
while not over.is_set():
    try:
        armed = True
        while not over.is_set():
            {STRUCK[what]}
            answered += 1
    except KeyboardInterrupt:
        struck += 1
armed = False
{"client.disconnect()" if what == "connecting" else ""}  # the last strike may have left it closing
client.connect()
client.execute("test.echo", {{"last": True}})
say(struck > 20, answered > 20, len(call._machine._subscriptions))
client.disconnect()
say(threading.active_count())
""")
    assert next_line(process) == "connected"
    world.relay.offer()
    # It strikes until enough was answered between two strikes, however slow the machine is.
    status, lines, errors = outcome_of(process, 5 * LIMIT)
    assert (status, lines) == (0, ["True True 0", "1"]), errors
    if what != "connecting":
        assert len(world.relay.sent("signalwire.connect")) == 1


@pytest.mark.parametrize("front", ["asyncio", "trio"])
@pytest.mark.parametrize("where", ["in the main task", "in a handler"])
def test_ctrl_c_ends_a_program_in_order(world: World, program: Program, where: str) -> None:
    process = program(f"""
import anyio

@client.on_call
async def handle(call):
    async with anyio.create_task_group() as tasks:
        if {where == "in a handler"}:
            say("arrived")
            tasks.start_soon(strike)
        here.set()
        await anyio.sleep_forever()

async def strike():
    signal.raise_signal(signal.SIGINT)
    await anyio.sleep(0)

async def main():
    global here
    here = anyio.Event()
    async with client:
        await here.wait()
        if {where == "in the main task"}:
            await anyio.sleep(0.05)  # until the handler sleeps
            say("arrived")
        await anyio.sleep_forever()

try:
    anyio.run(main, backend=sys.argv[2])
except KeyboardInterrupt:
    say("interrupted", client.state)
""")
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    assert next_line(process) == "arrived"
    if where == "in the main task":
        process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["interrupted closed"], "")


@pytest.mark.parametrize("front", ["trio"])
def test_ctrl_c_interrupts_no_handler(world: World, program: Program) -> None:
    """A KeyboardInterrupt where a task group is entered would leave trio's own state half changed, and would be lost."""
    process = program("""
import anyio

@client.on_call
async def handle(call):
    signal.raise_signal(signal.SIGINT)
    say("undisturbed")
    await anyio.sleep_forever()

async def main():
    async with client:
        await anyio.sleep_forever()

try:
    anyio.run(main, backend=sys.argv[2])
except KeyboardInterrupt:
    say("interrupted", client.state)
""")
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    assert outcome_of(process) == (0, ["undisturbed", "interrupted closed"], "")


# --- the end of the interpreter -------------------------------------------------------------------------------------


WAITING_FOR_THE_END, BLOCKED = "await call.wait_for_ended()", "time.sleep(3_600)"


@pytest.mark.parametrize(
    ("front", "handler_does"),
    [
        ("asyncio", WAITING_FOR_THE_END),
        ("trio", WAITING_FOR_THE_END),
        ("threads", WAITING_FOR_THE_END),
        ("threads", BLOCKED),
    ],
)
def test_a_program_that_forgets_to_disconnect_ends(world: World, program: Program, handler_does: str) -> None:
    held: list[Any] = []
    world.relay.script("test.held", lambda *about: held.append(about))
    process = program(f"""
import anyio

@client.on_call
async def handle(call):
    await call.answer()
    {handler_does}

async def main():
    await client.connect()
    await client.execute("test.held")

anyio.run(main, backend=sys.argv[2])
""")
    world.relay.offer()
    world.relay.wait_for("calling.answer")
    world.relay.wait_for("test.held")
    ((_, peer, command),) = held
    peer.send(lambda connection: connection.reply(command.id, {"code": "200"}))
    status, _, errors = outcome_of(process)
    assert status == 0
    assert "Traceback" not in errors or "ClientClosed" in errors
    world.relay.wait_until_quiet()


TELL_OF_THREADS = """
import atexit, threading

@atexit.register  # before anyrelay's own, and so called after it
def tell_of_threads():
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        if not thread.name.startswith("anyrelay"):
            thread.join(5)  # the program's own, which has been woken
    print("left:", [thread.name for thread in others if thread.is_alive()])
"""


@pytest.mark.parametrize("front", ["threads"])
@pytest.mark.parametrize("while_it", ["is idle", "answers", "waits in a thread", "reconnects"])
def test_no_thread_is_left_at_the_end_of_the_interpreter(world: World, program: Program, while_it: str) -> None:
    process = program(
        f"""
while_it = {while_it!r}
answered = threading.Event()

@client.on_call
def handle(call):
    call.answer()
    answered.set()
    call.wait_for_ended()

def wait():
    try:
        client.execute("test.never")
    except Exception:
        pass

client.connect()
if while_it == "answers":
    answered.wait()
if while_it == "waits in a thread":
    threading.Thread(target=wait, daemon=True).start()
    while not told:  # a signal that comes before `signal.pause` is asleep would not end it
        time.sleep(0.005)
if while_it == "reconnects":
    while client.state != "waiting":
        time.sleep(0.005)
""",
        first=TELL_OF_THREADS
        + "import signal\ntold = []\nsignal.signal(signal.SIGTERM, lambda *_: told.append(True))\n",
    )
    world.relay.script("test.never", never)
    world.relay.wait_for("signalwire.connect")
    if while_it == "answers":
        world.relay.offer()
    elif while_it == "waits in a thread":
        world.relay.wait_for("test.never")
        process.send_signal(signal.SIGTERM)
    elif while_it == "reconnects":
        world.relay.go_down()
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (0, ["left: []"])


@pytest.mark.parametrize("front", ["threads"])
def test_a_look_up_that_hangs_delays_neither_ctrl_c_nor_the_end(world: World, program: Program) -> None:
    process = program("""
import socket

def hang(*about, **more):
    say("looking up")
    time.sleep(3_600)

socket.getaddrinfo = hang
client = RelayClient(project="p", token="t", host="wss://hangs.example", connect_timeout=3_600)
try:
    client.connect()
except KeyboardInterrupt:
    say("interrupted")
say(client.state)
""")
    assert next_line(process) == "looking up"
    process.send_signal(signal.SIGINT)
    assert outcome_of(process) == (0, ["interrupted", "closed"], "")


# --- fork -----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_client_says_that_it_was_forked(world: World, program: Program) -> None:
    process = program("""
import anyio
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of what is tried here

async def main():
    await client.connect()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            await client.execute("test.echo")
        except ClientClosed as error:
            status = 0 if "fork" in str(error) else 2
        os._exit(status)
    _, status = os.waitpid(child, 0)
    say("child", os.waitstatus_to_exitcode(status))
    await client.execute("test.echo")
    await client.disconnect()

anyio.run(main, backend=sys.argv[2])
""")
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (0, ["child 0"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_each_method_of_a_forked_client_raises(world: World, program: Program) -> None:
    process = program("""
import anyio
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of what is tried here

calls = []
taken = threading.Event()

@client.on_call
async def handle(call):
    calls.append(call)
    taken.set()
    await call.wait_for_ended()

async def main():
    await client.connect()
    say("connected")
    while not taken.is_set():
        await client.execute("test.echo")
    (call,) = calls
    uses = {
        "execute": lambda: client.execute("test.echo"),
        "connect": client.connect,
        "serve_forever": client.serve_forever,
        "disconnect": client.disconnect,
        "drain": client.drain,
        "answer": call.answer,
        "wait_for": lambda: call.wait_for("calling.call.play"),
    }
    child = os.fork()
    if child == 0:
        for name, use in uses.items():
            try:
                await use()
            except ClientClosed as error:
                if "fork" in str(error):
                    say(name)
        os._exit(0)
    os.waitpid(child, 0)
    await client.execute("test.echo")
    await client.disconnect()

anyio.run(main, backend=sys.argv[2])
""")
    assert next_line(process) == "connected"
    world.relay.offer()
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (
        0,
        ["execute", "connect", "serve_forever", "disconnect", "drain", "answer", "wait_for"],
    )
    assert len(world.relay.sent("signalwire.connect")) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("front", ["threads"])
def test_a_process_that_a_handler_forked_can_be_terminated(world: World, program: Program) -> None:
    """`run` obeys the signals of its own process only; a pool that a handler makes could not be ended otherwise."""
    process = program("""
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of what is tried here

@client.on_call
def handle(call):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"!")
        end = time.monotonic() + 30
        while time.monotonic() < end:  # a process that computes gets no signal by waking up
            pass
        os._exit(0)
    os.read(reader, 1)  # a signal that came before would be lost: a new process has none pending
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    say(signal.Signals(-os.waitstatus_to_exitcode(status)).name, client.state)
    os.kill(os.getpid(), signal.SIGTERM)

client.run()
""")
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    status, lines, _ = outcome_of(process, 40.0)  # `run` may find the handler still open, and say that it waits
    assert (status, lines) == (0, ["SIGTERM ready"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("front", ["threads"])
def test_a_forked_process_draws_masking_keys_of_its_own(world: World, program: Program) -> None:
    process = program("""
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of what is tried here
from anyrelay.protocol.transport.fast_frames import text_frames

def draw():
    return [bytes(frame[2:6]) for frame in text_frames([b"x"] * 100, mask=True, long_frame=bytes)]

client.connect()  # and some keys are drawn in advance
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, b"".join(draw()))
    os._exit(0)
os.waitpid(child, 0)
drawn = os.read(reader, 400)
theirs = {drawn[place : place + 4] for place in range(0, 400, 4)}
say(len(theirs), len(theirs.intersection(draw())))
client.disconnect()
""")
    status, lines, _ = outcome_of(process)
    assert (status, lines) == (0, ["100 0"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("front", ["threads"])
def test_a_forked_process_may_have_a_client_of_its_own(world: World, program: Program) -> None:
    process = program("""
import warnings
warnings.simplefilter("ignore")  # newer Pythons warn of what is tried here

client.connect()
child = os.fork()
if child == 0:
    with RelayClient(project="p", token="t", host=sys.argv[1]) as other:
        say("child", other.execute("test.echo")["code"])
    forgotten = RelayClient(project="p", token="t", host=sys.argv[1])
    forgotten.connect()
    sys.exit(7)
_, status = os.waitpid(child, 0)
say("parent", client.execute("test.echo")["code"], os.waitstatus_to_exitcode(status))
""")
    assert outcome_of(process) == (0, ["child 200", "parent 200 7"], "")


# --- what gets imported ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("front", ["threads"])
def test_threads_bring_no_event_loop(world: World, program: Program) -> None:
    process = program("""
@client.on_call
def handle(call):
    call.answer()
    client.disconnect()

client.run()
say(sorted({name.partition(".")[0] for name in sys.modules} & {"asyncio", "trio", "anyio", "sniffio"}))
""")
    world.relay.wait_for("signalwire.connect")
    world.relay.offer()
    assert outcome_of(process) == (0, ["[]"], "")


@pytest.mark.parametrize("front", ["asyncio"])
def test_asyncio_needs_no_trio(world: World, program: Program) -> None:
    process = program("""
sys.modules["trio"] = sys.modules["sniffio"] = None  # as if they were not installed
import anyio

async def main():
    async with client:
        say((await client.execute("test.echo"))["code"])

anyio.run(main, backend=sys.argv[2])
""")
    assert outcome_of(process) == (0, ["200"], "")
