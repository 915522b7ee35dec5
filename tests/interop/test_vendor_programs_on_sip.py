"""Programs of SignalWire's clients with a SIP phone that sends real audio: a voicemail that is measured, a menu."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import urllib.request
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from anyrelay.local import LocalRelay, SipPhones
from tests.interop.vendor_client import LANGUAGES, TIMEOUT, VendorClient, need, vendor_client

pytestmark = [pytest.mark.sdk, pytest.mark.sip, pytest.mark.anyio]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # these tests start processes with asyncio


def need_sip() -> None:
    if importlib.util.find_spec("baresip") is None:
        reason = "baresip-python is not installed: pip install 'anyrelay[sip]'"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@contextlib.asynccontextmanager
async def answered_call(language: str, program: str, tls_dir: Path) -> AsyncIterator[tuple[VendorClient, Any]]:
    """Run a program against a server with SIP phones; a phone calls the context of the program's name, and is answered."""
    from tests.local.sip.rtp_phone import rtp_call

    async with (
        LocalRelay(phones := SipPhones("127.0.0.1:0"), tls_dir=tls_dir, token="right", strict=True) as relay,
        vendor_client(language, program, relay, "right") as client,
    ):
        sessions = relay.exchange.sessions
        await relay.until(lambda: sessions.next_subscriber(program, peek=True) is not None, TIMEOUT)
        async with rtp_call(phones.address, user=program) as phone:
            yield client, phone


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_voicemail_has_the_tone_that_the_phone_sent(language: str, tmp_path: Path) -> None:
    need(language)
    need_sip()
    import numpy

    from tests.local.sip.fake_audio import frequency_of, silence, sine, voiced

    async with answered_call(language, "voicemail", tmp_path) as (client, phone):
        await client.until("recording")
        await phone.rtp.say(silence(0.8))  # while the beep is played
        await phone.rtp.say(sine(440, 2.0))
        await phone.rtp.press("#")
        recorded = await client.until("recorded")
        content = await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(recorded["url"]).read())
        await phone.next("BYE")
    assert (recorded["state"], recorded["size"]) == ("finished", len(content))
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(recorded["duration"], abs=0.1)
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    assert abs(frequency_of(voiced(samples)) - 440) < 1
    assert abs(len(voiced(samples)) / 8_000 - 2.0) < 0.1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_menu_hears_the_digit_of_the_phone(language: str, tmp_path: Path) -> None:
    need(language)
    need_sip()
    async with answered_call(language, "ivr", tmp_path) as (client, phone):
        await phone.rtp.until_heard(0.2)
        await phone.rtp.press("2")
        assert await client.until("collected") == {"event": "collected", "type": "digit", "digits": "2"}
        await phone.next("BYE")
