"""Calls over the control API: placed, listed, acted on, drawn."""

from __future__ import annotations

import urllib.request
from typing import Any

import anyio.to_thread
import pytest

from anyrelay import RelayClient
from anyrelay.frontend.trace import read_trace
from anyrelay.local import LocalRelay
from anyrelay.protocol.schema.codec import decode_command
from tests.local.server.control_api.support import Api, application, controlled_relay

pytestmark = pytest.mark.anyio


async def state_of(api: Api, relay: LocalRelay, call: dict[str, Any], state: str) -> dict[str, Any]:
    """Wait until a call is in a state, and return the call as the API has it."""
    await relay.until(lambda: any(each.id == call["id"] and each.state == state for each in relay.calls), 10)
    body: dict[str, Any] = (await api.get(f"/v1/calls/{call['id']}")).body
    return body


async def test_a_call_from_its_beginning_to_its_end():
    async with controlled_relay() as (relay, api), application(relay):
        placed = await api.post("/v1/calls", {"context": "default", "from": "sip:alice@example.com", "press": "12"})
        assert placed.status == 201
        call = placed.body
        assert (call["from"], call["context"], call["direction"]) == ("sip:alice@example.com", "default", "inbound")
        assert (call["answered_at"], call["ended_at"], call["end_reason"]) == (None, None, None)
        await relay.until(lambda: relay.calls[0].digits_sent == "12", 10)
        answered = await state_of(api, relay, call, "answered")
        assert (answered["spoken"], answered["project_id"]) == (["Two digits, please."], "p")
        [session] = (await api.get("/v1/sessions")).data
        assert answered["session"] == session["id"]
        assert (session["calls"], session["contexts"], session["connected"]) == (1, ["default"], True)
        assert session["agent"].startswith("anyrelay/")
        assert (await api.post(f"/v1/calls/{call['id']}/hangup")).body == {"id": call["id"]}
        ended = await state_of(api, relay, call, "ended")
        assert ended["end_reason"] == "hangup"
        assert ended["created_at"] <= ended["answered_at"] <= ended["ended_at"]
        assert (await api.get("/v1/calls?state=ended&context=default")).data == [ended]
        assert (await api.get("/v1/calls?state=answered")).data == []


async def test_digits_and_texts_reach_the_application():
    async with controlled_relay() as (relay, api), application(relay):
        call = (await api.post("/v1/calls", {"to": "sip:default@example.com"})).body
        await relay.until(lambda: relay.calls[0].spoken == ("Two digits, please.",), 10)
        assert (await api.post(f"/v1/calls/{call['id']}/say", {"text": "Hello"})).status == 202
        assert (await api.post(f"/v1/calls/{call['id']}/digits", {"digits": "9w9"})).status == 202
        await state_of(api, relay, call, "ended")
        steps = [frame.summary for frame in relay.frames(call_id=call["id"]) if frame.kind == "phone"]
        assert [step for step in steps if step.startswith(("says", "presses"))] == [
            "says Hello",
            "presses 9",
            "presses 9",
        ]


async def test_the_server_ends_a_call_for_a_reason():
    async with controlled_relay() as (relay, api), application(relay):
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await state_of(api, relay, call, "answered")
        assert (await api.post(f"/v1/calls/{call['id']}/hangup", {"reason": "busy"})).status == 202
        assert (await state_of(api, relay, call, "ended"))["end_reason"] == "busy"


async def test_a_call_is_transferred():
    async with controlled_relay() as (relay, api), application(relay):
        relay.phones.add("sip:bob:secret@example.com", "busy")
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await state_of(api, relay, call, "answered")
        assert (await api.post(f"/v1/calls/{call['id']}/refer", {"to": "sip:bob:secret@example.com"})).status == 202
        await relay.until(lambda: bool(relay.calls[0].refers) and relay.calls[0].refers[-1].status != "inProgress", 10)
        body = (await api.get(f"/v1/calls/{call['id']}")).body
        assert body["refers"] == [{"to": "sip:bob:***@example.com", "status": "busy", "notify_code": "486"}]


async def test_what_cannot_be_done_with_a_call():
    async with controlled_relay() as (relay, api), application(relay):
        assert (await api.get("/v1/calls/none")).status == 404
        for order, body in (
            ("digits", {"digits": "1"}),
            ("say", {"text": "x"}),
            ("hangup", {}),
            ("refer", {"to": "sip:b@x"}),
        ):
            assert (await api.post(f"/v1/calls/none/{order}", body)).status == 404
        call = (await api.post("/v1/calls", {"context": "default", "hangup_after": 0})).body
        await state_of(api, relay, call, "ended")
        answer = await api.post(f"/v1/calls/{call['id']}/digits", {"digits": "1"})
        assert (answer.status, answer.body["errors"][0]["code"]) == (409, "conflict")
        nobody = await api.post("/v1/calls", {"context": "nobody", "wait_for_subscriber": 0})
        assert (nobody.status, nobody.body["errors"][0]["message"]) == (
            409,
            "no client receives in the context 'nobody'",
        )


async def test_the_ladder_of_a_call(tmp_path):
    async with controlled_relay() as (relay, api), application(relay):
        call = (
            await api.post("/v1/calls", {"context": "default", "from": "sip:alice@example.com", "press": "99"})
        ).body
        await state_of(api, relay, call, "ended")
        text = await api.get(f"/v1/calls/{call['id']}/ladder?format=text")
        lines = text.text.splitlines()
        assert lines[0].split() == ["sip:alice@example.com", "RELAY", "server", "your", "application"]
        assert "calls default" in lines[1]
        assert "call.state ended" in lines[-1]
        assert f'filename="call-{call["id"]}.txt"' in text.headers["content-disposition"]
        svg = await api.get(f"/v1/calls/{call['id']}/ladder")
        assert (svg.headers["content-type"], svg.text[:5]) == ("image/svg+xml", "<svg ")
        mermaid = await api.get(f"/v1/calls/{call['id']}/ladder?format=mermaid")
        assert mermaid.text.splitlines()[:2] == ["sequenceDiagram", "    participant P1 as sip:alice@example.com"]
        trace = await api.get(f"/v1/calls/{call['id']}/ladder?format=jsonl")
        (tmp_path / "call.relay.jsonl").write_text(trace.text)
        frames = read_trace(tmp_path / "call.relay.jsonl")
        assert [frame.method for frame in frames if frame.from_client and frame.method] == [
            "calling.answer",
            "calling.play_and_collect",
            "calling.end",
        ]


async def test_a_call_of_a_simulated_phone_has_no_capture():
    async with controlled_relay() as (relay, api), application(relay):
        call = (await api.post("/v1/calls", {"context": "default"})).body
        none = await api.get(f"/v1/calls/{call['id']}/capture")
        assert (none.status, none.body["errors"][0]["message"]) == (
            404,
            "the server has no SIP message of this call: simulated phones send none",
        )
        unknown = await api.get("/v1/calls/unknown/capture")
        assert (unknown.status, unknown.body["errors"][0]["message"]) == (404, "there is no such call")


async def test_frames_come_in_pages():
    async with controlled_relay() as (relay, api), application(relay):
        call = (await api.post("/v1/calls", {"context": "default", "press": "99"})).body
        await state_of(api, relay, call, "ended")
        all_of_them = (await api.get(f"/v1/frames?call_id={call['id']}")).body
        assert (all_of_them["next"], all_of_them["dropped"]) == (None, 0)
        found, after = [], 0
        while after is not None:
            page = (await api.get(f"/v1/frames?call_id={call['id']}&limit=5&after={after}")).body
            found, after = found + page["data"], page["next"]
        assert found == all_of_them["data"]
        assert [frame["seq"] for frame in found] == sorted(frame["seq"] for frame in found)
        [command, reply] = (await api.get(f"/v1/frames?call_id={call['id']}&method=calling.answer")).data
        assert (command["direction"], command["role"], command["from"], command["to"]) == (
            "rx",
            "command",
            "client 1",
            "server",
        )
        assert (reply["direction"], reply["role"], reply["summary"]) == ("tx", "reply", "200 Answered")


async def test_a_recording_is_fetched():
    async with controlled_relay() as (relay, api), application(relay):
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await state_of(api, relay, call, "answered")
        known = relay.exchange.calls.get(call["id"])
        names = {"call_id": call["id"], "node_id": call["node_id"], "control_id": "r"}
        command = decode_command("calling.record", {**names, "record": {"audio": {"direction": "both"}}})
        relay.exchange.call_control.carry_out(command, known.controller, relay.exchange.now)
        await api.post(f"/v1/calls/{call['id']}/say", {"text": "A few words."})
        await relay.until(lambda: "says A few words." in [frame.summary for frame in relay.frames()], 10)
        await api.post(f"/v1/calls/{call['id']}/hangup")
        await relay.until(lambda: bool(relay.calls[0].recordings), 10)
        [recording] = (await api.get(f"/v1/calls/{call['id']}")).body["recordings"]
        url = f"{api.url}/v1/recordings/{recording['id']}"
        content = await anyio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read())
        assert (content[:4], len(content)) == (b"RIFF", recording["size"])
        assert (await api.get("/v1/recordings/none")).status == 404


class NoPhones:
    uri = "sip:127.0.0.1:5060"

    def watch(self, watcher):
        pass

    async def start(self, events):
        pass

    async def stop(self):
        pass


async def test_clients_of_a_server_with_sip_phones_hear_each_other():
    async with controlled_relay(phones=NoPhones()) as (relay, _):
        settings = {"project": "p", "token": "t", "host": relay.url}
        heard = []
        office = RelayClient(**settings, contexts=["office"])

        @office.on_call
        async def listen(call):
            await call.answer()
            collect = await call.collect(speech={}, initial_timeout=10)
            heard.append((await collect.wait()).result["params"]["text"])
            await call.hangup()

        async with office, RelayClient(**settings) as client:
            device = {"type": "sip", "params": {"from": "sip:a@x.org", "to": "sip:office@127.0.0.1:5060"}}
            call = await client.dial([[device]])
            await call.play_tts("Yes.")
            await call.wait_for_ended()
    assert heard == ["Yes."]


async def test_a_server_with_sip_phones_is_told_which_phone_to_ring():
    async with controlled_relay(phones=NoPhones()) as (_, api):
        answer = await api.post("/v1/calls", {"context": "default"})
        assert answer.status == 409
        assert "let a softphone call sip:CONTEXT@127.0.0.1:5060" in answer.body["errors"][0]["message"]
        for field, value in (("press", "1"), ("say", ["yes"]), ("hangup_after", 1), ("answer_refer", "refuse")):
            answer = await api.post("/v1/calls", {"from": "sip:a@b", "context": "default", field: value})
            assert (answer.status, answer.body["errors"][0]["message"].split()[0]) == (501, field)
        assert (await api.get("/v1/phones")).status == 501
        assert (await api.get("/health")).body["phones"] == "sip"
