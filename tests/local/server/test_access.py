"""Who may do what: web pages, wrong hosts, guesses, stolen session names. On a virtual clock, and on real sockets."""

import anyio
import pytest

from anyrelay import RelayClient
from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.exchange.credentials import Credentials, GuessLimiter
from anyrelay.local.server.upgrades import UpgradePolicy
from anyrelay.protocol.rpc.jsonrpc import Failure, Response
from tests.support.exchange_bench import Bench, RawClient


def refusal(policy, *, host="127.0.0.1:1", local="127.0.0.1", **headers):
    found = policy.refusal(local, "127.0.0.1", (("host", host), *headers.items()))
    return None if found is None else found[0]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000", "null", "", "file://"])
def test_no_web_page_connects(origin):
    assert refusal(UpgradePolicy("127.0.0.1"), origin=origin) == 403


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1:43117", True),
        ("127.0.0.1", True),
        ("127.8.8.8:1", True),
        ("[::1]:43117", True),
        ("[::ffff:127.0.0.1]:1", True),
        ("localhost:43117", True),
        ("LOCALHOST.:43117", True),
        ("localhost:", True),  # RFC 3986 section 3.2.3: a port may be empty
        ("relay.test:80", True),
        ("other.test:80", True),
        ("192.0.2.7:80", True),
        ("192.0.2.8:80", False),
        ("[2001:db8::1]:80", False),
        ("[::ffff:192.0.2.8]:80", False),
        ("evil.example:43117", False),
        ("127.0.0.1.evil.example:43117", False),
        ("localhost.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example@127.0.0.1", False),
        ("127.0.0.1:x", False),
        ("127.0.0.1:1, evil.example", False),
        ("0x7f.1", False),
        ("2130706433", False),
        ("0.0.0.0:1", False),
        ("[127.0.0.1]", True),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_hosts_that_are_the_servers_own(host, fine):
    policy = UpgradePolicy("Relay.Test", ["other.test"])
    assert refusal(policy, host=host, local="192.0.2.7") == (None if fine else 421)


def test_the_log_escapes_what_a_web_page_sent(caplog):
    assert refusal(UpgradePolicy("127.0.0.1"), origin="https://evil.example/\x1b[2J") == 403
    assert "\\x1b[2J" in caplog.text
    assert "\x1b" not in caplog.text


def post_upgrade(head, port):
    """What the server answers to an upgrade with these headers: the first line."""

    async def ask():
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            lines = ["GET / HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", *head, "", ""]
            await stream.send("\r\n".join(lines).encode())
            return (await stream.receive()).partition(b"\r\n")[0].decode().strip()

    return ask()


@pytest.mark.anyio
async def test_on_real_sockets():
    async with LocalRelay(SimulatedPhones()) as relay:
        port = int(relay.url.rpartition(":")[2])
        own = f"Host: 127.0.0.1:{port}"
        assert await post_upgrade([own], port) == "HTTP/1.1 101 Switching Protocols"
        assert await post_upgrade([own, "Origin: https://evil.example"], port) == "HTTP/1.1 403 Forbidden"
        assert await post_upgrade([f"Host: rebound.example:{port}"], port) == "HTTP/1.1 421 Misdirected Request"
        assert relay.token is None
    async with LocalRelay(SimulatedPhones(), allowed_hosts=["relay.test"]) as relay:
        port = int(relay.url.rpartition(":")[2])
        assert await post_upgrade(["Host: relay.test"], port) == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.anyio
async def test_beyond_loopback_a_token_is_made_unless_it_is_waived():
    async with LocalRelay(SimulatedPhones(), listen="0.0.0.0:0") as relay:
        assert len(relay.token) >= 32
        with pytest.raises(Exception, match="-32002"):
            await RelayClient(project="p", token="guess", host=relay.url, connect_timeout=5).connect()
        async with RelayClient(project="p", token=relay.token, host=relay.url) as client:
            assert client.relay_protocol
    async with LocalRelay(SimulatedPhones(), listen="0.0.0.0:0", token="mine") as relay:
        assert relay.token == "mine"
    async with LocalRelay(SimulatedPhones(), listen="0.0.0.0:0", require_token=False) as relay:
        assert relay.token is None
        async with RelayClient(project="p", token="any", host=relay.url) as client:
            assert client.relay_protocol


# --- guesses


def test_guesses_are_slowed_and_logged(caplog):
    bench = Bench(credentials=Credentials("p", "secret"))
    guessers = []
    for _ in range(120):  # for a minute, two guesses a second, each on a connection of its own
        guessers.append(RawClient(bench))
        guessers[-1].sign_in(token="guess")
        bench.advance(0.5)
    codes = [answer.code for guesser in guessers for answer in guesser.answers.values()]
    assert len(codes) > 110
    assert 5 < codes.count(-32002) < 20  # without the limit, all 120 are looked at
    assert caplog.text.count("sign-in refused") == codes.count(-32002)


def test_many_connections_at_once_guess_no_faster():
    bench = Bench(credentials=Credentials("p", "secret"))
    clients = [RawClient(bench) for _ in range(50)]
    answers = [client.sign_in(token="guess") for client in clients]
    at_once = [answer for answer in answers if isinstance(answer, Failure) and answer.code == -32002]
    not_looked_at = [answer for answer in answers if isinstance(answer, Failure) and answer.code == 429]
    assert len(at_once) == 3
    assert len(not_looked_at) > 40
    right = RawClient(bench)
    assert (
        right.sign_in(token="secret").code == 429
    )  # or a client without an answer would know that its guess was wrong
    bench.advance(10)
    assert right.closed is not None
    later = RawClient(bench)
    answer = later.sign_in(token="secret")
    bench.advance(5)
    assert isinstance(answer or later.answers["q1"], Response)


def test_the_guesses_of_one_address_slow_no_other():
    limiter = GuessLimiter()
    for _ in range(10):
        limiter.failed("192.0.2.1", 0.0)
    assert limiter.wait("192.0.2.1", 0.0) > 0
    assert limiter.wait("192.0.2.2", 0.0) == 0
    assert limiter.wait("192.0.2.1", 301.0) == 0


def test_an_ipv6_network_is_one_guesser():
    limiter = GuessLimiter()
    for number in range(10):
        limiter.failed(f"2001:db8::{number}", 0.0)
    assert limiter.wait("2001:db8::99", 0.0) > 0
    assert limiter.wait("2001:db8:0:1::99", 0.0) == 0


def test_of_addresses_so_many_are_remembered():
    limiter = GuessLimiter()
    for number in range(2_000):
        limiter.failed(f"10.0.{number // 250}.{number % 250}", 0.0)
    assert repr(limiter) == "<GuessLimiter of 1000 addresses>"


def test_a_connection_that_only_guesses_is_closed():
    bench = Bench(credentials=Credentials("p", "secret"))
    guesser = RawClient(bench)
    for _ in range(5):
        guesser.sign_in(token="guess")
        bench.advance(8)
    assert guesser.closed is not None


def test_while_a_sign_in_waits_another_is_not_looked_at():
    bench = Bench(credentials=Credentials("p", "secret"))
    guesser = RawClient(bench)
    for _ in range(3):
        guesser.sign_in(token="guess")
    waiting = RawClient(bench)
    assert waiting.sign_in(token="guess") is None
    assert waiting.sign_in(token="secret").code == 401


# --- resumption


def test_a_sessions_name_opens_nothing():
    bench = Bench()
    _, client, call_id = bench.call()
    for shown in ({}, {"authorization_state": "guess"}, {"authorization_state": ""}, {"major": 3}):
        thief = RawClient(bench)
        assert thief.sign_in(protocol=client.protocol, **shown).result["session_restored"] is False
        assert thief.command(call_id, "end", reason="hangup")[0] == 409
    assert client.closed is None


def test_the_state_is_renewed_at_each_sign_in():
    bench = Bench()
    client = bench.client()
    first = client.state
    client.lose_connection()
    assert client.resume().result["session_restored"] is True
    assert client.state != first
    thief = RawClient(bench)
    answer = thief.sign_in(protocol=client.protocol, authorization_state=first)
    assert answer.result["session_restored"] is False
    client.lose_connection()
    assert client.resume().result["session_restored"] is True


def test_a_state_that_never_arrived_leaves_the_one_before_good():
    bench = Bench()
    client = bench.client()
    first = client.state
    client.lose_connection()
    client.acknowledges = False  # the answer to its sign-in, and the new state, are lost with the connection
    client.resume()
    client.lose_connection()
    client.acknowledges = True
    assert client.resume(authorization_state=first).result["session_restored"] is True
    states = [event["params"]["authorization_state"] for event in client.events("signalwire.authorization.state")]
    assert len(states) == len(set(states)) == 3  # one that is no good any more is not sent again
    client.lose_connection()
    assert client.resume(authorization_state=first).result["session_restored"] is False


def test_a_state_is_good_for_its_own_session_and_project():
    bench = Bench()
    one, other = bench.client(), bench.client()
    thief = RawClient(bench)
    assert thief.sign_in(protocol=one.protocol, authorization_state=other.state).result["session_restored"] is False
    thief = RawClient(bench)
    answer = thief.sign_in(project="q", protocol=one.protocol, authorization_state=one.state)
    assert answer.result["session_restored"] is False


def test_the_session_of_a_client_that_shows_no_state_is_resumed_with_its_credentials():
    bench = Bench()
    client = RawClient(bench)
    answer = client.sign_in(major=3, token="t1")
    parts = client.protocol.split("_")
    assert parts[1] == answer.result["authorization"]["signature"]
    client.lose_connection()
    for wrong in ({"token": "t2"}, {"project": "q", "token": "t1"}, {"token": "t1", "authorization_state": "guess"}):
        thief = RawClient(bench)
        assert thief.sign_in(**{"major": 3, "protocol": client.protocol} | wrong).result["session_restored"] is False
    client.open()
    assert client.sign_in(major=3, token="t1", protocol=client.protocol).result["session_restored"] is True


@pytest.mark.parametrize("project", ["a_b_c", "", "p"])
def test_the_signature_is_the_second_part_of_the_name_whatever_the_project(project):
    client = RawClient(Bench())
    result = client.sign_in(project=project).result
    assert result["protocol"].split("_")[1] == result["authorization"]["signature"]


def test_callbacks_do_not_name_the_session():
    bench = Bench()
    bench.phones.add("sip:support@example.com", answers="busy")
    _, client, call_id = bench.call()
    assert bench.refer(client, call_id, status_url="http://127.0.0.1:1/")[0] == 200
    bench.advance(1)
    assert bench.posts
    assert client.protocol not in repr(bench.posts)
    assert client.protocol not in repr(bench.happened)


@pytest.mark.anyio
async def test_frames_do_not_show_the_whole_name():
    frames = []
    async with (
        LocalRelay(SimulatedPhones(), on_frame=frames.append) as relay,
        RelayClient(project="p", token="t", host=relay.url) as client,
    ):
        name = client.relay_protocol
    assert frames
    assert not any(name in frame.text for frame in frames)


def test_pings_come_every_ten_seconds():
    bench = Bench()
    client = bench.client()
    for number in range(1, 13):
        bench.advance(10)
        assert len([request for request in client.requests if request.method == "signalwire.ping"]) == number


@pytest.mark.parametrize(
    ("project", "token", "jwt", "fine"),
    [
        ("one", "1", "", True),
        ("two", "2", "", True),
        ("one", "2", "", False),
        ("three", "1", "", False),
        ("", "1", "", False),
        (None, "", "2", True),
        (None, "", "3", False),
    ],
)
def test_several_projects_have_a_token_each(project, token, jwt, fine):
    credentials = Credentials(accounts={"one": "1", "two": "2"})
    given = {} if project is None else {"project": project}
    given |= {"jwt_token": jwt} if jwt else {"token": token}
    assert (credentials.refusal(given) == "") is fine


def test_the_first_project_and_the_further_ones_sign_in():
    credentials = Credentials("zero", "0", accounts={"one": "1"})
    assert credentials.refusal({"project": "zero", "token": "0"}) == ""
    assert credentials.refusal({"project": "one", "token": "1"}) == ""
    assert credentials.refusal({"project": "one", "token": "0"}) == "project or token are not known here"
    assert "'1'" not in repr(credentials)


def test_a_session_is_resumed_by_its_own_project_alone():
    bench = Bench(credentials=Credentials(accounts={"one": "1", "two": "2"}))
    client = RawClient(bench)
    client.sign_in(project="one", token="1")
    name = client.protocol
    assert client.resume(project="two", token="2").result["session_restored"] is False
    assert client.protocol != name


def test_the_signature_is_the_second_part_of_the_sessions_name():
    result = RawClient(Bench()).sign_in().result
    assert result["protocol"].split("_")[1] == result["authorization"]["signature"]
