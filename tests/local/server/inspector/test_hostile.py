"""Hostile text, pages of other origins, and the token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.local.server.inspector.inspected_server import CONTEXT, InspectedServer, inspected_server
from tests.local.server.inspector.inspector_page import InspectorPage
from tests.support.browser import Browser

TOKEN = "a token of the control API"

_HOSTILE = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>'


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another origin</title><link rel=icon href=data:,>")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def other_origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_can_neither_read_nor_act(
    browser: Browser, server: InspectedServer, other_origin: str
) -> None:
    server.reset()
    server.place_call("alice", "unanswered")
    browser.open(other_origin)
    results = InspectorPage(browser, other_origin).run_script("attack", server.url)
    attempts = ("read calls", "read events", "post JSON", "post text", "reset", "run its script", "read its page")
    assert results == dict.fromkeys(attempts, "refused")
    assert [(call["from"], call["state"]) for call in server.calls()] == [("sip:alice@example.com", "ringing")]


def test_hostile_text_is_shown_as_text(page: InspectorPage, server: InspectedServer) -> None:
    server.request("POST", "/v1/messages", {"to": CONTEXT, "from": "+15550100", "body": _HOSTILE})
    page.browser.find("#show-server").click()
    page.browser.wait(lambda: _HOSTILE in page.text("#texts"), "the text message is shown as it is")
    page.browser.find("#show-calls").click()
    server.place_call("alice", say=[_HOSTILE])
    page.select("alice")
    page.wait_label(_HOSTILE)
    page.open_message(_HOSTILE)
    assert _HOSTILE in page.text("#message-text")
    assert page.browser.run("return [window.hacked, document.images.length, document.scripts.length]") == [None, 0, 1]


@pytest.fixture(scope="module")
def guarded_server() -> Iterator[InspectedServer]:
    with inspected_server(token=TOKEN) as running:
        yield running


def test_the_page_takes_the_token_from_the_address(browser: Browser, guarded_server: InspectedServer) -> None:
    page = InspectorPage(browser, guarded_server.url)
    browser.open("about:blank")
    browser.errors()
    page.open("#token=" + TOKEN.replace(" ", "%20"))
    guarded_server.place_call("alice")
    page.select("alice")
    page.wait_label("calling.answer")
    assert browser.run("return location.href").startswith(f"{guarded_server.url}/#call=")
    assert TOKEN not in browser.run(
        "return document.documentElement.outerHTML + JSON.stringify({...localStorage, ...sessionStorage})"
    )
    assert browser.errors() == []


def test_the_page_asks_for_the_token(browser: Browser, guarded_server: InspectedServer) -> None:
    page = InspectorPage(browser, guarded_server.url)
    browser.open(guarded_server.url)
    browser.wait(lambda: page.is_shown("#token-dialog"), "the page asks for the token")
    assert page.phones() == []
    browser.find("#token").send_keys("another token\n")
    browser.wait(lambda: page.text("#token-form .form-error"), "the token is refused")
    browser.find("#token").send_keys(f"{TOKEN}\n")
    page.wait_connected("live")
    browser.wait(lambda: not page.is_shown("#token-dialog"), "the dialog is closed")


def test_the_page_connects_again_to_a_server_that_is_back(browser: Browser) -> None:
    with inspected_server() as first:
        page = InspectorPage(browser, first.url)
        page.open()
        first.place_call("alice", "unanswered")
        page.wait_call("alice")
    page.wait_connected("lost")
    with inspected_server(http=first.url.removeprefix("http://")) as second:
        page.wait_connected("live")
        browser.wait(lambda: page.phones() == [], "the calls of the first server are gone")
        second.place_call("bob", "unanswered")
        page.wait_call("bob")
