"""`anyrelay.webhooks`: callbacks as events, in ASGI and WSGI, duplicated, reordered, lost, hostile."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay import ReferEvent, ReferStatus, RelayEvent, UnknownReason, webhooks
from anyrelay.testing import SyncMemoryRelay
from anyrelay.webhooks import Webhooks

SUPPORT, NIGHT = "sip:support@example.com", "sip:night@example.com"


def post_asgi(hooks: Webhooks, body: bytes, *, method: str = "POST", query: str = "", pieces: int = 2) -> int:
    """Send a request to the ASGI application, its body in pieces; return the status of the response."""
    size = max(1, -(-len(body) // pieces))
    chunks = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}
        for number, chunk in enumerate(chunks, 1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/relay", "query_string": query.encode()}
    anyio.run(hooks, scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return int(sent[0]["status"])


def post_wsgi(hooks: Webhooks, body: bytes, *, method: str = "POST", query: str = "") -> int:
    """Send a request to the WSGI application; return the status of the response."""
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    assert list(hooks.wsgi(environ, lambda status, headers: started.append(status))) == [b""]
    return int(started[0].split()[0])


Post = Callable[..., int]
both = pytest.mark.parametrize("post", [post_asgi, post_wsgi])


def report(at: float, state: str, refer: str = "202", notify: str = "", to: str = SUPPORT, call: str = "c1") -> bytes:
    """Return the body of a callback of calling.refer."""
    params = {"call_id": call, "node_id": "n", "state": state, "sip_refer_to": to, "sip_refer_response_code": refer}
    if notify:
        params["sip_notify_response_code"] = notify
    return json.dumps({"event_type": "calling.call.refer", "timestamp": at, "params": params}).encode()


BUSY = [report(1.0, "inProgress"), report(1.5, "inProgress", notify="180"), report(3.0, "busy", notify="486")]


@both
def test_an_event_reaches_its_handlers_once(post):
    hooks = Webhooks()
    seen: list[tuple[str, RelayEvent]] = []
    hooks.on(ReferEvent)(lambda event: seen.append(("class", event)))
    hooks.on("calling.call.refer")(lambda event: seen.append(("type", event)))
    hooks.on()(lambda event: seen.append(("all", event)))
    hooks.on("calling.call.play")(lambda event: seen.append(("other", event)))
    assert [post(hooks, BUSY[2]) for _ in range(3)] == [204, 204, 204]
    assert [kind for kind, _ in seen] == ["class", "type", "all"]
    assert isinstance(seen[0][1], ReferEvent)
    assert seen[0][1].notify_response_code == 486


def test_a_handler_may_be_a_coroutine_function_in_asgi_alone(caplog):
    hooks = Webhooks()
    seen = []

    @hooks.on()
    async def handle(event: RelayEvent) -> None:
        await anyio.sleep(0)
        seen.append(event.call_id)

    assert post_wsgi(hooks, BUSY[0]) == 500
    assert "which WSGI cannot await: write a plain function" in caplog.text
    assert post_asgi(hooks, BUSY[0]) == 204
    assert seen == ["c1"]


@both
def test_a_handler_that_raises_is_called_again_with_the_next_post(post, caplog):
    hooks = Webhooks()
    seen = []

    @hooks.on()
    def handle(event: RelayEvent) -> None:
        seen.append(event.event_type)
        if len(seen) == 1:
            raise LookupError("no such order")

    assert [post(hooks, BUSY[0]) for _ in range(3)] == [500, 204, 204]
    assert len(seen) == 2
    assert "a handler of calling.call.refer raised" in caplog.text
    assert hooks.outcome("c1").unknown_because is UnknownReason.TIMED_OUT  # the report counts all the same


# --- what is refused ----------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b"{}", b'{"event_type": 5}', b"[" * 100_000],
    ids=["empty", "cut", "list", "null", "latin", "no type", "number", "deep"],
)
def test_a_body_that_is_no_event_is_refused(post, body, caplog):
    hooks = Webhooks()
    hooks.on()(lambda event: pytest.fail("a handler was called"))
    assert post(hooks, body) == 400
    assert f"a callback of {len(body)} bytes is no RELAY event" in caplog.text


def yields(_: RelayEvent) -> Any:
    yield


async def yields_later(_: RelayEvent) -> Any:
    yield


@both
@pytest.mark.parametrize("handler", [yields, yields_later])
def test_a_handler_with_a_yield_is_named(post, handler, caplog):
    hooks = Webhooks()
    hooks.on()(handler)
    assert post(hooks, BUSY[2]) == 500
    assert "has a `yield` in it, so that nothing in it runs" in caplog.text


@both
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, pytest.fail.Exception])
def test_an_event_whose_handler_was_ended_is_handled_with_the_next_post(post, error):
    hooks = Webhooks()
    seen: list[RelayEvent] = []

    @hooks.on()
    def handle(event: RelayEvent) -> None:
        seen.append(event)
        if len(seen) == 1:
            raise error

    with pytest.raises((error, BaseExceptionGroup)):
        post(hooks, BUSY[2])
    assert [post(hooks, BUSY[2]), post(hooks, BUSY[2])] == [204, 204]
    assert len(seen) == 2


def test_a_length_of_thousands_of_digits_is_too_long():
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "9" * 5_000, "wsgi.input": io.BytesIO(b"{}")}
    started: list[str] = []
    Webhooks().wsgi(environ, lambda status, headers: started.append(status))
    assert started == ["413 Content Too Large"]


@both
def test_other_methods_long_bodies_and_wrong_tokens_are_refused(post, monkeypatch, caplog):
    hooks = Webhooks(token="right")
    assert post(hooks, BUSY[0], method="GET", query="token=right") == 405
    assert [post(hooks, BUSY[0], query=query) for query in ("", "token=", "token=wrong", "token=righ%C3%A9")] == [
        401
    ] * 4
    assert "right" not in caplog.text.replace("right token", "")
    assert hooks.outcome("c1").unknown_because is UnknownReason.ACK_LOST
    monkeypatch.setattr(webhooks, "BODY_LIMIT", len(BUSY[0]) - 1)
    assert post(hooks, BUSY[0], query="token=right") == 413
    monkeypatch.setattr(webhooks, "BODY_LIMIT", len(BUSY[0]))
    assert post(hooks, BUSY[0], query="a=b&token=right") == 204


def test_a_body_without_a_readable_length_is_refused():
    started: list[str] = []
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "-1", "wsgi.input": io.BytesIO()}
    list(Webhooks().wsgi(environ, lambda status, headers: started.append(status)))
    assert started == ["413 Content Too Large"]


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="token must not be empty"):
        Webhooks(token="")
    with pytest.raises(TypeError, match="event must be a class of events, an event type or None, not 5"):
        Webhooks().on(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a handler must be a function, not int"):
        Webhooks().on()(5)  # type: ignore[type-var]


def test_lifespan_and_websockets_of_asgi():
    sent: list[str] = []
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    anyio.run(Webhooks(), {"type": "lifespan"}, receive, send)
    anyio.run(Webhooks(), {"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


def test_a_client_that_leaves_during_its_request(caplog):
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        assert message.get("status", 400) == 400

    anyio.run(Webhooks(), {"type": "http", "method": "POST"}, receive, send)
    assert "0 bytes" in caplog.text


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(webhooks, "EVENTS_REMEMBERED", 2)
    monkeypatch.setattr(webhooks, "CALLS_REMEMBERED", 2)
    monkeypatch.setattr(webhooks, "REPORTS_KEPT", 2)
    hooks = Webhooks()
    for number in range(4):
        post_wsgi(hooks, report(1.0, "busy", notify="486", call=f"c{number}"))
        post_wsgi(hooks, report(2.0 + number, "inProgress", call="c3"))
    assert (len(hooks._seen), len(hooks._reports), len(hooks._reports["c3"])) == (2, 2, 2)
    assert hooks.outcome("c0").unknown_because is UnknownReason.ACK_LOST


# --- outcomes -----------------------------------------------------------------------------------------------------------


def outcome(*bodies: bytes, refer_to: str | None = None) -> tuple[Any, Any]:
    hooks = Webhooks()
    for body in bodies:
        assert post_wsgi(hooks, body) == 204
    judged = hooks.outcome("c1", refer_to)
    return judged.status, judged.unknown_because


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ((), (ReferStatus.UNKNOWN, UnknownReason.ACK_LOST)),
        (BUSY[:2], (ReferStatus.UNKNOWN, UnknownReason.TIMED_OUT)),
        (BUSY, (ReferStatus.BUSY, None)),
        (BUSY[::-1], (ReferStatus.BUSY, None)),
        ([report(1.0, "unknown")], (ReferStatus.UNKNOWN, UnknownReason.NOT_REPORTED)),
        ([report(1.0, "cancel")], (ReferStatus.CANCELED, None)),
        ([report(1.0, "cancel"), report(2.0, "success", notify="200")], (ReferStatus.SUCCEEDED, None)),
        ([report(1.0, "unknown"), report(2.0, "busy", notify="486")], (ReferStatus.BUSY, None)),
        ([report(1.0, "failed", refer="403")], (ReferStatus.REJECTED, None)),
        # A second transfer of the same call to the same target: its own reports decide.
        ([*BUSY, report(5.0, "inProgress"), report(6.0, "success", notify="200")], (ReferStatus.SUCCEEDED, None)),
        ([*BUSY, report(5.0, "inProgress")], (ReferStatus.UNKNOWN, UnknownReason.TIMED_OUT)),
        # The report with which the second transfer begins was lost: two outcomes, and no telling which is which.
        ([*BUSY, report(6.0, "success", notify="200")], (ReferStatus.UNKNOWN, UnknownReason.NOT_REPORTED)),
        ([*BUSY, report(3.1, "busy", notify="486")], (ReferStatus.BUSY, None)),
    ],
)
def test_the_outcome_of_a_transfer(bodies, expected):
    assert outcome(*bodies) == expected


def test_transfers_to_two_targets():
    bodies = [*BUSY, report(4.0, "inProgress", to=NIGHT), report(5.0, "success", notify="200", to=NIGHT)]
    for order in (bodies, bodies[::-1]):
        assert outcome(*order)[0] is ReferStatus.SUCCEEDED
        assert outcome(*order, refer_to="sip:support@EXAMPLE.com")[0] is ReferStatus.BUSY
        assert outcome(*order, refer_to=NIGHT)[0] is ReferStatus.SUCCEEDED
    assert outcome(*bodies, refer_to="sip:nobody@example.com") == (ReferStatus.UNKNOWN, UnknownReason.ACK_LOST)


def test_what_an_outcome_says():
    hooks = Webhooks()
    for body in BUSY:
        post_wsgi(hooks, body)
    judged = hooks.outcome("c1")
    assert (judged.refer_to, judged.refer_response_code, judged.notify_response_code) == (SUPPORT, 202, 486)
    assert (judged.elapsed, len(judged.events)) == (2.0, 3)


ANSWERS = ["answer", "busy", "no-answer", "decline", "reject", "silent"]


def transfer(answers: str, on_refer: str) -> tuple[Any, list[bytes]]:
    """Transfer a call in memory; return the outcome of the WebSocket side and the bodies of the callbacks."""
    outcomes = []
    with SyncMemoryRelay() as relay:
        relay.phones.add(SUPPORT, answers=answers, ring_time=1.0)
        client = relay.client()

        @client.on_call
        def handle(call: Any) -> None:
            call.answer()
            outcomes.append(call.refer_and_wait(SUPPORT, status_url="https://example.com/relay", timeout=300))
            call.hangup()

        with client:
            relay.phones.dial("sip:alice@example.com", on_refer=on_refer).ended(400)
        return outcomes[0], [json.dumps(event).encode() for _, event in relay.posts]


TRANSFERS = {
    (answers, on_refer): transfer(answers, on_refer)
    for answers in ANSWERS
    for on_refer in ("follow", "hang-up-early", "report-twice", "notify-first", "ignore", "end-subscription")
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(TRANSFERS)), st.randoms(use_true_random=False))
def test_callbacks_in_any_order_and_number_give_the_outcome_of_the_websocket(transfer, random):
    websocket, bodies = TRANSFERS[transfer]
    posted = [body for body in bodies for _ in range(random.choice((1, 1, 2)))]
    random.shuffle(posted)
    call_id = json.loads(bodies[0])["params"]["call_id"]
    hooks = Webhooks()
    for body in posted:
        post_wsgi(hooks, body)
    assert hooks.outcome(call_id).status is websocket.status


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(TRANSFERS)), st.randoms(use_true_random=False))
def test_lost_callbacks_give_the_outcome_of_the_websocket_or_unknown(transfer, random):
    websocket, bodies = TRANSFERS[transfer]
    posted = [body for body in bodies if random.random() < 0.6]
    random.shuffle(posted)
    call_id = json.loads(bodies[0])["params"]["call_id"]
    hooks = Webhooks()
    for body in posted:
        post_wsgi(hooks, body)
    assert hooks.outcome(call_id).status in (websocket.status, ReferStatus.UNKNOWN)
