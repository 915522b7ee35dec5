"""A server with a program on it, and a browser, for the tests of the inspector."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.local.server.inspector.inspected_server import InspectedServer, inspected_server
from tests.local.server.inspector.inspector_page import InspectorPage
from tests.support.browser import Browser, browser_missing, open_browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if reason := browser_missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser(tmp_path_factory.mktemp("downloads")) as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[InspectedServer]:
    with inspected_server() as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: InspectedServer) -> Iterator[InspectorPage]:
    """The page of a server that has been reset; the page may log no error in the console."""
    server.reset()
    browser.open(
        "about:blank"
    )  # a page of the last test may still look for its server, which is an error in the console
    browser.errors()
    browser.resize(1280, 800)
    opened = InspectorPage(browser, server.url)
    opened.open()
    yield opened
    assert browser.errors() == []
