"""The documentation is right: this file checks each statement that a program can check."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

import anyrelay
from anyrelay import protocol, sync
from anyrelay.errors import RelayError
from anyrelay.frontend.options import NO_PROXY_VARIABLES, PROXY_VARIABLES
from anyrelay.protocol.call.refer_outcome import ReferStatus, UnknownReason, judge
from tests.support.places import REPOSITORY

ROOT = REPOSITORY
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PROSE = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(path for path in sorted(DOCS.rglob("*.md")) if path.parent.name != "generated"),
]


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def table_under(text: str, head: str) -> list[list[str]]:
    """Return the cells of the rows of the table whose first heading is `head`."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


# --- the pictures -------------------------------------------------------------------------------------------------------


def test_the_generated_pages_are_fresh():
    drawn = subprocess.run(
        [sys.executable, DOCS / "draw.py", "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (drawn.returncode, drawn.stderr) == (0, "")


def test_a_stale_page_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(DOCS)
    draw = import_module("draw")
    monkeypatch.setattr(draw, "DOCS", tmp_path)
    monkeypatch.setattr(draw, "GENERATED", tmp_path / "generated")
    # Paths are shown from the repository's root, which is above DOCS.
    assert draw.main(["--check"]) == 1
    assert "layers.md is stale" in capsys.readouterr().err
    assert draw.main([]) == 0
    assert draw.main(["--check"]) == 0


# --- the reference ------------------------------------------------------------------------------------------------------


def documented() -> set[str]:
    """Return the names that the reference documents from the code."""
    found = set()
    for path in (DOCS / "reference").glob("*.md"):
        directives = re.findall(
            r"^\.\. auto(?!method|attribute|property)\w+:: (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        found.update(directives)
    return found


@pytest.mark.parametrize("module_name", ["anyrelay", "anyrelay.local", "anyrelay.testing"])
def test_every_public_name_is_in_the_reference(module_name):
    module = import_module(module_name)
    missing = {f"{module_name}.{name}" for name in module.__all__} - documented()
    assert not missing


def test_every_name_of_the_threads_is_in_the_reference():
    own = {name for name in sync.__all__ if getattr(sync, name) is not getattr(anyrelay, name)}
    assert {name for name in own if not name.endswith("Action")} == {"Call", "EventStream", "Message", "RelayClient"}
    assert {f"anyrelay.sync.{name}" for name in own} <= documented()


def test_every_stable_name_of_the_core_is_in_the_reference():
    rows = table_under(page("reference/core.md"), "name")
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", " ".join(row))) == protocol.__all__


def test_every_name_in_the_reference_exists():
    for name in documented():
        module_name, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module_name), attribute), name


@pytest.mark.parametrize(("kind", "name"), [("Call", "reference/call.md"), ("RelayClient", "reference/client.md")])
def test_every_public_method_is_in_one_group(kind, name):
    groups = re.findall(rf"^```\{{methods\}} {kind}\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)
    grouped = sorted(method for group in groups for method in group.split())
    for package in (anyrelay, sync):
        assert grouped == [each for each in sorted(dir(getattr(package, kind))) if not each.startswith("_")]


def test_every_error_is_in_the_table():
    named = {row[0].strip("`"): row[1].strip("`") for row in table_under(page("reference/errors.md"), "error")}
    errors = {name for name in anyrelay.__all__ if _is_error(getattr(anyrelay, name))}
    assert set(named) == errors
    for name in errors:
        is_timeout = issubclass(getattr(anyrelay, name), TimeoutError)
        assert (named[name] == "TimeoutError") is is_timeout, name


def _is_error(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, RelayError)


# --- outcomes -----------------------------------------------------------------------------------------------------------


def codes_in(cell: str) -> list[int]:
    """Read ``200-201, 486``."""
    codes: list[int] = []
    for part in cell.split(", "):
        first, _, last = part.partition("-")
        codes += range(int(first), int(last or first) + 1)
    return codes


def test_the_table_of_notify_codes_agrees_with_the_code():
    seen = {}
    for cell, said in table_under(page("reference/outcomes.md"), "NOTIFY code"):
        status = ReferStatus[said.strip("`")] if said.startswith("`") else None
        seen.update(dict.fromkeys(codes_in(cell), status))
    assert seen == {code: judge("inProgress", 202, code) for code in range(100, 700)}


def test_the_table_of_refer_codes_agrees_with_the_code():
    rows = dict(table_under(page("reference/outcomes.md"), "REFER code"))
    refusals, challenges, silence, accepted = rows
    for code in codes_in(refusals):
        assert judge("inProgress", code, None) is judge("success", code, None) is ReferStatus.REJECTED
    for code in codes_in(challenges):
        assert judge("inProgress", code, None) is None
        assert judge("failed", code, None) is ReferStatus.REJECTED
    for code in codes_in(silence):
        assert judge("", code, None) is ReferStatus.UNKNOWN
        assert judge("", code, 180) is None
        assert judge("success", code, None) is ReferStatus.SUCCEEDED
    for code in codes_in(accepted):
        assert judge("inProgress", code, None) is None
        assert judge("busy", code, None) is ReferStatus.BUSY
    assert sorted(code for row in rows for code in codes_in(row)) == list(range(100, 700))


def test_the_table_of_words_agrees_with_the_code():
    for cell, said in table_under(page("reference/outcomes.md"), "word"):
        status = re.match(r"`(\w+)`", said)
        for word in cell.removesuffix(", and any other word").split(", "):
            assert judge(word, 202, None) is (ReferStatus[status[1]] if status else None), word


@pytest.mark.parametrize("text", [README, page("reference/outcomes.md")], ids=["README", "outcomes"])
def test_every_status_is_explained(text):
    head = "status" if text is README else "`ReferStatus`"
    assert [row[0].strip("`") for row in table_under(text, head)] == [status.name for status in ReferStatus]


def test_every_reason_is_explained():
    rows = table_under(page("reference/outcomes.md"), "`UnknownReason`")
    assert {row[0].strip("`") for row in rows} == {reason.name for reason in UnknownReason}


def test_the_example_handles_every_status():
    text = page("examples/transfer_outcome.py")
    assert set(re.findall(r"case ReferStatus\.(\w+):", text)) == {status.name for status in ReferStatus}


# --- numbers and names --------------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_code():
    text = page("reference/limits.md")
    rows = re.findall(r"^\| ([\d.]+) \| [^|]+ \| `([\w.]+)` \|$", text, re.MULTILINE)
    assert len(rows) > 20
    for number, constant in rows:
        module_name, _, name = constant.rpartition(".")
        assert getattr(import_module(f"anyrelay.{module_name}"), name) == float(number), constant


def test_the_defaults_are_those_of_the_client():
    parameters = inspect.signature(anyrelay.RelayClient.__init__).parameters
    rows = table_under(page("reference/limits.md"), "argument of `RelayClient`")
    told = {row[0].strip("`"): float(row[1]) for row in rows}
    assert told == {
        name: parameter.default
        for name, parameter in parameters.items()
        if isinstance(parameter.default, int | float) and not isinstance(parameter.default, bool)
    }


def test_every_variable_that_is_read_is_documented():
    read = set()
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if (
            "os.environ" not in text and "envvar=" not in text
        ):  # as in webhooks.py, whose environ is that of a WSGI request
            continue
        read.update(re.findall(r'(?:environ\.get\(|environ\[|envvar=)"(\w+)"', text))
    read |= {name.upper() for name in (*PROXY_VARIABLES, *NO_PROXY_VARIABLES)}
    rows = table_under(page("reference/environment.md"), "variable")
    assert {row[0].strip("`") for row in rows} == read
    parameters = inspect.signature(anyrelay.RelayClient.__init__).parameters
    assert {row[1].strip("`") for row in rows} - {""} <= set(parameters)


def test_every_dependency_has_its_reason():
    text = page("explanation/dependencies.md")
    always = {row[0].strip("`") for row in table_under(text, "package")}
    assert always == {name_of(requirement) for requirement in PROJECT["dependencies"]}
    extras = {(row[0].strip("`"), row[1].strip("`")) for row in table_under(text, "extra")}
    assert extras == {
        (extra, name_of(requirement))
        for extra, requirements in PROJECT["optional-dependencies"].items()
        for requirement in requirements
    }


def name_of(requirement: str) -> str:
    return re.match(r"[\w-]+", requirement)[0]


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_extras_that_are_named_exist(path):
    for extras in re.findall(r"(?:-e \"\.|anyrelay)\[([\w,]+)\]", path.read_text(encoding="utf-8")):
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"\{doc\}`(?:[^`<]+<)?([\w/.-]+)>?`", text):
        assert (path.parent / f"{target}.md").exists(), target
    for target in re.findall(r"\{(?:literalinclude|include)\} (\S+)", text):
        assert (path.parent / target).exists(), target


# --- commands -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nox_sessions_that_are_named_exist(path):
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any("session" in ast.unparse(each) for each in node.decorator_list)
    }
    named = re.findall(r"nox -s ([\w-]+)", path.read_text(encoding="utf-8"))
    assert {name.replace("-", "_") for name in named} <= sessions  # as the functions are named


@pytest.mark.parametrize("path", PROSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_exist(path):
    pytest.importorskip("click", reason="needs the extra cli")
    from anyrelay.cli.commands import anyrelay as command

    text = path.read_text(encoding="utf-8")
    for name, options in re.findall(r"(?:bin/|\$ |`|## )anyrelay ([a-z]+)\b([^`\n]*)", text):
        assert name in command.commands
        known = {
            option for parameter in command.commands[name].params for option in parameter.opts if option.startswith("-")
        }
        assert set(re.findall(r"--[a-z-]+", options)) <= known | {"--help"}


def test_every_option_is_documented():
    pytest.importorskip("click", reason="needs the extra cli")
    from anyrelay.cli.commands import anyrelay as command

    text = page("reference/command-line.md")
    for name, described in command.commands.items():
        section = re.search(rf"^## anyrelay {name}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, name
        table = " ".join(line.split("|")[1] for line in section[1].splitlines() if line.startswith("|"))
        options = {option for parameter in described.params for option in parameter.opts if option.startswith("--")}
        assert set(re.findall(r"--[a-z][a-z-]*", table)) == options, name


def test_every_published_name_is_supported(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    assert "**no**" not in import_module("draw").support_page()


def test_the_changelog_and_the_readme_list_every_feature():
    works = re.search(r"- inbound calls:(.*?)\n- ", README, re.DOTALL)
    assert works
    for name in re.findall(r"`(\w+)`", works[1]):
        assert hasattr(anyrelay.Call, name), name
        assert hasattr(sync.Call, name), name


def test_the_versions_agree():
    assert f"version {PROJECT['version']}" in README
