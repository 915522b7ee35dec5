"""The credentials are shown nowhere: they are searched for in logs, reprs, tracebacks and pickles, on each front end.

Tracebacks are searched with the local variables of anyrelay's own frames, as error reporters show them. Two places are left
out, because a client cannot hide the credentials there: the frames that an argument passes through on its way in (the user's
own call shows the argument there, too), and the user's frames.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import logging
import pickle
import socket
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import anyrelay
from anyrelay import AuthenticationError, ClientClosed, ConnectFailed, RelayError, SipReferDevice
from tests.support.frontend_world import World, undisguised
from tests.support.scripted_relay import never, refuse, reply, sign_in
from tests.support.tls_world import encrypted

PACKAGE = Path(anyrelay.__file__).parent
"""Where the frames of anyrelay's own code are from, wherever the clone is."""

PASSWORD, RENEWED, BEARER, LONG = "MARKER-password", "MARKER-renewed", "MARKER-bearer", "MARKER" * 20_000
"""By name, since a traceback shows the line of the user's call."""
TRACES = ("MARKER", base64.b64encode(f"ann:{PASSWORD}".encode()).decode())

CREDENTIALS: dict[str, dict[str, Any]] = {
    "token": {"project": "p", "token": "MARKER-token"},
    "jwt": {"project": None, "token": None, "jwt_token": "MARKER-jwt"},
    "fetched jwt": {"project": None, "token": None, "jwt_token": lambda: "MARKER-fetched"},
}


@pytest.fixture
def world(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return encrypted(world, tmp_path, monkeypatch)


class Shown(logging.Handler):
    """Everything that a reader of logs, errors and pickles sees."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts += [logging.Formatter().format(record), repr(vars(record))]
        if record.exc_info and record.exc_info[1] is not None:
            self.error(record.exc_info[1])

    def thing(self, *things: Any) -> None:
        for thing in things:
            self.texts += [repr(thing), str(thing)]

    def error(self, error: BaseException, *, with_locals: bool = True) -> None:
        """See an error as printed, as reported with local variables, and as pickled."""
        self.thing(error, error.args, vars(error))
        self.texts += traceback.format_exception(error)
        if isinstance(error, RelayError | OSError):
            pickled = pickle.dumps(error)
            self.texts.append(pickled.decode("latin-1"))
            self.thing(pickle.loads(pickled), vars(pickle.loads(pickled)))
        report: traceback.TracebackException | None = traceback.TracebackException.from_exception(
            error, capture_locals=with_locals
        )
        while report is not None:
            self.texts += [repr(frame.locals) for frame in report.stack if Path(frame.filename).is_relative_to(PACKAGE)]
            report = report.__cause__ or report.__context__

    def client(self, client: Any) -> None:
        """See the client, and each object of anyrelay's that can be reached from it."""
        self.thing(undisguised(client), client.statistics(), dict(client.calls))
        found = list(reachable(undisguised(client)))
        assert len(found) > 10
        self.thing(*found)

    def secrets(self) -> list[str]:
        found = [text for text in self.texts if any(trace in text for trace in TRACES)]
        return [text[max(0, min(text.find(t) for t in TRACES if t in text) - 300) :][:400] for text in found]


def reachable(start: Any) -> Iterator[Any]:
    seen, ahead = {id(start)}, [start]
    while ahead:
        thing = ahead.pop()
        if type(thing).__module__.partition(".")[0] == "anyrelay":
            yield thing
        # Not what a function can reach by its globals, which is all there is, but what it holds.
        for other in gc.get_referents(thing) if not isinstance(thing, FunctionType) else thing.__closure__ or ():
            if id(other) not in seen and not isinstance(other, type | ModuleType | str | bytes):
                seen.add(id(other))
                ahead.append(other)


@pytest.fixture
def shown(front: str) -> Iterator[Shown]:
    """Record all log records, at every level."""
    shown = Shown()
    root = logging.getLogger()
    before = root.level
    root.addHandler(shown)
    root.setLevel(1)
    yield shown
    root.removeHandler(shown)
    root.setLevel(before)
    assert shown.texts
    assert shown.secrets() == []


def talkative(world: World) -> None:
    """Turn asyncio's debug mode on."""
    if world.front == "asyncio":
        asyncio.get_running_loop().set_debug(True)
        asyncio.get_running_loop().slow_callback_duration = 0.0  # each callback is slow, and described in the log


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_in_normal_use(world: World, shown: Shown, credentials: str) -> None:
    talkative(world)
    client = world.client(**CREDENTIALS[credentials])
    events: list[Any] = []

    @client.on_event
    async def on_any(event: Any) -> None:
        events.append(event)
        raise LookupError("a bug in a handler")

    async with client:
        call = await world.taken_call(client)
        peer = world.relay._peer()
        peer.report(("signalwire.authorization.state", {"authorization_state": "MARKER-state"}), "")
        waiting = world.spawn(call.wait_for_ended)
        await client.reauthenticate(RENEWED)
        device = SipReferDevice("sip:support@example.com", "ann", PASSWORD)
        action = await call.start_refer(device)
        stream = await call.stream("wss://example.com", authorization_bearer_token=BEARER)
        shown.thing(call, action, stream, device, *map(undisguised, (call, action, stream)))
        shown.client(client)
        world.relay.drop()
        await world.until(lambda: len(world.relay.sent("signalwire.connect")) == 2)
        await client.execute("test.echo")
        shown.client(client)
    with pytest.raises(ClientClosed) as caught:
        await waiting.result()
    shown.error(caught.value)
    shown.thing(*events, *world.relay.commands)
    shown.client(client)
    tokens = [str(params["authentication"]) for params in world.relay.sent("signalwire.connect")]
    assert all("MARKER" in token for token in tokens)  # it was there to be found


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_when_the_sign_in_is_refused(world: World, shown: Shown, credentials: str) -> None:
    talkative(world)
    world.relay.script("signalwire.connect", refuse(401, "who are you?"))
    client = world.client(**CREDENTIALS[credentials])
    with pytest.raises(AuthenticationError) as caught:
        await client.connect()
    shown.error(caught.value)
    shown.client(client)


@pytest.mark.parametrize("front", ["asyncio"])
async def test_a_fetched_jwt_is_not_in_the_log_of_asyncios_debug_mode(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    talkative(world)
    async with world.client(**CREDENTIALS["fetched jwt"]):
        pass
    assert "Executing" in caplog.text
    assert "MARKER" not in caplog.text


@pytest.mark.parametrize("credentials", CREDENTIALS)
async def test_when_the_sign_in_is_never_answered(world: World, shown: Shown, credentials: str) -> None:
    world.relay.script("signalwire.connect", never, sign_in)
    client = world.client(**CREDENTIALS[credentials], connect_timeout=0.2)
    with pytest.raises(ConnectFailed) as caught:
        await client.connect()
    shown.error(caught.value)
    shown.client(client)


async def test_when_a_renewed_jwt_is_refused(world: World, shown: Shown) -> None:
    world.relay.script("signalwire.reauthenticate", refuse(401, "no"), never)
    async with world.client(**CREDENTIALS["jwt"], request_timeout=0.1) as client:
        for _ in range(2):
            with pytest.raises(RelayError) as caught:
                await client.reauthenticate(RENEWED)
            shown.error(caught.value, with_locals=False)
        shown.client(client)


async def test_when_the_certificate_is_not_to_be_trusted(
    world: World, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SIGNALWIRE_RELAY_CA_FILE")
    client = world.client(token="MARKER-token")
    with pytest.raises(ConnectFailed, match="certificate") as caught:
        await client.connect()
    shown.error(caught.value)
    shown.client(client)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Authentication Required\r\nX-You-Sent: %(sent)s\r\nContent-Length: 400\r\n\r\n%(sent)s",
        b"HTTP/1.1 403 %(sent)s\r\n\r\n",
        b"HTTP/1.1 200 \x00 %(sent)s\r\n\r\n",
        b"%(sent)s",
        b"",
    ],
    ids=["407", "403", "broken", "an echo", "an end"],
)
async def test_when_the_proxy_refuses(world: World, shown: Shown, answer: bytes) -> None:
    with proxy_that_says(answer) as (port, credentials):
        proxy = f"http://ann:{PASSWORD}@127.0.0.1:{port}"
        client = world.client(token="MARKER-token", proxy=proxy, connect_timeout=0.3)
        with pytest.raises(ConnectFailed) as caught:
            await client.connect()
        await client.disconnect()  # and its last connection is closed, too
    assert f"ann:{PASSWORD}" in credentials  # they were there to be found
    shown.error(caught.value)
    shown.client(client)


@contextlib.contextmanager
def proxy_that_says(answer: bytes) -> Iterator[tuple[int, list[str]]]:
    """Answer every CONNECT alike, ``%(sent)s`` being the credentials that came, as they came and as they were meant.

    Yields the proxy's port, and the credentials that came.
    """
    credentials: list[str] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sent = sock.recv(65_536).partition(b"Basic ")[2].split(b"\r\n")[0]
                    credentials.append(base64.b64decode(sent).decode())
                    sock.sendall(answer.replace(b"%(sent)s", sent + b" " + credentials[-1].encode()))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], credentials
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


WRONG_CLIENTS: dict[str, dict[str, Any]] = {
    "token of bytes": {"token": BEARER.encode()},
    "jwt of bytes": {"jwt_token": BEARER.encode()},
    "long jwt": {"jwt_token": LONG},
    "proxy": {"token": "MARKER", "proxy": f"socks5://ann:{PASSWORD}@proxy.example:1"},
    "proxy port": {"token": "MARKER", "proxy": f"http://ann:{PASSWORD}@proxy.example:99999"},
    "proxy password": {"token": "MARKER", "proxy": f"http://ann:{PASSWORD}%0a@proxy.example:1"},
    "host": {"token": "MARKER", "host": "not a host"},
    "credentials in the host": {"token": "t", "host": f"wss://ann:{PASSWORD}@example.com"},
    "ca_file": {"token": "MARKER", "jwt_token": "MARKER", "ca_file": "/nowhere/ca.pem"},
    "timeout": {"token": "MARKER", "request_timeout": -1},
    "unknown": {"token": "MARKER", "colour": "red"},
}


@pytest.mark.parametrize("wrong", WRONG_CLIENTS)
async def test_when_a_client_is_made_wrongly(world: World, shown: Shown, wrong: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        world.client(**WRONG_CLIENTS[wrong])
    shown.error(caught.value, with_locals=False)


async def test_when_a_command_is_given_wrong_arguments(world: World, shown: Shown) -> None:
    async with world.client(token="MARKER-token") as client:
        call = await world.taken_call(client)
        for wrong in (
            lambda: client.reauthenticate(BEARER.encode()),
            lambda: client.reauthenticate(LONG),
            lambda: call.stream("wss://example.com", authorization_bearer_token=BEARER.encode()),
            lambda: call.stream("wss://example.com\n", authorization_bearer_token=BEARER),
            lambda: call.refer(SipReferDevice("sip:a@b", "ann\n", PASSWORD)),
            lambda: call.refer(
                {"type": "sip", "params": {"to": "sip:a@b", "username": "ann", "password": BEARER.encode()}}
            ),
            lambda: call.refer({"type": "sip", "params": {"to": "sip:a b", "username": "ann", "password": PASSWORD}}),
        ):
            with pytest.raises((ValueError, TypeError)) as caught:
                await wrong()
            shown.error(caught.value, with_locals=False)


async def test_when_a_function_has_no_jwt(world: World, shown: Shown) -> None:
    for wrong in (lambda: BEARER.encode(), lambda: LONG, lambda: [BEARER]):
        client = world.client(project=None, token=None, jwt_token=wrong, connect_timeout=0.1)
        with pytest.raises(ConnectFailed) as caught:
            await client.connect()
        shown.error(caught.value, with_locals=False)
        shown.client(client)


@pytest.mark.parametrize("code", [401, 500])
async def test_when_the_server_repeats_what_it_was_sent(world: World, shown: Shown, code: int) -> None:
    world.relay.script("signalwire.connect", refuse(code, "MARKER-token is not a token"))
    client = world.client(token="MARKER-token", connect_timeout=0.3)
    with pytest.raises(RelayError) as caught:
        await client.connect()
    shown.error(caught.value)
    world.relay.script("signalwire.connect", sign_in)
    world.relay.script("test.echo", reply(code="400", message="ok"))
    shown.client(client)
