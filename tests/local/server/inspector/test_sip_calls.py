"""A call of a real SIP phone in the inspector: RELAY and SIP in one ladder."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

from anyrelay.local import SipPhones
from anyrelay.local.json_process import JsonProcess, module_command, stopping
from tests.local.server.inspector.inspected_server import CONTEXT, inspected_server
from tests.local.server.inspector.inspector_page import InspectorPage
from tests.support.browser import Browser
from tests.support.capture_reader import read_capture

ENTER, TAB = "\ue007", "\ue004"


@pytest.mark.sip
def test_sip_and_relay_are_in_one_ladder(browser: Browser) -> None:
    if find_spec("baresip") is None:
        assert os.environ.get("CI") != "true", "baresip-python is not installed"
        pytest.skip("needs real SIP phones: pip install 'anyrelay[sip]'")
    children: list[JsonProcess] = []
    with inspected_server(SipPhones("127.0.0.1:0")) as server, stopping(children):
        page = InspectorPage(browser, server.url)
        browser.resize(1280, 2000)
        page.open()
        uri = str(server.relay.sip_uri).replace("sip:", f"sip:{CONTEXT}@", 1)
        children.append(JsonProcess(module_command("anyrelay.local.sip.phone", "--dial", uri), on_lines=lambda _: None))
        page.select("alice")
        page.wait_label("calling.play")
        labels = page.labels()
        invite = next(label for label in labels if label.startswith("INVITE sip:menu@"))
        accepted = next(label for label in labels if label.startswith("200 ") and label.endswith("(INVITE)"))
        assert labels.index(invite) < labels.index("calling.answer") < labels.index(accepted)
        phone, *others = page.browser.texts("#lanes span")
        assert phone.startswith("127.0.0.1:")
        assert others == ["RELAY server", "client 1"]

        page.open_message("INVITE sip:menu@")
        text = page.text("#message-text")
        assert text.startswith("INVITE sip:menu@")
        assert "Content-Type: application/sdp" in text

        page.browser.run("document.querySelector('[data-format=mermaid]').focus()")
        page.browser.press(TAB, ENTER)
        first = read_capture(page.downloaded("call-*.pcap"))[0]
        assert (first.source, first.content.decode().splitlines()) == (phone, text.splitlines())

        page.browser.find("#keypad [aria-label='Press 1']").click()
        page.browser.wait(lambda: "phone" in page.text("#action-result"), "only the phone itself can press")
        page.browser.errors()  # the refusal, 501
        page.browser.find("#hang-up").click()
        page.browser.wait(lambda: page.text("#call-state").startswith("ended"), "the call has ended")
        page.wait_label("BYE")
