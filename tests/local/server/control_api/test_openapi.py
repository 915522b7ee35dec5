"""The OpenAPI document: that it is valid, and that every answer is as it says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from anyrelay.local import LocalRelay, SimulatedPhones
from tests.local.server.control_api.support import Api, application, controlled_relay

pytestmark = pytest.mark.anyio

SECONDS = 4
"""For how many seconds requests are made from the document."""


class HurriedRelay(LocalRelay):
    """A server that does not wait for clients: made-up requests name contexts that nobody receives."""

    async def until(self, condition: Callable[[], bool], timeout: float) -> None:
        """Wait for 0.05 s at most."""
        await super().until(condition, min(timeout, 0.05))


async def test_the_document_is_valid_and_complete():
    async with controlled_relay() as (_, api):
        document = (await api.get("/openapi.json")).body
        validate(document, cls=OpenAPIV31SpecValidator)
        assert document["openapi"] == "3.1.0"
        contract = """
            /health /v1/calls /v1/calls/{id} /v1/calls/{id}/capture /v1/calls/{id}/digits /v1/calls/{id}/hangup
            /v1/calls/{id}/ladder /v1/calls/{id}/refer /v1/calls/{id}/say /v1/events /v1/faults /v1/frames /v1/messages
            /v1/phones /v1/phones/{uri} /v1/recordings/{id} /v1/reset /v1/scripts /v1/sessions
        """
        assert sorted(document["paths"]) == contract.split()
        names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
        assert len(names) == len(set(names)) == 22


async def test_every_answer_is_as_the_document_says(tmp_path: Path):
    async with HurriedRelay(SimulatedPhones(pace=100.0), http="127.0.0.1:0") as relay, application(relay):
        assert relay.http_url is not None
        api = Api(relay.http_url)
        known = (await api.post("/v1/calls", {"context": "default"})).body["id"]
        options = [
            "--exclude-path=/v1/events",
            "--phases=fuzzing",
            f"--max-time={SECONDS}",
            "--max-examples=3",
        ]
        options += [
            "--checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"
        ]
        options += ["--suppress-health-check=all", "--no-color"]
        options += ["--no-shrink", "--generation-database=none", "--request-timeout=5", "--seed=1"]
        (tmp_path / "schemathesis.toml").write_text(f'[parameters]\nid = "{known}"\n')
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{relay.http_url}/openapi.json", *options]
        with anyio.fail_after(120):
            done = await anyio.run_process(command, check=False, cwd=tmp_path)
        report = done.stdout.decode()
        assert done.returncode == 0, report
        assert "Selected: 21/22" in report
