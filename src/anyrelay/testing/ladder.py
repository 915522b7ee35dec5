"""The ladder of a call: one line for each RELAY message, between the RELAY server and the application.

The same rungs are drawn as text (terminals, failing tests), as SVG and HTML (documentation, the inspector) and as a Mermaid
sequence diagram. `anyrelay demo` draws the rungs of a running call with the labels and arrows of this module.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Final

from attrs import frozen

from anyrelay.local.logs import printable
from anyrelay.testing.trace import TraceFrame

__all__ = ["FORMATS", "Labels", "Rung", "arrow", "draw", "rungs_of"]

FORMATS: Final = ("text", "svg", "mermaid", "html")
"""The formats of `draw`."""

LANES: Final = ("RELAY server", "your application")
"""The parties of a trace, from left to right."""

_WIDTH: Final = 46
_COLOURS: Final = {"command": "#8250df", "event": "#0969da", "reply": "#1a7f37", "error": "#cf222e"}


@frozen
class Rung:
    """One message of a ladder."""

    time: float
    """Seconds since the first message."""
    to_server: bool
    """Whether the application sent the message."""
    label: str
    """The method, the event and its state, or the reply."""
    kind: str
    """command, event, reply or error."""


class Labels:
    """Names messages; remembers requests, so that a reply without a text of its own is named after its request."""

    def __init__(self) -> None:
        self._methods: dict[tuple[str, bool], str] = {}

    def of(self, message: dict[str, Any], *, from_client: bool) -> tuple[str, str]:
        """Return the label and the kind of a message; "" for acknowledgements and pings, which would outnumber the rest.

        Args:
            message: The JSON-RPC message.
            from_client: Whether the client sent the message.
        """
        method = message.get("method")
        key = (str(message.get("id")), from_client)
        if method == "signalwire.ping":
            return "", ""
        if method == "signalwire.event":
            return _event_label(message.get("params")), "event"
        if method is not None:
            self._methods[key] = str(method)
            return printable(str(method)), "command"
        answered = self._methods.pop((key[0], not from_client), "")
        if not answered:
            return "", ""
        return _reply_label(message, answered)


def _event_label(params: Any) -> str:
    params = params if isinstance(params, dict) else {}
    inner = params.get("params")
    inner = inner if isinstance(inner, dict) else {}
    name = str(params.get("event_type") or "").removeprefix("calling.").removeprefix("signalwire.")
    word = inner.get("call_state") if name in ("call.state", "call.receive") else inner.get("state")
    code = inner.get("sip_notify_response_code") or inner.get("sip_refer_response_code")
    return printable(" ".join(str(part) for part in (name, word, code) if part))


def _reply_label(message: dict[str, Any], answered: str) -> tuple[str, str]:
    error = message.get("error")
    if isinstance(error, dict):
        return printable(f"{error.get('code')} {error.get('message')}"), "error"
    result = message.get("result")
    result = result if isinstance(result, dict) else {}
    code = str(result.get("code", "200"))
    return printable(f"{code} {result.get('message', answered)}"), "reply" if code.startswith("2") else "error"


def rungs_of(frames: Iterable[TraceFrame]) -> list[Rung]:
    """Return the rungs of a trace; acknowledgements and pings are left out."""
    labels, rungs = Labels(), []
    start: float | None = None
    for frame in frames:
        start = frame.time if start is None else start
        label, kind = labels.of(frame.message, from_client=frame.from_client)
        if label:
            rungs.append(Rung(max(0.0, frame.time - start), frame.from_client, label, kind))
    return rungs


def draw(rungs: Sequence[Rung], form: str = "text") -> str:
    """Draw a ladder.

    Args:
        rungs: The messages, in order.
        form: One of `FORMATS`.

    Returns:
        The drawing, without a line end.

    Raises:
        ValueError: There is no such format.
    """
    drawings = {"text": _text, "svg": _svg, "mermaid": _mermaid, "html": _html}
    if form not in drawings:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {form!r}")
    return drawings[form](rungs)


def arrow(label: str, span: int, *, to_right: bool) -> str:
    """Return an arrow of `span` characters with its label on it; a label that is too long is cut."""
    longest = span - 4
    label = label if len(label) <= longest else label[: longest - 1] + "…"
    shaft = f" {label} ".center(span - 1, "─")
    return shaft + "▶" if to_right else "◀" + shaft


def _text(rungs: Sequence[Rung]) -> str:
    heads = f"{'':9}{LANES[0]:<{_WIDTH - 4}}{LANES[1]}"
    lines = [f"{rung.time:7.3f}  │{arrow(rung.label, _WIDTH, to_right=not rung.to_server)}│" for rung in rungs]
    return "\n".join([heads, *lines])


def _mermaid(rungs: Sequence[Rung]) -> str:
    lines = ["sequenceDiagram", "    participant S as RELAY server", "    participant A as your application"]
    for rung in rungs:
        ends = "A->>S" if rung.to_server else "S->>A"
        # Mermaid ends a statement at a semicolon and begins a comment at %%; #...; is its way to write such characters.
        label = "".join(f"#{ord(each)};" if each in "#;%<>&" else each for each in rung.label)
        lines.append(f"    {ends}: {label}")
    return "\n".join(lines)


_ROW: Final = 26
_LEFT, _RIGHT, _TOP = 130, 610, 40


def _svg(rungs: Sequence[Rung]) -> str:
    height = _TOP + _ROW * (len(rungs) + 1)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" width="720" height="{height}"'
            ' font-family="ui-monospace, monospace" font-size="13" role="img" aria-label="Ladder of RELAY messages">'
        ),
        f'<rect width="720" height="{height}" fill="#ffffff"/>',
    ]
    for x, name in ((_LEFT, LANES[0]), (_RIGHT, LANES[1])):
        parts.append(f'<text x="{x}" y="22" text-anchor="middle" font-weight="bold" fill="#1f2328">{name}</text>')
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 8}" stroke="#8c959f"/>')
    parts += [_svg_rung(rung, _TOP + _ROW * number) for number, rung in enumerate(rungs, 1)]
    return "\n".join([*parts, "</svg>"])


def _svg_rung(rung: Rung, y: int) -> str:
    colour = _COLOURS[rung.kind]
    start, end = (_RIGHT, _LEFT) if rung.to_server else (_LEFT, _RIGHT)
    back = 8 if rung.to_server else -8
    label = rung.label if len(rung.label) <= 58 else rung.label[:57] + "…"
    return (
        f'<text x="70" y="{y + 4}" text-anchor="end" fill="#59636e">{rung.time:.3f}</text>'
        f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{colour}"/>'
        f'<path d="M{end} {y} l{back} -4 v8 z" fill="{colour}"/>'
        f'<text x="{(_LEFT + _RIGHT) // 2}" y="{y - 4}" text-anchor="middle" fill="{colour}">{html.escape(label)}</text>'
    )


def _html(rungs: Sequence[Rung]) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Ladder of RELAY messages</title>\n'
        f'<body style="margin:2rem;background:#fff">\n{_svg(rungs)}\n</body>\n</html>'
    )
