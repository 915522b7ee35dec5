"""The calls of a journal: what has become of each, from the events of RELAY and the commands of clients."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import evolve, field, frozen

from anyrelay.protocol.schema.sip_uri import without_password

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.ports import Leg

__all__ = ["CallRecord", "CallRecords", "RecordingRecord", "ReferRecord"]

ENDED_CALLS_KEPT: Final = 2_000
"""How many calls that are over are kept; the oldest is forgotten first."""

LIST_LIMIT: Final = 1_000
"""How many transfers, texts or recordings of one call are kept."""

IN_PROGRESS: Final = "inProgress"
"""The state of a transfer that is not over."""


@frozen
class ReferRecord:
    """A SIP REFER of a call."""

    to: str
    """The URI of the target."""
    status: str
    """The state of the transfer, as ``calling.call.refer`` names it."""
    notify_code: str | None
    """The SIP status of the target that the phone reported; None before the phone has reported one."""


@frozen
class RecordingRecord:
    """A recording of a call."""

    id: str
    """The name by which the control API hands the recording out."""
    url: str
    """The URL that RELAY's client got."""
    duration: float
    """The length of the recording, in seconds."""
    size: int
    """How many bytes it has."""


@frozen(kw_only=True)
class CallRecord:
    """The state of a call after an event."""

    id: str
    """The call_id of the call."""
    node_id: str
    """The node_id that commands repeat."""
    direction: str
    """``inbound`` for a call that came from a phone, ``outbound`` for a call to a phone."""
    type: str
    """The type of the device: ``sip`` or ``phone``."""
    state: str
    """created, ringing, answered, ending or ended."""
    end_reason: str | None = None
    """Why the call ended, in RELAY's words; None until then."""
    from_uri: str
    """The caller: a SIP URI, or a number."""
    to_uri: str
    """The callee: a SIP URI, a number or a context."""
    context: str | None
    """The context that a phone called; None for a call that a client dialed."""
    project_id: str | None = None
    """The project of the session that controls the call; None while no session does."""
    session: str | None = None
    """The id of that session."""
    created_at: float
    """When the call began, in seconds since 1970."""
    answered_at: float | None = None
    """When the call was answered; None when it was not."""
    ended_at: float | None = None
    """When the call ended; None until then."""
    refers: tuple[ReferRecord, ...] = ()
    """The transfers of the call, oldest first."""
    digits_sent: str = ""
    """The digits that the application sent to the phone (``calling.send_digits``)."""
    spoken: tuple[str, ...] = ()
    """The texts that the application spoke to the phone, oldest first."""
    recordings: tuple[RecordingRecord, ...] = ()
    """The recordings that are over, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """Return the call as the control API writes it."""
        written = attrs.asdict(self)
        return {_JSON_NAMES.get(name, name): value for name, value in written.items()}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> CallRecord:
        """Read a call that `to_json` wrote."""
        named = {short: name for name, short in _JSON_NAMES.items()}
        fields = {named.get(name, name): value for name, value in written.items()}
        fields["refers"] = tuple(ReferRecord(**refer) for refer in fields["refers"])
        fields["recordings"] = tuple(RecordingRecord(**recording) for recording in fields["recordings"])
        return cls(**{**fields, "spoken": tuple(fields["spoken"])})


_JSON_NAMES: Final = {"from_uri": "from", "to_uri": "to"}


@frozen
class _KnownCall:
    """A call, and the leg of its phone."""

    record: CallRecord
    leg: Leg = field(repr=False)


class CallRecords:
    """The calls of one server: those that are up, and the last that are over."""

    dropped: int
    """How many calls that are over were forgotten."""

    def __init__(self) -> None:
        """Make an object without calls."""
        self.dropped = 0
        self._known: OrderedDict[str, _KnownCall] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def all(self) -> list[CallRecord]:
        """Return every call, oldest first."""
        return [known.record for known in self._known.values()]

    def get(self, call_id: str) -> CallRecord | None:
        """Return a call; None when there was none, or when it was forgotten."""
        known = self._known.get(call_id)
        return known.record if known is not None else None

    def id_of_leg(self, leg: Leg | None) -> str | None:
        """Return the call_id of a leg, searched from the latest call; None when the leg is not known."""
        found = (call_id for call_id, known in reversed(self._known.items()) if known.leg is leg)
        return None if leg is None else next(found, None)

    def id_of_sip(self, sip_call_id: str) -> str | None:
        """Return the call that has this SIP Call-ID; None when there is none."""
        if not sip_call_id:
            return None
        calls = reversed(self._known.items())
        return next((id_ for id_, known in calls if getattr(known.leg, "call_id", "") == sip_call_id), None)

    def clear(self) -> None:
        """Forget every call."""
        self._known.clear()
        self._ended.clear()
        self.dropped = 0

    # --- what happens

    def take_event(self, envelope: dict[str, Any], call: Call | None) -> CallRecord | None:
        """Take in an event of RELAY; return the state of the call now, None when the event changes no call.

        Args:
            envelope: The event.
            call: The exchange's call; None when the call is over.
        """
        params, time = envelope["params"], envelope["timestamp"]
        known = self._known.get(params.get("call_id", ""))
        if known is None and call is not None:
            known = self._known[call.call_id] = _KnownCall(_begin(call, time), call.leg)
        if known is None:
            return None
        record = known.record if call is None else _owned(known.record, call)
        match envelope["event_type"]:
            case "calling.call.state" | "calling.call.receive":
                record = _in_state(record, params, time)
            case "calling.call.refer":
                record = _referred(record, params)
            case "calling.call.record" if params.get("url") and params.get("state") == "finished":
                record = _recorded(record, params)
            case "calling.conference" if params.get("status") == "recording-completed":
                record = _recorded(record, params)
        return self._keep(known, record)

    def took_command(self, call_id: str, method: str, params: dict[str, Any]) -> CallRecord | None:
        """Take in a command that the server accepted; return the state of the call now, None when nothing changed."""
        known = self._known.get(call_id)
        if known is None:
            return None
        record = known.record
        if method == "calling.send_digits":
            record = evolve(record, digits_sent=(record.digits_sent + str(params.get("digits", "")))[-LIST_LIMIT:])
        else:
            texts = tuple(without_password(text) for text in _spoken(params.get("play")))
            record = evolve(record, spoken=(*record.spoken, *texts)[-LIST_LIMIT:])
        return self._keep(known, record)

    def _keep(self, known: _KnownCall, record: CallRecord) -> CallRecord | None:
        if record == known.record and record.state != "created":
            return None
        self._known[record.id] = _KnownCall(record, known.leg)
        if record.state == "ended" and record.id not in self._ended:
            self._ended[record.id] = None
            if len(self._ended) > ENDED_CALLS_KEPT:
                del self._known[self._ended.popitem(last=False)[0]]
                self.dropped += 1
        return record


def _begin(call: Call, time: float) -> CallRecord:
    device = call.described_device()
    params = device.get("params", {})
    return CallRecord(
        id=call.call_id,
        node_id=call.node_id,
        direction=call.direction,
        type=str(device.get("type", "sip")),
        state=str(call.state),
        from_uri=without_password(str(params.get("from_number") or call.from_uri)),
        to_uri=without_password(str(params.get("to_number") or call.to_uri)),
        context=call.context or None,
        created_at=time,
    )


def _owned(record: CallRecord, call: Call) -> CallRecord:
    """Return the call with the session that controls it now."""
    session = call.controller
    if session is None or session.channel == record.session:
        return record
    return evolve(record, session=session.channel, project_id=session.project_id or None)


def _in_state(record: CallRecord, params: dict[str, Any], time: float) -> CallRecord:
    state = str(params.get("call_state", record.state))
    times = {"answered": "answered_at", "ended": "ended_at"}
    changed: dict[str, Any] = {"state": state}
    if state in times and getattr(record, times[state]) is None:
        changed[times[state]] = time
    if state == "ended":
        changed["end_reason"] = params.get("end_reason")
    return evolve(record, **changed)


def _referred(record: CallRecord, params: dict[str, Any]) -> CallRecord:
    """Return the call with the news of its latest transfer to this target, or with a new transfer."""
    to = without_password(str(params.get("sip_refer_to", "")))
    code = params.get("sip_notify_response_code")
    news = ReferRecord(to, str(params.get("state", "")), None if code is None else str(code))
    refers = list(record.refers)
    if refers and refers[-1].to == to and refers[-1].status == IN_PROGRESS:
        refers[-1] = evolve(news, notify_code=news.notify_code or refers[-1].notify_code)
    else:
        refers.append(news)
    return evolve(record, refers=tuple(refers[-LIST_LIMIT:]))


def _recorded(record: CallRecord, params: dict[str, Any]) -> CallRecord:
    url = str(params["url"])
    duration, size = params.get("duration") or 0.0, params.get("size") or 0
    recording = RecordingRecord(url.rpartition("/")[2], url, float(duration), int(size))
    return evolve(record, recordings=(*record.recordings, recording)[-LIST_LIMIT:])


def _spoken(play: Any) -> Iterable[str]:
    """Return the texts of a ``play`` parameter of RELAY, in order."""
    for medium in play if isinstance(play, list) else ():
        params = medium.get("params") if isinstance(medium, dict) and medium.get("type") == "tts" else None
        text = params.get("text") if isinstance(params, dict) else None
        if isinstance(text, str):
            yield text
