"""The program of a phone: what it cannot do, and how it ends; and an address that is taken."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from anyrelay.local.sip.phone import main
from anyrelay.local.sip.phones import SipPhones, SipStackError
from tests.support.phone_process import phone_process
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


async def test_an_address_that_is_taken() -> None:
    async with SipPhones("127.0.0.1:0") as phones:
        await phones.start(RecordingPhoneEvents())
        with pytest.raises(SipStackError, match="cannot listen for SIP on"):
            await SipPhones(phones.address).start(RecordingPhoneEvents())
        with pytest.raises(SipStackError, match=f"cannot listen for SIP on {phones.address}"):
            async with phone_process(listen=phones.address):
                pass


@pytest.mark.parametrize("answers", ["no-answer", "decline", "reject"])
def test_what_the_stack_cannot_play(answers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"--answers={answers}"])
    assert stopped.value.code == 2
    assert f"--answers {answers}: the SIP stack cannot" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_phone_ends_on_a_signal(number: signal.Signals) -> None:
    async with phone_process() as phone:
        phone.signal(number)
        assert await asyncio.wait_for(phone.wait(), 10) == 0


async def test_a_phone_ends_when_its_time_is_over() -> None:
    async with phone_process(stay=0.1) as phone:
        assert await asyncio.wait_for(phone.wait(), 10) == 0
        with pytest.raises(TimeoutError, match="the phone ended"):
            await phone.expect(event="call")


async def test_a_phone_ends_when_nobody_reads() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyrelay.local.sip.phone", "--dial=sip:nobody@127.0.0.1:9", "--stay=20"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b'"ready"' in await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert await process.stderr.read() == b""
