"""The ladder of a call: one line for each message, between its sender and its receiver.

The same rungs are drawn as text (terminals, failing tests), as SVG and HTML (documentation, downloads) and as a Mermaid
sequence diagram.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from anyrelay.local.logs import printable

__all__ = ["FORMATS", "RELAY_LANES", "Rung", "arrow", "draw", "label_of"]

FORMATS: Final = ("text", "svg", "mermaid", "html")
"""The formats of `draw`."""

RELAY_LANES: Final = ("RELAY server", "your application")
"""The parties of RELAY messages, from left to right."""

_WIDTH: Final = 46
_COLOURS: Final = {"command": "#8250df", "event": "#0969da", "reply": "#1a7f37", "error": "#cf222e"}
_COLOURS_OF_PHONES: Final = {"request": "#8250df", "response": "#1a7f37", "step": "#59636e"}


@frozen
class Rung:
    """A message of a ladder."""

    time: float
    """Seconds since the first message."""
    sender: int
    """The lane of the sender, counted from 0."""
    receiver: int
    """The lane of the receiver."""
    label: str
    """The method, the event and its state, or the reply."""
    kind: str
    """command, event, reply or error; of SIP request or response; step for what a simulated phone does."""


# --- labels -------------------------------------------------------------------------------------------------------------


def label_of(message: dict[str, Any], *, answered: str) -> tuple[str, str]:
    """Return the kind of a JSON-RPC message of RELAY, and its label.

    Args:
        message: The message.
        answered: The method of the request that a reply answers; "" when unknown.

    Returns:
        The kind (command, event, reply, error, acknowledgement or ping) and the label.
    """
    method = message.get("method")
    if method == "signalwire.event":
        return "event", _event_label(message.get("params"))
    if method is not None:
        return "ping" if method == "signalwire.ping" else "command", printable(str(method))[:300]
    error = message.get("error")
    if isinstance(error, dict):
        return "error", printable(f"{error.get('code')} {error.get('message')}")[:300]
    result = message.get("result")
    result = result if isinstance(result, dict) else {}
    code = str(result.get("code", "200"))
    label = printable(f"{code} {result.get('message', answered)}".rstrip())[:300]
    if not code.startswith("2"):
        return "error", label
    return {"signalwire.event": "acknowledgement", "signalwire.ping": "ping"}.get(answered, "reply"), label


def _event_label(params: Any) -> str:
    params = params if isinstance(params, dict) else {}
    inner = params.get("params")
    inner = inner if isinstance(inner, dict) else {}
    name = str(params.get("event_type") or "").removeprefix("calling.").removeprefix("signalwire.")
    word = inner.get("call_state") if name in ("call.state", "call.receive") else inner.get("state")
    code = inner.get("sip_notify_response_code") or inner.get("sip_refer_response_code")
    return printable(" ".join(str(part) for part in (name, word, code) if part))[:300]


# --- drawing ------------------------------------------------------------------------------------------------------------


def draw(rungs: Sequence[Rung], form: str = "text", lanes: Sequence[str] = RELAY_LANES) -> str:
    """Draw a ladder.

    Args:
        rungs: The messages, in order.
        form: A format of `FORMATS`.
        lanes: The parties, from left to right.

    Returns:
        The drawing, without a line end.

    Raises:
        ValueError: There is no such format.
    """
    drawings = {"text": _text, "svg": _svg, "mermaid": _mermaid, "html": _html}
    if form not in drawings:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {form!r}")
    return drawings[form](rungs, lanes)


def arrow(label: str, span: int, *, to_right: bool) -> str:
    """Return an arrow of `span` characters with its label, which is cut if it is too long."""
    longest = span - 4
    label = label if len(label) <= longest else label[: longest - 1] + "…"
    shaft = f" {label} ".center(span - 1, "─")
    return shaft + "▶" if to_right else "◀" + shaft


def _text(rungs: Sequence[Rung], lanes: Sequence[str]) -> str:
    *firsts, last = lanes
    heads = " " * 9 + "".join(f"{name:<{_WIDTH + 1}}" for name in firsts[:-1]) + f"{firsts[-1]:<{_WIDTH - 4}}{last}"
    return "\n".join([heads, *(_text_rung(rung, len(lanes)) for rung in rungs)])


def _text_rung(rung: Rung, lanes: int) -> str:
    left, right = sorted((rung.sender, rung.receiver))
    before = ("│" + " " * _WIDTH) * left
    after = (" " * _WIDTH + "│") * (lanes - 1 - right)
    span = (right - left) * (_WIDTH + 1) - 1
    return (
        f"{rung.time:7.3f}  {before}│{arrow(rung.label, span, to_right=rung.receiver > rung.sender)}│{after}".rstrip()
    )


def _mermaid(rungs: Sequence[Rung], lanes: Sequence[str]) -> str:
    names = _mermaid_names(lanes)
    parties = [f"    participant {name} as {_mermaid_text(lane)}" for name, lane in zip(names, lanes, strict=True)]
    arrows = [f"    {names[rung.sender]}->>{names[rung.receiver]}: {_mermaid_text(rung.label)}" for rung in rungs]
    return "\n".join(["sequenceDiagram", *parties, *arrows])


def _mermaid_names(lanes: Sequence[str]) -> list[str]:
    """Return an identifier for each lane: S for the server and A for the application, P1, P2, … for phones."""
    known: dict[str, str] = dict(zip(RELAY_LANES, "SA", strict=True))
    return [known.get(lane, f"P{number}") for number, lane in enumerate(lanes, 1)]


def _mermaid_text(text: str) -> str:
    # Mermaid ends a statement at a semicolon and begins a comment at %%; #...; is its way to write such characters.
    return "".join(f"#{ord(each)};" if each in "#;%<>&" else each for each in text)


_ROW: Final = 26
_LEFT, _LANE, _TOP = 130, 480, 40


def _svg(rungs: Sequence[Rung], lanes: Sequence[str]) -> str:
    height, width = _TOP + _ROW * (len(rungs) + 1), 240 + _LANE * (len(lanes) - 1)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            ' font-family="ui-monospace, monospace" font-size="13" role="img" aria-label="Ladder of RELAY messages">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, name in enumerate(lanes):
        x = _LEFT + _LANE * number
        shown = html.escape(name)
        parts.append(f'<text x="{x}" y="22" text-anchor="middle" font-weight="bold" fill="#1f2328">{shown}</text>')
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{height - 8}" stroke="#8c959f"/>')
    parts += [_svg_rung(rung, _TOP + _ROW * number) for number, rung in enumerate(rungs, 1)]
    return "\n".join([*parts, "</svg>"])


def _svg_rung(rung: Rung, y: int) -> str:
    colour = {**_COLOURS, **_COLOURS_OF_PHONES}[rung.kind]
    start, end = _LEFT + _LANE * rung.sender, _LEFT + _LANE * rung.receiver
    back = 8 if end < start else -8
    label = rung.label if len(rung.label) <= 58 else rung.label[:57] + "…"
    return (
        f'<text x="70" y="{y + 4}" text-anchor="end" fill="#59636e">{rung.time:.3f}</text>'
        f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{colour}"/>'
        f'<path d="M{end} {y} l{back} -4 v8 z" fill="{colour}"/>'
        f'<text x="{(start + end) // 2}" y="{y - 4}" text-anchor="middle" fill="{colour}">{html.escape(label)}</text>'
    )


def _html(rungs: Sequence[Rung], lanes: Sequence[str]) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Ladder of RELAY messages</title>\n'
        f'<body style="margin:2rem;background:#fff">\n{_svg(rungs, lanes)}\n</body>\n</html>'
    )
