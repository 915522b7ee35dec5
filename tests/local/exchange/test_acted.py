"""Acted commands: the default replies and events, scripts of the user's own, and the refusals that RELAY gives."""

import pytest

from anyrelay.local.exchange import acted
from anyrelay.local.exchange.acted import ACTED_METHODS
from anyrelay.local.exchange.scripts import EVENTS_LIMIT, ScriptedEvent
from anyrelay.protocol.schema import COMMANDS
from tests.support.exchange_bench import Bench, ServingLeg

AGENT = {"control_id": "a", "prompt": {"text": "Be helpful."}}
PAY = {"control_id": "p", "payment_connector_url": "https://pay.example.com/"}
SEND_FAX = {"control_id": "f", "document": "https://example.com/a.pdf", "identity": "+15550001"}


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def client(bench):
    return bench.client()


@pytest.fixture
def call_id(bench, client):
    return bench.call(client)[2]


def told(client, event, control_id=None):
    """The parameters of each event of a type, without those that name the call."""
    events = [event["params"] for event in client.events(f"calling.{event}")]
    assert all(params["control_id"] == control_id for params in events if control_id)
    names = {"call_id", "node_id", "segment_id", "control_id"}
    return [{name: value for name, value in params.items() if name not in names} for params in events]


def states(client, event, control_id):
    return [params.get("state") for params in told(client, event, control_id)]


# --- what each command does by default --------------------------------------------------------------------------------


def test_an_agent_works_until_it_is_stopped(bench, client, call_id):
    assert client.command(call_id, "ai", **AGENT) == (200, "AI started")
    assert client.command(call_id, "ai_message", message_text="Hello", role="user") == (200, "Message sent")
    assert client.command(call_id, "ai_hold", timeout="10") == (200, "AI on hold")
    assert client.command(call_id, "ai_unhold") == (200, "AI resumed")
    bench.advance(100.0)
    assert told(client, "call.ai") == []
    assert client.command(call_id, "ai.stop", control_id="a")[0] == 200
    assert states(client, "call.ai", "a") == ["finished"]
    assert client.command(call_id, "ai.stop", control_id="a") == (404, "No such AI agent")
    assert client.command(call_id, "ai_message", message_text="Hello") == (409, "The call has no AI agent")


def test_taps_and_streams_of_simulated_phones_run_until_they_are_stopped(bench, client, call_id):
    tap = {"type": "audio", "params": {"direction": "both"}}
    device = {"type": "rtp", "params": {"addr": "127.0.0.1", "port": 4000}}
    assert client.command(call_id, "tap", control_id="t", tap=tap, device=device)[0] == 200
    assert client.command(call_id, "tap", control_id="t", tap=tap, device=device)[0] == 409
    assert client.command(call_id, "stream", control_id="s", url="ws://127.0.0.1/a", name="mine")[0] == 200
    bench.advance(100.0)
    assert told(client, "call.tap", "t") == [{"state": "tapping", "tap": tap, "device": device}]
    assert told(client, "call.stream", "s") == [{"state": "streaming", "url": "ws://127.0.0.1/a", "name": "mine"}]
    for kind, control_id in (("tap", "t"), ("stream", "s")):
        assert client.command(call_id, f"{kind}.stop", control_id=control_id)[0] == 200
        assert states(client, f"call.{kind}", control_id)[-1] == "finished"
        assert client.command(call_id, f"{kind}.stop", control_id=control_id) == (404, f"No such {kind}")


def test_a_phone_that_sends_its_sound_needs_no_script(bench, client):
    leg = ServingLeg()
    call_id = bench.answered(client, leg)
    client.command(call_id, "stream", control_id="s", url="ws://127.0.0.1/a")
    assert leg.orders[-1][:2] == ("stream", "s")
    assert told(client, "call.stream") == []


def test_the_agent_of_amazon_bedrock_takes_messages_too(client, call_id):
    assert client.command(call_id, "ai_unhold") == (409, "The call has no AI agent")
    assert client.command(call_id, "amazon_bedrock", prompt={"text": "Be helpful."}) == (200, "AI started")
    assert client.command(call_id, "ai_unhold") == (200, "AI resumed")


def test_a_payment_finishes_after_half_a_second(bench, client, call_id):
    assert client.command(call_id, "pay", **PAY)[0] == 200
    bench.advance(0.4)
    assert told(client, "call.pay") == []
    bench.advance(0.2)
    assert states(client, "call.pay", "p") == ["finished"]
    assert client.command(call_id, "pay.stop", control_id="p") == (404, "No such payment")


def test_a_payment_that_is_stopped_finishes_once(bench, client, call_id):
    client.command(call_id, "pay", **PAY)
    assert client.command(call_id, "pay.stop", control_id="p")[0] == 200
    bench.advance(5.0)
    assert states(client, "call.pay", "p") == ["finished"]


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_a_fax_has_one_page(bench, client, call_id, direction):
    params = SEND_FAX if direction == "send" else {"control_id": "f"}
    assert client.command(call_id, f"{direction}_fax", **params)[0] == 200
    bench.advance(1.0)
    page, end = (params["fax"] for params in told(client, "call.fax", "f"))
    assert page == {"type": "page", "params": {"direction": direction, "number": "1"}}
    assert (end["type"], end["params"]["success"], end["params"]["pages"]) == ("finished", True, "1")
    assert (end["params"]["identity"] == "+15550001") is (direction == "send")
    assert client.command(call_id, f"{direction}_fax.stop", control_id="f")[0] == 404


@pytest.mark.parametrize("direction", ["send", "receive"])
def test_a_fax_that_is_stopped_has_not_succeeded(bench, client, call_id, direction):
    client.command(call_id, f"{direction}_fax", **(SEND_FAX if direction == "send" else {"control_id": "f"}))
    other, kind = ("receive", "received") if direction == "send" else ("send", "sent")
    assert client.command(call_id, f"{other}_fax.stop", control_id="f") == (404, f"No such {kind} fax")
    assert client.command(call_id, f"{direction}_fax.stop", control_id="f")[0] == 200
    bench.advance(5.0)
    [end] = told(client, "call.fax", "f")
    assert (end["state"], end["fax"]["type"], end["fax"]["params"]["success"]) == ("finished", "finished", False)


def test_a_transcription_finishes_with_its_text_once_it_is_stopped(bench, client, call_id):
    assert client.command(call_id, "transcribe", control_id="t")[0] == 200
    assert client.command(call_id, "transcribe", control_id="u") == (409, "A transcription of this call is under way")
    bench.advance(10.0)
    assert told(client, "call.transcribe", "t") == [{"state": "transcribing"}]
    assert client.command(call_id, "transcribe.stop", control_id="t")[0] == 200
    finished = told(client, "call.transcribe", "t")[-1]
    assert finished["state"] == "finished"
    assert finished["url"].startswith("https://")
    assert {"recording_id", "duration", "size"} <= finished.keys()
    assert client.command(call_id, "transcribe", control_id="u")[0] == 200


@pytest.mark.parametrize(("what", "more"), [("transcribe", []), ("translate", ["inject"])])
def test_a_live_transcription_is_started_once_and_stopped_once(client, call_id, what, more):
    thing = {"transcribe": "transcription", "translate": "translation"}[what]
    command = f"live_{what}"
    for action in ("stop", "summarize", *more):
        assert client.command(call_id, command, action={action: {}}) == (409, f"The call has no live {thing}")
    start = {"start": {"lang": "en-US"}}
    assert client.command(call_id, command, action=start) == (200, f"Live {thing} started")
    assert client.command(call_id, command, action=start) == (409, f"A live {thing} of this call is under way")
    for action in ("summarize", *more):
        assert client.command(call_id, command, action={action: {}}) == (200, "OK")
    assert client.command(call_id, command, action={"stop": {}}) == (200, f"Live {thing} stopped")
    assert client.command(call_id, command, action={"stop": {}})[0] == 409
    for action in ({}, {"begin": {}}, {**start, "stop": {}}, {"action": "begin"}, {"action": {}}, {"action": None}):
        code, message = client.command(call_id, command, action=action)
        assert (code, message.startswith("action must have one of the keys start, stop, summarize")) == (400, True)


@pytest.mark.parametrize(("what", "thing"), [("transcribe", "transcription"), ("translate", "translation")])
def test_the_action_of_live_commands_as_a_word(client, call_id, what, thing):
    command = f"live_{what}"
    start = {"action": "start", "language": "en-US", "source_language": "en-US", "target_language": "es-ES"}
    assert client.command(call_id, command, action=start) == (200, f"Live {thing} started")
    assert client.command(call_id, command, action=start) == (409, f"A live {thing} of this call is under way")
    assert client.command(call_id, command, action={"action": "summarize"}) == (200, "OK")
    assert client.command(call_id, command, action={"action": "stop"}) == (200, f"Live {thing} stopped")


def test_a_call_leaves_the_room_that_it_joined(client, call_id):
    assert client.command(call_id, "leave_room") == (409, "The call has no room")
    assert client.command(call_id, "join_room", name="lobby") == (200, "Joining room")
    assert client.command(call_id, "leave_room") == (200, "Leaving room")
    assert client.command(call_id, "leave_room") == (409, "The call has no room")


def test_noise_reduction_is_turned_on_and_off(client, call_id):
    assert client.command(call_id, "denoise") == (200, "Denoiser on")
    assert client.command(call_id, "denoise.stop") == (200, "Denoiser off")
    assert told(client, "call.denoise") == [{"denoised": True}, {"denoised": False}]


@pytest.mark.parametrize("method", ["ai", "pay", "denoise", "join_room"])
def test_a_call_that_is_not_answered_has_nothing_acted(bench, client, method):
    bench.dial()
    params = {"ai": AGENT, "pay": PAY, "denoise": {}, "join_room": {"name": "lobby"}}[method]
    assert client.command(client.calls[-1], method, **params) == (409, "The call is not answered")


def test_two_operations_of_one_kind_have_two_control_ids(client, call_id):
    client.command(call_id, "ai", **AGENT)
    assert client.command(call_id, "ai", **AGENT) == (409, "This control_id is in use")
    assert client.command(call_id, "ai", **{**AGENT, "control_id": "b"})[0] == 200


# --- scripts ----------------------------------------------------------------------------------------------------------


def test_a_script_sets_the_reply_and_the_events(bench, client, call_id):
    events = [
        ScriptedEvent(params={"state": "pending"}, after=1.0),
        {"params": {"state": "error", "error": "card declined"}, "after": 2.0},
        {"params": {"state": "never told"}},
    ]
    bench.exchange.scripts.set("calling.pay", message="Pay now", reply={"payment_id": "7"}, events=events)
    result = client.request("calling.pay", node_id="n", call_id=call_id, **PAY).result
    assert (result["message"], result["payment_id"], result["control_id"]) == ("Pay now", "7", "p")
    bench.advance(1.5)
    assert states(client, "call.pay", "p") == ["pending"]
    bench.advance(10.0)
    assert told(client, "call.pay", "p")[1:] == [{"state": "error", "error": "card declined"}]
    assert client.command(call_id, "pay.stop", control_id="p")[0] == 404


def test_a_script_may_refuse(bench, client, call_id):
    bench.exchange.scripts.set("calling.ai", code=402, message="No credit")
    assert client.command(call_id, "ai", **AGENT) == (402, "No credit")
    bench.exchange.scripts.set("calling.ai", code=500)
    assert client.command(call_id, "ai", **AGENT) == (500, "calling.ai is refused by its script")
    assert client.command(call_id, "ai_unhold") == (409, "The call has no AI agent")
    bench.exchange.scripts.set("calling.ai")
    assert client.command(call_id, "ai", **AGENT) == (200, "AI started")


def test_an_event_may_have_a_type_of_its_own(bench, client, call_id):
    event = {"event_type": "calling.call.room", "params": {"state": "join"}}
    bench.exchange.scripts.set("calling.join_room", events=[event])
    client.command(call_id, "join_room", name="lobby")
    assert told(client, "call.room") == [{"state": "join"}]


def test_a_stop_without_events_ends_the_operation_at_once(bench, client, call_id):
    bench.exchange.scripts.set("calling.pay.stop", events=[])
    client.command(call_id, "pay", **PAY)
    assert client.command(call_id, "pay.stop", control_id="p")[0] == 200
    assert client.command(call_id, "pay.stop", control_id="p")[0] == 404
    bench.advance(10.0)
    assert told(client, "call.pay") == []


def test_the_events_of_an_operation_are_posted_to_its_status_url(bench, client, call_id):
    url = "http://127.0.0.1:9/status"
    client.command(call_id, "transcribe", control_id="t", status_url=url)
    client.command(call_id, "transcribe.stop", control_id="t")
    assert [(to, event["params"]["state"]) for to, event in bench.posts] == [(url, "transcribing"), (url, "finished")]


def test_nothing_is_told_of_a_call_that_has_ended(bench, client):
    caller, _, call_id = bench.call(client)
    bench.exchange.scripts.set("calling.denoise", events=[{"params": {"denoised": True}, "after": 5.0}])
    client.command(call_id, "pay", **PAY)
    client.command(call_id, "denoise")
    caller.hang_up()
    bench.advance(10.0)
    assert told(client, "call.pay") == told(client, "call.denoise") == []


def test_a_client_that_takes_a_call_over_has_nothing_of_the_other_one(bench, client, call_id):
    other = bench.client(["second"])
    client.command(call_id, "ai", **AGENT)
    client.command(call_id, "pay", **PAY)
    assert client.command(call_id, "transfer", dest="second")[0] == 200
    assert other.command(call_id, "answer")[0] == 200
    bench.advance(10.0)
    assert other.command(call_id, "ai.stop", control_id="a") == (404, "No such AI agent")
    assert told(client, "call.pay") == told(other, "call.pay") == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"code": 199}, "code must be from 200 to 599"),
        ({"code": 302}, "code must be 200, or a refusal from 400 to 599"),
        ({"message": ""}, "message must not be empty"),
        ({"events": [{"params": {}, "after": -1}]}, "after must be from 0 to 86400 seconds"),
        ({"events": [{"params": {"x": float("nan")}}]}, "must be a finite number"),
        ({"events": [{"params": {}}] * (EVENTS_LIMIT + 1)}, "at most 1000 events"),
    ],
)
def test_scripts_that_are_not_allowed(bench, script, words):
    with pytest.raises(ValueError, match=words):
        bench.exchange.scripts.set("calling.pay", **script)
    assert bench.exchange.scripts.get("calling.pay").events is None


@pytest.mark.parametrize("event", [{}, {"params": 3}, {"params": {}, "before": 1}])
def test_events_of_a_wrong_form(bench, event):
    with pytest.raises(TypeError):
        bench.exchange.scripts.set("calling.pay", events=[event])


def test_a_command_that_is_not_acted_has_no_script(bench):
    for script in ({"message": "Held"}, {"events": []}, {"reply": {"x": 1}}):
        with pytest.raises(ValueError, match=r"calling\.hold can only be refused; acted commands are calling\.ai, "):
            bench.exchange.scripts.set("calling.hold", **script)
    for script in ({"code": 500}, {"message": "Hello"}):
        with pytest.raises(ValueError, match=r"signalwire\.ping is not acted; acted commands are calling\.ai, "):
            bench.exchange.scripts.set("signalwire.ping", **script)


def test_every_command_of_calls_can_be_refused(bench, client, call_id):
    bench.phones.add("sip:bob@example.com")
    devices = [[{"type": "sip", "params": {"to": "sip:bob@example.com", "from": "sip:anyrelay@example.com"}}]]
    silence = [{"type": "silence", "params": {"duration": 1}}]
    for method in ("calling.dial", "calling.play", "calling.end"):
        bench.exchange.scripts.set(method, code=402, message="No credit")
    assert client.request("calling.dial", tag="t", devices=devices).result == {"code": "402", "message": "No credit"}
    assert client.command(call_id, "play", control_id="p", play=silence) == (402, "No credit")
    assert client.command("unknown", "play", control_id="p", play=silence) == (404, "No such call")
    assert client.command(call_id, "end", reason="hangup") == (402, "No credit")
    assert client.states(call_id)[-1] == "answered"
    bench.exchange.scripts.set("calling.end")
    assert client.command(call_id, "end", reason="hangup")[0] == 200


def test_the_events_to_come_are_bounded(bench, client, call_id, monkeypatch):
    monkeypatch.setattr(acted, "PERFORMANCES_LIMIT", 2)
    bench.exchange.scripts.set("calling.denoise", events=[{"params": {"denoised": True}, "after": 5.0}])
    assert [client.command(call_id, "denoise")[0] for _ in range(3)] == [200, 200, 429]
    bench.advance(6.0)
    assert client.command(call_id, "denoise")[0] == 200


def test_without_acting_the_command_is_refused_by_name():
    bench = Bench(acts=False)
    _, client, call_id = bench.call()
    assert client.command(call_id, "ai", **AGENT) == (501, "calling.ai is not served by this local RELAY server")
    with pytest.raises(ValueError, match=r"calling\.ai can only be refused; acted commands are messaging\.send"):
        bench.exchange.scripts.set("calling.ai", events=[])


def test_every_acted_method_is_one_of_relay():
    assert set(ACTED_METHODS) <= set(COMMANDS)
    assert len(set(ACTED_METHODS)) == 24
