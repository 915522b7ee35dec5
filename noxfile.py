#!/usr/bin/env -S uv run --script

# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.2.9"]
# ///
"""What is run on this project by ``nox -s``: tests, demo, lint, types, docs, bench, fuzz, interop, sip-load, soak, and more.

What a session installs has the versions of ``tests/constraints.txt``; ``nox -s newest`` tests with the newest ones, and
``nox -s constraints`` writes them there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests", "docs"]

# Tests start some thousand processes: each would compile every module anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")

MAIN = "{}.{}".format(*sys.version_info)
"""The interpreter that nox was installed with."""


def runs(python: str) -> bool:
    """Whether an interpreter is there and runs: a version manager leaves names behind that lead nowhere."""
    return (
        bool(shutil.which(python))
        and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    )


def kept_by_pyenv(version: str) -> Path | None:
    """Return the folder with the newest interpreter of a version that pyenv keeps, be that selected or not."""
    root = os.environ.get("PYENV_ROOT", "")
    if not root and shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
    kept = Path(root or Path.home() / ".pyenv", "versions").glob(f"{version}.*/bin/python{version}")
    folders = [python.parent for python in kept if runs(str(python))]
    return max(
        folders, key=lambda folder: [int(digits) for digits in re.findall(r"\d+", folder.parent.name)], default=None
    )


def find(version: str) -> bool:
    """Find an interpreter: on the PATH, or the one that runs nox, or one that pyenv keeps; put it on the PATH then."""
    if runs(f"python{version}"):
        return True
    folder = Path(sys.executable).parent if version == MAIN else kept_by_pyenv(version)
    if folder is not None:
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return folder is not None


PYTHONS = [version for version in SUPPORTED if find(version)] or ["3"]
"""Every supported interpreter that is found on this machine."""

EAGER = [version for version in PYTHONS if version in SUPPORTED[1:] and version != MAIN][-1:]
"""The newest interpreter found that has `asyncio.eager_task_factory`, not counting the main one."""

CONSTRAINTS = ("-c", "tests/constraints.txt")

SIDE_BY_SIDE = ("-n", str(min(os.cpu_count() or 1, 4) + 2), "--dist", "loadfile", "--no-loadscope-reorder")
"""How pytest shares out the files of tests, in the order of ``tests/conftest.py``: most of them wait, so to two processes
more than there are cores, six at most."""

TOOLS = {
    "ruff": "ruff>=0.14",
    "mypy": "mypy>=1.18",
    "pyright": "pyright>=1.1.400",
    "codespell": "codespell>=2.4",
    "repo-review": "sp-repo-review[cli]>=2026.8",
    "zizmor": "zizmor>=1.20",
}


def install_debian(session: nox.Session, *packages: str) -> None:
    """Install what the tests need and PyPI does not have, where that is possible; else the tests say what they skip."""
    if not shutil.which("apt-get") or not hasattr(os, "geteuid") or os.geteuid() != 0:
        session.log(f"not installed, for want of apt-get and root: {', '.join(packages)}")
        return
    installed = subprocess.run(["dpkg", "-s", *packages], capture_output=True, check=False)
    if installed.returncode == 0:
        return
    session.run("apt-get", "update", "-qq", external=True, silent=True)
    session.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, external=True, silent=True)


def install_for_tests(session: nox.Session, *how: str) -> None:
    """Install the package and what its tests need; `how` goes to pip."""
    install_debian(session, "sip-tester", "baresip-core", "chromium-driver", "chromium")
    install_javascript(session)
    session.install(*how, "-e", ".[sip,cli,serve,testing,trio]", "-r", "tests/requirements.txt")


def install_javascript(session: nox.Session) -> None:
    """Install SignalWire's client for Node.js, where that is possible; else the tests say what they skip."""
    if not shutil.which("npm"):
        install_debian(session, "nodejs", "npm")
    if not shutil.which("npm"):
        session.log("not installed, for want of npm: @signalwire/realtime-api")
        return
    quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
    session.run("npm", "install", *quiet, "--prefix", "tests/interop/javascript", external=True, silent=True)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; every branch of ``protocol/`` is to be run. Arguments go to pytest."""
    install_for_tests(session, *CONSTRAINTS)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", "-q", "-rs", *SIDE_BY_SIDE, "--cov")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the branch coverage of the whole package, in child processes too; arguments go to pytest."""
    install_for_tests(session, *CONSTRAINTS)
    settings = "--rcfile=tests/support/whole_package.toml"
    session.run("coverage", "erase", settings)
    session.run("coverage", "run", settings, "-m", "pytest", "-q", "-rs", *(session.posargs or SIDE_BY_SIDE))
    session.run("coverage", "combine", settings)
    session.run("coverage", "report", settings)


@nox.session(python=EAGER or None)
def eager(session: nox.Session) -> None:
    """Run the tests with ``asyncio.eager_task_factory`` on the newest other Python that has it."""
    if not EAGER:
        session.log(f"no Python 3.12 or later is found beside {MAIN}: the tests marked eager are not run here")
        return
    session.install(*CONSTRAINTS, "-e", ".[cli,testing,trio]", "opentelemetry-sdk", "pytest-xdist", "trustme")
    session.run("pytest", "-q", "-rs", "-m", "eager", "tests/frontends", *SIDE_BY_SIDE, *session.posargs)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest of everything, in place of the versions of ``tests/constraints.txt``."""
    install_for_tests(session, "--upgrade", "--upgrade-strategy", "eager")
    session.run("pytest", "-q", "-rs", *(session.posargs or SIDE_BY_SIDE))


@nox.session
def constraints(session: nox.Session) -> None:
    """Write the newest versions of all that is installed for tests, docs, types and lint to ``tests/constraints.txt``."""
    session.install("uv")
    tools = Path(session.create_tmp(), "tools.in")
    tools.write_text("\n".join(["nox", *TOOLS.values()]), encoding="utf-8")
    files = [f"{folder}/requirements.txt" for folder in ("tests", "docs", "benchmarks")]
    command = ("uv", "pip", "compile", "--universal", "--upgrade", "--python-version", SUPPORTED[0], "--all-extras")
    layout = ("--no-annotate", "--custom-compile-command", "nox -s constraints", "--quiet")
    session.run(*command, *layout, "-o", CONSTRAINTS[1], "pyproject.toml", *files, str(tools))


@nox.session
def demo(session: nox.Session) -> None:
    """Transfer a real SIP call between real SIP phones on this machine; arguments go to ``anyrelay demo``."""
    session.install(*CONSTRAINTS, "-e", ".[sip,cli,serve,trio]")
    session.run("anyrelay", "demo", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and spelling, the layout of the repository, and the workflows of GitHub."""
    session.install(*CONSTRAINTS, *(TOOLS[name] for name in ("ruff", "codespell", "repo-review", "zizmor")))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")
    session.run("repo-review", ".", silent=True)
    session.run("zizmor", "--offline", "--quiet", "--persona=auditor", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy --strict and pyright: the package, the examples, and a file that uses the public surface only."""
    session.install(*CONSTRAINTS, "-e", ".[sip,cli,serve,otel,testing,trio]", TOOLS["mypy"], TOOLS["pyright"])
    session.install(*CONSTRAINTS, "django", "fastapi", "flask")  # the frameworks of the examples
    session.run("mypy")
    session.run("python", "tests/typing/check.py")
    session.run("python", "tests/typing/completeness.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings being errors; the pages drawn from the code are drawn anew."""
    session.install(*CONSTRAINTS, "-e", ".[sip,serve,trio]", "-r", "docs/requirements.txt")
    session.run("python", "docs/draw.py", "--check")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "-q", "-b", "html", "docs", "site")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the official SDK, side by side, and write what came of it into docs; or as the arguments say."""
    session.install(*CONSTRAINTS, "-e", ".[trio]", "-r", "benchmarks/requirements.txt")
    into_docs = ("--json", "docs/benchmarks.json", "--svg", "docs/benchmarks.svg")
    session.run("python", "benchmarks/counts.py")
    session.run("python", "benchmarks/compare.py", *(session.posargs or into_docs))


@nox.session(name="bench-smoke")
def bench_smoke(session: nox.Session) -> None:
    """Check that every benchmark does its work right, and measure nothing; the tests do the same."""
    session.install(*CONSTRAINTS, "-e", ".[testing,trio]", "-r", "benchmarks/requirements.txt")
    session.run("python", "benchmarks/compare.py", "--smoke")
    session.run("pytest", "-q", "benchmarks/test_core.py", "--benchmark-disable")


@nox.session(name="bench-core")
def bench_core(session: nox.Session) -> None:
    """Measure the core's hot functions, without a socket; arguments go to pytest."""
    session.install(*CONSTRAINTS, "-e", ".[testing,trio]", "-r", "benchmarks/requirements.txt")
    session.run("pytest", "-q", "benchmarks/test_core.py", *session.posargs)


@nox.session(name="bench-carry")
def bench_carry(session: nox.Session) -> None:
    """Measure what a process and this machine carry: calls a second, calls held."""
    session.install(*CONSTRAINTS, "-e", ".[trio]", "-r", "benchmarks/requirements.txt")
    session.run("python", "benchmarks/carry.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz what comes in from the server, a minute for each harness; arguments go to libFuzzer."""
    session.install(*CONSTRAINTS, "-e", ".", "atheris>=3")  # it has wheels for CPython on Linux alone
    arguments = session.posargs or ["-max_total_time=60"]
    for harness in ("fuzz_frames", "fuzz_messages", "fuzz_handshake"):
        session.run("python", "-m", "tests.fuzz.run", harness, *arguments)


@nox.session
def interop(session: nox.Session) -> None:
    """Let SignalWire's clients, in JavaScript and in Python, idle for two minutes, lose their line and go on."""
    install_javascript(session)
    install_for_tests(session, *CONSTRAINTS)
    session.run("pytest", "-q", "tests/interop/test_held_calls.py", env={"ANYRELAY_INTEROP_IDLE": "120", "CI": "true"})


@nox.session
def documentation(session: nox.Session) -> None:
    """Run the programs of a folder, a checkout of SignalWire's documentation, against the local server."""
    install_for_tests(session, *CONSTRAINTS)
    session.run("python", "-m", "tests.interop.documentation", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Keep 200 calls in the air for ten minutes on each front end; arguments go to the soak (``--help``)."""
    session.install(*CONSTRAINTS, "-e", ".[trio]")
    session.run("python", "-m", "tests.soak.soak", *session.posargs)


@nox.session
def malformed(session: nox.Session) -> None:
    """Send 10,000 malformed SIP messages to the SIP phones, over UDP and TCP; a good call is made after each 50."""
    install_for_tests(session, *CONSTRAINTS)
    count = session.posargs[0] if session.posargs else "10000"
    session.run("pytest", "-q", "-s", "tests/local/sip/test_malformed_sip.py", env={"ANYRELAY_MALFORMED_SIP": count})


@nox.session(name="sip-load")
def sip_load(session: nox.Session) -> None:
    """Let SIPp place 100 calls at once with media, then 500 at 20 a second, and print what they cost."""
    install_for_tests(session, *CONSTRAINTS)
    counts = {"ANYRELAY_SIP_CALLS_AT_ONCE": "100", "ANYRELAY_SIP_CALLS_IN_TURN": "500", "CI": "true"}
    session.run("pytest", "-q", "-s", "tests/local/sip/test_sip_load.py", env=counts)


if __name__ == "__main__":
    nox.main()
