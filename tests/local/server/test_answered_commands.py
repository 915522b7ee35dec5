"""The reference names every command that the local server answers, and no other."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.protocol.rpc.jsonrpc import METHOD_NOT_FOUND, Failure, Response
from anyrelay.protocol.schema import COMMANDS
from anyrelay.protocol.schema.codec import encode_command
from anyrelay.testing import commands
from tests.support.exchange_bench import Bench, RawClient
from tests.support.places import DOCS

PAGE = (DOCS / "reference" / "local.md").read_text(encoding="utf-8")
ANSWERED = {
    name
    for line in PAGE.partition("| command | what the local server does |")[2].partition("\n\n")[0].splitlines()
    for name in re.findall(r"`([a-z_]+\.[a-z_.]+)`", line.split("|")[1] if line else "")
}


def test_the_table_was_found():
    assert {"signalwire.connect", "calling.refer", "calling.play.stop"} <= ANSWERED <= set(COMMANDS)


@pytest.mark.parametrize("method", sorted(COMMANDS))
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_what_is_answered_is_what_the_reference_says(method, data):
    client = RawClient(Bench())
    client.sign_in()
    answer = client.request(method, **encode_command(data.draw(commands(method))))
    unknown = isinstance(answer, Failure) and answer.code == METHOD_NOT_FOUND
    refused = isinstance(answer, Response) and answer.result.get("code") == "501" and method in answer.result["message"]
    assert (unknown or refused) is (method not in ANSWERED)
