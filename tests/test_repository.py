"""The files for people who carry on with the repository: workflows, templates, pre-commit, documentation hosting."""

from __future__ import annotations

import re
import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import LONGEST
from tests.support.places import REPOSITORY

GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def supported_pythons() -> list[str]:
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in PROJECT["classifiers"])
    return [each[1] for each in found if each]


def test_the_tests_run_on_three_systems_and_every_supported_python() -> None:
    matrix = read(GITHUB / "workflows" / "ci.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    noxfile = (REPOSITORY / "noxfile.py").read_text("utf-8")
    in_noxfile = re.findall(r'"([\d.]+)"', re.search(r"^SUPPORTED = (.*)$", noxfile, re.MULTILINE)[1])
    assert matrix["python"] == in_noxfile == supported_pythons() == ["3.11", "3.12", "3.13", "3.14"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)$", path.read_text("utf-8"), re.MULTILINE)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_the_same_action_is_pinned_alike_everywhere() -> None:
    used = {line for path in WORKFLOWS for line in re.findall(r"uses: (.*)$", path.read_text("utf-8"), re.MULTILINE)}
    names = [action.partition("@")[0] for action in used]
    assert len(set(names)) == len(names)


def test_a_release_needs_no_token_and_is_attested() -> None:
    jobs = read(GITHUB / "workflows" / "release.yml")["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert jobs["build"]["permissions"]["attestations"] == "write"
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text("utf-8")


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem)
def test_an_issue_template_asks_for_what_is_needed(path: Path) -> None:
    template = read(path)
    assert {"name", "description", "labels", "body"} == template.keys()
    ids = [each["id"] for each in template["body"]]
    assert len(set(ids)) == len(ids)
    assert any(each.get("validations", {}).get("required") for each in template["body"])


def test_pre_commit_has_the_version_of_ruff_that_the_checks_have() -> None:
    hooks = {
        each["repo"].rpartition("/")[2]: each["rev"] for each in read(REPOSITORY / ".pre-commit-config.yaml")["repos"]
    }
    constraints = (REPOSITORY / "tests" / "constraints.txt").read_text("utf-8")
    for repository, package in (
        ("ruff-pre-commit", "ruff"),
        ("zizmor-pre-commit", "zizmor"),
        ("codespell", "codespell"),
    ):
        assert f"\n{package}=={hooks[repository].removeprefix('v')}\n" in constraints


def test_the_hosted_documentation_is_built_as_in_the_checks() -> None:
    hosting = read(REPOSITORY / ".readthedocs.yaml")
    assert hosting["sphinx"]["fail_on_warning"] is True
    files = [each["requirements"] for each in hosting["python"]["install"] if "requirements" in each]
    assert files == ["docs/requirements.txt"]
    assert (REPOSITORY / hosting["sphinx"]["configuration"]).exists()


def test_every_exception_of_the_review_has_a_reason() -> None:
    tools = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]
    for check, reason in tools["repo-review"]["ignore"].items():
        assert re.fullmatch(r"[A-Z]+\d+", check)
        assert len(reason.split()) > 5, check


def test_the_shared_picture_has_the_size_that_networks_want() -> None:
    picture = (REPOSITORY / "docs" / "_static" / "card.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (1200, 630)


def test_the_files_of_tests_that_are_begun_first_are_there() -> None:
    there = {path.name for path in (REPOSITORY / "tests").rglob("test_*.py")}
    assert set(LONGEST) <= there
