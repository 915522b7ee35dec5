"""A thousand calls in the inspector: only rows in view are drawn, and scrolling shows each of them."""

from __future__ import annotations

from tests.local.server.inspector.inspected_server import InspectedServer
from tests.local.server.inspector.inspector_page import InspectorPage

CALLS = 1_000


def test_a_thousand_calls_scroll(page: InspectorPage, server: InspectedServer) -> None:
    server.place_calls(f"caller{number}" for number in range(CALLS))
    page.browser.wait(lambda: page.text("#call-count") == "1,000 calls", "every call is counted", timeout=20)
    assert len(page.phones()) < 40
    scrolled = page.run_script("scroll_to_the_end")
    assert scrolled["seen"] == CALLS
    assert scrolled["empty"] == 0
    assert scrolled["drawn"] < 40
    assert scrolled["longest"] < 1_000  # milliseconds for one frame, on a machine that does other things too

    page.browser.press("/", "caller777@")
    page.browser.wait(lambda: page.phones() == ["caller777@example.com"], "one of them is found")
    page.open()
    page.browser.wait(lambda: page.text("#call-count") == "1,000 calls", "every call is listed")


def test_a_new_call_does_not_move_the_rows_in_view(page: InspectorPage, server: InspectedServer) -> None:
    server.place_calls(f"caller{number}" for number in range(40))
    page.browser.wait(lambda: page.text("#call-count") == "40 calls", "every call is counted")
    first_in_view = """
        const box = document.getElementById("call-list").getBoundingClientRect();
        return document.elementFromPoint(box.left + 20, box.top + 5).closest(".row").querySelector(".call-phone").textContent;
    """
    page.browser.run("document.getElementById('call-list').scrollTop = 640")
    before = page.browser.wait(lambda: page.browser.run(first_in_view), "a call is in view")
    server.place_call("new", "unanswered")
    page.browser.wait(lambda: page.text("#call-count") == "41 calls", "the new call is counted")
    assert page.browser.run(first_in_view) == before == "caller29@example.com"
