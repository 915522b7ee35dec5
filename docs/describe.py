"""The reference of RELAY's commands, described from their classes: parameters, allowed values and meanings."""

from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, fields

from anyrelay.cli.schema.meanings import field_meanings, summary
from anyrelay.protocol.schema import COMMANDS, Media, SipReferDevice
from anyrelay.protocol.schema import fields as checks

GROUPS = {
    "signalwire": "Session",
    "calling": "Calls",
    "messaging": "Text messages",
}
"""The sections of the page, by the first word of a method."""

BY_NAME = {
    "is_flag": "true or false",
    "is_json": "any JSON value",
    "is_object": "an object",
    "is_opaque": "an identifier",
    "is_jwt": "text",
    "is_text_or_flag": "true, false or text",
    "is_sip_uri": "a SIP URI",
    "is_named_value": 'an object `{"name", "value"}`',
    "is_conference_id": "an identifier",
}
"""The allowed values of the validators without settings, by their names."""

USUAL_LIMIT = checks.is_text().limit
"""The length of a text, in characters, that is not worth a word."""

SIMPLE = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list[list[dict[str, Any]]]: "lists of devices, see {doc}`values`",
    tuple[Media, ...]: "media, see {doc}`values`",
    SipReferDevice: "a SIP device, see {doc}`values`",
}
"""The allowed values of a type."""


def commands_page() -> str:
    """Return the tables of all commands: the parameters of each RELAY method."""
    parts = []
    for prefix, title in GROUPS.items():
        parts.append(f"## {title}\n")
        parts += [_command(method) for method in sorted(COMMANDS) if method.startswith(f"{prefix}.")]
    return "\n".join(parts)


def _command(method: str) -> str:
    kind = COMMANDS[method]
    types = get_type_hints(kind)
    rows = [
        f"| `{_wire_name(each)}`{'' if each.default is not NOTHING else ' *'} | {_allowed(each, types[each.name])} "
        f"| {_in_table(field_meanings(kind)[each.name])} |"
        for each in fields(kind)
        if each.name not in ("extra", "node_id", "call_id")
    ]
    table = ["| parameter | values | meaning |", "| --- | --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"### `{method}`\n", summary(kind), "", *table])


def _wire_name(field: "Attribute[Any]") -> str:
    return str(field.metadata.get("wire", field.name))


def _allowed(field: "Attribute[Any]", kind: Any) -> str:
    """Describe the values that a field takes: by its validator, else by its type."""
    return _by_validator(field.validator) or _by_type(kind)


def _by_validator(check: Any) -> str:
    match check:
        case checks.optional():
            return _by_validator(check.check)
        case checks.list_of():
            return f"a list, each {_by_validator(check.item)}"
        case checks.one_of():
            return ", ".join(f"`{word}`" for word in check.choices)
        case checks.is_url():
            return f"a URL with {' or '.join(check.prefixes)}"
        case checks.is_digits():
            return " ".join(f"`{digit}`" for digit in ["0-9", "#", "*", "A-D", *check.also])
        case checks.is_text():
            return "text" if check.limit >= USUAL_LIMIT else f"text, at most {check.limit} characters"
        case checks.is_number():
            word = "a whole number" if isinstance(check, checks.is_integer) else "a number"
            return f"{word}, {check.range}"
    return BY_NAME.get(getattr(check, "__name__", ""), "")


def _by_type(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return ", or ".join(_by_type(each) for each in get_args(kind) if each is not NoneType)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if get_origin(kind) is list:
        return f"a list, each {_by_type(get_args(kind)[0])}"
    return "any JSON value" if kind is Any else "an object"


def _in_table(text: str) -> str:
    """Return Markdown for the cell of a table."""
    return text.replace("|", "\\|")
