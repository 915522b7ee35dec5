"""A local server with its control API, and a program in this process that answers its calls."""

from __future__ import annotations

import contextlib
import json
import queue
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from anyio.from_thread import start_blocking_portal

from anyrelay.local import LocalRelay, SimulatedPhones, SipPhones
from anyrelay.sync import Call, RelayClient

CONTEXT = "menu"
"""The context whose calls the program answers."""

RECORDED = "recorded"
"""The context whose calls the program records."""

RINGING = "unanswered"
"""The context whose calls the program lets ring."""

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class InspectedServer:
    """A running server, driven by its control API."""

    def __init__(self, relay: LocalRelay, portal: Any, token: str | None) -> None:
        self.relay = relay
        self.portal = portal
        self.url = str(relay.http_url)
        self.digits: queue.Queue[str] = queue.Queue()
        """What the program collected, each as it came."""
        self._token = token

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request to the control API; return the answer."""
        headers = {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {self._token}"} if self._token else {}),
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with _OPENER.open(request, timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def place_call(self, caller: str = "alice", context: str = CONTEXT, **options: Any) -> str:
        """Let a simulated phone call a context; return the call's id."""
        body = {"context": context, "from": f"sip:{caller}@example.com", **options}
        call_id: str = self.request("POST", "/v1/calls", body)["id"]
        return call_id

    def place_calls(self, callers: Iterable[str]) -> None:
        """Let many simulated phones call a context at once, where nobody answers."""

        def place() -> None:
            assert self.relay.simulated_phones is not None
            for caller in callers:
                self.relay.simulated_phones.dial(f"sip:{caller}@example.com", context=RINGING)
            self.relay.follow_outputs()

        self.portal.call(place)

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls that the control API names."""
        calls: list[dict[str, Any]] = self.request("GET", "/v1/calls")["data"]
        return calls

    def reset(self) -> None:
        """Hang up every call, and forget what was recorded."""
        self.request("POST", "/v1/reset", {})

    def answer_call(self, call: Call) -> None:
        """Answer a call and say a text; then collect digits until the caller hangs up."""
        if call.context == RINGING:
            return
        call.answer()
        if call.context == RECORDED:
            recording = call.record({"end_silence_timeout": 2})
            call.play_tts("Please speak.")
            recording.wait()
            return
        call.play_tts("Which number?").wait()
        while call.state == "answered":
            collected = call.collect(digits={"max": 2, "digit_timeout": 0.2}, initial_timeout=20).wait()
            if collected.digits:
                self.digits.put(collected.digits)


@contextlib.contextmanager
def inspected_server(
    phones: SimulatedPhones | SipPhones | None = None, *, token: str | None = None, http: str = "127.0.0.1:0"
) -> Iterator[InspectedServer]:
    """Run a server, with fast simulated phones when none are given, and a program that is connected to it."""
    relay = LocalRelay(phones or SimulatedPhones(pace=10), http=http, http_token=token)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(relay):
        server = InspectedServer(relay, portal, token)
        client = RelayClient(project="p", token="t", host=relay.url, contexts=[CONTEXT, RECORDED, RINGING])
        client.on_call(server.answer_call)
        with client:
            yield server
