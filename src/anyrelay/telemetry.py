"""OpenTelemetry for a client: a span for each command, and metrics. Needs the extra ``otel``.

The functions of this module run for a client only after `instrument(client)`. No other module knows of OpenTelemetry: an
`Observer` of the session makes the spans and the metrics.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from anyrelay.errors import RelayError
from anyrelay.protocol.rpc.submission import CommandObserver, Reply
from anyrelay.protocol.schema.json_text import as_code
from anyrelay.protocol.session.observer import Observer

try:
    from opentelemetry import metrics, trace
except ImportError as error:
    raise ImportError(
        "anyrelay.telemetry needs opentelemetry-api; install it with: pip install 'anyrelay[otel]'"
    ) from error

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from anyrelay.frontend.client import ClientBase
    from anyrelay.protocol.call.call import CallMachine
    from anyrelay.protocol.call.operation import OperationMachine
    from anyrelay.protocol.call.refer_machine import ReferMachine
    from anyrelay.protocol.call.refer_outcome import ReferOutcome
    from anyrelay.protocol.schema import RelayEvent

__all__ = ["instrument"]

LONGEST_WORD: Final = 64
"""How many characters of a server's word are recorded; RELAY's own words are shorter."""

_TOLD: Final = ("state", "sip_refer_response_code", "sip_notify_response_code")
"""The parameters of an event that its span records."""


def instrument(
    client: ClientBase, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """Record spans and metrics of a client from now on.

    Args:
        client: A `RelayClient`, of `anyrelay` or of `anyrelay.sync`.
        tracer_provider: The provider of the spans; the global provider when None.
        meter_provider: The provider of the metrics; the global provider when None.

    Raises:
        RuntimeError: The client is connected, or was instrumented before.
    """
    tracer = trace.get_tracer("anyrelay", tracer_provider=tracer_provider)
    meter = metrics.get_meter("anyrelay", meter_provider=meter_provider)
    client._observe(_Telemetry(tracer, _Instruments(meter)))


class _Instruments:
    """The metrics of a client."""

    def __init__(self, meter: Meter) -> None:
        counter, up_down = meter.create_counter, meter.create_up_down_counter
        self.durations = meter.create_histogram("anyrelay.command.duration", "s", "From a command to its reply")
        self.calls = counter("anyrelay.calls", "{call}", "Calls that were taken, or dialled")
        self.active = up_down("anyrelay.calls.active", "{call}", "Calls that have not ended")
        self.passed_back = counter("anyrelay.calls.passed_back", "{call}", "Offers that were passed back to routing")
        self.refers = counter("anyrelay.transfers", "{transfer}", "Transfers by SIP REFER, by outcome")
        self.reconnects = counter("anyrelay.reconnects", "{connection}", "Sign-ins after a connection was lost")
        self.handler_errors = counter("anyrelay.handler.errors", "{error}", "Handlers that raised")


class _Command(CommandObserver):
    """A command's span, which ends with the reply, or with the operation or transfer that the command starts."""

    def __init__(self, telemetry: _Telemetry, method: str, call_id: str, command_observer: CommandObserver) -> None:
        self._command_observer = command_observer
        self._telemetry = telemetry
        self._labels: dict[str, str | int] = {"relay.method": method}
        self._waited_for = True
        self._began = time.perf_counter()
        where = {"relay.call_id": call_id} if call_id else {}
        # The code that gave the command still runs, so that the span becomes a child of the current span.
        self.span = telemetry.tracer.start_span(
            method, kind=trace.SpanKind.CLIENT, attributes={"relay.method": method, **where}
        )

    @property
    def subject(self) -> object | None:
        return self._command_observer.subject

    @property
    def is_under_way(self) -> bool:
        return self._command_observer.is_under_way

    def sent(self, now: float) -> None:
        self.span.add_event("sent")
        self._command_observer.sent(now)

    def accepted(self, reply: Reply, now: float) -> None:
        self._replied("reply", as_code(reply["code"]) if "code" in reply else None)
        if self.subject is None:
            self._end()
        self._command_observer.accepted(reply, now)

    def rejected(self, error: RelayError) -> None:
        self._replied("refused", error.code)
        self._end(error)
        self._telemetry.let_go(self)
        self._command_observer.rejected(error)

    def in_doubt(self, error: RelayError, now: float) -> None:
        self._replied("error", error.code)
        if self.subject is None:  # else the server may have accepted it: the span waits for the operation or transfer
            self._end(error)
        self._waited_for = False
        self._command_observer.in_doubt(error, now)

    def abandoned(self, error: RelayError | None) -> None:
        if self.subject is None:
            self._end(error or RelayError(-1, "abandoned"))
        elif self._waited_for and self.span.is_recording():  # the span waits for the operation or transfer, as above
            self.span.add_event("no reply", {} if error is None else {"error.type": type(error).__name__})
        self._waited_for = False  # an abandoned command is abandoned again when the connection is lost
        self._command_observer.abandoned(error)

    def _replied(self, what: str, code: int | None) -> None:
        duration = time.perf_counter() - self._began
        labels = self._labels if code is None else {**self._labels, "relay.code": code}
        self._telemetry.instruments.durations.record(duration, labels)
        if self.span.is_recording():  # a span has ended when the reply comes too late
            self.span.add_event(what, labels)
            self.span.set_attributes({**labels, "relay.duration": duration})

    def _end(self, error: RelayError | None = None) -> None:
        if not self.span.is_recording():
            return
        if error is not None:  # its class alone: the text of the server may repeat a phone number
            self.span.set_attribute("error.type", type(error).__name__)
            self.span.set_status(trace.StatusCode.ERROR, type(error).__name__)
        self.span.end()


class _Telemetry(Observer):
    """The observer of one client's session, which makes the spans and the metrics."""

    def __init__(self, tracer: trace.Tracer, instruments: _Instruments) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self._under_way: dict[object, Span] = {}
        self._has_signed_in = False

    # --- commands and what they start -------------------------------------------------------------------------------

    def command_given(self, method: str, call_id: str, command_observer: CommandObserver) -> CommandObserver:
        command = _Command(self, method, call_id, command_observer)
        if command.subject is not None:
            self._under_way[command.subject] = command.span
        return command

    def let_go(self, command: _Command) -> None:
        """Forget a command whose operation or transfer the server refused."""
        self._under_way.pop(command.subject, None)

    def event_received(self, event: RelayEvent, call: CallMachine | None) -> None:
        subject = None if call is None else call.subject_of(event)
        span = self._under_way.get(subject)
        if span is not None:
            words = {f"relay.{name}": event.params.get(name) for name in _TOLD}
            told = {name: word[:LONGEST_WORD] for name, word in words.items() if isinstance(word, str)}
            span.add_event(event.event_type[:LONGEST_WORD], told)

    def operation_over(self, operation: OperationMachine[Any]) -> None:
        span = self._under_way.pop(operation, None)
        if span is not None:
            self._end(span, {"relay.operation.state": str(operation.state)}, failed=not operation.completed)

    def refer_over(self, refer: ReferMachine, outcome: ReferOutcome | None) -> None:
        if outcome is None:
            return
        because = "" if outcome.unknown_because is None else str(outcome.unknown_because)
        told: dict[str, str | int] = {"relay.transfer.status": str(outcome.status)}
        if because:
            told["relay.transfer.unknown_because"] = because
        self.instruments.refers.add(1, told)
        span = self._under_way.pop(refer, None)
        if span is not None:
            codes = {"refer": outcome.refer_response_code, "notify": outcome.notify_response_code}
            told |= {f"relay.transfer.{name}_code": code for name, code in codes.items() if code is not None}
            self._end(span, told, failed=not outcome.succeeded)

    def _end(self, span: Span, told: dict[str, Any], *, failed: bool) -> None:
        span.add_event("outcome", told)
        span.set_attributes(told)
        if failed:
            span.set_status(trace.StatusCode.ERROR, ", ".join(str(word) for word in told.values()))
        span.end()

    # --- calls, handlers, connections -------------------------------------------------------------------------------

    def call_began(self, call: CallMachine) -> None:
        self.instruments.calls.add(1, {"relay.direction": call.direction[:LONGEST_WORD]})
        self.instruments.active.add(1)

    def call_over(self, call: CallMachine) -> None:
        self.instruments.active.add(-1)

    def call_passed_back(self, call_id: str) -> None:
        self.instruments.passed_back.add(1)

    def handler_failed(self, call_id: str) -> None:
        self.instruments.handler_errors.add(1)

    def signed_in(self, *, resumed: bool) -> None:
        if self._has_signed_in:  # and the client was not closed: the connection was lost meanwhile
            self.instruments.reconnects.add(1, {"relay.session": "resumed" if resumed else "new"})
        self._has_signed_in = True

    def closed(self) -> None:
        self._has_signed_in = False
