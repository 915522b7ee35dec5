"""The SIP stack's process dies, hangs or breaks: its calls end with the truth, and the next one is taken soon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyrelay import Call, CallingErrorEvent, ReferOutcome, ReferStatus, RelayClient, UnknownReason
from anyrelay.local import LocalRelay, SipPhones
from anyrelay.local.exchange.ports import Leg, PhoneReport
from anyrelay.local.exchange.reports import CallEnded, CallFailed
from anyrelay.local.sip import supervisor
from anyrelay.local.sip.supervisor import SipSupervisor
from tests.local.sip.udp_phone import UdpCall, sip_socket
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]

CALLS = 50
NEXT_CALL = 2.0
"""Seconds after which the next call is to be taken at the latest."""
BROKEN_INVITES = 300


@pytest.fixture(autouse=True)
def _no_spare() -> None:
    """Keep a second process of the stack ready, as users have it: these tests break the first one."""


def pid_of(phones: SipPhones) -> int:
    assert phones._supervisor.process is not None
    return phones._supervisor.process.pid


def is_running(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def call_until_taken(server: str, seconds: float = NEXT_CALL) -> float:
    """Call until a call is answered; return how long that took."""
    began = time.monotonic()
    async with sip_socket(server) as socket:
        while True:
            with anyio.move_on_after(0.3):
                call = UdpCall(socket, server)
                if await call.call(timeout=0.3) == 200:
                    await call.hang_up()
                    return time.monotonic() - began
            assert time.monotonic() - began < seconds + 10, "no call is taken any more"


async def killed(phones: SipPhones) -> None:
    os.kill(pid_of(phones), signal.SIGKILL)


async def crashed(phones: SipPhones) -> None:
    os.kill(pid_of(phones), signal.SIGSEGV)


async def refused_by_stack(phones: SipPhones) -> None:
    """What INVITEs without a Contact do to a stack that they are not kept from."""
    async with sip_socket(phones.address) as socket:
        for _ in range(BROKEN_INVITES):
            bad = UdpCall(socket, phones.address)
            socket.send(bad.invite().replace(f"{bad.contact}\r\n", ""))
            with anyio.move_on_after(0.2):
                if (await bad.final()).code != 500:
                    return


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stack have every INVITE."""
    script = str(Path(__file__).with_name("unguarded_child.py"))
    monkeypatch.setattr(supervisor, "module_command", lambda _, *options: [sys.executable, script, *options])


class Application:
    """Answers every call and refers it; keeps what became of it."""

    def __init__(self, client: RelayClient) -> None:
        self.outcomes: list[ReferOutcome] = []
        self.ended: list[str] = []
        self.errors: list[CallingErrorEvent] = []
        self.answered = 0
        client.on_call(self.handle)

    async def handle(self, call: Call) -> None:
        await call.answer()
        await call.wait_for_answered()
        self.answered += 1
        call.on(CallingErrorEvent, self.errors.append)
        self.outcomes.append(await call.refer_and_wait("sip:bob@127.0.0.1:9"))
        self.ended.append((await call.wait_for_ended()).end_reason)


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)  # what other processes do cannot be awaited


@pytest.mark.parametrize("breaking", [killed, crashed, refused_by_stack])
@pytest.mark.usefixtures("unguarded")
async def test_fifty_calls_with_transfers_when_the_stack_breaks(
    breaking: Callable[[SipPhones], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    phones = SipPhones("127.0.0.1:0")
    async with LocalRelay(phones) as relay:
        client = RelayClient("p", "t", host=relay.url, contexts=["default"])
        application = Application(client)
        async with client, sip_socket(phones.address) as socket:
            session = client.relay_protocol
            calls = [UdpCall(socket, phones.address) for _ in range(CALLS)]
            for call in calls:
                assert await call.call() == 200
            for call in calls:
                await call.refer()
            await until(lambda: application.answered == CALLS)
            called = {call.call_id for call in calls}
            assert {leg.call_id for leg in phones._legs.values() if not leg.ended} == called
            first = pid_of(phones)
            await breaking(phones)
            await until(lambda: len(application.ended) == CALLS)
            assert await call_until_taken(phones.address) < NEXT_CALL
            facts = {(one.status, one.unknown_because) for one in application.outcomes[:CALLS]}
            assert facts == {(ReferStatus.UNKNOWN, UnknownReason.NOT_REPORTED)}
            assert set(application.ended[:CALLS]) == {"error"}
            assert len(application.errors) == CALLS
            assert all("the SIP stack broke" in error.message for error in application.errors)
            assert client.relay_protocol == session
            assert client.statistics()["sessions_lost"] == 0
            assert not is_running(first)
            assert not {leg.call_id for leg in phones._legs.values() if not leg.ended} & called
    assert not list(tmp_path.iterdir())
    broke = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(broke) == 1 or (breaking is refused_by_stack and len(broke) > 1)  # as long as they go on
    assert all("the SIP stack broke" in words for words in broke)


async def test_invites_that_break_the_stack_are_kept_from_it() -> None:
    """Without a Contact, an INVITE would cost the stack a place for calls each, and its memory in the end."""
    phones = SipPhones("127.0.0.1:0")
    async with LocalRelay(phones) as relay:
        client = RelayClient("p", "t", host=relay.url, contexts=["default"])
        application = Application(client)
        async with client, sip_socket(phones.address) as socket:
            calls = [UdpCall(socket, phones.address) for _ in range(CALLS)]
            for call in calls:
                assert await call.call() == 200
                await call.refer()
            first = pid_of(phones)
            for spoilt in range(BROKEN_INVITES):
                bad = UdpCall(socket, phones.address)
                contact = ("", "Contact: <nonsense\r\n", "Contact: ;\r\n")[spoilt % 3]
                socket.send(bad.invite().replace(f"{bad.contact}\r\n", contact))
                assert (await bad.final()).code == 400
            assert await call_until_taken(phones.address) < NEXT_CALL
            for call in calls:
                socket.send(call.notify())
            await until(lambda: len(application.outcomes) >= CALLS)
            assert {one.status for one in application.outcomes[:CALLS]} == {ReferStatus.BUSY}
            assert pid_of(phones) == first
            for call in calls:
                await call.hang_up()


@pytest.mark.usefixtures("unguarded")
async def test_a_refusal_of_the_stack_s_own_ends_no_call_while_it_takes_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            first = pid_of(phones)
            good = UdpCall(socket, phones.address)
            assert await good.call() == 200
            for number in range(20):
                bad = UdpCall(socket, phones.address)
                spoilt = (
                    bad.invite().replace(f"{bad.contact}\r\n", "") if number % 2 else bad.invite().replace("v=0", "v=7")
                )
                socket.send(spoilt)
                assert (await bad.final()).code == 500
            other = UdpCall(socket, phones.address)
            assert await other.call() == 200
            for call in (good, other):
                await call.hang_up()
            assert pid_of(phones) == first
    assert "refused with 500: its offer cannot be read, or the SIP stack failed" in caplog.text
    assert not [report for report in board.reports if report[0] == "failed" and "broke" in report[1]]
    assert "probe" not in caplog.text
    assert {report[1] for report in board.reports if report[0] == "arrived"} == {"default"}


async def test_a_stack_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SILENCE", 2.0)
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            assert await UdpCall(socket, phones.address).call() == 200
            os.kill(pid_of(phones), signal.SIGSTOP)
            _, error = await board.until("failed")
            assert "it was silent" in error
        assert await call_until_taken(phones.address) < NEXT_CALL


async def test_the_stack_is_started_until_it_runs(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SPARE_AFTER", 1_000)
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents())
        with monkeypatch.context() as failing:
            failing.setattr(supervisor, "module_command", lambda *_: [sys.executable, "-c", "exit('no luck')"])
            await killed(phones)
            await until(lambda: caplog.text.count("cannot be started again") == 2)
        await call_until_taken(phones.address, 10)
    assert "could not start: status 1 (no luck)" in caplog.text


async def test_every_process_of_the_stack_is_killed() -> None:
    """The one that waits to take the place of the first, too."""
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            await until(lambda: len(stack_processes()) == 2)
            for pid in stack_processes():
                os.kill(pid, signal.SIGKILL)
            await board.until("failed")
        old = board.legs[0]
        await call_until_taken(phones.address, 10)
        await until(lambda: board.legs[-1].ended)
        async with sip_socket(phones.address) as socket:
            call = UdpCall(socket, phones.address)
            assert await call.call() == 200
            old.hang_up()  # an order to a call of the process that died is no order to a call of the one that runs
            with pytest.raises(TimeoutError):
                await call.next("BYE", timeout=0.3)
            await call.hang_up()


def stack_processes() -> list[int]:
    """The children of this process that are the SIP stack's."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            command = status.with_name("cmdline").read_bytes()
            if b"anyrelay.local.sip.child" in command and f"PPid:\t{os.getpid()}\n" in status.read_text():
                found.append(int(status.parent.name))
    return found


async def test_dialling_while_the_stack_is_started(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        monkeypatch.setattr(SipSupervisor, "is_running", property(lambda _: False))
        phones.call("sip:a@127.0.0.1:9", "sip:b@c", on_ringing=ignored)
        await board.until("ended", "error")
    assert "cannot call sip:a@127.0.0.1:9: the SIP stack is being started" in caplog.text


def ignored(now: float) -> None:
    """Take no notice of a phone that rings."""


async def test_stopping_while_the_stack_is_started_again() -> None:
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents())
        await killed(phones)


async def test_a_call_that_is_dialled_when_the_stack_breaks() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(board)
        phones.call("sip:nobody@127.0.0.1:9", "sip:a@b", on_ringing=ignored)
        await killed(phones)
        await board.until("failed")


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_on_both_event_loops(anyio_backend: str) -> None:
    reports: list[PhoneReport] = []

    class Reports:
        def report(self, now: float, leg: Leg, report: PhoneReport) -> None:
            reports.append(report)

    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(Reports())  # type: ignore[arg-type]
        phones.call("sip:nobody@127.0.0.1:9", "sip:a@b", on_ringing=ignored)
    assert isinstance(reports[-1], CallEnded | CallFailed)


@pytest.mark.parametrize("max_calls", [0, 251])
def test_a_limit_of_calls_that_the_stack_does_not_have(max_calls: int) -> None:
    with pytest.raises(ValueError, match="max_calls must be 1 to 250"):
        SipPhones(max_calls=max_calls)
