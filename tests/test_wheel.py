"""The wheel: what is in it, and that it runs in a virtual environment with its declared dependencies alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from email.message import Message
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from tests.support.places import REPOSITORY

SOURCE = REPOSITORY / "src"
MINUTE = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and return its path."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=MINUTE)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def read(wheel: Path, name: str) -> str:
    with ZipFile(wheel) as opened:
        (path,) = [each for each in opened.namelist() if each.endswith(f".dist-info/{name}")]
        return opened.read(path).decode()


def metadata(wheel: Path) -> Message:
    return Parser().parsestr(read(wheel, "METADATA"))


# --- the contents -------------------------------------------------------------------------------------------------------


def test_the_wheel_is_for_every_platform(wheel: Path) -> None:
    assert wheel.name == f"anyrelay-{metadata(wheel)['Version']}-py3-none-any.whl"


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    in_source = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with ZipFile(wheel) as opened:
        names = {each for each in opened.namelist() if ".dist-info/" not in each}
    assert names == in_source
    assert {"anyrelay/py.typed", "anyrelay/cli/schema/asyncapi.py"} <= names
    assert read(wheel, "licenses/LICENSE") == (REPOSITORY / "LICENSE").read_text("utf-8")


def test_the_metadata_say_what_an_index_shows(wheel: Path) -> None:
    about = metadata(wheel)
    assert (about["Name"], about["License-Expression"], about["Requires-Python"]) == ("anyrelay", "MIT", ">=3.11")
    assert {"cli", "sip", "testing", "trio"} <= set(about.get_all("Provides-Extra", []))
    urls = dict(each.split(", ") for each in about.get_all("Project-URL", []))
    assert urls["Source"] == "https://github.com/anyrelay/anyrelay"


def test_every_link_of_the_readme_works_on_an_index(wheel: Path) -> None:
    about = metadata(wheel)
    assert about["Description-Content-Type"] == "text/markdown"
    links = re.findall(r"\]\(([^)]+)\)", str(about.get_payload()))
    assert "https://raw.githubusercontent.com/anyrelay/anyrelay/main/docs/ladder.svg" in links
    assert "https://github.com/anyrelay/anyrelay/blob/main/docs/reference/outcomes.md" in links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


# --- the wheel alone ----------------------------------------------------------------------------------------------------


def needed(requirements: list[str], extra: str = "") -> dict[str, Distribution]:
    """Return the installed packages that requirements lead to, by their names."""
    found: dict[str, Distribution] = {}
    to_do = [(Requirement(each), extra) for each in requirements]
    while to_do:
        requirement, wanted = to_do.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": wanted}):
            continue
        package = distribution(requirement.name)
        if package.name not in found:
            found[package.name] = package
            inner = requirement.extras or {""}
            to_do += [(Requirement(each), name) for each in package.requires or () for name in inner]
    return found


def install(package: Distribution, folder: Path) -> None:
    """Link the modules of a package into a folder of packages; scripts and byte code stay behind."""
    for top in {Path(str(each)).parts[0] for each in package.files or ()} - {"..", "__pycache__"}:
        (folder / top).symlink_to(Path(str(package.locate_file(top))))


def test_the_wheel_alone_transfers_a_call(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False, symlinks=True)
    (folder,) = tmp_path.glob("lib/python*/site-packages")
    with ZipFile(wheel) as opened:
        opened.extractall(folder)
    packages = needed(metadata(wheel).get_all("Requires-Dist", []), "cli")
    assert {"anyio", "attrs", "click", "rich", "wsproto"} <= packages.keys()
    assert packages.keys().isdisjoint({"trio", "pytest", "hypothesis", "numpy"})
    for package in packages.values():
        install(package, folder)
    (script,) = re.findall(r"^anyrelay = ([\w.]+):(\w+)$", read(wheel, "entry_points.txt"), re.MULTILINE)
    code = "import sys; from {} import {} as main; sys.argv[0] = 'anyrelay'; sys.exit(main())".format(*script)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}

    def run(*arguments: str) -> str:
        command = [str(tmp_path / "bin" / "python"), "-c", code, *arguments]
        ran = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=MINUTE)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert run("--version") == f"anyrelay, version {metadata(wheel)['Version']}\n"
    assert "SUCCEEDED (REFER 202, NOTIFY 200)" in run("demo", "--phones", "simulated")
