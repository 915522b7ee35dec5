"""Operations, plain commands, dials and messages: the command that the server gets, and the event that the waiter gets."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from anyrelay import CallState, DialFailed, DialTimeout, RelayError, parse_event
from tests.support.frontend_world import World
from tests.support.scripted_relay import TIMEOUT, refuse, reply, state_event

PHONE = {"type": "phone", "params": {"to_number": "+15551230001", "from_number": "+15551230002"}}
SILENCE = {"type": "silence", "params": {"duration": 1}}
DIGITS = {"digits": {"max": 1}}
URL = "https://example.com/"


class Case(NamedTuple):
    """An operation: the method that starts it, its commands, and the event that ends it."""

    method: str
    arguments: dict[str, Any]
    orders: dict[str, tuple[Any, ...]]
    final: dict[str, Any]
    wire: str = ""
    event: str = ""

    @property
    def command(self) -> str:
        return f"calling.{self.wire or self.method}"

    @property
    def event_type(self) -> str:
        return f"calling.call.{self.event or self.wire or self.method}"


FINISHED = {"state": "finished"}

OPERATIONS = [
    Case("play", {"media": [SILENCE]}, {"pause": (), "resume": (), "volume": (-4,), "stop": ()}, FINISHED),
    Case("record", {"audio": {"format": "mp3"}}, {"pause": ("skip",), "resume": (), "stop": ()}, FINISHED),
    Case("collect", DIGITS, {"start_input_timers": (), "stop": ()}, {"result": {"type": "digit", "params": {}}}),
    Case(
        "play_and_collect",
        {"media": [SILENCE], "collect": DIGITS},
        {"pause": (), "resume": (), "volume": (1,), "start_input_timers": (), "stop": ()},
        {"result": {"type": "no_input"}},
        event="collect",
    ),
    Case("detect", {"detect": {"type": "fax"}}, {"stop": ()}, {"detect": {"type": "fax", "params": {"event": "CED"}}}),
    Case("tap", {"tap": {"type": "audio", "params": {"direction": "both"}},
                 "device": {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 4000}}}, {"stop": ()}, FINISHED),
    Case("stream", {"url": "wss://example.com/media"}, {"stop": ()}, FINISHED),
    Case("pay", {"payment_connector_url": URL}, {"stop": ()}, FINISHED),
    Case("transcribe", {}, {"stop": ()}, FINISHED),
    Case("send_fax", {"document": f"{URL}a.pdf"}, {"stop": ()}, FINISHED, event="fax"),
    Case("receive_fax", {}, {"stop": ()}, FINISHED, event="fax"),
    Case("ai", {"prompt": {"text": "Be kind."}}, {"stop": ()}, FINISHED),
]  # fmt: skip


@pytest.mark.parametrize("case", OPERATIONS, ids=lambda case: case.method)
async def test_an_operation_from_its_start_to_its_end(world: World, case: Case) -> None:
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        told: list[Any] = []
        heard = world.flag()

        async def completed(event: Any) -> None:
            told.append(event)
            heard.set()

        action = await getattr(call, case.method)(**case.arguments, control_id="c-1", on_completed=completed)
        assert (action.control_id, action.is_done) == ("c-1", False)
        assert (await world.seen(case.command))["control_id"] == "c-1"
        for order, arguments in case.orders.items():
            await getattr(action, order)(*arguments)
            # Timers are a collect's, whatever plays before it.
            wire = "calling.collect" if order == "start_input_timers" else case.command
            assert (await world.seen(f"{wire}.{order}"))["control_id"] == "c-1"
        waiting = world.spawn(action.wait, TIMEOUT)
        world.relay.event((case.event_type, {"control_id": "c-1", **case.final}))
        event = await waiting.result()
        assert (event.event_type, event.call_id) == (case.event_type, "call-1")
        assert (action.is_done, action.completed, action.result) == (True, True, event)
        await heard.wait()
        assert told == [event]


@pytest.mark.parametrize("case", OPERATIONS, ids=lambda case: case.method)
async def test_an_operation_that_is_refused_and_one_whose_call_ends(world: World, case: Case) -> None:
    world.relay.script(case.command, refuse(500, "not today"), reply())
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        with pytest.raises(RelayError, match="not today"):
            await getattr(call, case.method)(**case.arguments)
        action = await getattr(call, case.method)(**case.arguments)
        waiting = world.spawn(action.wait, TIMEOUT)
        await world.ended(client, call)
        last = await waiting.result()
        assert (last.params["state"], last.params["call_state"]) == ("call_ended", "ended")
        assert type(last) is type(parse_event({"event_type": last.event_type}))
        assert last.params["control_id"] == action.control_id


async def test_half_a_surrogate_pair_in_an_offer_is_read_and_sent(world: World) -> None:
    client = world.client()
    async with client:
        call = await world.taken_call(client, device={"type": "sip", "params": {"from_name": "Ann \ud83d"}})
        assert call.device["params"]["from_name"] == "Ann \ud83d"
        await call.play_tts(f"Hello {call.device['params']['from_name']}")
        assert world.relay.sent("calling.play")[-1]["play"][0]["params"]["text"] == "Hello Ann \ud83d"


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("collect", {"digits": {"maxx": 1}}, "digits has no 'maxx'; did you mean 'max'?"),
        ("play_and_collect", {"media": [SILENCE], "collect": {"digit": {"max": 1}}}, "did you mean 'digits'?"),
        ("hangup", {"reasons": "busy"}, "Call.hangup(): got an unexpected keyword argument 'reasons'"),
        (
            "refer",
            {"device": {"type": "sip", "params": {"uri": "sip:a@b"}, "username": "u"}},
            "device has no 'username'",
        ),
        ("refer", {"device": "sip:100%@example.com"}, "device has a % in its user part"),
        ("leave_conference", {"conference_id": None}, "conference_id is missing: the reply to join_conference"),
    ],
)
async def test_a_wrong_argument_is_named_as_the_user_wrote_it(
    world: World, method: str, arguments: dict[str, Any], words: str
) -> None:
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        with pytest.raises((ValueError, TypeError)) as caught:
            await getattr(call, method)(**arguments)
        assert words in str(caught.value)
        assert not world.relay.sent("calling.refer")


COMMANDS = [
    ("send_digits", {"digits": "12"}, "send_digits"),
    ("hold", {}, "hold"),
    ("unhold", {}, "unhold"),
    ("denoise", {}, "denoise"),
    ("denoise_stop", {}, "denoise.stop"),
    ("echo", {"timeout": 1}, "echo"),
    ("bind_digit", {"digits": "2", "bind_method": "calling.end"}, "bind_digit"),
    ("clear_digit_bindings", {}, "clear_digit_bindings"),
    ("connect", {"devices": [[PHONE]]}, "connect"),
    ("disconnect", {}, "disconnect"),
    ("join_conference", {"name": "meeting"}, "join_conference"),
    ("leave_conference", {"conference_id": "c"}, "leave_conference"),
    ("queue_enter", {"queue_name": "sales"}, "queue.enter"),
    ("queue_leave", {"queue_name": "sales"}, "queue.leave"),
    ("join_room", {"name": "lobby"}, "join_room"),
    ("leave_room", {}, "leave_room"),
    ("live_transcribe", {"action": {"stop": {}}}, "live_transcribe"),
    ("live_translate", {"action": {"stop": {}}}, "live_translate"),
    ("ai_message", {"message_text": "Hi"}, "ai_message"),
    ("ai_hold", {}, "ai_hold"),
    ("ai_unhold", {}, "ai_unhold"),
    ("user_event", {"event": "pump"}, "user_event"),
    ("transfer", {"dest": "support"}, "transfer"),  # the last: whom it hands the call to has it then
]


async def test_every_plain_command_is_sent_and_its_reply_handed_on(world: World) -> None:
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        for method, arguments, wire in COMMANDS:
            world.relay.script(f"calling.{wire}", reply(message=f"{method} it is"))
            result = await getattr(call, method)(**arguments)
            assert result["message"] == f"{method} it is"
            assert world.relay.sent(f"calling.{wire}")[-1]["call_id"] == "call-1"


@pytest.mark.parametrize(
    ("kind", "params", "name", "value"),
    [
        (
            "call.queue",
            {"control_id": "q", "status": "enqueue", "id": "q-1", "name": "sales", "position": 2},
            "position",
            2,
        ),
        ("conference", {"conference_id": "c", "name": "meeting", "status": "join"}, "status", "join"),
        ("call.hold", {"state": "hold"}, "state", "hold"),
        ("call.send_digits", {"control_id": "d", "state": "finished"}, "state", "finished"),
    ],
)
async def test_events_without_an_operation_are_waited_for(
    world: World, kind: str, params: dict[str, Any], name: str, value: Any
) -> None:
    client = world.client()
    async with client:
        call = await world.taken_call(client)
        events = call.events()
        world.relay.event((f"calling.{kind}", params))
        event = await anext(events)
        assert getattr(event, name) == value
        await events.aclose()


# --- dials ---------------------------------------------------------------------------------------------------------------


def leg(state: str, tag: str) -> tuple[str, dict[str, Any]]:
    return state_event(state, tag=tag, node_id="node-2", direction="outbound", device=PHONE)


def dial_event(state: str, tag: str, call_id: str = "") -> tuple[str, dict[str, Any]]:
    call = {"call": {"call_id": call_id, "node_id": "node-2", "tag": tag, "dial_winner": True}} if call_id else {}
    return "calling.call.dial", {"tag": tag, "dial_state": state, **call}


async def test_a_dial_and_the_call_it_brings(world: World) -> None:
    client = world.client()
    async with client:
        dialling = world.spawn(lambda: client.dial([[PHONE]], tag="t", max_duration=5))
        assert (await world.seen("calling.dial"))["devices"] == [[PHONE]]
        for state in ("created", "ringing", "answered"):
            world.relay.event(leg(state, "t"), "leg-1")
        world.relay.event(dial_event("answered", "t", "leg-1"), "")
        call = await dialling.result()
        assert (call.call_id, call.tag, call.direction, call.state) == ("leg-1", "t", "outbound", CallState.ANSWERED)
        assert client.calls["leg-1"] == call
        await call.hangup()
        assert (await world.seen("calling.end"))["node_id"] == "node-2"


async def test_a_dial_without_an_answer(world: World) -> None:
    client = world.client()
    async with client:
        dialling = world.spawn(lambda: client.dial([[PHONE]], tag="t"))
        await world.seen("calling.dial")
        world.relay.event(leg("ringing", "t"), "leg-1")
        world.relay.event(dial_event("failed", "t"), "")
        with pytest.raises(DialFailed):
            await dialling.result()


@pytest.mark.parametrize("dial_timeout", [0.3, None])
async def test_legs_that_ring_are_hung_up_when_the_dial_is_over(world: World, dial_timeout: float | None) -> None:
    """The dial times out, or the client is closed before."""
    client = world.client()
    async with client:
        dialling = world.spawn(lambda: client.dial([[PHONE]], tag="t", dial_timeout=dial_timeout))
        await world.seen("calling.dial")
        world.relay.event(leg("ringing", "t"), "leg-1")
        await world.until(lambda: "leg-1" in client.calls)
        if dial_timeout is None:
            await client.disconnect()
        with pytest.raises(RelayError) as caught:
            await dialling.result()
        assert isinstance(caught.value, DialTimeout) is (dial_timeout is not None)
        hung_up = await world.seen("calling.end")
        assert (hung_up["call_id"], hung_up["reason"]) == ("leg-1", "cancel")


# --- messages ------------------------------------------------------------------------------------------------------------


def message_event(kind: str, state: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return f"messaging.{kind}", {"message_id": "m-1", "message_state": state, **more}


async def test_a_message_that_is_sent(world: World) -> None:
    world.relay.script("messaging.send", reply(message_id="m-1"))
    client = world.client()
    told: list[Any] = []
    over = world.flag()

    async def completed(event: Any) -> None:
        told.append(event)
        over.set()

    async with client:
        message = await client.send_message(
            to_number="+15551230001", from_number="+15551230002", body="Hello", on_completed=completed
        )
        assert (message.message_id, message.state, message.is_done) == ("m-1", "queued", False)
        states: list[str] = []

        async def note(event: Any) -> None:
            states.append(event.message_state)

        message.on(note)
        waiting = world.spawn(message.wait, TIMEOUT)
        for state in ("sent", "delivered"):
            world.relay.event(message_event("state", state))
        event = await waiting.result()
        await over.wait()
        assert (event.message_state, message.state, message.result) == ("delivered", "delivered", event)
        assert told == [event]
        assert states == ["sent", "delivered"]


async def test_a_message_that_is_refused(world: World) -> None:
    world.relay.script("messaging.send", refuse(422, "no such number"))
    client = world.client()
    async with client:
        with pytest.raises(RelayError, match="no such number"):
            await client.send_message(to_number="+1", from_number="+2", body="Hello")
        with pytest.raises(ValueError, match="body"):
            await client.send_message(to_number="+1", from_number="+2")


async def test_a_received_message(world: World) -> None:
    client = world.client()
    got: list[Any] = []
    there = world.flag()

    @client.on_message
    async def handle(message: Any) -> None:
        got.append(message)
        there.set()

    async with client:
        world.relay.event(message_event("receive", "received", from_number="+1", to_number="+2", body="Hi"))
        await there.wait()
        [message] = got
        assert (message.direction, message.body, message.state, message.is_done) == ("inbound", "Hi", "received", True)
        assert (await message.wait()).event_type == "messaging.receive"


async def test_waiting_for_a_message_raises_when_its_session_is_lost(world: World) -> None:
    world.relay.script("messaging.send", reply(message_id="m-1"))
    client = world.client()
    told: list[Any] = []
    over = world.flag()

    async def completed(event: Any) -> None:
        told.append(event)
        over.set()

    async with client:
        message = await client.send_message(
            to_number="+15551230001", from_number="+15551230002", body="Hello", on_completed=completed
        )
        waiting = world.spawn(message.wait, TIMEOUT)
        world.relay.resumes = False
        world.relay.drop()
        with pytest.raises(RelayError, match="session"):
            await waiting.result()
        await over.wait()
        assert [(event.event_type, event.params["message_id"]) for event in told] == [("", "m-1")]
