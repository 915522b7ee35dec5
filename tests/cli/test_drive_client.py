"""The client of the control API against servers that refuse, that end, or that are none."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from anyrelay.cli.commands import anyrelay
from anyrelay.cli.drive.completion import calls_that_begin, contexts_that_begin
from anyrelay.cli.drive.control_api import ControlApi, NoServer
from anyrelay.cli.drive.event_stream import EventStream, ServerEvent, StreamEnded, StreamRefused
from anyrelay.cli.drive.happenings import Happening
from anyrelay.cli.drive.phone_call import PhoneCall
from tests.cli.test_drive_script import PLACED


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("ANYRELAY_SERVER_URL", "ANYRELAY_HTTP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a proxy that must not be used


@contextlib.contextmanager
def server_that_replies(replies: dict[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Serve one reply for each path meanwhile; yield the URL, and the method, path and token of each request."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = replies[self.path.partition("?")[0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


def invoke(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(anyrelay, arguments)
    return done.exit_code, done.stdout, done.stderr


COMMANDS = [
    ("call", "default"),
    ("call", "default", "--wait"),
    ("phone",),
    ("refer", "c1", "sip:a@x.example"),
    ("text", "+1555", "Hello"),
    ("calls",),
    ("calls", "--watch"),
    ("reset",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_a_server_each_command_says_how_to_start_one(command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        status, out, err = invoke(*command, "--server", url)
    assert (status, out) == (1, "")
    assert err == (
        f"anyrelay: no server replies at {url} (Connection refused): start one with anyrelay serve --phones simulated"
        f" --http {url[7:]}, or name another with --server or ANYRELAY_SERVER_URL\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:4010",
        "https://127.0.0.1:4010",
        "http://",
        "http://x:y",
        "http://me:s3cret@x:1",
        "http://x/#token=s3cret",
    ],
)
def test_a_url_of_another_form_is_refused_and_not_shown(url):
    status, out, err = invoke("calls", "--server", url)
    assert (status, out) == (2, "")
    assert err == ("anyrelay: --server (ANYRELAY_SERVER_URL) must be http://HOST:PORT, such as http://127.0.0.1:4010\n")


def test_the_variable_names_the_server_and_the_token(monkeypatch):
    monkeypatch.setenv("ANYRELAY_HTTP_TOKEN", "s3cret")
    with server_that_replies({"/v1/calls": (200, b'{"data": []}')}) as (url, requests):
        monkeypatch.setenv("ANYRELAY_SERVER_URL", f"{url}/")
        assert invoke("calls") == (0, "no calls\n", "")
    assert requests == [("GET", "/v1/calls?limit=1000", "Bearer s3cret")]


ERROR = {"type": "validation_error", "code": "invalid_parameter", "message": "to must be a number", "attribute": "to"}


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        ((422, json.dumps({"errors": [ERROR]}).encode()), 2, "to must be a number"),
        ((409, json.dumps({"errors": [ERROR, ERROR]}).encode()), 1, "to must be a number; to must be a number"),
        ((501, b'{"errors": [{"message": "no \\u001b[2J"}]}'), 1, "no \\x1b[2J"),
        ((500, b"[]"), 1, "the server replied with HTTP status 500"),
        ((401, b"{}"), 1, "the server requires a token; ANYRELAY_HTTP_TOKEN must be the server's --http token"),
        ((200, b"<html>"), 1, "is not the control API of anyrelay serve"),
        ((404, b"<html>"), 1, "is not the control API of anyrelay serve"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_server(reply, status, words):
    with server_that_replies({"/v1/messages": reply}) as (url, _):
        done = invoke("text", "x", "Hello", "--server", url)
    assert done[:2] == (status, "")
    assert words in done[2]
    assert done[2].count("\n") == 1


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"text"', b"{}", b'{"data": "x"}', b'{"data": [{"id": 5}]}', b"[" * 100_000]
)
@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/v1/calls", ("calls",)),
        ("/v1/calls", ("call", "default")),
        ("/v1/calls", ("refer", "c1", "sip:a@x.example")),
        ("/v1/messages", ("text", "+1555", "Hello")),
    ],
)
def test_another_program_that_replies_with_json_is_no_control_api(path, command, body):
    with server_that_replies({path: (200, body)}) as (url, _):
        done = invoke(*command, "--server", url)
    assert done == (1, "", f"anyrelay: what listens at {url} is not the control API of anyrelay serve\n")


def test_another_protocol_is_no_control_api():
    with socket.create_server(("127.0.0.1", 0)) as server:
        api = ControlApi(f"http://127.0.0.1:{server.getsockname()[1]}")

        def reply():
            connection, _ = server.accept()
            with connection:
                connection.recv(1_000)
                connection.sendall(b"220 smtp.example.com\r\n")

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(NoServer, match="is not the control API"):
            api.reset()
        thread.join()


def test_a_call_is_found_by_the_beginning_of_its_id():
    calls = [{**PLACED, "id": name} for name in ("ab12", "ab34", "ab3")]
    with server_that_replies({"/v1/calls": (200, json.dumps({"data": calls}).encode())}) as (url, _):
        api = ControlApi(url)
        assert api.find_call("ab1") == "ab12"
        assert api.find_call("ab3") == "ab3"  # the whole id, although another id begins so
        with pytest.raises(ValueError, match="3 calls have an id that begins with 'ab'"):
            api.find_call("ab")
        with pytest.raises(ValueError, match="no calls have an id that begins with 'x'"):
            api.find_call("x")
        status, _, err = invoke("refer", "x", "sip:a@x.example", "--server", url)
        assert (status, err) == (2, "anyrelay: no calls have an id that begins with 'x'\n")


# --- completion ---------------------------------------------------------------------------------------------------------


def test_the_tab_key_completes_calls_that_are_up_and_contexts():
    calls = [
        {**PLACED, "id": "ab1", "state": "answered"},
        {**PLACED, "id": "ab2", "state": "ended"},
        {**PLACED, "id": "c"},
    ]
    sessions = [{"contexts": ["support", "sales"]}, {"contexts": ["support"]}]
    replies = {
        "/v1/calls": (200, json.dumps({"data": calls}).encode()),
        "/v1/sessions": (200, json.dumps({"data": sessions}).encode()),
    }
    with server_that_replies(replies) as (url, _):
        found = calls_that_begin("a", url, timeout=5)
        assert [(item.value, item.help) for item in found] == [("ab1", "answered, from sip:a@x.example")]
        assert [item.value for item in contexts_that_begin("s", url, timeout=5)] == ["sales", "support"]
        shell = {
            "_ANYRELAY_COMPLETE": "bash_complete",
            "COMP_WORDS": f"anyrelay refer --server {url} ",
            "COMP_CWORD": "4",
        }
        done = CliRunner().invoke(anyrelay, prog_name="anyrelay", env=shell)
        assert done.stdout.split() == ["plain,ab1", "plain,c"]


def test_without_a_server_nothing_is_completed():
    assert calls_that_begin("", "http://127.0.0.1:9", timeout=0.1) == []
    assert contexts_that_begin("", "nowhere", timeout=0.1) == []


# --- the stream of events -----------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = b': follow\n\nid: 1\nevent: call\ndata: {"id":\r\ndata: "c1"}\n\nevent: reset\ndata:null\n\n'


@contextlib.contextmanager
def stream_of(*pieces: bytes) -> Iterator[EventStream]:
    """Open a stream whose server sends these pieces, and then ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send():
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                for piece in pieces:
                    connection.sendall(piece)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            with EventStream("127.0.0.1", server.getsockname()[1], "/v1/events", {}, timeout=20) as stream:
                yield stream
        finally:
            thread.join()


def events_of(stream: EventStream) -> list[ServerEvent]:
    """Return all events up to the end of the stream."""
    events = []
    with contextlib.suppress(StreamEnded):
        while True:
            assert stream.poll(20) == set()
            events += stream.receive()
    return events


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""])
def test_events_are_read_whole_and_in_pieces(size, end):
    pieces = [EVENTS[at : at + size] for at in range(0, len(EVENTS), size)]
    with stream_of(HEAD + b"".join(map(chunk, pieces)) + end) as stream:
        assert events_of(stream) == [ServerEvent("call", {"id": "c1"}), ServerEvent("reset", None)]


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", 503, b"{}"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\n{}", 503, b"{}"),
        (b"220 smtp.example.com\r\n", 0, b""),
        (b"", 0, b""),
    ],
)
def test_a_server_that_sends_no_events(reply, status, body):
    with pytest.raises(StreamRefused) as caught, stream_of(reply):
        pass
    assert (caught.value.status, caught.value.body) == (status, body)


def test_an_event_that_is_not_json_ends_the_stream():
    with stream_of(HEAD + chunk(b"event: call\ndata: {\n\n") + chunk(EVENTS)) as stream:
        assert events_of(stream) == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((401, b"{}"), "the server requires a token; ANYRELAY_HTTP_TOKEN must be"),
        ((404, b"<html>"), "is not the control API"),
    ],
)
def test_a_stream_that_is_refused_is_explained_as_any_request(reply, words):
    with server_that_replies({"/v1/events": reply}) as (url, _):
        status, out, err = invoke("phone", "--server", url)
    assert (status, out) == (1, "")
    assert words in err


# --- the events of one call ---------------------------------------------------------------------------------------------


class ScriptedEvents:
    """In place of the server and its stream: each receipt of events is one of a list."""

    def __init__(self, *receipts: list[ServerEvent]) -> None:
        self._receipts = list(receipts)

    def poll(self, _timeout, *_descriptors):
        return set() if self._receipts else None

    def receive(self):
        return self._receipts.pop(0)

    def call(self, call_id):
        return {**PLACED, "id": call_id, "answered_at": 2.0, "spoken": ["Hello."]}


def test_a_call_is_asked_for_where_the_server_has_dropped_events():
    events = ScriptedEvents([ServerEvent("frame", {}), ServerEvent("dropped", {"dropped": 3})])
    told = []
    call = PhoneCall(events, events, PLACED, told.append)
    call.wait_answered(20)
    assert told == list(call.news) == [Happening("answered"), Happening("says", "Hello.")]
    assert call.receive(0) == set()


def test_the_events_of_other_calls_are_passed_over():
    other = {**PLACED, "id": "c2", "answered_at": 2.0}
    events = ScriptedEvents([ServerEvent("call", other)], [ServerEvent("call", {**PLACED, "answered_at": 2.0})])
    call = PhoneCall(events, events, PLACED, lambda _: None)
    call.receive()
    assert not call.answered
    call.receive()
    assert call.answered


def test_a_reset_ends_a_call_that_is_up():
    events = ScriptedEvents([ServerEvent("reset", {})])
    call = PhoneCall(events, events, PLACED, lambda _: None)
    with pytest.raises(StreamEnded, match="the server was reset"):
        call.receive()
