"""Click to call on FastAPI and on Flask, behind the servers that the documentation names."""

from __future__ import annotations

from functools import partial

import httpx
import pytest

from anyrelay.testing.watched_relay import WatchedRelay
from tests.examples.programs import act, called, heard, line_of, running, with_relay

AGENT, CUSTOMER, NOBODY = "+15551230001", "+15551230002", "+15551230003"

SERVERS = {
    "uvicorn": (line_of("click_to_call_fastapi.py"), "--port 0", r"running on (http://127\.0\.0\.1:\d+)"),
    "flask": (line_of("click_to_call_flask.py"), "--port 0", r"Running on (http://127\.0\.0\.1:\d+)"),
    "gunicorn": (
        "gunicorn 'click_to_call_flask:create_app()'",
        "--threads 4 --bind 127.0.0.1:0",
        r"Listening at: (http://127\.0\.0\.1:\d+)",
    ),
}
"""Each server: its line, what the test adds, and what it prints when it listens."""


@pytest.mark.parametrize("server", SERVERS)
def test_click_to_call(server: str) -> None:
    line, more, ready = SERVERS[server]

    async def main(relay: WatchedRelay) -> None:
        relay.phones.add(f"tel:{AGENT}")
        relay.phones.add(f"tel:{CUSTOMER}")
        relay.phones.add(f"tel:{NOBODY}", answers="busy")
        async with running(relay, line, *more.split(), status=ENDS) as program:
            url = (await program.prints(ready))[1]
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as web:
                await call_and_hang_up(relay, web)
                await call_and_delete(relay, web)
                await refusals(web)

    with_relay(main)


ENDS = {0, 1, 130, -15}
"""The exit statuses of servers that a signal ended."""


async def call_and_hang_up(relay: WatchedRelay, web: httpx.AsyncClient) -> None:
    started = await web.post("/calls", json={"agent": AGENT, "customer": CUSTOMER})
    assert started.status_code == 201
    customer = await called(relay, f"tel:{CUSTOMER}")
    agent = await called(relay, f"tel:{AGENT}")
    assert (await web.get("/calls")).json() == {started.json()["call_id"]: "answered"}
    act(relay, partial(agent.say, "Hello"))
    await relay.until(lambda: customer.words == ["Hello"], 20)
    act(relay, customer.hang_up)
    await relay.until(lambda: agent.state == "ended", 20)
    assert agent.end_reason == "hangup"


async def call_and_delete(relay: WatchedRelay, web: httpx.AsyncClient) -> None:
    started = await web.post("/calls", json={"agent": AGENT, "customer": NOBODY})
    assert started.status_code == 201  # the agent answers; the customer is busy, and the program hangs up
    await relay.until(lambda: not any(each.state == "answered" for each in relay.phones.callers), 20)
    started = await web.post("/calls", json={"agent": AGENT, "customer": CUSTOMER})
    path = f"/calls/{started.json()['call_id']}"
    assert (await web.delete(path)).status_code == 204
    await relay.until(lambda: not any(each.state == "answered" for each in relay.phones.callers), 20)


async def refusals(web: httpx.AsyncClient) -> None:
    busy = await web.post("/calls", json={"agent": NOBODY, "customer": CUSTOMER})
    assert busy.status_code == 502
    assert "The agent does not answer." in busy.text
    assert (await web.delete("/calls/none")).status_code == 404
    assert (await web.post("/calls", json={"customer": CUSTOMER})).status_code in (400, 422)


@pytest.mark.parametrize("more", [["--workers", "2"], ["--preload"]], ids=["workers", "preload"])
def test_django_behind_gunicorn(more: list[str]) -> None:
    async def main(relay: WatchedRelay) -> None:
        relay.phones.add(f"tel:{CUSTOMER}")
        line = line_of("reminder_django.py")
        async with running(relay, line, *more, "--bind", "127.0.0.1:0", status=ENDS) as program:
            url = (await program.prints(r"Listening at: (http://127\.0\.0\.1:\d+)"))[1]
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as web:
                called_back = await web.post("/remind", json={"number": CUSTOMER, "text": "Your car is ready."})
                assert called_back.status_code == 200
                assert [each.uri for each in relay.phones.callers] == [f"tel:{CUSTOMER}"]
                assert heard(relay.phones.callers[0]) == ["Your car is ready."]
                nobody = await web.post("/remind", json={"number": NOBODY, "text": "Hello?"})
                assert nobody.status_code == 502
                assert (await web.get("/remind")).status_code == 405

    with_relay(main)
