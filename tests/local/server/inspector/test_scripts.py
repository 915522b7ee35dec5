"""The scripts of the inspector, one by one: events, the indentation of JSON, and what the page knows of the server."""

from __future__ import annotations

import json

import pytest

from tests.local.server.inspector.inspected_server import InspectedServer
from tests.local.server.inspector.inspector_page import InspectorPage
from tests.support.browser import Browser


@pytest.fixture(scope="module")
def loaded(browser: Browser, server: InspectedServer) -> InspectorPage:
    page = InspectorPage(browser, server.url)
    page.open()
    return page


@pytest.mark.parametrize("chunk", [1, 7, 10_000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_events_are_read_wherever_the_stream_is_cut(loaded: InspectorPage, chunk: int, line_end: str) -> None:
    lines = [
        ": follow",
        "",
        "id: 7",
        "event: call",
        'data: {"from": "Zoë ☎"}',
        "",
        "event: frame",
        'data: {"text":',
        'data: "two lines"}',
        "",
        "event: frame",
        "data: no JSON",
        "",
        "event: reset",
        "",
        'data: {"type": "message"}',
        "",
        "event: cut off",
        "data: {}",
    ]
    events = loaded.run_script("read_events", line_end.join(lines), chunk)
    assert events == [
        {"type": "call", "data": {"from": "Zoë ☎"}},
        {"type": "frame", "data": {"text": "two lines"}},
        {"type": "message", "data": {"type": "message"}},
    ]


def test_json_is_indented_and_every_value_is_left_as_it_is(loaded: InspectorPage) -> None:
    text = '{"a":[1,-2.50e+3,12345678901234567890],"b":{},"c":[],"d":"x, {\\"y\\": 1}","e":{"f":null,"g":true}}'
    shown, kinds = loaded.run_script("indent_json", text)
    assert json.loads(shown) == json.loads(text)
    assert shown.splitlines() == [
        "{",
        '  "a": [',
        "    1,",
        "    -2.50e+3,",
        "    12345678901234567890",
        "  ],",
        '  "b": {},',
        '  "c": [],',
        '  "d": "x, {\\"y\\": 1}",',
        '  "e": {',
        '    "f": null,',
        '    "g": true',
        "  }",
        "}",
    ]
    numbers, words = ["number"] * 3, ["key", "word"] * 2
    assert kinds == ["key", *numbers, "key", "key", "key", "string", "key", *words]


def test_calls_are_listed_and_followed(loaded: InspectorPage) -> None:
    known = loaded.run_script("follow_server", [{"type": "call", "data": {"id": "new"}}, {"type": "later", "data": {}}])
    assert known == {"calls": ["listed", "new"], "reads": 1, "told": ["new"]}


def test_everything_is_read_again_when_the_server_has_dropped_events(loaded: InspectorPage) -> None:
    known = loaded.run_script("follow_server", [{"type": "dropped", "data": {"dropped": 12}}])
    assert known["reads"] == 2
    assert known["told"] == ["The server no longer has 12 messages that this page has not seen."]


def test_a_reset_empties_what_the_page_knows(loaded: InspectorPage) -> None:
    assert loaded.run_script("follow_server", [{"type": "reset", "data": {}}])["calls"] == []


def test_dropped_messages_are_told(loaded: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    assert server.relay.journal is not None
    server.relay.journal.entries.dropped = 3
    loaded.select("alice")
    told = "; the server has dropped old ones"
    loaded.browser.wait(lambda: loaded.text("#message-count").endswith(told), "dropped messages are told")
