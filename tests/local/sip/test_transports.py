"""Calls over IPv6, and over TLS with SRTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

from anyrelay.local.exchange.reports import RecordSettings
from anyrelay.local.sip.addresses import split_address
from anyrelay.local.sip.phones import SipPhones
from anyrelay.local.sip.probe import Probe
from anyrelay.protocol.schema import Media
from tests.local.sip.fake_audio import frequency_of, sine, voiced
from tests.local.sip.test_call_audio import samples_of
from tests.support.baresip_phone import baresip_phone
from tests.support.phone_process import phone_process
from tests.support.recording_phone_events import RecordingPhoneEvents

pytestmark = [pytest.mark.anyio, pytest.mark.sip]

RINGING = [Media("ringtone", {"name": "de", "duration": 1})]


async def test_calls_over_ipv6_both_ways() -> None:
    board = RecordingPhoneEvents()
    async with SipPhones("[::1]:0") as phones:
        await phones.start(board)
        assert phones.uri.startswith("sip:[::1]:")
        async with phone_process(listen="[::1]:0", dial=f"sip:default@{phones.address}") as caller:
            await board.until("answered")
            assert board.reports[0][1:3] == ("default", caller.uri)
            board.legs[0].play("ring", RINGING, volume=0, loop=1)
            await board.until("play", "ring", "finished")
            board.legs[0].hang_up()
            assert (await caller.expect(event="heard"))["voiced"] > 0.8
        async with phone_process(listen="[::1]:0", user="bob") as bob:
            called = phones.call(bob.uri, "", on_ringing=lambda now: None)
            await bob.expect(event="call", state="established")
            called.hang_up()
            await bob.expect(event="call", state="ended")


async def test_the_stack_is_probed_over_ipv6() -> None:
    async with SipPhones("[::1]:0") as phones:
        await phones.start(RecordingPhoneEvents(answers=False, wanted=False))
        assert await Probe().call(*split_address(phones.address)) == 486


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    issued = trustme.CA().issue_cert("127.0.0.1")
    path = tmp_path / "sip.pem"
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    return path


@pytest.mark.baresip
@pytest.mark.parametrize("srtp", [True, False])
async def test_a_phone_calls_over_tls(srtp: bool, certificate: Path) -> None:
    account, modules = (";mediaenc=srtp-mand", "module srtp.so\n") if srtp else ("", "")
    board = RecordingPhoneEvents()
    async with (
        SipPhones("127.0.0.1:0", certificate=certificate, on_message=board.saw) as phones,
        baresip_phone(sine(440, 6), more=account, modules=f"{modules}sip_transports udp,tcp,tls\n") as phone,
    ):
        await phones.start(board)
        host, port = split_address(phones.address)
        await phone.command("dial", f"sip:default@{host}:{port + 1};transport=tls")
        await board.until("answered")
        leg = board.legs[0]
        leg.record("r", RecordSettings(name="r", direction="speak"))
        await board.until("RecordChanged", "r", "recording")
        await asyncio.sleep(1)  # of its tone
        leg.stop_record("r")
        path = (await board.until("RecordChanged", "r", "finished"))[5]
        assert abs(frequency_of(voiced(samples_of(path)[0])) - 440) < 2
    invite = next(seen for seen in board.messages if seen.start_line.startswith("INVITE"))
    assert invite.transport == "TLS"
    assert ("a=crypto:" in invite.text) == srtp  # a phone that cannot decrypt records noise


async def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no certificate for SIP over TLS"):
        SipPhones(certificate=tmp_path / "none.pem")


async def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "sip.pem").write_text("nonsense")
    with pytest.raises(Exception, match="cannot listen for SIP"):
        await SipPhones("127.0.0.1:0", certificate=tmp_path / "sip.pem").start(RecordingPhoneEvents())
