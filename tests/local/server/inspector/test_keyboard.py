"""The inspector without a mouse."""

from __future__ import annotations

from tests.local.server.inspector.inspected_server import InspectedServer
from tests.local.server.inspector.inspector_page import InspectorPage

ENTER, ESCAPE, DOWN, UP, END, TAB = "\ue007", "\ue00c", "\ue015", "\ue013", "\ue010", "\ue004"


def active(page: InspectorPage, box: str) -> str:
    """Return the text of the row that a listbox is at."""
    script = """
        const row = document.getElementById(document.getElementById(arguments[0]).getAttribute("aria-activedescendant"));
        return row && row.ariaSelected === "true" ? row.textContent : "";
    """
    return str(page.browser.run(script, box))


def test_a_call_is_placed_read_and_driven_by_keys_alone(page: InspectorPage, server: InspectedServer) -> None:
    press = page.browser.press
    press("n")
    page.browser.wait(lambda: page.focused() == "call-context", "the dialog is open")
    press("menu", TAB, "sip:keys@example.com", ENTER)
    page.browser.wait(lambda: page.text("#call-parties") == "keys@example.com → menu", "the call is selected")
    page.wait_label("calling.collect")
    press("d", "7", ENTER)
    assert server.digits.get(timeout=10) == "7"

    press(ESCAPE)
    assert page.focused() == "call-list"
    press(ENTER)
    assert page.focused() == "ladder"
    assert active(page, "ladder") == "0.000calls menu"
    press(ENTER)
    page.browser.wait(lambda: page.is_shown("#message"), "the message is open")
    first = page.text("#message-text")
    press(DOWN)
    page.browser.wait(lambda: page.text("#message-text") != first, "the next message is shown")
    press(UP)
    page.browser.wait(lambda: page.text("#message-text") == first, "the first message is shown again")
    press(ESCAPE)
    assert not page.is_shown("#message")
    press(ESCAPE)
    assert page.focused() == "call-list"


def test_the_filter_and_the_list_are_used_by_keys_alone(page: InspectorPage, server: InspectedServer) -> None:
    for caller in ("alice", "bob", "carol"):
        server.place_call(caller, "unanswered")
    page.wait_call("alice")
    press = page.browser.press
    press("/", "BO")
    page.browser.wait(lambda: page.phones() == ["bob@example.com"], "only bob is shown")
    assert page.text("#call-count") == "1 of 3 calls"
    press(ESCAPE)
    page.browser.wait(lambda: len(page.phones()) == 3, "all are shown")
    press(ENTER)
    assert page.focused() == "call-list"
    press(DOWN)
    assert "carol" in active(page, "call-list")
    press(END)
    assert "alice" in active(page, "call-list")
    page.browser.wait(lambda: page.text("#call-parties") == "alice@example.com → unanswered", "alice is selected")


def test_calls_are_filtered_by_state(page: InspectorPage, server: InspectedServer) -> None:
    ended = server.place_call("alice", "unanswered")
    server.place_call("bob", "unanswered")
    server.request("POST", f"/v1/calls/{ended}/hangup", {})
    page.browser.wait(lambda: "ended" in "".join(page.browser.texts("#call-list .state")), "a call has ended")
    choose = """
        const box = document.getElementById("filter-state");
        box.value = arguments[0];
        box.dispatchEvent(new Event("input", {bubbles: true}));
    """
    page.browser.run(choose, "active")
    page.browser.wait(lambda: page.phones() == ["bob@example.com"], "the active call is shown")
    page.browser.run(choose, "ended")
    page.browser.wait(lambda: page.phones() == ["alice@example.com"], "the ended call is shown")
    page.browser.run(choose, "answered")
    page.browser.wait(lambda: page.text("#no-calls") == "No call matches the filter.", "none is shown")


def test_escape_closes_a_dialog_and_keys_in_fields_are_text(page: InspectorPage) -> None:
    for key in ("n", "?"):
        page.browser.press(key)
        page.browser.wait(lambda: page.browser.find_all("dialog[open]"), "a dialog is open")
        page.browser.press("/?")
        page.browser.press(ESCAPE)
        page.browser.wait(lambda: not page.browser.find_all("dialog[open]"), "the dialog is closed")
    page.browser.press("/", "n?/")
    assert page.browser.run("return document.getElementById('filter-text').value") == "n?/"
    assert not page.browser.find_all("dialog[open]")


def test_tab_reaches_every_control_and_the_focus_is_seen(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    page.select("alice")
    page.open_message("calling.answer")
    page.browser.run("document.activeElement.blur()")
    wanted = set(
        page.browser.run(
            """
            const controls = document.querySelectorAll("a, button, input, select, [tabindex='0']");
            return [...controls].filter(each => each.checkVisibility()).map(each => each.id || each.textContent);
            """
        )
    )
    seen = {}
    for _ in range(len(wanted) + 5):
        page.browser.press(TAB)
        name, outline = page.browser.run(
            """
            const each = document.activeElement;
            const style = getComputedStyle(each);
            return [each.id || each.textContent, style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth)];
            """
        )
        seen[name] = outline
    assert wanted - set(seen) == set()
    assert [name for name in wanted if seen[name] < 2] == []
