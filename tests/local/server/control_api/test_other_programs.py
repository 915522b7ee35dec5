"""curl alone, and Node.js alone, call an application, press digits, see them collected, hang up, and fetch the frames."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

from anyrelay.local import LocalRelay, SimulatedPhones
from tests.interop.vendor_client import TIMEOUT, need, vendor_client
from tests.local.server.control_api.support import application, controlled_relay
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.anyio

NODE_PROGRAM = REPOSITORY / "docs/examples/call_from_node.mjs"
SHELL_PROGRAM = REPOSITORY / "docs/examples/call_with_curl.sh"


def need_program(name: str) -> str:
    """Return the path of a program; skip the test without it, and fail in CI."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    return found or pytest.skip(f"{name} is not installed")


async def run(*command: str, **variables: str) -> str:
    """Run a program, and return its standard output."""
    with anyio.fail_after(60):
        done = await anyio.run_process(command, check=False, env={**os.environ, "no_proxy": "*", **variables})
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


async def test_curl_drives_the_server():
    curl = need_program("curl")
    async with controlled_relay() as (relay, api), application(relay):

        async def ask(path: str, *options: str) -> Any:
            return json.loads(await run(curl, "-fsS", "-H", "Content-Type: application/json", *options, api.url + path))

        call = await ask("/v1/calls", "-d", '{"context": "default"}')
        await relay.until(lambda: relay.calls[0].spoken != (), 10)
        await ask(f"/v1/calls/{call['id']}/digits", "-d", '{"digits": "12"}')
        await relay.until(
            lambda: relay.calls[0].digits_sent == "12", 10
        )  # the application sends back what it collected
        assert (await ask(f"/v1/calls/{call['id']}"))["digits_sent"] == "12"
        await ask(f"/v1/calls/{call['id']}/hangup", "-X", "POST")
        await relay.until(lambda: relay.calls[0].state == "ended", 10)
        frames = (await ask(f"/v1/frames?call_id={call['id']}&method=calling.send_digits"))["data"]
        assert [frame["role"] for frame in frames] == ["command", "reply"]


async def test_the_shell_script_of_the_documentation():
    need_program("curl")
    async with controlled_relay() as (relay, api), application(relay):
        ladder = await run("sh", str(SHELL_PROGRAM), ANYRELAY_SERVER_URL=api.url)
        assert ["presses 9" in line for line in ladder.splitlines()].count(True) == 2
        assert [call.end_reason for call in relay.calls] == ["hangup"]


async def test_node_drives_the_server_and_an_application_on_our_client():
    node = need_program("node")
    async with controlled_relay() as (relay, api), application(relay):
        variables = {"ANYRELAY_SERVER_URL": api.url, "CONTEXT": "default", "DIGITS": "99"}
        told = json.loads(await run(node, str(NODE_PROGRAM), **variables))
        assert (told["collected"], told["state"], told["spoken"]) == ("99", "ended", ["Two digits, please."])
        assert told["methods"] == ["calling.answer", "calling.play_and_collect", "calling.end"]


@pytest.mark.sdk
async def test_node_drives_the_server_and_an_application_on_signalwires_client(tmp_path: Path):
    need("javascript")
    async with (
        LocalRelay(
            SimulatedPhones(pace=20.0), tls_dir=tmp_path, token="right", strict=True, http="127.0.0.1:0"
        ) as relay,
        vendor_client("javascript", "ivr", relay, "right") as client,
    ):
        await relay.until(lambda: relay.exchange.sessions.next_subscriber("ivr", peek=True) is not None, TIMEOUT)
        variables = {"ANYRELAY_SERVER_URL": str(relay.http_url), "CONTEXT": "ivr", "DIGITS": "2"}
        told = json.loads(await run("node", str(NODE_PROGRAM), **variables))
        assert await client.until("collected") == {"event": "collected", "type": "digit", "digits": "2"}
    assert (told["collected"], told["state"], told["spoken"]) == ("2", "ended", ["Press 1 for sales."])
    assert told["methods"] == ["calling.answer", "calling.play_and_collect", "calling.end"]
