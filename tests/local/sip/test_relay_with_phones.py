"""RELAY applications with real SIP phones behind the local server: they dial, record, collect, connect."""

from __future__ import annotations

import asyncio
import io
import urllib.request
import wave

import numpy
import pytest

from anyrelay import Call, ConferenceEvent, DialFailed, RecordEvent, RelayClient, RelayEvent
from anyrelay.local import LocalRelay, SipPhones
from tests.local.sip.fake_audio import frequency_of, level_at, sine, voiced
from tests.local.sip.rtp_phone import RtpCall, rtp_call, rtp_stream
from tests.local.sip.udp_phone import sip_socket
from tests.support.phone_process import phone_process

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


def client_of(relay: LocalRelay) -> RelayClient:
    return RelayClient(project="p", token="t", host=relay.url, contexts=["default"])


def address_of(relay: LocalRelay) -> str:
    assert relay.sip_uri is not None
    return relay.sip_uri.removeprefix("sip:")


def content_of(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        content: bytes = answer.read()
        return content


async def test_a_dial_is_answered_by_the_second_phone() -> None:
    async with (
        LocalRelay(SipPhones("127.0.0.1:0")) as relay,
        client_of(relay) as client,
        phone_process(user="busy", answers="busy") as busy,
        phone_process(user="bob") as bob,
    ):
        devices = [
            [{"type": "sip", "params": {"to": uri, "from": "sip:shop@example.com"}}] for uri in (busy.uri, bob.uri)
        ]
        call = await client.dial(devices)
        assert call.device["params"]["to"] == bob.uri
        assert (await bob.expect(event="call", state="incoming"))["peer"].startswith("sip:shop@127.0.0.1:")
        await bob.expect(event="call", state="established")
        await call.hangup()
        assert (await call.wait_for_ended()).end_reason == "hangup"
        await bob.expect(event="call", state="ended")


@pytest.mark.parametrize(("answers", "timeout"), [("busy", 20), ("silent", 1)])
async def test_a_dial_that_nobody_answers(answers: str, timeout: int) -> None:
    async with (
        LocalRelay(SipPhones("127.0.0.1:0")) as relay,
        client_of(relay) as client,
        phone_process(user="bob", answers=answers) as bob,
    ):
        with pytest.raises(DialFailed):
            await client.dial([[{"type": "sip", "params": {"to": bob.uri, "timeout": timeout}}]])
        await bob.expect(event="call", state="ended")


async def test_a_number_is_dialled_by_the_dial_plan() -> None:
    async with phone_process(user="bob") as bob:
        phones = SipPhones("127.0.0.1:0", dial_plan={"+1555*": bob.uri})
        async with LocalRelay(phones) as relay, client_of(relay) as client:
            device = {"type": "phone", "params": {"to_number": "+15550001111", "from_number": "+15559999"}}
            call = await client.dial([[device]])
            await bob.expect(event="call", state="established")
            assert (await bob.expect(event="call", state="incoming"))["peer"].startswith("sip:+15559999@")
            await call.hangup()
            with pytest.raises(DialFailed, match="dial plan"):
                await client.dial([[{"type": "phone", "params": {"to_number": "+49301234", "from_number": "+1"}}]])


async def test_voicemail() -> None:
    fetched: list[bytes] = []

    async with LocalRelay(SipPhones("127.0.0.1:0")) as relay:
        client = client_of(relay)
        saved = asyncio.Event()
        recording = asyncio.Event()

        @client.on_call
        async def voicemail(call: Call) -> None:
            await call.answer()
            await call.wait_for_answered()
            call.on(RecordEvent, lambda event: recording.set())  # its first event says that it has begun
            action = await call.record(audio={"format": "wav", "direction": "speak", "end_silence_timeout": 1.0})
            event = await action.wait()
            fetched.append(await asyncio.to_thread(content_of, event.url))
            assert event.size == len(fetched[0])
            assert event.duration is not None
            await call.hangup()
            saved.set()

        async with client, sip_socket(address_of(relay)) as socket, rtp_stream() as rtp:
            call = RtpCall(socket, address_of(relay))
            call.rtp = rtp
            assert await call.call() == 200
            await asyncio.wait_for(recording.wait(), 10)
            await rtp.say(sine(440, 1.5))
            await asyncio.wait_for(saved.wait(), 15)
    with wave.open(io.BytesIO(fetched[0])) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
    assert abs(frequency_of(voiced(samples)) - 440) < 1
    assert abs(len(voiced(samples)) / 8_000 - 1.5) < 0.1


async def test_a_menu_is_answered_with_a_digit_and_the_caller_is_connected() -> None:
    async with (
        LocalRelay(SipPhones("127.0.0.1:0")) as relay,
        phone_process(user="bob", say="Hello, this is Bob.") as bob,
    ):
        client = client_of(relay)
        asked, connected, digits = asyncio.Event(), asyncio.Event(), []

        @client.on_call
        async def menu(call: Call) -> None:
            await call.answer()
            await call.wait_for_answered()
            action = await call.play_and_collect(
                [{"type": "ringtone", "params": {"name": "de", "duration": 5}}], {"digits": {"max": 1}}
            )
            asked.set()
            digits.append((await action.wait()).digits)
            await call.connect([[{"type": "sip", "params": {"to": bob.uri}}]])
            connected.set()
            await call.wait_for_ended()

        async with client, sip_socket(address_of(relay)) as socket, rtp_stream() as rtp:
            call = RtpCall(socket, address_of(relay))
            call.rtp = rtp
            assert await call.call() == 200
            await asyncio.wait_for(asked.wait(), 10)
            await rtp.until_heard(0.5)
            await rtp.press("7")
            await asyncio.wait_for(connected.wait(), 10)
            await bob.expect(event="call", state="established")
            since = len(rtp.packets)
            await rtp.say(sine(300, 2.0))
            await rtp.until_heard(0.5, since)
            await call.hang_up()
            heard = await bob.expect(event="heard")
            assert digits == ["7"]
            assert heard["voiced"] > 1.0


async def test_a_conference_is_recorded_until_its_last_call_ends() -> None:
    completed: asyncio.Future[ConferenceEvent] = asyncio.get_running_loop().create_future()
    async with LocalRelay(SipPhones("127.0.0.1:0")) as relay:
        client = client_of(relay)

        @client.on_call
        async def meet(call: Call) -> None:
            await call.answer()
            await call.wait_for_answered()
            await call.join_conference("team", record="record-from-start")
            await call.wait_for_ended()

        @client.on_event
        def ended(event: RelayEvent) -> None:
            if isinstance(event, ConferenceEvent) and event.status == "recording-completed":
                completed.set_result(event)

        address = address_of(relay)
        async with client, rtp_call(address) as first:
            async with rtp_call(address) as second:
                await relay.until(
                    lambda: len(relay.exchange.calls) == 2 and all(c.mix for c in relay.exchange.calls), 10
                )
                await asyncio.gather(first.rtp.say(sine(440, 1.0)), second.rtp.say(sine(1_000, 1.0)))
                await second.hang_up()
            await first.rtp.say(sine(440, 1.0))
            await first.hang_up()
            async with asyncio.timeout(20):
                event = await completed
        content = await asyncio.to_thread(content_of, event.params["url"])
    assert event.params["size"] == len(content)
    with wave.open(io.BytesIO(content)) as file:
        samples = numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)
        assert abs(file.getnframes() / 8_000 - event.params["duration"]) < 0.01
    heard = voiced(samples)
    assert len(heard) / 8_000 > 1.5
    assert all(level_at(heard[1_000:5_000], tone) > 2_000 for tone in (440, 1_000))
    assert level_at(heard[-4_000:-1_000], 440) > 2_000
    assert level_at(heard[-4_000:-1_000], 1_000) < 500
