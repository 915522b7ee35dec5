"""The inspector in a real browser: calls and messages appear, and what the user does reaches the application."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.local.server.inspector.inspected_server import InspectedServer
from tests.local.server.inspector.inspector_page import InspectorPage


def test_a_call_appears_within_half_a_second(page: InspectorPage) -> None:
    times = [page.run_script("time_a_call", f"caller{number}") for number in range(5)]
    assert min(times) < 500
    assert page.phones() == [f"caller{number}@example.com" for number in reversed(range(5))]
    assert page.text("#call-count") == "5 calls"
    page.browser.wait(lambda: page.text("#announcements"), "new calls are announced")


def test_the_ladder_of_a_call_grows(page: InspectorPage, server: InspectedServer) -> None:
    page.browser.resize(1280, 600)
    call_id = server.place_call("alice")
    page.select("alice")
    page.wait_label("calling.answer")
    page.wait_label("Which number?")
    before = page.text("#message-count")
    server.request("POST", f"/v1/calls/{call_id}/hangup", {})
    page.wait_label("ended")
    assert page.text("#message-count") != before
    assert page.browser.texts("#lanes span") == ["alice@example.com", *page.browser.texts("#lanes span")[1:]]
    page.browser.wait(lambda: page.text("#call-state") == "ended · hangup", "the call has ended")
    page.wait_label("call.state ended")
    rest = "const box = document.getElementById('ladder'); return box.scrollHeight - box.clientHeight - box.scrollTop"
    page.browser.wait(lambda: page.browser.run(rest) < 2, "the messages stay at their end")
    assert page.browser.run("return document.getElementById('ladder').scrollTop") > 0
    assert not page.is_shown("#call-actions")


def test_a_message_opens_in_full(page: InspectorPage, server: InspectedServer) -> None:
    call_id = server.place_call("alice")
    page.select("alice")
    page.open_message("calling.answer")
    frames = server.request("GET", f"/v1/frames?call_id={call_id}")["data"]
    sent = next(json.loads(frame["text"]) for frame in frames if frame["method"] == "calling.answer")
    assert json.loads(page.text("#message-text")) == sent
    assert page.text("#message-title") == "calling.answer"
    page.browser.find("#close-message").click()
    assert not page.is_shown("#message")
    assert page.focused() == "ladder"


def test_digits_pressed_in_the_page_reach_the_application(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    page.select("alice")
    page.wait_label("calling.collect")
    page.browser.find("#keypad [aria-label='Press 4']").click()
    assert server.digits.get(timeout=10) == "4"
    page.browser.find("#press-digits").send_keys("12")
    page.browser.find("#press button").click()
    assert server.digits.get(timeout=10) == "12"
    page.browser.find("#say-text").send_keys("good morning")
    page.browser.find("#say button").click()
    page.wait_label("good morning")
    page.browser.find("#hang-up").click()
    page.browser.wait(lambda: server.calls()[0]["state"] == "ended", "the call has ended")


def test_a_refusal_of_the_server_is_shown(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    page.select("alice")
    page.browser.run("document.getElementById('press-digits').removeAttribute('pattern')")
    page.browser.find("#press-digits").send_keys("no digits")
    page.browser.find("#press button").click()
    page.browser.wait(lambda: page.text("#action-result"), "the refusal is shown")
    assert [error for error in page.browser.errors() if "422" not in error] == []


def test_a_ladder_is_downloaded(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    page.select("alice")
    page.wait_label("calling.answer")
    page.browser.find("[data-format=jsonl]").click()
    messages = [json.loads(line)["message"] for line in page.downloaded("*.jsonl").splitlines()]
    assert "calling.answer" in [message.get("method") for message in messages]
    page.browser.find("[data-format=svg]").click()
    drawing = ElementTree.fromstring(page.downloaded("*.svg"))
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "calling.answer" in "".join(drawing.itertext())
    page.browser.find("[data-format=mermaid]").click()
    mermaid = page.downloaded("*.mmd").decode()
    assert mermaid.startswith("sequenceDiagram")
    assert ": calling.answer\n" in mermaid
    assert not page.is_shown("#download-capture")  # simulated phones send no SIP


def test_a_recording_is_played_and_downloaded(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice", "recorded", say=["Good morning."])
    page.select("alice")
    page.browser.wait(lambda: page.browser.find_all("#call-extras button"), "there is a recording")
    play, download = page.browser.find_all("#call-extras button")
    download.click()
    assert page.downloaded("*.wav").startswith(b"RIFF")
    play.click()
    player = "const [player] = document.getElementsByTagName('audio'); return player ? player.duration : 0"
    page.browser.wait(lambda: (page.browser.run(player) or 0) > 0, "the recording can be played")


def test_a_broken_connection_is_seen_and_the_call_goes_on(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice")
    page.select("alice")
    page.wait_label("calling.collect")
    page.browser.find("#show-server").click()
    assert page.browser.texts("#contexts li") == ["menu", "recorded", "unanswered"]
    assert "1 call" in page.browser.texts("#sessions td")
    page.browser.find("#show-calls").click()
    page.browser.find("#open-faults").click()
    page.browser.find("#faults-form .danger").click()
    page.browser.find("#keypad [aria-label='Press 5']").click()
    assert server.digits.get(timeout=10) == "5"
    page.wait_label("call.collect finished")
    before, after = page.browser.texts("#lanes span")[-2:]
    assert before != after
    assert after.startswith("client ")


def test_the_next_command_is_refused(page: InspectorPage, server: InspectedServer) -> None:
    page.browser.find("#open-faults").click()
    page.browser.find("#fault").send_keys("Refuse")
    page.browser.find("#fault-method").send_keys("calling.answer")
    page.browser.find("#fault-code").send_keys("503\n")
    page.browser.wait(lambda: not page.browser.find_all("dialog[open]"), "the fault is set")
    server.place_call("alice")
    page.select("alice")
    page.wait_label("503")
    page.browser.wait(lambda: page.browser.find_all(".rung[data-role=error]"), "the refusal stands out")


def test_a_reset_empties_the_page(page: InspectorPage, server: InspectedServer) -> None:
    server.place_call("alice", "unanswered")
    page.select("alice")
    page.browser.find("#open-reset").click()
    page.browser.find("#reset-form .danger").click()
    page.browser.wait(lambda: page.text("#no-calls").startswith("No calls yet."), "the list is empty")
    page.browser.wait(lambda: page.is_shown("#no-call"), "no call is selected")
    assert server.calls() == []
