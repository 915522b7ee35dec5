"""Calls of real SIP phones in the control API: RELAY and SIP messages of one call in one picture."""

from __future__ import annotations

import pytest

from anyrelay.local.process.phone_process import phone_process
from tests.local.server.control_api.support import application, controlled_relay

pytestmark = [pytest.mark.anyio, pytest.mark.sip]


async def test_sip_and_relay_messages_of_a_call_are_in_one_ladder():
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
        head = (await api.get(f"/v1/calls/{call['id']}/ladder?format=text")).text.splitlines()[0]
        assert head.split()[-4:] == ["RELAY", "server", "your", "application"]
