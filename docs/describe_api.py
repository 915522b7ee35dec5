"""Describe the control API of the local server: the tables of its operations and of its schemas, for ``docs/draw.py``."""

from __future__ import annotations

from typing import Any

from anyrelay.local.server.control_api.app import OPERATIONS
from anyrelay.local.server.control_api.openapi import openapi_document

TOPICS = {
    "about": "The server",
    "calls": "Calls",
    "journal": "Messages, sessions, recordings, events",
    "acting": "Text messages, scripts, faults, phones",
}
"""The headings of the operations, by the modules that have them."""


def control_api_page() -> str:
    """Return the operations of the API by topic, and the fields of every body."""
    document = openapi_document(OPERATIONS)
    parts = ["## Operations\n"]
    for module, heading in TOPICS.items():
        found = [each for each in OPERATIONS if each.handler.__module__.endswith(f".{module}")]
        rows = [_operation_row(document["paths"][each.path][each.method.lower()], each) for each in found]
        parts += [f"### {heading}\n", "| request | effect | body | answer |", "| --- | --- | --- | --- |", *rows, ""]
    parts.append("## Bodies\n")
    for name, schema in document["components"]["schemas"].items():
        if schema.get("properties"):
            parts += [f"### {name}\n", schema["description"] + "\n", *_fields(schema), ""]
    return "\n".join(parts)


def _operation_row(described: dict[str, Any], operation: Any) -> str:
    query = ", ".join(f"`{name}`" for name in operation.query)
    request = f"`{operation.method} {operation.path}`" + (f"; {query}" if query else "")
    body = f"[{operation.body}](#{operation.body.lower()})" if operation.body else ""
    answers = "; ".join(f"{status} {_content(content)}".rstrip() for status, (_, content) in operation.answers.items())
    return f"| {request} | {described['summary']} | {body} | {answers} |"


def _content(content: Any) -> str:
    """Return an answer's schema or media types in words."""
    if content is None:
        return ""
    if isinstance(content, dict):
        if "$ref" in content:
            name = content["$ref"].rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        name = content["properties"]["data"]["items"]["$ref"].rpartition("/")[2]
        return f"list of [{name}](#{name.lower()})"
    return ", ".join(f"`{each}`" for each in ([content] if isinstance(content, str) else dict.fromkeys(content)))


def _fields(schema: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{name}`{'' if name in schema.get('required', ()) else ' (optional)'} | {_type(field)} | {_words(field)} |"
        for name, field in schema["properties"].items()
    ]
    return ["| field | type | meaning |", "| --- | --- | --- |", *rows]


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "oneOf" in field:
        return "string or object"
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    if kinds == ["array"]:
        return f"list of {_type(field['items'])}"
    return " or ".join(kinds)


def _words(field: dict[str, Any]) -> str:
    words = str(field.get("description", ""))
    if "enum" in field and field["type"] == "string":
        words += f" One of {', '.join(f'`{each}`' for each in field['enum'])}."
    if "minimum" in field:
        words += f" {field['minimum']:,} to {field['maximum']:,}."
    if "default" in field:
        words += f" By default `{field['default']}`."
    return words.replace("|", "\\|")
