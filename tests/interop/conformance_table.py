"""The calls of methods that the official SDK and anyrelay make alike: each public method, each of its parameters."""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen

__all__ = ["ROWS", "SIGN_INS", "Row", "maker_of"]

TIMEOUT: Final = 5.0
"""The timeout of every wait in the table, in seconds."""


def ignore(_event: Any) -> None:
    """Ignore an event."""


def any_event(_event: Any) -> bool:
    """Accept any event."""
    return True


@frozen
class Row:
    """One call of a method."""

    on: str
    """``client``, ``call``, or the name under which an earlier row kept its result."""
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    keep: str = ""
    """The name under which the result is kept."""
    theirs: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
    """The call of the official SDK where it has no such method: method ("" for none), arguments, keywords."""

    def call(self, on_theirs: bool) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return method, arguments and keywords for the official SDK or for anyrelay."""
        return self.theirs if on_theirs and self.theirs else (self.method, self.args, self.kwargs)


def row(
    on: str, method: str, /, *args: Any, keep: str = "", theirs: tuple[Any, ...] | None = None, **kwargs: Any
) -> Row:
    """Write a row like a call; `theirs` is the official SDK's call, if another: method, arguments, a dict of keywords."""
    return Row(on, method, args, kwargs, keep, None if theirs is None else (theirs[0], theirs[1:-1], theirs[-1]))


def maker_of(rows: list[Row], name: str) -> Row:
    """Return the row that kept its result under a name."""
    return next(each for each in rows if each.keep == name)


SIGN_INS: Final[list[dict[str, Any]]] = [
    {"project": "project-1", "token": "token-1", "contexts": ["default", "support"], "max_active_calls": 3},
    {"jwt_token": "header.payload.signature"},
    {},
]
"""The credentials of each session; the server's address comes as `host`, or from the environment."""

URL = "https://example.com/status"
TTS = {"type": "tts", "params": {"text": "Hello", "language": "en-US", "gender": "female", "voice": "en-US-Neural"}}
AUDIO = {"type": "audio", "params": {"url": "https://example.com/a.mp3"}}
SILENCE = {"type": "silence", "params": {"duration": 1.5}}
RINGTONE = {"type": "ringtone", "params": {"name": "us", "duration": 3}}
PHONE = {
    "type": "phone",
    "params": {
        "from_number": "+15551230001",
        "to_number": "+15551230002",
        "timeout": 30,
        "max_duration": 3600,
        "call_state_url": URL,
        "call_state_events": ["answered", "ended"],
        "confirm": [TTS],
    },
}
SIP = {
    "type": "sip",
    "params": {
        "from": "sip:alice@example.com",
        "to": "sip:bob@example.com",
        "from_name": "Alice",
        "timeout": 0,
        "max_duration": 10,
        "headers": [{"name": "X-Reason", "value": "sales"}],
        "codecs": ["PCMU", "OPUS"],
        "webrtc_media": False,
        "session_timeout": 1800,
    },
}
WEBRTC = {"type": "webrtc", "params": {"from": "alice", "to": "bob", "timeout": 20, "codecs": ["OPUS"]}}
AGORA = {"type": "agora", "params": {"from": "alice", "to": "bob", "appid": "app-1", "channel": "channel-1"}}
CALL = {"type": "call", "params": {"node_id": "node-9", "call_id": "call-9"}}
QUEUE = {"type": "queue", "params": {"node_id": "node-9", "queue_name": "sales", "queue_id": "queue-1"}}
STREAM = {
    "type": "stream",
    "params": {
        "url": "wss://example.com/media",
        "name": "stream",
        "codec": "L16@24000h",
        "status_url": URL,
        "status_url_method": "GET",
        "realtime": True,
        "authorization_bearer_token": "bearer-1",
        "custom_parameters": {"key": "value"},
    },
}
TARGET = {"type": "sip", "params": {"uri": "sip:support@example.com"}}
TARGET_WITH_PASSWORD = {
    "type": "sip",
    "params": {"uri": "sip:support@example.com", "from": "sip:a@example.com", "username": "u", "password": "p"},
}
DIGITS = {"max": 4, "terminators": "#", "digit_timeout": 2.5}
SPEECH = {
    "end_silence_timeout": 1,
    "speech_timeout": 60,
    "language": "en-US",
    "hints": ["sales", "support"],
    "engine": "Deepgram",
}
COLLECT = {"digits": DIGITS, "speech": SPEECH, "initial_timeout": 5, "partial_results": False}
RECORD = {
    "beep": True,
    "format": "wav",
    "stereo": False,
    "direction": "both",
    "initial_timeout": 0,
    "end_silence_timeout": 3.5,
    "terminators": "#*",
    "input_sensitivity": 44,
}
MACHINE = {
    "initial_timeout": 4.5,
    "end_silence_timeout": 1.0,
    "machine_voice_threshold": 1.25,
    "machine_words_threshold": 6,
    "detect_interruptions": False,
    "detect_message_end": True,
}
CALLBACKS = {
    f"{prefix}status_callback{suffix}": value
    for prefix in ("", "recording_")
    for suffix, value in {"": URL, "_event": "start end", "_event_type": "json", "_method": "POST"}.items()
}

ROWS: Final[list[Row]] = [
    # The states of the call.
    row("call", "on", "calling.call.play", ignore),
    row("call", "answer", codecs=["PCMU", "OPUS"], max_duration=60, custom="as given"),
    row("call", "answer"),
    row("call", "wait_for_ringing", timeout=TIMEOUT),
    row("call", "wait_for_answered", timeout=TIMEOUT),
    # Playing.
    row(
        "call",
        "play",
        [TTS, AUDIO, SILENCE, RINGTONE],
        volume=-3.5,
        direction="both",
        loop=2,
        control_id="play-1",
        status_url=URL,
        on_completed=ignore,
        keep="playing",
    ),
    row("playing", "pause"),
    row("playing", "pause", "silence"),
    row("playing", "pause", behavior="skip"),
    row("playing", "resume"),
    row("playing", "volume", -4),
    row("playing", "volume", volume=2.5),
    row("playing", "stop"),
    row("playing", "wait", timeout=TIMEOUT),
    row("call", "play", [AUDIO], volume=0, loop=0, keep="looping"),
    row("looping", "stop"),
    row(
        "call",
        "play_tts",
        "Hello",
        language="en-GB",
        gender="male",
        voice="polly.Brian",
        volume=4,
        on_completed=ignore,
        keep="speech",
    ),
    row("speech", "pause"),
    row("call", "play_tts", text="Hello"),
    row("call", "play_audio", "https://example.com/a.wav", volume=-40, on_completed=ignore),
    row("call", "play_audio", url="https://example.com/a.wav"),
    row("call", "play_silence", 2.5, on_completed=ignore),
    row("call", "play_silence", duration=0),
    row("call", "play_ringtone", "it", duration=2.5, volume=1, on_completed=ignore),
    row("call", "play_ringtone", name="at"),
    # Recording, taps, streams, transcriptions and faxes.
    row("call", "record", RECORD, control_id="record-1", on_completed=ignore, status_url=URL, keep="recording"),
    row("recording", "pause"),
    row("recording", "pause", "skip"),
    row("recording", "pause", behavior="silence"),
    row("recording", "resume"),
    row("recording", "stop"),
    row("recording", "wait", timeout=TIMEOUT),
    row("call", "record"),
    row("call", "record", audio={"format": "mp3"}),
    row(
        "call",
        "tap",
        {"type": "audio", "params": {"direction": "listen"}},
        {"type": "rtp", "params": {"addr": "192.0.2.1", "port": 4000, "codec": "PCMU", "ptime": 20}},
        control_id="tap-1",
        on_completed=ignore,
        status_url=URL,
        keep="tap",
    ),
    row("tap", "stop"),
    row("tap", "wait", timeout=TIMEOUT),
    row(
        "call",
        "tap",
        tap={"type": "audio", "params": {}},
        device={"type": "ws", "params": {"uri": "wss://example.com/tap", "codec": "PCMA", "rate": 8000}},
    ),
    row(
        "call",
        "stream",
        "wss://example.com/media",
        name="stream",
        codec="PCMU",
        track="both_tracks",
        status_url=URL,
        status_url_method="GET",
        authorization_bearer_token="bearer-1",
        custom_parameters={"key": 1},
        control_id="stream-1",
        on_completed=ignore,
        custom=[1, None],
        keep="stream",
    ),
    row("stream", "stop"),
    row("stream", "wait", timeout=TIMEOUT),
    row("call", "stream", url="wss://example.com/media"),
    row(
        "call",
        "transcribe",
        control_id="transcribe-1",
        status_url=URL,
        on_completed=ignore,
        custom=True,
        keep="transcription",
    ),
    row("transcription", "stop"),
    row("transcription", "wait", timeout=TIMEOUT),
    row("call", "transcribe"),
    row(
        "call",
        "send_fax",
        "https://example.com/a.pdf",
        identity="+15551230001",
        header_info="Header",
        control_id="fax-1",
        on_completed=ignore,
        status_url=URL,
        keep="fax",
    ),
    row("fax", "stop"),
    row("fax", "wait", timeout=TIMEOUT),
    row("call", "send_fax", document="https://example.com/a.pdf"),
    row("call", "receive_fax", control_id="fax-2", on_completed=ignore, status_url=URL, keep="incoming_fax"),
    row("incoming_fax", "stop"),
    row("incoming_fax", "wait", TIMEOUT),
    row("call", "receive_fax"),
    # Input of the other side, and its detection.
    row(
        "call",
        "collect",
        digits=DIGITS,
        speech=SPEECH,
        initial_timeout=0,
        partial_results=True,
        continuous=False,
        send_start_of_input=True,
        start_input_timers=False,
        control_id="collect-1",
        on_completed=ignore,
        status_url=URL,
        keep="collection",
    ),
    row("collection", "start_input_timers"),
    row("collection", "stop"),
    row("collection", "wait", timeout=TIMEOUT),
    row("call", "collect", digits={"max": 1}),
    row("call", "collect", speech={}),
    row(
        "call",
        "play_and_collect",
        [TTS, SILENCE],
        COLLECT,
        volume=6,
        control_id="prompt-1",
        on_completed=ignore,
        status_url=URL,
        keep="prompt",
    ),
    row("prompt", "pause"),
    row("prompt", "pause", "skip"),
    row("prompt", "pause", behavior="silence"),
    row("prompt", "resume"),
    row("prompt", "volume", 0),
    row("prompt", "volume", volume=-10),
    row("prompt", "start_input_timers"),
    row("prompt", "stop"),
    row("prompt", "wait", timeout=TIMEOUT),
    row("call", "play_and_collect", media=[AUDIO], collect={"digits": {"max": 1}, "custom": 1}),
    row(
        "call",
        "prompt_tts",
        "Which department?",
        COLLECT,
        language="de-DE",
        gender="female",
        voice="gcloud.x",
        volume=0,
        on_completed=ignore,
    ),
    row("call", "prompt_tts", text="Which department?", collect={"speech": {}}),
    row("call", "prompt_audio", "https://example.com/a.mp3", COLLECT, volume=-1.5, on_completed=ignore),
    row("call", "prompt_audio", url="https://example.com/a.mp3", collect={"digits": {"max": 2}}),
    row(
        "call",
        "detect",
        {"type": "machine", "params": MACHINE},
        timeout=45.5,
        control_id="detect-1",
        on_completed=ignore,
        status_url=URL,
        keep="detection",
    ),
    row("detection", "stop"),
    row("detection", "wait", timeout=TIMEOUT),
    row("call", "detect", detect={"type": "digit", "params": {"digits": "12"}}),
    row("call", "detect_digit", digits="0123456789#*", timeout=10, on_completed=ignore),
    row("call", "detect_digit"),
    row("call", "detect_answering_machine", **MACHINE, timeout=30, on_completed=ignore),
    row("call", "detect_answering_machine"),
    row("call", "detect_fax", tone="CED", timeout=0, on_completed=ignore),
    row("call", "detect_fax"),
    row("call", "send_digits", "1wW2#*AD", control_id="digits-1"),
    row("call", "send_digits", digits="1"),
    row(
        "call",
        "bind_digit",
        "*1",
        "calling.play",
        bind_params={"play": [SILENCE]},
        realm="menu",
        max_triggers=3,
        custom="as given",
    ),
    row("call", "bind_digit", digits="2", bind_method="calling.end"),
    row("call", "clear_digit_bindings", realm="menu", custom={"deep": []}),
    row("call", "clear_digit_bindings"),
    # Connecting and transferring. A command follows each refer: its reply comes after the outcome.
    row("call", "refer", TARGET, status_url=URL, custom="as given"),
    row("call", "hold"),
    row("call", "refer", device=TARGET_WITH_PASSWORD),
    row("call", "unhold"),
    row(
        "call",
        "start_refer",
        TARGET,
        status_url=URL,
        on_completed=ignore,
        custom=1,
        theirs=("refer", TARGET, {"status_url": URL, "custom": 1}),
        keep="transfer",
    ),
    row("transfer", "wait", timeout=TIMEOUT, theirs=("", {})),
    row(
        "call",
        "refer_and_wait",
        TARGET,
        status_url=URL,
        timeout=TIMEOUT,
        custom=1,
        theirs=("refer", TARGET, {"status_url": URL, "custom": 1}),
    ),
    row("call", "transfer", "support", custom="as given"),
    row("call", "transfer", dest='{"version": "1.0.0", "sections": {"main": ["hangup"]}}'),
    row(
        "call",
        "connect",
        [[PHONE, SIP], [WEBRTC], [AGORA], [CALL], [QUEUE], [STREAM]],
        ringback=[RINGTONE, TTS],
        tag="tag-1",
        max_duration=30,
        max_price_per_minute=0.05,
        status_url=URL,
        custom="as given",
    ),
    row("call", "connect", devices=[[PHONE]], max_duration=0),
    row("call", "disconnect"),
    row(
        "call",
        "join_conference",
        "meeting",
        muted=False,
        beep="onEnter",
        start_on_enter=True,
        end_on_exit=False,
        wait_url=URL,
        max_participants=20,
        record="record-from-start",
        region="us",
        trim="trim-silence",
        **{"coach": "call-9", **CALLBACKS, "stream_obj": {"url": "wss://example.com/media"}, "custom": 0},
    ),
    row("call", "join_conference", name="meeting"),
    row("call", "leave_conference", "conference-1", custom="as given"),
    row("call", "leave_conference", conference_id="conference-1"),
    row("call", "queue_enter", "sales", control_id="queue-1", status_url=URL, custom="as given"),
    row("call", "queue_enter", queue_name="sales"),
    row("call", "queue_leave", "sales", control_id="queue-1", queue_id="q-1", status_url=URL, custom="as given"),
    row("call", "queue_leave", queue_name="sales"),
    row("call", "join_room", "lobby", status_url=URL, custom="as given"),
    row("call", "join_room", name="lobby"),
    row("call", "leave_room", custom="as given"),
    row("call", "leave_room"),
    row("call", "denoise"),
    row("call", "denoise_stop"),
    row("call", "echo", timeout=0, status_url=URL, custom="as given"),
    row("call", "echo"),
    # AI agents.
    row(
        "call",
        "ai",
        control_id="ai-1",
        agent="agent",
        prompt={"text": "Be kind."},
        post_prompt={"text": "Sum up."},
        post_prompt_url=URL,
        post_prompt_auth_user="u",
        post_prompt_auth_password="p",
        global_data={"a": {"b": [1, 2.5, None]}},
        pronounce=[{"replace": "SW", "with": "SignalWire"}],
        hints=["SIP"],
        languages=[{"name": "English", "code": "en-US", "voice": "x"}],
        SWAIG={"functions": []},
        ai_params={"temperature": 0.5},
        on_completed=ignore,
        custom=1,
        keep="agent",
    ),
    row("agent", "stop"),
    row("agent", "wait", timeout=TIMEOUT),
    row("call", "ai"),
    row(
        "call",
        "amazon_bedrock",
        prompt={"text": "Be kind."},
        SWAIG={"functions": []},
        ai_params={"top_p": 1},
        global_data={},
        post_prompt={"text": "Sum up."},
        post_prompt_url=URL,
        custom=1,
    ),
    row("call", "amazon_bedrock", prompt="Be kind."),
    row("call", "amazon_bedrock"),
    row("call", "ai_message", message_text="Hi", role="system", reset={"full": True}, global_data={"a": 1}, custom=1),
    row("call", "ai_message"),
    row("call", "ai_hold", timeout="30", prompt="One moment.", custom="as given"),
    row("call", "ai_hold"),
    row("call", "ai_unhold", prompt="Back again.", custom="as given"),
    row("call", "ai_unhold"),
    row("call", "live_transcribe", {"start": {"lang": "en", "direction": ["local-caller"]}}, custom="as given"),
    row("call", "live_transcribe", action={"stop": {}}),
    row("call", "live_translate", {"inject": {"message": "Hi"}}, status_url=URL, custom="as given"),
    row("call", "live_translate", action={"summarize": {}}),
    row(
        "call",
        "pay",
        "https://example.com/pay",
        control_id="pay-1",
        input_method="dtmf",
        status_url=URL,
        payment_method="credit-card",
        timeout="5",
        max_attempts="2",
        security_code="true",
        postal_code="false",
        min_postal_code_length="5",
        token_type="one-time",
        charge_amount="12.50",
        currency="usd",
        language="en-US",
        voice="woman",
        description="A thing",
        valid_card_types="visa amex",
        parameters=[{"name": "a", "value": "b"}],
        prompts=[{"for": "expiration-date", "actions": []}],
        on_completed=ignore,
        custom=1,
        keep="payment",
    ),
    row("payment", "stop"),
    row("payment", "wait", timeout=TIMEOUT),
    row("call", "pay", payment_connector_url="https://example.com/pay"),
    # User events; after this one the server sends echo events until the next command.
    row("call", "user_event", event="pump", custom="as given"),
    row("call", "wait_for", "calling.call.echo", any_event, TIMEOUT),
    row("call", "wait_for", "calling.call.echo", predicate=any_event, timeout=TIMEOUT),
    row("call", "user_event"),
    # Unknown parameters are sent, whatever their names.
    row("call", "user_event", method="m", machine="m", function="f", now=1, kind="k", extra={}, params=[], id=None),
    # Methods of the client.
    row("client", "dial", [[PHONE], [SIP]], tag="dial-1", max_duration=30, dial_timeout=TIMEOUT, keep="dialled"),
    row("dialled", "hangup", "busy"),
    row("dialled", "wait_for_ending", timeout=TIMEOUT),
    row("dialled", "wait_for_ended", timeout=TIMEOUT),
    row("client", "dial", devices=[[PHONE]], keep="dialled_again"),
    row("dialled_again", "hangup", reason="cancel"),
    row(
        "client",
        "dial",
        [[SIP]],
        tag="dial-3",
        region="us",
        max_price_per_minute=0.01,
        theirs=(
            "execute",
            "calling.dial",
            {"tag": "dial-3", "devices": [[SIP]], "region": "us", "max_price_per_minute": 0.01},
            {},
        ),
    ),
    row(
        "client",
        "send_message",
        to_number="+15551230001",
        from_number="+15551230002",
        context="default",
        body="Hello\nyou",
        media=["https://example.com/a.png"],
        tags=["a", "b"],
        region="us",
        on_completed=ignore,
        keep="message",
    ),
    row("message", "on", ignore),
    row("call", "hold"),  # after this command the server reports that the message is delivered
    row("message", "wait", timeout=TIMEOUT),
    row("client", "send_message", to_number="+15551230001", from_number="+15551230002", body="Hello"),
    row("client", "send_message", to_number="+15551230001", from_number="+15551230002", media=[URL]),
    row("client", "receive", ["sales", "office"]),
    row("client", "unreceive", ["sales"]),
    row("client", "receive", contexts=["sales"]),
    row("client", "unreceive", contexts=["sales", "office"]),
    row("client", "execute", "calling.custom", {"node_id": "node-1", "call_id": "call-9", "deep": [{"a": None}, 1.5]}),
    row("client", "execute", method="signalwire.ping", params={}),
    row("call", "hold"),
]
"""The calls of the first session on the offered call, in this order."""
