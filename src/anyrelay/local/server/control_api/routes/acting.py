"""Operations that act on the server and its phones: text messages, scripts, faults, phones, a reset."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import attrs
from starlette.responses import JSONResponse, Response

from anyrelay.local.exchange.calls import CallState
from anyrelay.local.server.control_api.errors import conflict, not_found, not_served
from anyrelay.local.server.control_api.operations import Asked, Operation, answer_list, operation
from anyrelay.local.server.control_api.schemas import listing, ref
from anyrelay.local.server.faults import CommandFault
from anyrelay.protocol.schema.sip_uri import same_sip_uri, without_password

if TYPE_CHECKING:
    from anyrelay.local.simulated.phones import SimulatedPhones
    from anyrelay.local.simulated.scripts import Target

__all__ = ["ACTING_OPERATIONS"]

PHONES_LIMIT: Final = 500
"""How many phones may be described through the API: a call looks through all of them."""

RESET_TIME: Final = 5.0
"""Seconds for which a reset waits for the calls to end."""

ACTING_OPERATIONS: Final[list[Operation]] = []
"""The operations of this module, in the order of the document."""


# --- text messages ------------------------------------------------------------------------------------------------------


@operation(ACTING_OPERATIONS, "GET", "/v1/messages", answers={200: ("The messages.", listing("Message"))})
async def list_messages(asked: Asked) -> Response:
    """List the text messages, oldest first."""
    messages = asked.journal.messages
    return answer_list([message.to_json() for message in messages.all()], dropped=messages.dropped)


@operation(
    ACTING_OPERATIONS, "POST", "/v1/messages", body="NewMessage", answers={201: ("The message.", ref("Message"))}
)
async def receive_message(asked: Asked) -> Response:
    """Let a text message arrive at a client."""
    body = asked.body
    try:
        await asked.relay.text(
            to=body["to"],
            body=body.get("body", ""),
            from_number=body.get("from", "+15550000000"),
            media=body.get("media", ()),
            wait_for_subscriber=body.get("wait_for_subscriber", 5.0),
        )
    except TimeoutError as error:
        raise conflict(str(error)) from None
    return JSONResponse(asked.journal.messages.all()[-1].to_json(), 201)


# --- scripts and faults -------------------------------------------------------------------------------------------------


@operation(ACTING_OPERATIONS, "POST", "/v1/scripts", body="NewScript", answers={201: ("The script.", ref("NewScript"))})
async def set_script(asked: Asked) -> Response:
    """Script the reply to a command, or the treatment of the next REFER."""
    if "refer" in asked.body:
        _simulated(asked).script_next_refer(asked.body["refer"])
    else:
        asked.relay.script(**asked.body)
    return JSONResponse(dict(asked.body), 201)


@operation(
    ACTING_OPERATIONS, "POST", "/v1/faults", body="NewFault", answers={202: ("The server does it.", ref("Accepted"))}
)
async def make_fault(asked: Asked) -> Response:
    """Break connections, or let the next commands fail."""
    body: dict[str, Any] = dict(asked.body)
    match body["fault"]:
        case "disconnect":
            asked.relay.say_goodbye()
        case "forget":
            asked.relay.forget_sessions()
        case "drop" if "method" not in body and "count" not in body:
            asked.relay.drop_connections()
        case _:
            asked.relay.faults.add(CommandFault(**body))
    return JSONResponse({}, 202)


@operation(ACTING_OPERATIONS, "POST", "/v1/reset", answers={204: ("It is done.", None)})
async def reset(asked: Asked) -> Response:
    """End the calls, and forget messages, scripts, faults and phones.

    The phones and scripts of the seed are described again; clients stay connected.
    """
    relay = asked.relay
    exchange = relay.exchange
    relay.faults.clear()
    exchange.scripts.clear()
    calls = list(exchange.calls)  # applications may dial anew meanwhile: those calls belong to what follows
    for call in calls:
        # A dial that is cancelled calls no further devices, which would ring until an answer.
        rings = call.direction == "outbound" and not call.answer_ordered
        exchange.call_control.lifecycle.end_call(call, "cancel" if rings else "hangup", exchange.now)
    relay.follow_outputs()
    with contextlib.suppress(TimeoutError):
        await relay.until(lambda: all(call.state is CallState.ENDED for call in calls), RESET_TIME)
    if relay.simulated_phones is not None:
        relay.simulated_phones.forget_all()
    asked.journal.reset()
    relay.on_reset()
    return Response(status_code=204)


# --- phones -------------------------------------------------------------------------------------------------------------


@operation(ACTING_OPERATIONS, "GET", "/v1/phones", answers={200: ("The phones.", listing("Phone"))})
async def list_phones(asked: Asked) -> Response:
    """List the simulated phones that can be called."""
    return answer_list([_described(phone) for phone in _simulated(asked).targets])


@operation(
    ACTING_OPERATIONS,
    "PUT",
    "/v1/phones/{uri}",
    body="PhoneSettings",
    answers={200: ("It was described anew.", ref("Phone")), 201: ("It was described.", ref("Phone"))},
)
async def set_phone(asked: Asked) -> Response:
    """Describe a simulated phone.

    A phone that is described already is described anew.
    """
    phones, uri = _simulated(asked), asked.path["uri"]
    known = any(same_sip_uri(phone.uri, uri) for phone in phones.targets)
    if not known and len(phones.targets) >= PHONES_LIMIT:
        raise conflict(f"{PHONES_LIMIT} phones are described already; forget some of them first")
    phones.add(uri, **asked.body)
    return JSONResponse(_described(phones.targets[-1]), 200 if known else 201)


@operation(ACTING_OPERATIONS, "DELETE", "/v1/phones/{uri}", answers={204: ("It is done.", None)})
async def delete_phone(asked: Asked) -> Response:
    """Forget a simulated phone."""
    if not _simulated(asked).remove(asked.path["uri"]):
        raise not_found("phone")
    return Response(status_code=204)


def _described(phone: Target) -> dict[str, Any]:
    return {**attrs.asdict(phone), "uri": without_password(phone.uri)}


def _simulated(asked: Asked) -> SimulatedPhones:
    if asked.relay.simulated_phones is None:
        raise not_served("this server has real SIP phones, which the API does not describe")
    return asked.relay.simulated_phones
