"""Draw the pages under ``docs/generated`` from the code: state diagrams from its tables, layers from its imports.

``python docs/draw.py`` writes the pages; ``python docs/draw.py --check`` names those that are stale, and fails if any is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from describe import commands_page
from describe_api import control_api_page

import anyrelay

DOCS = Path(__file__).resolve().parent
SOURCE = DOCS.parent / "src" / "anyrelay"
GENERATED = DOCS / "generated"

NOTE = "<!-- docs/draw.py draws this page from the code. Change the code, then run docs/draw.py. -->\n\n"

MACHINES = {
    "refer": ("anyrelay.protocol.call.refer_machine", "ReferState", "ReferInput"),
    "link": ("anyrelay.protocol.session.states", "LinkState", "LinkInput"),
    "call": ("anyrelay.protocol.call.states", "CallState", None),
    "operation": ("anyrelay.protocol.call.operation", "OperationState", "OperationInput"),
    "dial": ("anyrelay.protocol.outbound.dial", "DialState", "DialInput"),
    "refer_monitor": ("anyrelay.local.exchange.refer_monitor", "MonitorState", "MonitorInput"),
}
"""The pages of machines: the module with the table, the enum of its states, and that of its inputs if it has one."""

LAYERS = {
    "": ("cli", "testing", "telemetry", "webhooks", "local", "aio", "sync", "frontend", "protocol", "errors"),
    "protocol": ("server", "session", "outbound", "call", "schema", "rpc", "transport", "core"),
    "local": ("process", "server", "sip", "simulated", "exchange"),
}
"""The layers of a package, from the top to the bottom; "" is anyrelay itself."""


# --- machines -----------------------------------------------------------------------------------------------------------


def machine_page(module_name: str, states_name: str, inputs_name: str | None) -> str:
    """Return the diagram of one transition table, and the meaning of its states and inputs."""
    module = import_module(module_name)
    states: type[Enum] = getattr(module, states_name)
    inputs: type[Enum] | None = getattr(module, inputs_name) if inputs_name else None
    parts = [_diagram(module.TRANSITIONS, states, labelled=inputs is not None)]
    parts.append(_glossary("state", states, _strings_under(module_name, states_name)))
    if inputs is not None:
        parts.append(_glossary("input", inputs, _strings_under(module_name, inputs_name)))
    return NOTE + "\n".join(parts)


def _diagram(table: Mapping[tuple[Any, Any], Any], states: type[Enum], *, labelled: bool) -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for (before, what), after in table.items():
        if after is not before:
            arrows.setdefault((before.value, after.value), []).append(what.value)
    first = next(iter(states)).value
    leads_on = {before for before, _ in arrows}
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for (before, after), words in arrows.items():
        label = " : " + ", ".join(word.replace("_", " ") for word in words) if labelled else ""
        lines.append(f"    {before} --> {after}{label}")
    reached = {after for _, after in arrows}
    lines += [f"    {state.value} --> [*]" for state in states if state.value in reached - leads_on]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def _glossary(title: str, words: type[Enum], meanings: Mapping[str, str]) -> str:
    known = [word for word in words if word.name in meanings]
    if not known:
        return ""
    rows = [f"| `{word.value}` | {' '.join(meanings[word.name].split())} |" for word in known]
    return "\n".join([f"| {title} | meaning |", "| --- | --- |", *rows, ""])


def _strings_under(module_name: str, class_name: str | None) -> dict[str, str]:
    """Return the string under each member of an enum, by the member's name."""
    found: dict[str, str] = {}
    for node in _tree(_file_of(module_name)).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for member, under in zip(node.body, node.body[1:], strict=False):
                if isinstance(member, ast.Assign) and isinstance(under, ast.Expr):
                    target, value = member.targets[0], under.value
                    if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                        found[target.id] = str(value.value).replace("``", "`")
    return found


# --- layers -------------------------------------------------------------------------------------------------------------


def layers_page(package: str) -> str:
    """Return the picture of which layer of a package imports which, and what each layer holds."""
    layers = LAYERS[package]
    arrows = sorted(
        {(layer, other) for layer, path in _files(package) for other in _imported(path, package) if other != layer},
        key=lambda arrow: (layers.index(arrow[0]), layers.index(arrow[1])),
    )
    drawn = [layer for layer in layers if layer != "errors"]
    # Mermaid reserves some words, such as "call": an identifier is a word of our own.
    lines = ["flowchart TB", *(f'    layer_{layer}["{layer}"]' for layer in drawn)]
    lines += [f"    layer_{layer} --> layer_{other}" for layer, other in arrows if other in drawn]
    parts = ["```mermaid\n" + "\n".join(lines) + "\n```\n"]
    if "errors" in layers:
        users = [layer for layer, other in arrows if other == "errors"]
        parts.append(f"Not drawn: `errors` imports nothing; {_listed(users)} import `errors`.\n")
    rows = [f"| `{layer}` | {_summary(package, layer)} |" for layer in layers]
    return NOTE + "\n".join([*parts, "| layer | contents |", "| --- | --- |", *rows, ""])


def _files(package: str) -> Iterator[tuple[str, Path]]:
    folder = SOURCE / package
    for path in sorted(folder.rglob("*.py")):
        layer = path.relative_to(folder).parts[0].removesuffix(".py")
        if layer in LAYERS[package]:
            yield layer, path


def _imported(path: Path, package: str) -> Iterator[str]:
    """Name the layers of a package that a file imports at run time; imports for type checkers are not counted."""
    prefix = f"anyrelay.{package}." if package else "anyrelay."
    for name in _imports(_tree(path).body):
        home = _home_of(name)
        layer = home.removeprefix(prefix).partition(".")[0]
        if home.startswith(prefix) and layer in LAYERS[package]:
            yield layer


def _home_of(name: str) -> str:
    """Follow a public name to the module that defines it."""
    package, _, public_name = name.rpartition(".")
    return anyrelay._HOME.get(public_name, name) if package == "anyrelay" else name


def _imports(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _imports(statement.orelse)
            case _:
                for _, field in ast.iter_fields(statement):
                    if isinstance(field, list):
                        inner = [each for each in field if isinstance(each, ast.stmt)]
                        handlers = [each for each in field if isinstance(each, ast.ExceptHandler | ast.match_case)]
                        yield from _imports(inner)
                        for handler in handlers:
                            yield from _imports(handler.body)


def _summary(package: str, layer: str) -> str:
    path = SOURCE / package / f"{layer}.py"
    text = ast.get_docstring(_tree(path if path.exists() else path.with_suffix("") / "__init__.py")) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`")


def _listed(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)


# --- the commands of the local server -----------------------------------------------------------------------------------


def served_page() -> str:
    """Return the table of which RELAY commands the local server serves, with each kind of phone."""
    from anyrelay.local import SimulatedPhones, SipPhones
    from anyrelay.local.exchange.served import how_served
    from anyrelay.local.simulated.leg import SimulatedLeg
    from anyrelay.local.sip.phones import SipLeg

    simulated = how_served(SimulatedLeg, dials=hasattr(SimulatedPhones, "call"))
    real = how_served(SipLeg, dials=hasattr(SipPhones, "call"))
    real = {method: "acted, with `--act`" if how == "acted" else how for method, how in real.items()}
    rows = [f"| `{method}` | {simulated[method]} | {real[method]} |" for method in simulated]
    return NOTE + "\n".join(["| command | simulated phones | SIP phones |", "| --- | --- | --- |", *rows, ""])


# --- the support table --------------------------------------------------------------------------------------------------

PUBLISHED = {
    "Call": """
        answer hangup pass_ play play_tts play_audio play_silence play_ringtone record collect
        play_and_collect prompt_tts prompt_audio detect detect_digit detect_answering_machine detect_fax
        connect disconnect send_digits tap stream transcribe send_fax receive_fax pay refer transfer
        join_conference leave_conference hold unhold denoise denoise_stop echo bind_digit
        clear_digit_bindings queue_enter queue_leave live_transcribe live_translate join_room leave_room ai
        amazon_bedrock ai_message ai_hold ai_unhold user_event on wait_for wait_for_ringing
        wait_for_answered wait_for_ending wait_for_ended
    """,
    "RelayClient": """
        on_call on_message connect disconnect run dial send_message receive unreceive execute relay_protocol
    """,
    "Message": "on wait is_done result",
    "PlayAction": "stop pause resume volume wait is_done",
    "RecordAction": "stop pause resume wait is_done",
    "CollectAction": "stop pause resume volume start_input_timers wait is_done",
    "StandaloneCollectAction": "stop start_input_timers wait is_done",
    "DetectAction": "stop wait is_done",
    "FaxAction": "stop wait is_done",
    "TapAction": "stop wait is_done",
    "StreamAction": "stop wait is_done",
    "PayAction": "stop wait is_done",
    "TranscribeAction": "stop wait is_done",
    "AIAction": "stop wait is_done",
}
"""The names in SignalWire's published Python reference, by class."""


def support_page() -> str:
    """Return which of the published names both front ends have, and which names are anyrelay's own."""
    sync = import_module("anyrelay.sync")
    parts = []
    for kind, published in PUBLISHED.items():
        names = published.split()
        ours, theirs = getattr(anyrelay, kind), getattr(sync, kind)
        rows = [f"| `{name}` | {_mark(ours, name)} | {_mark(theirs, name)} |" for name in names]
        public = {name for name in dir(ours) if not name.startswith("_")}
        more = sorted(public - set(names))
        parts += [f"## {kind}\n", f"| {kind} | `anyrelay` | `anyrelay.sync` |", "| --- | --- | --- |", *rows, ""]
        if more:
            parts += [f"Only in anyrelay: {', '.join(f'`{name}`' for name in more)}.\n"]
    head = "# Names of SignalWire's published reference\n\nEvery name in SignalWire's Python reference, by class.\n\n"
    return NOTE + head + "\n".join(parts)


def _mark(kind: type, name: str) -> str:
    return "yes" if hasattr(kind, name) else "**no**"


# --- files --------------------------------------------------------------------------------------------------------------


def _file_of(module_name: str) -> Path:
    return SOURCE.joinpath(*module_name.split(".")[1:]).with_suffix(".py")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path.name)


def pages() -> dict[Path, str]:
    """Return every generated page by its file."""
    drawn = {GENERATED / f"{name}.md": machine_page(*machine) for name, machine in MACHINES.items()}
    for package in LAYERS:
        drawn[GENERATED / f"layers{'_' * bool(package)}{package}.md"] = layers_page(package)
    return {
        **drawn,
        GENERATED / "support.md": support_page(),
        GENERATED / "served.md": served_page(),
        GENERATED / "commands.md": NOTE + commands_page(),
        GENERATED / "control_api.md": NOTE + control_api_page(),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` name the stale ones; return the exit status."""
    drawn = pages()
    stale = [path for path, text in drawn.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(DOCS.parent)} is stale: run python docs/draw.py", file=sys.stderr)
        return 1 if stale else 0
    GENERATED.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(drawn[path], encoding="utf-8")
        print(f"drew {path.relative_to(DOCS.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
