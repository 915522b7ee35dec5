"""The JSON schemas of the control API: they check what comes in, and they are the OpenAPI document's components."""

from __future__ import annotations

from typing import Any, Final

from anyrelay.local.server.faults import COMMAND_FAULTS
from anyrelay.local.simulated.scripts import ANSWERS, BEHAVIOURS

__all__ = ["COMPONENTS", "array", "integer", "listing", "number", "obj", "ref", "text"]

Schema = dict[str, Any]


def text(description: str, *, limit: int = 1_000, least: int = 0, **more: Any) -> Schema:
    """Return the schema of a string."""
    return {"type": "string", "description": description, "maxLength": limit, "minLength": least, **more}


def number(description: str, least: float, most: float, **more: Any) -> Schema:
    """Return the schema of a number."""
    return {"type": "number", "description": description, "minimum": least, "maximum": most, **more}


def integer(description: str, least: int, most: int, **more: Any) -> Schema:
    """Return the schema of a whole number."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most, **more}


def array(description: str, items: Schema, *, limit: int = 100) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "description": description, "items": items, "maxItems": limit}


def obj(description: str, properties: dict[str, Schema], *, required: tuple[str, ...] = (), **more: Any) -> Schema:
    """Return the schema of an object with these properties and no others."""
    fixed: Schema = {"type": "object", "description": description, "properties": properties}
    return {**fixed, "required": list(required), "additionalProperties": False, **more}


def ref(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def listing(of: str) -> Schema:
    """Return the schema of a list of components, as every list of the API is written."""
    properties: dict[str, Schema] = {
        "data": {"type": "array", "items": ref(of)},
        "dropped": {"type": "integer", "description": "How many of them were forgotten because there were too many."},
        "next": _or_null({"type": "integer"}, "The `after` with which the list goes on; null at its end."),
    }
    return obj(f"A list: {of}.", properties, required=("data", "dropped", "next"))


def _or_null(schema: Schema, description: str) -> Schema:
    return {**schema, "type": [schema["type"], "null"], "description": description}


def _said(kind: str, description: str, **more: Any) -> Schema:
    """Return the schema of a value in an answer."""
    return {"type": kind, "description": description, **more}


def _whole(description: str, properties: dict[str, Schema]) -> Schema:
    """Return the schema of an answer, which has all its properties."""
    return obj(description, properties, required=tuple(properties))


def _time_or_null(description: str) -> Schema:
    return _or_null({"type": "number"}, description)


DIGITS: Final = text(
    "Digits `0-9 # * A-D`; `w` is a pause of 0.5 s, `W` of 1 s.", limit=256, pattern="^[0-9#*A-Da-dwW]*$"
)
URI: Final = text("A SIP URI, such as `sip:alice@example.com`, or a tel URI.", limit=1_000, least=1)
WAIT: Final = number("How long to wait for a client that receives in the context, in seconds.", 0, 60, default=5)
BEHAVIOUR: Final[Schema] = {
    "description": "The treatment of a REFER: a word, or the word as `name` with its parameters.",
    "oneOf": [
        {"type": "string", "enum": list(BEHAVIOURS)},
        {
            "type": "object",
            "properties": {"name": {"type": "string", "enum": list(BEHAVIOURS)}},
            "required": ["name"],
        },
    ],
}

_STATES: Final = ["created", "ringing", "answered", "ending", "ended"]

ASKED: Final[dict[str, Schema]] = {
    "NewCall": obj(
        "A call of a phone. A simulated phone calls the context. A SIP phone is sent an INVITE first: once the phone answers, "
        "its call is offered to the context as a call from the phone. The request lasts until then; 409 says why the phone did "
        "not answer.",
        {
            "context": text("The context that the phone calls.", limit=256, least=1),
            "to": text(
                "The context, or a SIP URI whose user is it. With `context` and without `from`, the SIP phone to ring.",
                limit=1_000,
                least=1,
            ),
            "from": text(
                "The phone: a SIP URI, or a number (of a SIP phone: a number of the dial plan). Without it, a new simulated "
                "phone calls."
            ),
            "press": {
                **DIGITS,
                "description": "Digits that a simulated phone presses once it hears the application, or 2 s after the "
                "answer.",
            },
            "say": array("Texts that the user of a simulated phone says after that.", text("A text.")),
            "hangup_after": number("Seconds after the answer at which a simulated phone hangs up.", 0, 86_400),
            "give_up_after": number(
                "Seconds after which a simulated phone gives up an unanswered call, or for which a SIP phone rings (30 when "
                "left out).",
                0,
                86_400,
            ),
            "answer_refer": BEHAVIOUR,
            "wait_for_subscriber": WAIT,
        },
        anyOf=[{"required": ["context"]}, {"required": ["to"]}],
    ),
    "Digits": obj("Digits to press.", {"digits": {**DIGITS, "minLength": 1}}, required=("digits",)),
    "Speech": obj("A text to say.", {"text": text("The text.", limit=10_000)}, required=("text",)),
    "HangUp": obj(
        "How to end a call.",
        {
            "reason": _said(
                "string",
                "With a reason the server ends the call; without one the phone hangs up.",
                enum=["hangup", "cancel", "busy", "noAnswer", "decline", "error"],
            )
        },
    ),
    "NewRefer": obj("A transfer.", {"to": {**URI, "description": "The target."}}, required=("to",)),
    "NewMessage": obj(
        "A text message that arrives.",
        {
            "to": text("The number to which the message goes.", limit=256, least=1),
            "from": text("The number from which the message comes.", limit=256, least=1, default="+15550000000"),
            "body": text("The text.", limit=10_000),
            "media": array("The URLs of pictures and files.", text("A URL."), limit=10),
            "wait_for_subscriber": WAIT,
        },
        required=("to",),
    ),
    "NewScript": obj(
        "The reply to a command and the events after it, or the treatment of the next REFER.",
        {
            "method": text("The RELAY method, such as `calling.ai`.", limit=256, least=1),
            "code": integer("The code of the reply: 200, or a refusal from 400 to 599.", 200, 599, default=200),
            "message": text("The message of the reply.", least=1),
            "reply": _said("object", "Further fields of the reply."),
            "events": array(
                "The events after the reply; the usual ones when left out.",
                obj(
                    "An event.",
                    {
                        "params": _said("object", "The parameters of the event."),
                        "after": number("Seconds since the reply or the event before.", 0, 86_400),
                        "event_type": text("The type of the event; that of the command when left out.", limit=256),
                    },
                    required=("params",),
                ),
            ),
            "refer": BEHAVIOUR,
        },
        oneOf=[{"required": ["method"]}, {"required": ["refer"]}],
    ),
    "NewFault": obj(
        "A fault: at once, or with the next commands.",
        {
            "fault": _said(
                "string",
                "`drop`: the connections break, or with a `method` the connection of the next such command does. "
                "`disconnect`: clients are told that their connection closes, and it does a second later. `forget`: "
                "connections break and sessions are lost. `delay`: the server takes the next commands in late. `refuse`: the "
                "server refuses the next commands.",
                enum=[*COMMAND_FAULTS, "disconnect", "forget"],
            ),
            "method": text("Only commands of this method.", limit=256, least=1),
            "count": integer("How many commands.", 1, 1_000_000, default=1),
            "seconds": number("How late, in seconds.", 0, 3_600, default=1),
            "code": integer("The code of the refusal.", 400, 599, default=500),
        },
        required=("fault",),
    ),
    "PhoneSettings": obj(
        "What a simulated phone does when it is called.",
        {
            "answers": _said("string", "How it answers.", enum=list(ANSWERS), default="answer"),
            "ring_time": number("Seconds for which it rings first.", 0, 1_000_000, default=0.2),
            "code": _or_null(integer("", 200, 699), "The SIP status to answer with instead; null for the usual one."),
        },
    ),
}
"""The bodies of requests."""

ANSWERED: Final[dict[str, Schema]] = {
    "Call": _whole(
        "A call.",
        {
            "id": _said("string", "Its call_id."),
            "node_id": _said("string", "Its node_id, which commands of RELAY repeat."),
            "direction": _said("string", "Whether a phone called or was called.", enum=["inbound", "outbound"]),
            "type": _said("string", "The type of the device, such as `sip` or `phone`."),
            "state": _said("string", "The state of the call.", enum=_STATES),
            "end_reason": _or_null({"type": "string"}, "Why the call ended; null until then."),
            "from": _said("string", "The caller: a SIP URI or a number."),
            "to": _said("string", "Who was called."),
            "context": _or_null({"type": "string"}, "The context that a phone called; null for an outbound call."),
            "project_id": _or_null({"type": "string"}, "The project of the session that controls the call."),
            "session": _or_null({"type": "string"}, "The id of that session."),
            "created_at": _said("number", "When the call began, in Unix seconds."),
            "answered_at": _time_or_null("When the call was answered; null when it was not."),
            "ended_at": _time_or_null("When the call ended; null until then."),
            "refers": array("The transfers of the call.", ref("Refer"), limit=1_000),
            "digits_sent": _said("string", "The digits that the application sent to the phone."),
            "spoken": array("The texts that the application spoke.", {"type": "string"}, limit=1_000),
            "recordings": array("The recordings that are over.", ref("Recording"), limit=1_000),
        },
    ),
    "Refer": _whole(
        "A SIP REFER of a call.",
        {
            "to": _said("string", "The target."),
            "status": _said("string", "The state of the transfer, as RELAY names it."),
            "notify_code": _or_null({"type": "string"}, "The SIP status of the target that the phone reported."),
        },
    ),
    "Recording": _whole(
        "A recording.",
        {
            "id": _said("string", "Its name at `/v1/recordings/{id}`."),
            "url": _said("string", "The URL that the RELAY client was told."),
            "duration": _said("number", "Its length in seconds."),
            "size": _said("integer", "Its length in bytes."),
        },
    ),
    "Session": _whole(
        "A session of a RELAY client.",
        {
            "id": _said("string", "An identifier that opens nothing."),
            "project_id": _said("string", "The project that the client signed in for."),
            "contexts": array("The contexts that the client receives.", {"type": "string"}, limit=1_000),
            "connected": _said("boolean", "Whether the client is connected now."),
            "agent": _or_null({"type": "string"}, "The program that the client says it is."),
            "calls": _said("integer", "How many calls the session controls."),
            "connected_at": _said("number", "When the client connected last, in Unix seconds."),
        },
    ),
    "Frame": _whole(
        "A RELAY message, a SIP message, or a step of a simulated phone; secrets are struck out.",
        {
            "seq": _said("integer", "Its number."),
            "time": _said("number", "When the server saw it, in Unix seconds."),
            "kind": _said("string", "What it is.", enum=["relay", "sip", "phone"]),
            "direction": _said("string", "`rx`: the server received it.", enum=["rx", "tx"]),
            "from": _said("string", "Who sent it: `server`, `client N`, host:port, or the URI of a simulated phone."),
            "to": _said("string", "Who received it."),
            "method": _or_null({"type": "string"}, "The method of RELAY or SIP; of a reply that of its request."),
            "role": _said(
                "string",
                "What part it plays.",
                enum=[
                    *("command", "event", "reply", "error", "acknowledgement", "ping"),
                    *("request", "response", "step"),
                ],
            ),
            "summary": _said("string", "The message in a few words."),
            "call_id": _or_null({"type": "string"}, "The call; null when the message is about no call."),
            "text": _said("string", "The whole message."),
        },
    ),
    "Message": _whole(
        "A text message.",
        {
            "id": _said("string", "Its message_id."),
            "direction": _said("string", "`inbound` to a client, `outbound` from a client."),
            "from": _said("string", "The number from which the message comes."),
            "to": _said("string", "The number to which the message goes."),
            "body": _said("string", "The text."),
            "media": array("The URLs of pictures and files.", {"type": "string"}, limit=1_000),
            "state": _said("string", "`received`, or the state of a message that a client sent."),
            "context": _or_null({"type": "string"}, "The context."),
            "created_at": _said("number", "When the message was sent or received, in Unix seconds."),
        },
    ),
    "Phone": _whole(
        "A simulated phone that can be called.",
        {
            "uri": _said("string", "Its URI."),
            "answers": _said("string", "How it answers.", enum=list(ANSWERS)),
            "ring_time": _said("number", "Seconds for which it rings first."),
            "code": _or_null({"type": "integer"}, "The SIP status to answer with instead."),
        },
    ),
    "Accepted": obj("The server does it.", {"id": _said("string", "The call.")}),
    "Health": obj(
        "The server. Without the token, where one is needed, `status` alone.",
        {
            "status": _said("string", "The server is there.", enum=["ok"]),
            "version": _said("string", "The version of anyrelay."),
            "relay": _said("string", "The URL for RELAY clients."),
            "sip": _or_null({"type": "string"}, "The SIP URI that real phones call, a context in front of its host."),
            "phones": _said("string", "The kind of phones.", enum=["sip", "simulated"]),
            "acted": array("The commands that scripts act.", {"type": "string"}, limit=1_000),
            "environment": _said(
                "object",
                "The environment variables that point a client at this server, without secrets.",
                additionalProperties={"type": "string"},
            ),
        },
        required=("status",),
    ),
    "Errors": _whole(
        "Why a request failed.",
        {
            "errors": array(
                "The errors.",
                obj(
                    "An error.",
                    {
                        "type": _said("string", "The kind of error."),
                        "code": _said("string", "The error, as a word for programs."),
                        "message": _said("string", "The error, in words."),
                        "attribute": _said("string", "The parameter or the field that is wrong."),
                    },
                    required=("type", "code", "message"),
                ),
            )
        },
    ),
}
"""The bodies of answers."""

COMPONENTS: Final = {**ASKED, **ANSWERED}
"""Every schema that has a name."""
