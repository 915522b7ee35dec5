"""The files of the inspector: all of them are served, and none loads or runs anything from elsewhere."""

from __future__ import annotations

import contextlib
import re
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

import pytest

from anyrelay.local.server import inspector
from tests.local.server.inspector.inspected_server import InspectedServer

FOLDER = Path(inspector.__file__).parent
PAGE = (FOLDER / "index.html").read_text(encoding="utf-8")
FILES = sorted(path for path in (FOLDER / "assets").rglob("*") if path.is_file())


def fetched(server: InspectedServer, path: str, method: str = "GET") -> tuple[int, HTTPMessage, bytes]:
    """Ask a server for a path; return status, headers and body."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_the_page_is_served_with_a_strict_policy(server: InspectedServer) -> None:
    status, headers, body = fetched(server, "/")
    assert (status, body.decode()) == (200, PAGE)
    assert headers["content-type"] == "text/html; charset=utf-8"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_served(server: InspectedServer, path: Path) -> None:
    status, headers, body = fetched(server, f"/assets/{path.relative_to(FOLDER / 'assets').as_posix()}")
    assert (status, body) == (200, path.read_bytes())
    kinds = {".js": "javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    assert kinds[path.suffix] in headers["content-type"]
    assert headers["content-security-policy"] == inspector.HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/assets/../__init__.py", "/assets/%2e%2e/__init__.py", "/assets/", "/assets/scripts", "/index.html"]
)
def test_nothing_else_is_served(server: InspectedServer, path: str) -> None:
    assert fetched(server, path)[0] == 404


def test_the_page_takes_no_post(server: InspectedServer) -> None:
    assert fetched(server, "/", "POST")[0] == 405


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    assert re.findall(r"<style|<script(?! type=\"module\" src=)|\sstyle=|\son[a-z]+=", PAGE) == []


@pytest.mark.parametrize("path", [FOLDER / "index.html", *FILES], ids=lambda path: path.name)
def test_a_file_names_no_other_host_and_makes_no_html(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert (
        re.findall(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(", text)
        == []
    )


def test_every_name_in_the_scripts_is_in_the_page() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in FILES if path.suffix == ".js")
    named = set(re.findall(r'byId\("([a-z-]+)"\)', scripts))
    assert len(named) > 40
    assert named - set(re.findall(r'\sid="([a-z-]+)"', PAGE)) == set()
