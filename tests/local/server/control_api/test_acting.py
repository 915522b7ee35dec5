"""Text messages, scripts, faults, phones and the reset over the control API."""

from __future__ import annotations

import contextlib

import anyio
import pytest

from anyrelay import ConnectionLost, DialFailed, RelayError
from anyrelay.local.server.control_api.routes import acting
from tests.local.server.control_api.support import application, controlled_relay

pytestmark = pytest.mark.anyio

ANNA, BERT = "+15550000001", "+15550000002"


async def test_a_text_message_arrives_and_one_is_sent():
    async with controlled_relay(numbers={BERT: "default"}) as (relay, api), application(relay) as client:
        received = []
        client.on_message(lambda message: received.append((message.from_number, message.body)))
        assert (await api.ask("PUT", f"/v1/phones/tel:{ANNA}", {})).status == 201
        arrived = await api.post("/v1/messages", {"to": BERT, "from": ANNA, "body": "Hello"})
        assert (arrived.status, arrived.body["direction"], arrived.body["state"]) == (201, "inbound", "received")
        with anyio.fail_after(10):
            while not received:
                await anyio.sleep(0.01)
            sent = await client.send_message(to_number=ANNA, from_number=BERT, context="default", body="Thanks")
            await sent.wait()
        assert received == [(ANNA, "Hello")]
        messages = (await api.get("/v1/messages")).data
        assert [(each["from"], each["body"], each["state"]) for each in messages] == [
            (ANNA, "Hello", "received"),
            (BERT, "Thanks", "delivered"),
        ]
        assert messages[0] == arrived.body
        nobody = await api.post("/v1/messages", {"to": ANNA, "wait_for_subscriber": 0})
        assert nobody.status == 409


async def test_a_script_of_a_command():
    async with controlled_relay() as (relay, api), application(relay) as client:
        script = {"method": "calling.dial", "code": 402, "message": "No credit"}
        assert (await api.post("/v1/scripts", script)).body == script
        with pytest.raises(RelayError, match="No credit"):
            await client.dial([[{"type": "sip", "params": {"from": "sip:a@x.org", "to": "sip:b@x.org"}}]])
        refused = await api.post("/v1/scripts", {"method": "calling.play", "reply": {}, "code": 200, "message": "no"})
        assert refused.status == 422
        assert "calling.play can only be refused" in refused.body["errors"][0]["message"]


async def test_a_script_of_the_next_transfer():
    async with controlled_relay() as (relay, api), application(relay):
        relay.phones.add("sip:bob@example.com")
        assert (await api.post("/v1/scripts", {"refer": {"name": "refuse", "code": 488}})).status == 201
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await relay.until(lambda: relay.calls[0].state == "answered", 10)
        target = {"to": "sip:bob@example.com"}
        assert (await api.post(f"/v1/calls/{call['id']}/refer", target)).status == 202
        await relay.until(lambda: [refer.status for refer in relay.calls[0].refers] == ["failed"], 10)
        assert (await api.post(f"/v1/calls/{call['id']}/refer", target)).status == 202
        await relay.until(lambda: [refer.status for refer in relay.calls[0].refers] == ["failed", "success"], 10)
        assert (await api.post("/v1/scripts", {"refer": {"name": "refuse", "cod": 488}})).status == 422


async def test_phones_are_described_and_forgotten():
    async with controlled_relay() as (_, api):
        bob = "/v1/phones/sip:bob@example.com"
        described = await api.ask("PUT", bob, {"answers": "busy", "ring_time": 1})
        phone = {"uri": "sip:bob@example.com", "answers": "busy", "ring_time": 1, "code": None}
        assert (described.status, described.body) == (201, phone)
        anew = await api.ask("PUT", bob.replace("@", "%40"), {"code": 404})
        assert (anew.status, anew.body["answers"], anew.body["code"]) == (200, "answer", 404)
        assert (await api.get("/v1/phones")).data == [anew.body]
        assert (await api.ask("DELETE", bob)).status == 204
        assert (await api.ask("DELETE", bob)).status == 404
        assert (await api.ask("PUT", "/v1/phones/bob", {})).status == 422


async def test_only_so_many_phones_are_described(monkeypatch):
    monkeypatch.setattr(acting, "PHONES_LIMIT", 2)
    async with controlled_relay() as (_, api):
        answers = [await api.ask("PUT", f"/v1/phones/sip:phone{number}@example.com", {}) for number in (1, 2, 1, 3)]
        assert [answer.status for answer in answers] == [201, 201, 200, 409]
        assert "2 phones are described already" in answers[-1].text


@pytest.mark.parametrize("fault", ["drop", "disconnect", "forget"])
async def test_connections_break(fault):
    async with controlled_relay() as (relay, api), application(relay) as client:
        assert (await api.post("/v1/faults", {"fault": fault})).status == 202
        with anyio.fail_after(20):
            while client.statistics()["connections"] < 2:
                await anyio.sleep(0.01)
        sessions = (await api.get("/v1/sessions")).data
        assert [session["connected"] for session in sessions] == [True]


async def test_the_next_commands_fail():
    async with controlled_relay() as (relay, api), application(relay) as client:
        device = [[{"type": "sip", "params": {"from": "sip:a@x.org", "to": "sip:b@x.org"}}]]
        fault = {"fault": "refuse", "method": "calling.dial", "count": 2, "code": 503}
        assert (await api.post("/v1/faults", fault)).status == 202
        for _ in range(2):
            with pytest.raises(RelayError, match="refused by a fault"):
                await client.dial(device)
        with pytest.raises(RelayError, match="no phone is described"):
            await client.dial(device)
        assert (await api.post("/v1/faults", {"fault": "delay", "seconds": 0.5})).status == 202
        began = anyio.current_time()
        await client.receive(["late"])
        assert anyio.current_time() - began >= 0.5
        assert (await api.post("/v1/faults", {"fault": "drop", "method": "signalwire.receive"})).status == 202
        with pytest.raises(ConnectionLost):
            await client.receive(["again"])
        assert relay.exchange.faults is None


async def test_too_many_faults_are_refused():
    async with controlled_relay() as (_, api):
        answers = [await api.post("/v1/faults", {"fault": "refuse"}) for _ in range(101)]
        assert {answer.status for answer in answers[:100]} == {202}
        assert answers[100].status == 422


async def test_a_reset_forgets_all_but_the_clients():
    async with controlled_relay() as (relay, api), application(relay) as client:
        await api.ask("PUT", "/v1/phones/sip:bob@example.com", {})
        await api.post("/v1/scripts", {"method": "calling.answer", "code": 500})
        await api.post("/v1/faults", {"fault": "refuse"})
        await api.post("/v1/messages", {"to": "default"})
        await api.post("/v1/calls", {"context": "default"})
        before = relay.journal.entries.latest
        assert (await api.post("/v1/reset")).status == 204
        for path in ("calls", "messages", "phones"):
            assert (await api.get(f"/v1/{path}")).body == {"data": [], "dropped": 0, "next": None}
        assert [frame for frame in (await api.get("/v1/frames")).data if frame["seq"] <= before] == []
        assert len(relay.exchange.calls) == 0
        assert relay.exchange.faults is None
        assert len((await api.get("/v1/sessions")).data) == 1
        call = (await api.post("/v1/calls", {"context": "default"})).body
        await relay.until(lambda: relay.calls[0].state == "answered", 10)
        assert [each.id for each in relay.calls] == [call["id"]]
        assert client.statistics()["connections"] == 1


async def test_a_reset_cancels_dials_rather_than_to_wait_for_their_next_devices(monkeypatch):
    monkeypatch.setattr(acting, "RESET_TIME", 60.0)
    rings = [[{"type": "sip", "params": {"from": "sip:a@x.org", "to": f"sip:phone-{n}@x.org"}}] for n in range(2)]
    async with controlled_relay() as (relay, api), application(relay) as client, anyio.create_task_group() as tasks:
        for (device,) in rings:
            relay.phones.add(device["params"]["to"], "silent")

        async def dial() -> None:
            with pytest.raises(DialFailed):
                await client.dial(rings)

        tasks.start_soon(dial)
        await relay.until(lambda: [call.state for call in relay.calls] == ["ringing"], 10)
        with anyio.fail_after(20):
            assert (await api.post("/v1/reset")).status == 204
        assert len(relay.exchange.calls) == 0


async def test_a_reset_waits_for_no_call_that_an_application_dials_meanwhile(monkeypatch):
    monkeypatch.setattr(acting, "RESET_TIME", 60.0)
    device = {"type": "sip", "params": {"from": "sip:a@x.org", "to": "sip:phone@x.org"}}
    async with controlled_relay() as (relay, api), application(relay) as client, anyio.create_task_group() as tasks:
        relay.phones.add("sip:phone@x.org", "silent")
        dialed = []

        async def dial_again_and_again() -> None:
            while True:
                with contextlib.suppress(DialFailed):
                    await client.dial([[device]])
                dialed.append(device)

        tasks.start_soon(dial_again_and_again)
        await relay.until(lambda: [call.state for call in relay.calls] == ["ringing"], 10)
        with anyio.fail_after(20):
            assert (await api.post("/v1/reset")).status == 204
        with anyio.fail_after(10):
            while not dialed:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
