"""The local server on real sockets of loopback, on both event loops."""

import contextlib
import socket
import ssl
import time

import anyio
import anyio.lowlevel
import orjson
import pytest

from anyrelay import CallGone, ConnectionLost, ReferStatus, RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.exchange.reports import CallAnswered, CallEnded, PlayChanged, ReferAnswered, ReferNotified
from anyrelay.local.server.addresses import parse_address
from anyrelay.protocol.transport.connection import Connection, ConnectionClosed, TextReceived
from tests.support.exchange_bench import RecordingLeg

pytestmark = pytest.mark.anyio

SUPPORT = "sip:support@example.com"


def make_client(relay, **settings):
    return RelayClient(project="p", token="secret", host=relay.url, contexts=["default"], **settings)


def fast():
    return SimulatedPhones(pace=50)


async def test_a_call_from_offer_to_transfer():
    frames = []
    async with LocalRelay(fast(), on_frame=frames.append) as relay:
        assert relay.url.startswith("ws://127.0.0.1:")
        assert relay.ca_file is None
        assert relay.sip_uri is None
        relay.phones.add(SUPPORT, answers="busy")
        outcomes = []
        client = make_client(relay)

        @client.on_call
        async def handle(call):
            await call.answer()
            await (await call.play([{"type": "tts", "text": "One moment."}])).wait()
            outcomes.append(await call.refer_and_wait(SUPPORT, timeout=5))
            await call.hangup()

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.answered()
            assert await caller.ended() == "hangup"
        assert [outcome.status for outcome in outcomes] == [ReferStatus.BUSY]
        assert [medium.params["text"] for medium in caller.heard] == ["One moment."]
        assert caller.uri == "sip:alice@example.com"
        assert caller.referred_to == [SUPPORT]
        assert caller.transferred_to == ""
        assert repr(caller) == "<RelayCaller sip:alice@example.com ended>"
        assert len(relay.phones.callers) == 1
    await relay.wait_closed()
    assert frames
    assert not any("secret" in frame.text for frame in frames)
    assert {frame.direction for frame in frames} == {"rx", "tx"}


async def test_with_tls(tmp_path):
    async with LocalRelay(fast(), tls_dir=tmp_path) as relay:
        assert relay.url.startswith("wss://localhost:")
        async with make_client(relay, ca_file=relay.ca_file) as client:
            assert client.relay_protocol
        with pytest.raises(Exception, match="certificate"):
            await make_client(relay).connect()


async def test_a_lost_connection_is_resumed_and_nothing_is_missed():
    async with LocalRelay(fast()) as relay:
        relay.phones.add(SUPPORT, answers="answer", ring_time=10.0)
        outcomes = []
        client = make_client(relay)

        @client.on_call
        async def handle(call):
            await call.answer()
            action = await call.start_refer(SUPPORT)
            relay.drop_connections()
            outcomes.append(await action.wait(timeout=5))

        async with client:
            before = client.relay_protocol
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.ended()
            await relay.until(lambda: outcomes != [], 5)
            assert outcomes[0].status is ReferStatus.SUCCEEDED
            assert client.relay_protocol == before


def is_back(relay, first):
    """Whether a client has signed in on another connection than its first."""
    return lambda: any(one is not first and one.session for one in relay.exchange.connections)


async def until_quiet(client):
    """Wait until the server has heard all that a client had to say, so that nothing wakes it any more."""
    for _ in range(2):  # what the client acknowledged meanwhile goes out before the second command
        await client.execute("signalwire.receive", {"contexts": ["more"]})


async def test_connections_are_dropped_at_once():
    async with LocalRelay(fast()) as relay, make_client(relay) as client:
        await until_quiet(client)
        before, first = client.relay_protocol, relay.exchange.connections[0]
        relay.drop_connections()
        await relay.until(is_back(relay, first), 5)
        assert client.relay_protocol == before


async def test_sessions_are_forgotten_at_once():
    async with LocalRelay(fast()) as relay:
        client = make_client(relay)
        ended = []

        @client.on_call
        async def handle(call):
            await call.answer()
            try:
                await call.wait_for_ended()
            except ConnectionLost as error:
                ended.append(error)

        async with client:
            before, first = client.relay_protocol, relay.exchange.connections[0]
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.answered()
            await until_quiet(client)
            relay.forget_sessions()
            await relay.until(is_back(relay, first), 5)
            await relay.until(lambda: client.relay_protocol not in ("", before), 5)
            assert await caller.ended() == "hangup"
        assert len(ended) == 1


async def test_signalwire_disconnect_is_sent_at_once(monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.connection_timers.CLOSE_TIME", 3_600)
    frames = []
    async with LocalRelay(fast(), on_frame=frames.append) as relay, make_client(relay) as client:
        await until_quiet(client)
        relay.say_goodbye()
        announcement = next(frame for frame in frames if "signalwire.disconnect" in frame.text)
        answer = f'"id":"{orjson.loads(announcement.text)["id"]}"'
        await relay.until(lambda: any(frame.direction == "rx" and answer in frame.text for frame in frames), 5)


async def test_a_task_waits_for_the_end_of_the_server():
    relay, ended = LocalRelay(fast()), []

    async def wait():
        await relay.wait_closed()
        ended.append(True)

    async with anyio.create_task_group() as tasks, relay:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not ended
    assert ended


@pytest.mark.parametrize("restart", [False, True])
async def test_signalwire_disconnect(restart, monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.connection_timers.CLOSE_TIME", 0.05)
    async with LocalRelay(fast()) as relay, make_client(relay) as client:
        before = client.relay_protocol
        relay.say_goodbye(restart=restart)
        first = relay.exchange.connections[0]
        await relay.until(is_back(relay, first), 10)
        assert (relay.exchange.connections[-1].session.protocol == before) is not restart


async def test_a_caller_hangs_up():
    async with LocalRelay(fast()) as relay:
        raised = []
        client = make_client(relay)

        @client.on_call
        async def handle(call):
            await call.answer()
            try:
                await call.wait_for_ended(timeout=5)
                await call.play([{"type": "silence", "duration": 1}])
            except CallGone as error:
                raised.append(error)

        async with client:
            caller = await relay.phones.dial("sip:alice@example.com")
            await caller.answered()
            caller.hang_up()
            await caller.ended()
            with anyio.fail_after(5):
                while not raised:
                    await anyio.sleep(0.001)


async def test_nobody_is_there():
    async with LocalRelay(fast()) as relay:
        caller = await relay.phones.dial("sip:alice@example.com", wait_for_subscriber=0.01)
        assert (caller.state, caller.end_reason) == ("ended", "noAnswer")
        with pytest.raises(TimeoutError):
            await caller.until(lambda: False, timeout=0.01)


async def test_an_error_in_the_block_leaves_it_as_it_is():
    class OwnError(Exception):
        pass

    with pytest.raises(OwnError):
        async with LocalRelay(fast()) as relay, make_client(relay):
            raise OwnError


async def test_a_server_is_cancelled_like_anything_else():
    with anyio.move_on_after(0.05) as scope:
        async with LocalRelay(fast()):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_clients_that_speak_something_else_harm_nobody():
    async with LocalRelay(fast()) as relay, make_client(relay) as client:
        port = int(relay.url.rpartition(":")[2])
        for nonsense in (b"SIP/2.0 200 OK\r\n\r\n", b"\x16\x03\x01" * 100, b"GET /" + b"x" * 200_000):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                try:
                    await stream.send(nonsense)
                    while await stream.receive():
                        pass
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    pass
        assert (await client.execute("signalwire.receive", {"contexts": ["more"]}))["code"] == "200"


async def test_a_client_that_talks_nonsense_over_a_websocket():
    async with LocalRelay(fast()) as relay:
        port = int(relay.url.rpartition(":")[2])
        connection = Connection.client("127.0.0.1", port, tls=None)
        connection.open()
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(connection.data_to_send())
            connection.receive_data(await stream.receive())
            for text in ("{", "[]", "null", '{"id": 5}', "[" * 2_000):
                connection.send_text(text)
            connection.send_text('{"jsonrpc":"2.0","id":"1","method":"calling.end","params":{"call_id":{}}}')
            await stream.send(connection.data_to_send())
            while not isinstance(event := connection.next_event(), TextReceived):
                if event is None:
                    connection.receive_data(await stream.receive())
            assert "-32602" in event.text
            relay.drop_connections()
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()


async def test_too_many_clients_are_turned_away():
    async with LocalRelay(fast(), max_connections=1) as relay, make_client(relay):
        port = int(relay.url.rpartition(":")[2])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()


async def test_clients_that_have_left_give_others_their_place(caplog):
    async with LocalRelay(fast(), max_connections=4) as relay:
        for _ in range(5):
            async with make_client(relay) as one, make_client(relay) as other:
                assert one.relay_protocol != other.relay_protocol
            await relay.until(lambda: not relay.exchange.connections, 5)
    assert "turned away" not in caplog.text


async def test_each_frame_says_which_client_it_is_about():
    frames = []
    async with LocalRelay(fast(), on_frame=frames.append) as relay:
        began = time.time()
        for number in (1, 2):
            frames.clear()
            async with make_client(relay):
                pass
            await relay.until(lambda: not relay.exchange.connections, 5)
            assert {frame.client for frame in frames} == {number}
            assert began <= frames[0].time <= frames[-1].time <= time.time()


async def test_a_client_that_never_shakes_hands_is_sent_away(monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.connection_timers.SIGN_IN_TIME", 0.05)
    async with LocalRelay(fast()) as relay:
        stream = await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2]))
        with anyio.fail_after(5), pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await stream.aclose()


async def test_a_client_that_does_not_read_is_dropped(monkeypatch):
    monkeypatch.setattr("anyrelay.local.server.clients.SEND_TIME", 0.05)
    async with LocalRelay(fast()) as relay:
        port = int(relay.url.rpartition(":")[2])
        connection = Connection.client("127.0.0.1", port, tls=None)
        connection.open()
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(connection.data_to_send())
            connection.receive_data(await stream.receive())
            flood = bytearray()
            for _ in range(64):
                ping = '{"jsonrpc":"2.0","id":"1","method":"signalwire.ping","params":{"payload":"%s"}}'
                connection.send_text(ping % ("x" * 500_000))
                flood += connection.data_to_send()
            with anyio.fail_after(20):
                with contextlib.suppress(anyio.BrokenResourceError):
                    await stream.send(flood)
                await relay.until(lambda: not relay.exchange.connections, 20)


async def test_idle_sockets_delay_nobody():
    """Sockets that say nothing, twice as many as are served: a new client is signed in at once. It took 8.6 s."""
    async with (
        LocalRelay(fast(), max_connections=400) as relay,
        make_client(relay) as first,
        contextlib.AsyncExitStack() as sockets,
    ):
        port = int(relay.url.rpartition(":")[2])
        for _ in range(800):
            idle = socket.socket()
            sockets.callback(idle.close)
            idle.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                idle.connect(("127.0.0.1", port))
            await anyio.lowlevel.checkpoint()
        began = time.monotonic()
        async with make_client(relay) as client:
            assert client.relay_protocol
        assert time.monotonic() - began < 5
        assert len(relay.exchange.connections) <= 210
        assert first.statistics()["connections"] == 1


async def test_idle_sockets_give_their_place_even_when_the_server_is_full():
    async with (
        LocalRelay(fast(), max_connections=3) as relay,
        make_client(relay),
        contextlib.AsyncExitStack() as sockets,
    ):
        for _ in range(2):
            await sockets.enter_async_context(await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2])))
        async with make_client(relay) as client:
            assert client.relay_protocol


async def test_one_address_takes_no_other_ones_room(monkeypatch):
    monkeypatch.setattr("anyrelay.local.server.admission.UNSIGNED_LIMIT", 4)
    async with LocalRelay(fast()) as relay:
        now = anyio.current_time()
        connections = [
            relay.exchange.open_connection(now, peer=peer)
            for peer in ("192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3")
        ]
        relay._admission._unsigned = list(connections)
        assert not relay._admission.has_place()
        assert relay._drop_unsigned("192.0.2.2")
        assert [one.is_over for one in connections] == [False, True, False, False]


async def test_halves_of_messages_before_the_sign_in_keep_little(monkeypatch):
    """200 connections with a megabyte each took 210 MB: the one that sent most is closed, and the others may go on."""
    monkeypatch.setattr("anyrelay.local.server.admission.UNSIGNED_BYTES", 100_000)
    async with LocalRelay(fast()) as relay, contextlib.AsyncExitStack() as sockets:
        port = int(relay.url.rpartition(":")[2])
        streams = []
        for size in (30_000, 50_000, 40_000):
            stream = await sockets.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
            await stream.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
            await stream.send(b"Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\nSec-WebSocket-Version: 13\r\n\r\n")
            assert b" 101 " in await stream.receive()
            await stream.send(b"\x81\xff" + (200_000).to_bytes(8, "big") + bytes(4 + size))
            streams.append(stream)
        with anyio.fail_after(10), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await streams[1].receive()
        async with make_client(relay) as client:
            assert client.relay_protocol
        assert len(relay.exchange.connections) == 2


async def test_a_client_that_floods_and_never_reads_is_closed():
    """It never reads, and goes on sending: its connection ends as soon as 16 MiB wait for it, and others are served."""
    async with LocalRelay(fast()) as relay, make_client(relay) as other:
        port = int(relay.url.rpartition(":")[2])
        connection = Connection.client("127.0.0.1", port, tls=None)
        connection.open()
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(connection.data_to_send())
            connection.receive_data(await stream.receive())
            for number in range(100):
                ping = '{"jsonrpc":"2.0","id":"%d","method":"signalwire.ping","params":{"payload":"%s"}}'
                connection.send_text(ping % (number, "x" * 10_000))
            flood, sent, began = connection.data_to_send(), 0, time.monotonic()
            with anyio.fail_after(25), contextlib.suppress(anyio.BrokenResourceError):
                while True:
                    await stream.send(flood)
                    sent += len(flood)
            assert 16 * 2**20 < sent < 64 * 2**20
            assert time.monotonic() - began < 20  # not only once SEND_TIME is over
        assert (await other.execute("signalwire.receive", {"contexts": ["more"]}))["code"] == "200"


async def test_clients_are_told_when_the_server_stops():
    relay = LocalRelay(fast())
    async with relay:
        port = int(relay.url.rpartition(":")[2])
        connection = Connection.client("127.0.0.1", port, tls=None)
        connection.open()
        stream = await anyio.connect_tcp("127.0.0.1", port)
        await stream.send(connection.data_to_send())
        connection.receive_data(await stream.receive())
        began = time.monotonic()
    assert time.monotonic() - began < 2
    async with stream:
        connection.receive_data(await stream.receive())
    closed = [event for event in iter(connection.next_event, None) if isinstance(event, ConnectionClosed)]
    assert closed[0].code == 1001


async def test_observers_that_fail_harm_nobody(caplog):
    def fail(*_):
        raise RuntimeError("no pencil")

    phones = SimulatedPhones(pace=50, on_step=fail)
    async with LocalRelay(phones, on_frame=fail, on_event=fail) as relay, make_client(relay) as client:
        assert (await relay.phones.dial("sip:alice@example.com")).state == "ringing"
        assert client.relay_protocol
    for name in ("on_frame", "on_event", "on_step"):
        assert f"{name} failed" in caplog.text


async def test_an_error_of_ours_costs_one_client_its_connection_and_nobody_else(caplog, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    async with LocalRelay(fast()) as relay, make_client(relay) as client:
        monkeypatch.setattr(relay.exchange.call_control, "carry_out", fail)
        with pytest.raises(ConnectionLost):
            await client.execute("calling.pass", {"node_id": "n", "call_id": "c"})
        assert "could not be served any further" in caplog.text
        assert (await client.execute("signalwire.receive", {"contexts": ["more"]}))["code"] == "200"


class RealPhones:
    """Phones that are not simulated, as far as the server can tell."""

    uri = "sip:127.0.0.1:5999"
    phone_events = None

    async def start(self, phone_events):
        self.phone_events = phone_events

    async def stop(self):
        self.phone_events = None


async def test_phones_that_are_not_simulated():
    phones, leg, heard = RealPhones(), RecordingLeg(), []
    async with LocalRelay(phones) as relay:
        assert relay.sip_uri == "sip:127.0.0.1:5999"
        with pytest.raises(RuntimeError, match="sip_uri"):
            _ = relay.phones
        events = phones.phone_events

        def now():
            return anyio.current_time()

        uris = {"from_uri": "sip:alice@example.com", "to_uri": "sip:default@127.0.0.1"}
        assert events.call_arrived(now(), RecordingLeg(), context="default", **uris) is False
        client = make_client(relay)

        @client.on_call
        async def handle(call):
            await call.answer()
            events.report(now(), leg, CallAnswered())
            action = await call.play([{"type": "silence", "duration": 1}], volume=3, loop=2)
            await action.volume(4)
            await action.pause()
            await action.resume()
            await action.stop()
            events.report(now(), leg, PlayChanged(action.control_id, "finished"))
            transfer = await call.start_refer(SUPPORT)
            events.report(now(), leg, ReferAnswered(202))
            events.report(now(), leg, ReferNotified(code=200, terminated=True, expires=None))
            heard.append(await transfer.wait(timeout=5))

        async with client:
            assert events.call_arrived(now(), leg, context="default", **uris) is True
            await relay.until(lambda: "hang up" in leg.orders, 5)
            events.report(now(), leg, CallEnded("hangup"))
            # What comes when nobody waits for it any more is passed over.
            events.report(now(), leg, CallAnswered())
            events.report(now(), leg, CallEnded("hangup"))
            events.report(now(), leg, PlayChanged("p", "playing"))
            events.report(now(), leg, ReferAnswered(202))
            events.report(now(), leg, ReferNotified(code=180, terminated=False, expires=None))
            with anyio.fail_after(5):
                while not heard:
                    await anyio.sleep(0.001)
    assert phones.phone_events is None
    assert heard[0].succeeded
    assert leg.orders == [
        *["answer", "play silence 3 2", "volume 4", "pause", "resume", "stop"],
        *[f"refer {SUPPORT}", "hang up"],
    ]


async def test_phones_that_cannot_start():
    class BrokenPhones(RealPhones):
        async def start(self, phone_events):
            raise RuntimeError("no line")

    relay = LocalRelay(BrokenPhones())
    with pytest.raises(RuntimeError, match="no line"):
        await relay.__aenter__()
    with pytest.raises(OSError, match=r".+"):
        await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2]))


async def test_an_address_that_is_taken():
    async with LocalRelay(fast()) as relay:
        with pytest.raises(OSError, match=r".+"):
            await LocalRelay(fast(), listen=f"127.0.0.1:{relay.url.rpartition(':')[2]}").__aenter__()


async def test_credentials():
    async with LocalRelay(fast(), project="p", token="secret") as relay:
        async with make_client(relay) as client:
            assert client.relay_protocol
        with pytest.raises(Exception, match=r"401|refused|not known"):
            await RelayClient(project="p", token="guess", host=relay.url, connect_timeout=0.5).connect()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:", ":x", "1:70000", "", ":0"])
async def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match="host:port"):
        parse_address(address)


async def test_a_server_on_all_addresses_names_one_that_leads_to_it():
    async with LocalRelay(fast(), listen="0.0.0.0:0") as relay:
        assert relay.url.startswith("ws://127.0.0.1:")
        async with RelayClient(project="p", token=relay.token, host=relay.url) as client:
            assert client.relay_protocol


async def test_an_ipv6_address():
    assert parse_address("[::1]:80") == ("::1", 80)
    try:
        async with LocalRelay(fast(), listen="[::1]:0") as relay:
            assert relay.url.startswith("ws://[::1]:")
    except OSError:
        pytest.skip("no IPv6 here")


async def test_a_context_of_tls_is_modern(tmp_path):
    async with LocalRelay(fast(), tls_dir=tmp_path) as relay:
        assert relay._tls.minimum_version >= ssl.TLSVersion.TLSv1_2
