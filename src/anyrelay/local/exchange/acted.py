"""Acted commands: the reply and the events of a script, for commands that need SignalWire's cloud.

These are the commands of AI agents, payments, faxes, transcription, translation, rooms and noise reduction; and taps and
streams of phones that have no sound. The exchange keeps the state that these commands have in RELAY (the operations under way,
the room of a call), so that an application gets the refusals of RELAY. The events of a script are sent unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.scripts import Performance, ScriptedEvent
from anyrelay.protocol.schema import (
    Ai,
    AiHold,
    AiMessage,
    AiStop,
    AiUnhold,
    AmazonBedrock,
    CallCommand,
    Denoise,
    DenoiseStop,
    JoinRoom,
    LeaveRoom,
    LiveTranscribe,
    LiveTranslate,
    OperationCommand,
    Pay,
    PayStop,
    ReceiveFax,
    ReceiveFaxStop,
    SendFax,
    SendFaxStop,
    Stream,
    StreamStop,
    Tap,
    TapStop,
    Transcribe,
    TranscribeStop,
)

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["ACTED_METHODS", "ActedFeature"]

OPERATIONS_LIMIT: Final = 10
"""How many operations of one kind one call may have, such as payments."""

PERFORMANCES_LIMIT: Final = 100
"""How many commands of a call may have events that are still to come, besides the events of operations."""

PAGE_TIME: Final = 0.5
"""Seconds that a page of a fax takes, and seconds that a payment takes."""

FINAL_STATES: Final = ("finished", "error")
"""The states that end an operation."""


# --- the default events, as SignalWire's clients document them (RELAY facts, section 3) --------------------------------


def _no_events(command: Any) -> list[ScriptedEvent]:
    return []


def _finished(command: Any) -> list[ScriptedEvent]:
    return [ScriptedEvent(params={"state": "finished"})]


def _payment(command: Any) -> list[ScriptedEvent]:
    return [ScriptedEvent(params={"state": "finished"}, after=PAGE_TIME)]


def _fax(command: Any) -> list[ScriptedEvent]:
    """Return one page, and the end. SignalWire's client for Python looks for the end beside the fax, others inside."""
    direction = "send" if isinstance(command, SendFax) else "receive"
    page = {"type": "page", "params": {"direction": direction, "number": "1"}}
    end = {
        "direction": direction,
        "identity": getattr(command, "identity", None) or "",
        "remote_identity": "",
        "document": getattr(command, "document", "https://fax.example.com/received.pdf"),
        "success": True,
        "result": "0",
        "result_text": "OK",
        "pages": "1",
    }
    return [
        ScriptedEvent(params={"fax": page}, after=PAGE_TIME),
        ScriptedEvent(params={"state": "finished", "fax": {"type": "finished", "params": end}}),
    ]


def _stopped_fax(command: Any) -> list[ScriptedEvent]:
    direction = "send" if isinstance(command, SendFaxStop) else "receive"
    end = {"direction": direction, "success": False, "result_text": "stopped", "pages": "0"}
    return [ScriptedEvent(params={"state": "finished", "fax": {"type": "finished", "params": end}})]


def _transcribing(command: Any) -> list[ScriptedEvent]:
    return [ScriptedEvent(params={"state": "transcribing"})]


def _transcribed(command: Any) -> list[ScriptedEvent]:
    params = {
        "state": "finished",
        "url": "https://transcription.example.com/call.txt",
        "recording_id": "00000000-0000-4000-8000-000000000000",
        "duration": 1.0,
        "size": 16_000,
    }
    return [ScriptedEvent(params=params)]


def _tapping(command: Tap) -> list[ScriptedEvent]:
    return [ScriptedEvent(params={"state": "tapping", "tap": command.tap, "device": command.device})]


def _streaming(command: Stream) -> list[ScriptedEvent]:
    named = {} if command.name is None else {"name": command.name}
    return [ScriptedEvent(params={"state": "streaming", "url": command.url, **named})]


def _denoised(command: Any) -> list[ScriptedEvent]:
    return [ScriptedEvent(params={"denoised": isinstance(command, Denoise)})]


# --- the commands ------------------------------------------------------------------------------------------------------

AGENT: Final = "AI agent"
ROOM: Final = "room"
TRANSCRIPTION: Final = "live transcription"
TRANSLATION: Final = "live translation"


@frozen(kw_only=True)
class _Acted:
    """How a command is acted: its events, and how it changes the call."""

    event_type: str = ""
    """The type of the command's events."""
    events: Callable[[Any], list[ScriptedEvent]] = _no_events
    """Returns the default events of the command."""
    operation: str = ""
    """The kind of operation that the command begins; "" for none."""
    stops: str = ""
    """The kind of operation that the command stops; "" for none."""
    sets: str = ""
    """What the command gives the call, such as a room; "" for nothing."""
    needs: str = ""
    """What the call must have before the command; "" for nothing."""
    clears: str = ""
    """What the command takes from the call; "" for nothing."""
    once: bool = False
    """Whether a call has at most one such operation."""


_FAX: Final = "calling.call.fax"
_STREAM: Final = "calling.call.stream"
_TAP: Final = "calling.call.tap"
_TRANSCRIBE: Final = "calling.call.transcribe"
_DENOISE: Final = "calling.call.denoise"

_ACTED: Final[dict[type[CallCommand], _Acted]] = {
    Ai: _Acted(event_type="calling.call.ai", operation=AGENT),
    AiStop: _Acted(event_type="calling.call.ai", events=_finished, stops=AGENT),
    AmazonBedrock: _Acted(event_type="calling.call.ai", sets=AGENT),
    AiMessage: _Acted(event_type="calling.call.ai", needs=AGENT),
    AiHold: _Acted(event_type="calling.call.ai", needs=AGENT),
    AiUnhold: _Acted(event_type="calling.call.ai", needs=AGENT),
    Pay: _Acted(event_type="calling.call.pay", events=_payment, operation="payment"),
    PayStop: _Acted(event_type="calling.call.pay", events=_finished, stops="payment"),
    SendFax: _Acted(event_type=_FAX, events=_fax, operation="sent fax"),
    SendFaxStop: _Acted(event_type=_FAX, events=_stopped_fax, stops="sent fax"),
    ReceiveFax: _Acted(event_type=_FAX, events=_fax, operation="received fax"),
    ReceiveFaxStop: _Acted(event_type=_FAX, events=_stopped_fax, stops="received fax"),
    Transcribe: _Acted(event_type=_TRANSCRIBE, events=_transcribing, operation="transcription", once=True),
    TranscribeStop: _Acted(event_type=_TRANSCRIBE, events=_transcribed, stops="transcription"),
    LiveTranscribe: _Acted(event_type="calling.call.live_transcribe"),
    LiveTranslate: _Acted(event_type="calling.call.live_translate"),
    JoinRoom: _Acted(event_type="calling.call.room", sets=ROOM),
    LeaveRoom: _Acted(event_type="calling.call.room", needs=ROOM, clears=ROOM),
    Denoise: _Acted(event_type=_DENOISE, events=_denoised),
    DenoiseStop: _Acted(event_type=_DENOISE, events=_denoised),
    Tap: _Acted(event_type=_TAP, events=_tapping, operation="tap"),
    TapStop: _Acted(event_type=_TAP, events=_finished, stops="tap"),
    Stream: _Acted(event_type=_STREAM, events=_streaming, operation="stream"),
    StreamStop: _Acted(event_type=_STREAM, events=_finished, stops="stream"),
}

ACTED_METHODS: Final = tuple(kind.method for kind in _ACTED)
"""The RELAY methods that are acted."""

_LIVE: Final[dict[type[CallCommand], tuple[str, tuple[str, ...]]]] = {
    LiveTranscribe: (TRANSCRIPTION, ("start", "stop", "summarize")),
    LiveTranslate: (TRANSLATION, ("start", "stop", "summarize", "inject")),
}
"""The feature that each of these commands starts and stops, and the names of its actions."""


@define(eq=False)
class _Operation:
    """An acted operation, such as a payment."""

    performance: Performance
    status_url: str | None


@define
class _CallState:
    """The acted features of a call."""

    things: set[str] = field(factory=set)
    """The features that the call has: AI agent, room, live transcription, live translation."""
    performances: list[Performance] = field(factory=list)
    """The scripts of commands that begin no operation."""


class ActedFeature(Feature):
    """Acts commands by the scripts of the exchange."""

    def __init__(self, host: ExchangeHost) -> None:
        """Make the feature without operations."""
        super().__init__(host)
        kinds = {acted.operation for acted in _ACTED.values() if acted.operation}
        self._operations = {kind: Operations[_Operation](kind, OPERATIONS_LIMIT) for kind in kinds}
        self._states: dict[Call, _CallState] = {}
        self.commands = {kind: ServedCommand(self._act) for kind in _ACTED}

    def _act(self, command: CallCommand, call: Call, now: float) -> dict[str, Any]:
        acted = _ACTED[type(command)]
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        self._check(acted, command, call)
        script = self.host.scripts.get(command.method)
        events = acted.events(command) if script.events is None else script.events
        message = self._keep_state(acted, command, call)
        if isinstance(command, OperationCommand):
            self._act_operation(acted, command, call, events, now)
        else:
            self._state_of(call).performances.append(self._perform(acted, command, call, events, now))
        return {**message, **script.fields()}

    # --- what a call has

    def _check(self, acted: _Acted, command: CallCommand, call: Call) -> None:
        """Check that a command fits the features of the call.

        Raises:
            CommandRefused: The command does not fit, or too many events of the call are still to come.
        """
        if isinstance(command, OperationCommand) and acted.operation:
            operations = self._operations[acted.operation]
            operations.check_new(call, command.control_id)
            if acted.once and operations.of(call):
                raise CommandRefused(409, f"A {acted.operation} of this call is under way")
        if isinstance(command, OperationCommand) and acted.stops:
            self._operations[acted.stops].find(call, command.control_id)
        if acted.needs and not self._has(call, acted.needs):
            raise CommandRefused(409, f"The call has no {acted.needs}")
        if isinstance(command, LiveTranscribe | LiveTranslate):
            self._check_live(command, call)
        state = self._state_of(call)
        state.performances = [each for each in state.performances if not each.is_over]
        if len(state.performances) >= PERFORMANCES_LIMIT:
            raise CommandRefused(429, f"The events of {PERFORMANCES_LIMIT} commands of this call are still to come")

    def _check_live(self, command: LiveTranscribe | LiveTranslate, call: Call) -> None:
        thing, _ = _LIVE[type(command)]
        starts = _live_action(command) == "start"
        if starts and self._has(call, thing):
            raise CommandRefused(409, f"A {thing} of this call is under way")
        if not starts and not self._has(call, thing):
            raise CommandRefused(409, f"The call has no {thing}")

    def _has(self, call: Call, thing: str) -> bool:
        if thing == AGENT and self._operations[AGENT].of(call):
            return True
        return call in self._states and thing in self._states[call].things

    def _keep_state(self, acted: _Acted, command: CallCommand, call: Call) -> dict[str, str]:
        """Change the features of the call; return the message of the reply if it is not the command's own."""
        things = self._state_of(call).things
        if acted.sets:
            things.add(acted.sets)
        things.discard(acted.clears)
        if not isinstance(command, LiveTranscribe | LiveTranslate):
            return {}
        thing, _ = _LIVE[type(command)]
        action = _live_action(command)
        if action == "start":
            things.add(thing)
            return {}
        if action == "stop":
            things.discard(thing)
            return {"message": f"{thing.capitalize()} stopped"}
        return {"message": "OK"}

    def _state_of(self, call: Call) -> _CallState:
        return self._states.setdefault(call, _CallState())

    # --- events

    def _act_operation(
        self, acted: _Acted, command: OperationCommand, call: Call, events: Iterable[ScriptedEvent], now: float
    ) -> None:
        performance = self._perform(acted, command, call, events, now)
        if acted.operation:
            operation = _Operation(performance, getattr(command, "status_url", None))
            self._operations[acted.operation].add(call, command.control_id, operation)
        else:
            operation = self._operations[acted.stops].find(call, command.control_id)
            operation.performance.stop()
            operation.performance = performance
            if performance.is_over:
                self._operations[acted.stops].end(call, command.control_id)

    def _perform(
        self, acted: _Acted, command: CallCommand, call: Call, events: Iterable[ScriptedEvent], now: float
    ) -> Performance:
        control_id = command.control_id if isinstance(command, OperationCommand) else ""
        kind = acted.operation or acted.stops

        def tell(event: ScriptedEvent, at: float) -> None:
            status_url = getattr(command, "status_url", None)
            operation = self._operations[kind].get(call, control_id) if kind else None
            if operation is not None:
                status_url = operation.status_url
                if _is_final(event.params):
                    operation.performance.stop()
                    self._operations[kind].end(call, control_id)
            names = {"control_id": control_id} if control_id else {}
            self.tell(call, event.event_type or acted.event_type, {**names, **event.params}, at, status_url)

        performance = Performance(self.host.timers, events, tell)
        performance.begin(now)
        return performance

    # --- the end

    def call_ended(self, call: Call, now: float) -> None:
        """Stop the call's scripts; the end of the call ends its operations."""
        self._forget(call)

    def call_handed_on(self, call: Call) -> None:
        """Stop the scripts of the client that controlled the call."""
        self._forget(call)

    def _forget(self, call: Call) -> None:
        for performance in self._states.pop(call, _CallState()).performances:
            performance.stop()
        for operations in self._operations.values():
            for _, operation in operations.of(call):
                operation.performance.stop()
            operations.forget(call)


def _live_action(command: LiveTranscribe | LiveTranslate) -> str:
    """Return the action of a command: ``start`` for ``{"start": {…}}``, and for ``{"action": "start", …}``.

    The second form is that of the pages on Python.

    Raises:
        CommandRefused: There is no action, there are several, or there is no such action.
    """
    _, names = _LIVE[type(command)]
    found = [command.action["action"]] if "action" in command.action else list(command.action)
    if len(found) == 1 and found[0] in names:
        return str(found[0])
    raise CommandRefused(
        400, f"action must have one of the keys {', '.join(names)}, or one of these words as its action"
    )


def _is_final(params: dict[str, Any]) -> bool:
    fax = params.get("fax")
    return params.get("state") in FINAL_STATES or (isinstance(fax, dict) and fax.get("type") in FINAL_STATES)
