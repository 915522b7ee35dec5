"""A test of click_to_call_fastapi.py, with FastAPI's own test client."""

import pytest
from click_to_call_fastapi import app
from fastapi.testclient import TestClient

AGENT = "+15551230001"
WANTED = {"agent": AGENT, "customer": "+15551230002"}


@pytest.fixture
def web(sync_local_relay, monkeypatch):
    """Start the application, and tell it where the local server is."""
    monkeypatch.setenv("SIGNALWIRE_SPACE", sync_local_relay.url)
    monkeypatch.setenv("SIGNALWIRE_PROJECT_ID", "any")
    monkeypatch.setenv("SIGNALWIRE_API_TOKEN", "any")
    with TestClient(app) as client:
        yield client


def test_a_busy_agent(web, sync_phones):
    sync_phones.add(f"tel:{AGENT}", answers="busy")
    reply = web.post("/calls", json=WANTED)
    assert reply.status_code == 502
    assert reply.json() == {"detail": "The agent does not answer."}


def test_an_agent_who_answers(web, sync_phones):
    sync_phones.add(f"tel:{AGENT}")
    reply = web.post("/calls", json=WANTED)
    assert reply.status_code == 201
    sync_phones.called(f"tel:{AGENT}").hang_up()
