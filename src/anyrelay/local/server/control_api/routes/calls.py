"""Calls: list them, let simulated phones call, press, say, hang up, refer; draw the ladder of a call, capture its SIP."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response

from anyrelay.local.server.control_api.errors import ApiError, conflict, not_found, not_served
from anyrelay.local.server.control_api.ladders import LADDERS, ladder_of
from anyrelay.local.server.control_api.operations import LIST_LIMIT, Asked, Operation, answer_list, operation
from anyrelay.local.server.control_api.schemas import integer, listing, ref, text
from anyrelay.local.server.relay_phones import RelayCaller
from anyrelay.local.server.ringing import RING_TIME, PhoneUnanswered
from anyrelay.protocol.schema.codec import decode_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyrelay.local.exchange.calls import Call
    from anyrelay.local.exchange.ports import Leg
    from anyrelay.local.server.journal.calls import CallRecord
    from anyrelay.local.server.journal.frames import SipTransmission
    from anyrelay.protocol.schema import CallCommand

__all__ = ["CALL_OPERATIONS"]

ANSWER_TIME: Final = 600.0
"""Seconds for which a phone waits for the answer, before it presses digits and says texts."""

LISTEN_TIME: Final = 2.0
"""The longest time after the answer, in seconds, that a phone waits for sound before it presses and says."""

_OF_SIMULATED_PHONES: Final = {"answer_refer", "hangup_after", "press", "say"}
"""The keys of the body of `place_call` for simulated phones alone."""

_numbers: Final = itertools.count(1)
"""Numbers for phones without a name, so that no two calls have the same phone."""

CALL_OPERATIONS: Final[list[Operation]] = []
"""The operations of this module, in the order of the document."""

_PCAP: Final = "application/vnd.tcpdump.pcap"
"""The media type of a pcap file, as IANA has it."""

_CALL: Final = {200: ("The call.", ref("Call"))}
_DONE: Final = {202: ("The server does it.", ref("Accepted"))}


# --- looking ------------------------------------------------------------------------------------------------------------


@operation(
    CALL_OPERATIONS,
    "GET",
    "/v1/calls",
    query={
        "state": text("Only calls in this state.", limit=20),
        "context": text("Only calls of this context.", limit=256),
        "limit": integer("How many of the latest calls.", 1, LIST_LIMIT, default=LIST_LIMIT),
    },
    answers={200: ("The calls.", listing("Call"))},
)
async def list_calls(asked: Asked) -> Response:
    """List the calls, oldest first."""
    calls = asked.journal.calls
    found = [call for call in calls.all() if _fits(call, asked)][-int(asked.query.get("limit", LIST_LIMIT)) :]
    return answer_list([call.to_json() for call in found], dropped=calls.dropped)


def _fits(call: CallRecord, asked: Asked) -> bool:
    return all(getattr(call, name) == asked.query[name] for name in ("state", "context") if name in asked.query)


@operation(CALL_OPERATIONS, "GET", "/v1/calls/{id}", answers=_CALL)
async def get_call(asked: Asked) -> Response:
    """Get a call."""
    return JSONResponse(_record(asked).to_json())


@operation(
    CALL_OPERATIONS,
    "GET",
    "/v1/calls/{id}/ladder",
    query={"format": {**text("The format.", limit=20, default="svg"), "enum": list(LADDERS)}},
    answers={200: ("The ladder.", [kind.media_type for kind in LADDERS.values()])},
)
async def draw_call(asked: Asked) -> Response:
    """Draw the ladder of a call."""
    record = _record(asked)
    form = asked.query.get("format", "svg")
    drawing = ladder_of(list(asked.journal.frames(call_id=record.id)), form)
    return _download(f"call-{record.id}.{LADDERS[form].ending}", drawing + "\n", LADDERS[form].media_type)


@operation(
    CALL_OPERATIONS,
    "GET",
    "/v1/calls/{id}/capture",
    answers={200: ("The SIP messages of the call as a pcap file.", _PCAP)},
)
async def capture_call(asked: Asked) -> Response:
    """Capture the SIP messages of a call in a pcap file, for Wireshark."""
    record = _record(asked)
    messages = list(asked.journal.sip_messages(record.id))
    if not messages:
        raise ApiError(404, "the server has no SIP message of this call: simulated phones send none")
    capture = await anyio.to_thread.run_sync(_capture_of, messages)
    return _download(f"call-{record.id}.pcap", capture, _PCAP)


def _capture_of(messages: list[SipTransmission]) -> bytes:
    from anyrelay.local.server.control_api.captures import capture_of  # the library is loaded for the first capture

    return capture_of(messages)


def _download(name: str, content: str | bytes, media_type: str) -> Response:
    """Return a file as an answer, which a browser saves under this name."""
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _record(asked: Asked) -> CallRecord:
    record = asked.journal.calls.get(asked.path["id"])
    if record is None:
        raise not_found("call")
    return record


# --- calling ------------------------------------------------------------------------------------------------------------


@operation(CALL_OPERATIONS, "POST", "/v1/calls", body="NewCall", answers={201: ("The call.", ref("Call"))})
async def place_call(asked: Asked) -> Response:
    """Place a call: let a simulated phone call, or ring a SIP phone.

    A SIP phone is rung, and its call is offered to the context once the phone answers.
    """
    if asked.relay.simulated_phones is None:
        return await _ring_phone(asked)
    body = asked.body
    context = body.get("context") or _context_of(body["to"])
    caller = await asked.relay.phones.dial(
        _uri_of(body.get("from")),
        context=context,
        on_refer=body.get("answer_refer"),
        patience=body.get("give_up_after"),
        hang_up_after=body.get("hangup_after"),
        wait_for_subscriber=body.get("wait_for_subscriber", 5.0),
    )
    acts = BackgroundTask(_act_once_answered, caller, body.get("press", ""), body.get("say", []))
    return _placed(asked, caller.leg, f"no client receives in the context {context!r}", acts)


async def _ring_phone(asked: Asked) -> Response:
    """Send a SIP phone an INVITE, and offer its call to a context once the phone answers."""
    body = asked.body
    phone, context = _phone_and_context(body)
    if not phone:
        uri = (asked.relay.sip_uri or "").replace("sip:", "sip:CONTEXT@", 1)
        raise conflict(
            f"this server has real SIP phones: name the phone to ring as from, or let a softphone call {uri}"
        )
    for name in _OF_SIMULATED_PHONES & body.keys():
        raise not_served(f"{name} is for simulated phones: use the phone itself, or another request")
    try:
        leg = await asked.relay.ring(
            _uri_of(phone),
            context=context,
            ring_time=body.get("give_up_after", RING_TIME),
            wait_for_subscriber=body.get("wait_for_subscriber", 5.0),
        )
    except (PhoneUnanswered, TimeoutError) as error:
        raise conflict(str(error)) from None
    return _placed(asked, leg, "the call is over")


def _phone_and_context(body: Mapping[str, Any]) -> tuple[str, str]:
    """Return the phone to ring, "" for none, and the context: `to` is the phone when `context` is given and `from` is not."""
    context, to = body.get("context", ""), body.get("to", "")
    if context and to:
        return body.get("from") or to, context
    return body.get("from", ""), context or _context_of(to)


def _placed(asked: Asked, leg: Leg, otherwise: str, background: BackgroundTask | None = None) -> Response:
    """Return the answer for a call that was placed; refuse with the words `otherwise` when there is none."""
    record = asked.journal.calls.get(asked.journal.calls.id_of_leg(leg) or "")
    if record is None:
        raise conflict(otherwise)
    return JSONResponse(record.to_json(), 201, background=background)


async def _act_once_answered(caller: RelayCaller, press: str, say: list[str]) -> None:
    if not (press or say):
        return
    try:
        await caller.answered(ANSWER_TIME)
    except TimeoutError:
        return
    with contextlib.suppress(TimeoutError):  # applications ignore digits that come before they listen
        await caller.until(lambda: caller.state == "ended" or bool(caller.heard), LISTEN_TIME)
    if press:
        caller.press(press)
    for words in say:
        caller.say(words)


def _context_of(to: str) -> str:
    """Return the context that is called: a name, or the user of a SIP URI, as real phones call it."""
    scheme, _, rest = to.partition(":")
    return rest.partition("@")[0] if scheme in ("sip", "sips") and rest else to


def _uri_of(given: str | None) -> str:
    """Return the URI of a phone that was named by its URI or its number, or that of a new phone."""
    if not given:
        return f"sip:caller-{next(_numbers)}@example.com"
    return given if ":" in given else f"tel:{given}"


# --- acting on a call -----------------------------------------------------------------------------------------------------


@operation(CALL_OPERATIONS, "POST", "/v1/calls/{id}/digits", body="Digits", answers=_DONE)
async def press_digits(asked: Asked) -> Response:
    """Press digits."""
    _caller(asked).press(asked.body["digits"])
    return _accepted(asked)


@operation(CALL_OPERATIONS, "POST", "/v1/calls/{id}/say", body="Speech", answers=_DONE)
async def say_text(asked: Asked) -> Response:
    """Say a text."""
    _caller(asked).say(asked.body["text"])
    return _accepted(asked)


@operation(CALL_OPERATIONS, "POST", "/v1/calls/{id}/hangup", body="HangUp", answers=_DONE)
async def hang_up(asked: Asked) -> Response:
    """End a call.

    The phone hangs up, or the server ends the call for a reason.
    """
    call = _live_call(asked)
    reason = asked.body.get("reason")
    if reason is None and asked.relay.simulated_phones is not None:
        _caller(asked).hang_up()
        return _accepted(asked)
    exchange = asked.relay.exchange
    exchange.call_control.lifecycle.end_call(call, reason or "hangup", exchange.now)
    asked.relay.follow_outputs()
    return _accepted(asked)


@operation(CALL_OPERATIONS, "POST", "/v1/calls/{id}/refer", body="NewRefer", answers=_DONE)
async def refer_call(asked: Asked) -> Response:
    """Transfer a call.

    The phone gets a SIP REFER, as if the client that controls the call had asked for it.
    """
    call, exchange = _live_call(asked), asked.relay.exchange
    if call.controller is None:
        raise conflict("no client controls the call")
    params: dict[str, Any] = {"device": {"type": "sip", "params": {"to": asked.body["to"]}}}
    names = {"call_id": call.call_id, "node_id": call.node_id, "control_id": exchange.new_id()}
    command: Any = decode_command("calling.refer", {**params, **names})
    _carry_out(asked, command, call)
    return _accepted(asked)


def _carry_out(asked: Asked, command: CallCommand, call: Call) -> None:
    """Carry a command out for the client that controls the call.

    Raises:
        ApiError: The server refuses it (409, or 501).
    """
    exchange = asked.relay.exchange
    assert call.controller is not None
    exchange.handle_timeout(anyio.current_time())
    result = exchange.call_control.carry_out(command, call.controller, exchange.now)
    asked.relay.follow_outputs()
    if result["code"] != "200":
        raise ApiError(501 if result["code"] == "501" else 409, str(result["message"]))


def _live_call(asked: Asked) -> Call:
    record = _record(asked)
    call = asked.relay.exchange.calls.get(record.id)
    if call is None or call.is_ending:
        raise conflict("the call is over")
    return call


def _caller(asked: Asked) -> RelayCaller:
    """Return the simulated phone of a call that is not over."""
    call, phones = _live_call(asked), asked.relay.simulated_phones
    caller = next((one for one in phones.callers if one.leg is call.leg), None) if phones is not None else None
    if caller is None:
        raise not_served("only simulated phones do what the API says: use the phone itself")
    return RelayCaller(asked.relay, caller)


def _accepted(asked: Asked) -> Response:
    return JSONResponse({"id": asked.path["id"]}, 202)
