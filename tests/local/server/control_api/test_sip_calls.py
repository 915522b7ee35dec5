"""Calls of real SIP phones in the control API: RELAY and SIP messages of one call in one picture."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
import pytest

from anyrelay.cli.trace import run_trace
from tests.local.server.control_api.support import application, controlled_relay
from tests.support.capture_reader import read_capture
from tests.support.phone_process import phone_process

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


async def test_sip_and_relay_messages_of_a_call_are_in_one_ladder(tmp_path):
    from anyrelay.local.sip.phones import SipPhones

    async with controlled_relay(phones=SipPhones("127.0.0.1:0")) as (relay, api), application(relay):
        uri = str(relay.sip_uri).replace("sip:", "sip:default@")
        async with phone_process(dial=uri) as phone:
            await relay.until(lambda: [call.state for call in relay.calls] == ["answered"], 20)
            [call] = (await api.get("/v1/calls")).data
            assert phone.uri.removeprefix("sip:") in call["from"]
            assert (await api.post(f"/v1/calls/{call['id']}/digits", {"digits": "1"})).status == 501
            assert (await api.post(f"/v1/calls/{call['id']}/hangup")).status == 202
            await relay.until(lambda: relay.calls[0].state == "ended", 20)
            frames = (await api.get(f"/v1/frames?call_id={call['id']}")).data
        methods = [frame["method"] for frame in frames if frame["kind"] == "sip"]
        assert (methods[0], "BYE" in methods) == ("INVITE", True)
        assert "calling.answer" in {frame["method"] for frame in frames}
        capture = await api.get(f"/v1/calls/{call['id']}/capture")
        assert capture.headers["content-type"] == "application/vnd.tcpdump.pcap"
        assert capture.headers["content-disposition"] == f'attachment; filename="call-{call["id"]}.pcap"'
        saved = partial(run_trace, api.url, call=call["id"][:8], form="pcap", output=str(tmp_path / "call.pcap"))
        assert await anyio.to_thread.run_sync(saved) == 0
        assert (tmp_path / "call.pcap").read_bytes().startswith(capture.content)  # a later message may follow
        sip = [frame for frame in frames if frame["kind"] == "sip"]
        packets = read_capture(capture.content)[: len(sip)]
        assert [packet.content.decode() for packet in packets] == [frame["text"] for frame in sip]
        assert [packet.time for packet in packets] == pytest.approx([frame["time"] for frame in sip], abs=2e-6, rel=0)
        ends = [
            packet.source if frame["direction"] == "rx" else packet.target
            for packet, frame in zip(packets, sip, strict=True)
        ]
        assert set(ends) == {sip[0]["from"]}
        head = (await api.get(f"/v1/calls/{call['id']}/ladder?format=text")).text.splitlines()[0]
        assert head.split()[-4:] == ["RELAY", "server", "your", "application"]


async def test_a_sip_phone_is_rung_and_its_call_is_offered_to_the_context():
    from anyrelay.local.sip.phones import SipPhones

    async with (
        controlled_relay(phones=SipPhones("127.0.0.1:0")) as (relay, api),
        application(relay),
        application(relay, contexts=["closed"]) as closed,
        phone_process(user="alice") as alice,
    ):
        closed.on_call(lambda call: call.hangup("busy"))

        answer = await api.post("/v1/calls", {"from": alice.uri, "context": "default"})
        assert answer.status == 201
        call = answer.body
        assert (call["direction"], call["context"], call["from"]) == ("inbound", "default", alice.uri)
        assert (await alice.expect(event="call", state="incoming"))["peer"].startswith("sip:default@127.0.0.1:")
        await relay.until(lambda: relay.calls[0].spoken != () and relay.calls[0].state == "answered", 20)
        assert (await api.post(f"/v1/calls/{call['id']}/hangup")).status == 202
        await alice.expect(event="call", state="ended")
        frames = (await api.get(f"/v1/frames?call_id={call['id']}")).data
        assert next(frame for frame in frames if frame["kind"] == "sip")["summary"].startswith("INVITE")

        refused = await api.post("/v1/calls", {"to": alice.uri, "context": "closed"})
        assert (refused.status, refused.body["from"]) == (201, alice.uri)
        await relay.until(lambda: relay.calls[1].state == "ended", 20)
        assert relay.calls[1].end_reason == "busy"
        await alice.expect(event="call", state="ended")


async def test_why_a_sip_phone_did_not_answer():
    from anyrelay.local.sip.phones import SipPhones

    async with controlled_relay(phones=SipPhones("127.0.0.1:0")) as (relay, api):
        wanted = {"from": "sip:alice@127.0.0.1:9", "context": "default", "wait_for_subscriber": 0}
        nobody = await api.post("/v1/calls", wanted)
        assert (nobody.status, nobody.body["errors"][0]["message"].split(" within")[0]) == (
            409,
            "no client received in the context 'default'",
        )
        async with application(relay), phone_process(answers="busy") as busy, phone_process(answers="silent") as silent:
            await relay.until(lambda: relay.exchange.sessions.next_subscriber("default", peek=True) is not None, 20)
            refusals = [
                await api.post("/v1/calls", {"context": "default", **more})
                for more in (
                    {"from": busy.uri},
                    {"from": silent.uri, "give_up_after": 0.5},
                    {"from": "+15550001111"},
                )
            ]
            await silent.expect(event="call", state="ended")
        assert [(refusal.status, refusal.body["errors"][0]["message"]) for refusal in refusals] == [
            (409, f"{busy.uri} is busy"),
            (409, f"{silent.uri} did not answer"),
            (422, "cannot call tel:+15550001111: the dial plan has no SIP URI for this number (--dial-plan)"),
        ]
        assert relay.calls == []


async def test_a_server_with_simulated_phones_rings_none():
    async with controlled_relay() as (relay, _):
        with pytest.raises(RuntimeError, match=r"phones\.dial"):
            await relay.ring("sip:alice@example.com")
