"""The process of the SIP stack by itself: its limits, its log, the calls that it loses count of, and who ends it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import resource
import sys
from pathlib import Path

import pytest

from anyrelay.local import SipPhones
from anyrelay.local.exchange.reports import RecordSettings
from anyrelay.local.json_process import JsonProcess, module_command
from anyrelay.local.sip import child, stack_checks, supervisor
from anyrelay.local.sip.stack_checks import StackChecks
from anyrelay.protocol.schema import Media
from tests.local.sip.udp_phone import UdpCall, sip_socket
from tests.support.recording_phone_events import RecordingPhoneEvents
from tests.support.sipp import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


@pytest.mark.parametrize(
    ("soft", "hard", "calls", "set_to"),
    [
        (1_024, 4_096, 200, None),
        (256, 4_096, 200, 664),
        (256, resource.RLIM_INFINITY, 200, 664),
        (256, 364, 100, 364),
        (64, 64, 1, 64),
    ],
)
def test_calls_are_limited_by_the_open_files_that_there_may_be(
    soft: int, hard: int, calls: int, set_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    assert child._affordable(200) == calls
    assert limits == ([] if set_to is None else [(set_to, hard)])


async def test_few_open_files_are_few_calls(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def command(module: str, *options: str) -> list[str]:
        return ["bash", "-c", 'ulimit -n 76; exec "$@"', "bash", *module_command(module, *options)]

    monkeypatch.setattr(supervisor, "module_command", command)
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            calls = [UdpCall(socket, phones.address) for _ in range(4)]
            for call in calls:
                assert await call.call() == 200
            assert await UdpCall(socket, phones.address).call() == 486
            for call in calls:
                await call.hang_up()
    assert "at most 4 calls at once, not 200: there may be 76 open files" in caplog.text
    assert "4 calls are up, which is the limit" in caplog.text


async def test_a_call_that_comes_before_the_user_agents_is_asked_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = str(Path(__file__).with_name("slow_child.py"))
    monkeypatch.setattr(supervisor, "module_command", lambda _, *options: [sys.executable, script, *options])
    address = f"127.0.0.1:{free_port()}"
    async with SipPhones(address) as phones, sip_socket(address) as socket:
        codes: list[int] = []

        async def call_until_taken() -> None:
            while 200 not in codes:
                with contextlib.suppress(TimeoutError):
                    codes.append(await UdpCall(socket, address).call(timeout=0.2))

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(call_until_taken())
            await phones.start(RecordingPhoneEvents())
    answers = [code for code, _ in itertools.groupby(codes)]
    if answers[0] == 404:  # in the moment in which the stack listens and nothing stands in front of it yet
        del answers[0]
    assert answers == [503, 200]


class Stack:
    """A stack that counts wrong."""

    listen = "127.0.0.1:9"

    async def call_count(self) -> int:
        return 7


async def test_a_stack_that_counts_wrong_for_long() -> None:
    broken: list[str] = []
    checks = StackChecks(Stack(), broken.append, lambda _: None)
    for _ in range(stack_checks.COUNT_DIFFERS - 1):
        await checks.look(0)
    assert not broken
    await checks.look(0)
    assert broken == ["it counts 7 calls where there are 0"]


async def test_a_stack_that_answers_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyrelay.local.sip.probe.ANSWER_TIME", 0.05)
    monkeypatch.setattr(stack_checks, "PROBE_PAUSE", 0)
    broken: list[str] = []
    async with asyncio.TaskGroup() as group:
        StackChecks(Stack(), broken.append, group.create_task).probe()
    assert broken == ["it does not answer calls"]


async def test_a_probe_that_finds_no_socket_is_not_the_last_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([OSError(errno.EMFILE, "Too many open files"), 500])

    async def call(*_: object) -> int:
        code = next(codes)
        if isinstance(code, OSError):
            raise code
        return code

    monkeypatch.setattr("anyrelay.local.sip.probe.Probe.call", call)
    monkeypatch.setattr(stack_checks, "PROBE_PAUSE", 0)
    broken: list[str] = []
    tasks: list[asyncio.Task[None]] = []
    checks = StackChecks(Stack(), broken.append, lambda work: tasks.append(asyncio.ensure_future(work)))
    for _ in range(2):
        checks.probe()
        await asyncio.wait(tasks)
    assert isinstance(tasks[0].exception(), OSError)
    assert broken == ["it refuses calls with 500"]


async def test_what_is_logged_there_is_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "anyrelay.local")
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            board.legs[0].refer("nonsense")
            await board.until("refer answered", 503)
            await call.hang_up()
    told = [record for record in caplog.records if "could not be sent on call" in record.getMessage()]
    assert [(record.name, record.levelno) for record in told] == [("anyrelay.local.sip.leg", logging.WARNING)]


async def test_orders_that_cannot_be_followed_harm_nothing(caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        assert phones._supervisor.process is not None
        for order in (
            {"order": "play", "leg": 99},
            {"order": "forget", "leg": 1},
            {"nothing": 1},
            {"order": "dial", "leg": -9, "to_uri": "nonsense", "from_uri": ""},
        ):
            phones._supervisor.process.tell(order)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            assert board.legs[0].call_id == call.call_id
            phones._supervisor.process.tell({"order": "play", "leg": 1, "wrong": True})
            await call.hang_up()
            await board.until("ended")
    assert caplog.text.count("could not be followed") == 3


async def test_orders_to_a_call_that_is_over_do_nothing(caplog: pytest.LogCaptureFixture) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            await call.hang_up()
            await board.until("ended")
            leg = board.legs[0]
            leg.record("late", RecordSettings(name="late"))
            leg.play("late", [Media.silence(1)], volume=0, loop=1)
            leg.stream("late", "nowhere", {})
            leg.send_digits("late", "1")
            leg.refer("sip:bob@127.0.0.1:9")
            leg.hang_up()
            call = UdpCall(socket, phones.address)  # its answer follows the orders above
            assert await call.call() == 200
            await call.hang_up()
    assert board.per_leg[leg][-1] == ("ended", "hangup")
    assert not caplog.records


async def test_it_ends_with_its_parent() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    program = (
        "import asyncio, sys\n"
        "from anyrelay.local import SipPhones\n"
        "async def main():\n"
        "    phones = SipPhones('127.0.0.1:0')\n"
        "    await phones.start(None)\n"
        "    print('{\"pid\": %d}' % phones._supervisor.process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = JsonProcess(
        [sys.executable, "-c", program],
        on_lines=lambda _: None,
        on_end=lambda *_: loop.call_soon_threadsafe(ended.set),
    )
    first = await asyncio.to_thread(parent.ready)
    parent.signal(9)
    await asyncio.wait_for(ended.wait(), 10)
    async with asyncio.timeout(10):
        while _is_running(first["pid"]):
            await asyncio.sleep(0.02)  # what other processes do cannot be awaited
    parent.stop()


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status") as status:
            return "(zombie)" not in status.read()
    except FileNotFoundError:
        return False
