"""How the inspector looks: contrast, names of controls, nothing cut off, in light and dark and on narrow screens."""

from __future__ import annotations

from tests.local.server.inspector.inspected_server import InspectedServer
from tests.local.server.inspector.inspector_page import InspectorPage


def show_everything(page: InspectorPage, server: InspectedServer) -> None:
    """Let the page show calls in each state, and a message."""
    ended = server.place_call("carol")
    server.request("POST", f"/v1/calls/{ended}/hangup", {})
    server.place_call("bob", "unanswered")
    server.place_call("alice")
    page.select("alice")
    page.open_message("calling.answer")


def test_every_text_has_contrast(page: InspectorPage, server: InspectedServer) -> None:
    show_everything(page, server)
    for scheme in ("light", "dark"):
        page.browser.prefer(color_scheme=scheme, reduced_motion="reduce")
        contrasts = page.run_script("contrasts")
        page.browser.find("#place-call").click()
        contrasts |= page.run_script("contrasts")
        page.browser.find("#call-form [data-close]").click()
        page.browser.find("#show-server").click()
        contrasts |= page.run_script("contrasts")
        page.browser.find("#show-calls").click()
        assert len(contrasts) > 60
        assert {text: value for text, value in contrasts.items() if value < 4.5} == {}
    page.browser.prefer()


def test_every_control_has_a_name(page: InspectorPage, server: InspectedServer) -> None:
    show_everything(page, server)
    assert page.run_script("nameless_controls") == []


def test_animations_respect_reduced_motion(page: InspectorPage) -> None:
    moves = "return getComputedStyle(document.getElementById('place-call')).transitionDuration"
    page.browser.prefer(reduced_motion="no-preference")
    assert page.browser.run(moves) == "0.12s"
    page.browser.prefer(reduced_motion="reduce")
    assert page.browser.run(moves) == "0s"


def test_nothing_is_wider_than_the_window(page: InspectorPage, server: InspectedServer) -> None:
    show_everything(page, server)
    for width in (1920, 1280, 900, 400):
        page.browser.resize(width, 800)
        assert page.browser.run("return document.documentElement.scrollWidth") <= width
        boxes = page.browser.run(
            "return [...document.querySelectorAll('main button, main input')].filter(each => each.checkVisibility())"
            ".map(each => [each.outerHTML, each.getBoundingClientRect().right])"
        )
        assert [box for box, right in boxes if right > width] == []


def test_the_lanes_of_the_head_are_above_those_of_the_rows(page: InspectorPage, server: InspectedServer) -> None:
    show_everything(page, server)
    edges = """
        const boxes = [".lanes", "#ladder .rung-lanes"].map(each => document.querySelector(each).getBoundingClientRect());
        return boxes.map(box => [box.left, box.right]);
    """
    head, row = page.browser.run(edges)
    assert head == row
