"""The reference tells how the local server serves each command: what it says is what the server does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.local.exchange.served import how_served
from anyrelay.protocol.rpc.jsonrpc import Failure, Response
from anyrelay.protocol.schema import COMMANDS, CallCommand
from anyrelay.protocol.schema.codec import encode_command
from anyrelay.testing import commands
from tests.support.exchange_bench import Bench, RecordingLeg, ServingLeg
from tests.support.places import DOCS

TABLE = (DOCS / "generated" / "served.md").read_text(encoding="utf-8")
SIMULATED = dict(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", TABLE, re.MULTILINE))


def test_every_command_but_those_of_a_session_is_in_the_table():
    assert set(SIMULATED) == {method for method in COMMANDS if not method.startswith("signalwire.")}
    assert SIMULATED["calling.refer"] == SIMULATED["calling.dial"] == "done"


def test_the_commands_of_a_session_are_in_the_reference():
    page = (DOCS / "reference" / "local.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(signalwire\.\w+)`", page))
    assert told == {method for method in COMMANDS if method.startswith("signalwire.")} - {"signalwire.disconnect"}


@pytest.mark.parametrize("kind", [RecordingLeg, ServingLeg])
@pytest.mark.parametrize("method", SIMULATED)
@settings(max_examples=1, deadline=None)
@given(data=st.data())
def test_a_command_is_refused_exactly_if_the_table_says_so(method, kind, data):
    bench = Bench()
    client = bench.client()
    call_id = bench.answered(client, kind())
    params = encode_command(data.draw(commands(method)))
    if issubclass(COMMANDS[method], CallCommand):
        params["call_id"] = call_id
    answer = client.request(method, **params)
    assert isinstance(answer, Response | Failure)
    code = answer.result["code"] if isinstance(answer, Response) else ""
    refused = code == "501" and f"{method} is not served" in answer.result["message"]
    assert refused is (how_served(kind, dials=True)[method] == "refused")
