"""Spans and metrics of an instrumented client, the same on asyncio, trio and threads; none of a client that is not."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyrelay import CallGone, ClientState, ConnectionLost, RelayClient, RelayError, RequestTimeout, UnknownReason
from tests.support.frontend_world import SUPPORT, World, undisguised
from tests.support.scripted_relay import (
    hang_up_the_line,
    never,
    play_event,
    refer_event,
    refuse,
    reply,
    state_event,
    then,
)

pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from anyrelay import telemetry
from anyrelay.telemetry import instrument
from tests.support.places import DOCS

SILENCE = [{"type": "silence", "duration": 1}]


class Scope:
    """The exported spans and metrics."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    def client(self, world: World, **settings: Any) -> Any:
        """Make a client that is instrumented."""
        client = world.client(**settings)
        instrument(undisguised(client), tracer_provider=self.tracers, meter_provider=self.meters)
        return client

    def spans(self, name: str) -> list[ReadableSpan]:
        """Return the spans of that name that have ended."""
        return [span for span in self._exporter.get_finished_spans() if span.name == name]

    def span(self, name: str) -> ReadableSpan:
        """Return the only span of that name that has ended."""
        (span,) = self.spans(name)
        return span

    def metric(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the count of a metric, or the number of its measurements, by the values of its attributes."""
        data = self._reader.get_metrics_data()
        found = data.resource_metrics[0].scope_metrics[0].metrics if data is not None else []
        points = [point for metric in found if metric.name == name for point in metric.data.data_points]
        values = {
            tuple(point.attributes.values()): getattr(point, "value", getattr(point, "count", 0)) for point in points
        }
        return {labels: value for labels, value in values.items() if value}

    def everything(self) -> str:
        """Return all that was exported, as text."""
        data = self._reader.get_metrics_data()
        spans = [span.to_json() for span in self._exporter.get_finished_spans()]
        return "\n".join([*spans, "" if data is None else data.to_json()])


@pytest.fixture
def scope() -> Iterator[Scope]:
    scope = Scope()
    yield scope
    scope.tracers.shutdown()
    scope.meters.shutdown()


def events_of(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def under_way(client: Any) -> int:
    """Return how many spans are held for operations and transfers that are not over."""
    return len(undisguised(client)._machine.observer._under_way)


# --- commands -----------------------------------------------------------------------------------------------------------


async def test_a_command_is_a_span(world: World, scope: Scope) -> None:
    async with scope.client(world) as client:
        call = await world.taken_call(client)
        await call.answer()
    span = scope.span("calling.answer")
    assert span.attributes is not None
    attributes = dict(span.attributes)
    assert 0 < attributes.pop("relay.duration") < 10
    assert attributes == {"relay.method": "calling.answer", "relay.call_id": "call-1", "relay.code": 200}
    assert events_of(span) == ["sent", "reply"]
    assert (span.kind.name, span.status.status_code.name) == ("CLIENT", "UNSET")
    assert scope.metric("anyrelay.command.duration") == {("calling.answer", 200): 1}


async def test_a_command_is_a_child_of_its_callers_span(world: World, scope: Scope) -> None:
    async with scope.client(world) as client:
        with scope.tracers.get_tracer("mine").start_as_current_span("mine") as mine:
            await client.execute("test.echo")
    span = scope.span("test.echo")
    assert span.parent is not None
    assert span.parent.span_id == mine.get_span_context().span_id
    assert span.attributes is not None
    assert "relay.call_id" not in span.attributes


async def test_commands_that_fail(world: World, scope: Scope) -> None:
    world.relay.script("calling.answer", refuse(410), refuse(500, "no, +15551230001"))
    world.relay.script("test.echo", never, hang_up_the_line, reply(code="204"))
    async with scope.client(world, request_timeout=0.5) as client:
        call = await world.taken_call(client)
        for failure in (CallGone, RelayError):
            with pytest.raises(failure):
                await call.answer()
        for failure in (RequestTimeout, ConnectionLost):
            with pytest.raises(failure):
                await client.execute("test.echo")
        await world.until(lambda: client.state is ClientState.READY)
        await client.execute("test.echo")
    ends = [
        (span.attributes.get("error.type"), span.attributes.get("relay.code")) for span in scope.spans("calling.answer")
    ]
    assert ends == [("CallGone", 410), ("RelayError", 500)]
    ends = [(span.attributes.get("error.type"), span.attributes.get("relay.code")) for span in scope.spans("test.echo")]
    assert ends == [("RequestTimeout", None), ("ConnectionLost", None), (None, 204)]
    codes = [span.status.status_code.name for span in scope.spans("test.echo")]
    assert codes == ["ERROR", "ERROR", "UNSET"]


async def test_a_reply_may_lack_a_code(world: World, scope: Scope) -> None:
    world.relay.script("test.echo", lambda _, peer, command: peer.connection.reply(command.id, {"odd": True}))
    async with scope.client(world) as client:
        for _ in range(2):
            assert await client.execute("test.echo") == {"odd": True}
    assert {"relay.code" in span.attributes for span in scope.spans("test.echo") if span.attributes} == {False}
    assert scope.metric("anyrelay.command.duration") == {("test.echo",): 2}


@pytest.mark.parametrize("front", ["asyncio", "trio"])
async def test_a_command_whose_caller_is_cancelled_has_failed(world: World, scope: Scope) -> None:
    world.relay.script("test.echo", never)
    async with scope.client(world) as client:
        running = world.spawn(client.execute, "test.echo")
        await world.seen("test.echo")
        assert running.scope is not None
        running.scope.cancel()
        await world.until(lambda: scope.spans("test.echo"))
    span = scope.span("test.echo")
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.status.status_code.name) == ("RelayError", "ERROR")


async def test_a_transfer_whose_command_was_abandoned_blocks_no_other(world: World, scope: Scope) -> None:
    world.relay.script("calling.refer", never, then(refer_event("200")))
    async with scope.client(world, request_timeout=0.8) as client:
        call = await world.taken_call(client)
        with pytest.raises(RequestTimeout):
            await call.start_refer(SUPPORT)
        assert (await call.refer_and_wait(SUPPORT, timeout=5)).succeeded


async def test_a_reply_that_comes_too_late_is_measured_and_changes_nothing(
    world: World, scope: Scope, caplog: pytest.LogCaptureFixture
) -> None:
    kept: list[Any] = []
    world.relay.script("test.late", lambda relay, peer, command: kept.append((peer, command)))
    async with scope.client(world, request_timeout=0.5) as client:
        with pytest.raises(RequestTimeout):
            await client.execute("test.late")
        peer, command = kept[0]
        peer.send(lambda connection: connection.reply(command.id, {"code": "200"}))
        await client.execute("test.echo")
    assert events_of(scope.span("test.late")) == ["sent"]
    assert scope.metric("anyrelay.command.duration") == {("test.late", 200): 1, ("test.echo", 200): 1}
    assert "ended span" not in caplog.text


# --- operations and transfers -------------------------------------------------------------------------------------------


async def test_the_span_of_an_operation_ends_with_it(world: World, scope: Scope) -> None:
    async with scope.client(world) as client:
        call = await world.taken_call(client)
        playback = await call.play(SILENCE)
        world.relay.event(("calling.call.play", {"control_id": playback.control_id, "state": "playing"}))
        await world.aside(world.relay.wait_for_acknowledgements)
        assert scope.spans("calling.play") == []
        world.relay.event(("calling.call.play", {"control_id": playback.control_id, "state": "finished"}))
        await playback.wait(timeout=5)
    span = scope.span("calling.play")
    assert events_of(span) == ["sent", "reply", "calling.call.play", "calling.call.play", "outcome"]
    assert [event.attributes.get("relay.state") for event in span.events][2:4] == ["playing", "finished"]
    assert span.attributes["relay.operation.state"] == "done"
    assert span.status.status_code.name == "UNSET"


async def test_operations_that_are_refused_or_lost(world: World, scope: Scope) -> None:
    world.relay.script("calling.play", refuse(400), refuse(500), never, then(play_event("playing")))
    async with scope.client(world, request_timeout=0.5) as client:
        call = await world.taken_call(client)
        for failure in (RelayError, RelayError, RequestTimeout):
            with pytest.raises(failure):
                await call.play(SILENCE)
        await call.play(SILENCE)
    assert under_way(client) == 0
    refused, in_doubt, unanswered, playing = scope.spans("calling.play")
    assert events_of(refused) == ["sent", "refused"]
    assert refused.attributes["relay.code"] == 400
    assert events_of(in_doubt) == ["sent", "error", "outcome"]  # the server may play it all the same
    assert in_doubt.attributes["relay.code"] == 500
    assert events_of(unanswered) == ["sent", "no reply", "outcome"]
    assert unanswered.events[1].attributes == {"error.type": "RequestTimeout"}
    assert events_of(playing) == ["sent", "reply", "calling.call.play", "outcome"]
    assert {span.attributes["relay.operation.state"] for span in (in_doubt, unanswered, playing)} == {"lost"}
    assert {span.status.status_code.name for span in (refused, in_doubt, unanswered, playing)} == {"ERROR"}


OUTCOMES = {
    "succeeded": (refer_event(), refer_event("200")),
    "busy": (refer_event("486"),),
    "no_answer": (refer_event("480"),),
    "declined": (refer_event("603"),),
    "failed": (refer_event("404"),),
    "rejected": (refer_event(response="403"),),
    "canceled": (refer_event(state="cancel"),),
    "unknown": (refer_event(state="notReported"),),
}


@pytest.mark.parametrize("status", OUTCOMES)
async def test_every_outcome_of_a_transfer(world: World, scope: Scope, status: str) -> None:
    world.relay.script("calling.refer", then(*OUTCOMES[status]))
    async with scope.client(world, refer_grace=0.05) as client:
        call = await world.taken_call(client)
        outcome = await call.refer_and_wait(SUPPORT, timeout=5)
        assert outcome.status == status
    span = scope.span("calling.refer")
    assert span.attributes is not None
    assert span.attributes["relay.transfer.status"] == status
    assert span.attributes.get("relay.transfer.notify_code") == outcome.notify_response_code
    assert span.attributes["relay.transfer.refer_code"] == outcome.refer_response_code
    assert events_of(span) == ["sent", "reply", *["calling.call.refer"] * len(OUTCOMES[status]), "outcome"]
    assert (span.status.status_code.name == "UNSET") is outcome.succeeded
    because = ("not_reported",) if status == "unknown" else ()
    assert scope.metric("anyrelay.transfers") == {(status, *because): 1}


async def test_every_reason_for_unknown(world: World, scope: Scope) -> None:
    async with scope.client(world, refer_grace=0.05) as client:
        call = await world.taken_call(client)
        for _ in range(2):
            await call.start_refer(SUPPORT)  # acknowledged before it is waited for: the wait alone may be short
            outcome = await call.refers[-1].wait(timeout=0.02)
            assert outcome.unknown_because is UnknownReason.TIMED_OUT
        await call.start_refer(SUPPORT)
        world.relay.event(state_event("ended"))
        assert (await call.refers[-1].wait(timeout=5)).unknown_because is UnknownReason.CALL_ENDED
        other = await world.taken_call(client, call_id="call-2")
        await other.start_refer(SUPPORT)
    # A waiter that gives up ends no transfer: each is counted once, when it is over.
    assert scope.metric("anyrelay.transfers") == {
        ("unknown", "superseded"): 2,
        ("unknown", "call_ended"): 1,
        ("unknown", "connection_lost"): 1,
    }
    reasons = [span.attributes["relay.transfer.unknown_because"] for span in scope.spans("calling.refer")]
    assert reasons == ["superseded", "superseded", "call_ended", "connection_lost"]


async def test_a_refused_transfer_is_not_counted(world: World, scope: Scope) -> None:
    world.relay.script("calling.refer", refuse(400))
    async with scope.client(world) as client:
        call = await world.taken_call(client)
        with pytest.raises(RelayError):
            await call.refer_and_wait(SUPPORT)
        assert under_way(client) == 0
        await client.execute("test.echo")  # the client works on
    assert events_of(scope.span("calling.refer")) == ["sent", "refused"]
    assert scope.metric("anyrelay.transfers") == {}


# --- calls, connections, handlers ---------------------------------------------------------------------------------------


async def test_calls_are_counted(world: World, scope: Scope) -> None:
    async with scope.client(world, max_active_calls=2) as client:
        first = await world.taken_call(client, direction="inbound")
        await world.taken_call(client, call_id="call-2")
        world.relay.offer("call-3")
        await world.seen("calling.pass")
        assert scope.metric("anyrelay.calls") == {("inbound",): 2}
        assert scope.metric("anyrelay.calls.active") == {(): 2}
        assert scope.metric("anyrelay.calls.passed_back") == {(): 1}
        await world.ended(client, first)
        assert scope.metric("anyrelay.calls.active") == {(): 1}
    assert scope.metric("anyrelay.calls.active") == {}


async def test_reconnects_are_counted(world: World, scope: Scope) -> None:
    client = scope.client(world)
    async with client:
        assert scope.metric("anyrelay.reconnects") == {}
        world.relay.drop()
        await world.until(lambda: client.statistics()["connections"] == 2)
        assert scope.metric("anyrelay.reconnects") == {("resumed",): 1}
        world.relay.resumes = False
        world.relay.drop()
        await world.until(lambda: client.statistics()["connections"] == 3)
        await world.aside(world.relay.go_down)
        await world.state(client, ClientState.WAITING)
    world.relay.come_back()
    async with client:  # a new beginning is no reconnect
        pass
    assert scope.metric("anyrelay.reconnects") == {("resumed",): 1, ("new",): 1}


async def test_handlers_that_raise_are_counted(world: World, scope: Scope) -> None:
    client = scope.client(world)

    @client.on_call
    async def handle(call: Any) -> None:
        raise LookupError("a bug")

    async with client:
        world.relay.offer()
        await world.until(lambda: client.statistics()["handler_errors"])
    assert scope.metric("anyrelay.handler.errors") == {(): 1}


# --- what is not recorded -----------------------------------------------------------------------------------------------


async def test_no_secret_and_no_number_is_recorded(world: World, scope: Scope) -> None:
    world.relay.script("calling.refer", then(refer_event("200")))
    world.relay.script("test.echo", refuse(500, "not +15551230001, MARKER"))
    client = scope.client(world, token="MARKER")
    async with client:
        call = await world.taken_call(client)
        await client.reauthenticate("MARKER")
        await call.refer_and_wait("sip:+15551230009@example.com", timeout=5)
        with pytest.raises(RelayError):
            await client.execute("test.echo", {"to": "+15551230001"})
    text = scope.everything()
    assert "relay.transfer.status" in text
    assert not [secret for secret in ("MARKER", "+1555", "sip:") if secret in text]


async def test_nothing_is_recorded_of_a_client_that_is_not_instrumented(world: World, scope: Scope) -> None:
    instrument(undisguised(world.client()), tracer_provider=scope.tracers, meter_provider=scope.meters)
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        await call.answer()
    assert undisguised(client)._machine.observer is None
    assert undisguised(client)._machine._requests.observe_command is None
    assert scope.everything() == ""


async def test_a_client_is_instrumented_before_it_connects_and_once(world: World, scope: Scope) -> None:
    client = scope.client(world)
    with pytest.raises(RuntimeError, match="before"):
        instrument(undisguised(client))
    client = world.client()
    async with client:
        with pytest.raises(RuntimeError, match="before it connects"):
            instrument(undisguised(client))


def test_without_a_provider_the_global_one_is_used() -> None:
    instrument(RelayClient("p", "t", host="ws://127.0.0.1:1"))


def test_every_metric_and_attribute_is_documented() -> None:
    source = Path(telemetry.__file__).read_text(encoding="utf-8")
    page = (DOCS / "reference" / "telemetry.md").read_text(encoding="utf-8")
    metrics = re.findall(r'"(anyrelay\.[a-z._]+)", "', source)
    assert len(metrics) == 7
    assert metrics == re.findall(r"^\| `(anyrelay\.[a-z._]+)`", page, re.MULTILINE)
    attributes = set(re.findall(r'"(relay\.[a-z._]+)"', source))
    assert len(attributes) == 9
    assert {name for name in attributes if f"`{name}`" not in page} == set()


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
import anyrelay, anyrelay.sync
anyrelay.RelayClient, anyrelay.sync.RelayClient
import anyrelay.telemetry
"""


def test_without_opentelemetry_the_extra_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: anyrelay.telemetry needs opentelemetry-api; install it with: pip install 'anyrelay[otel]'"
    )


def test_opentelemetry_is_imported_only_when_asked_for() -> None:
    program = "import sys, anyrelay.sync; anyrelay.sync.RelayClient; assert 'opentelemetry' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
