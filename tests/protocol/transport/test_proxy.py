"""CONNECT through an HTTP proxy, and the heads and refusals of HTTP that the WebSocket upgrade shares with it."""

from __future__ import annotations

import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.transport.events import HandshakeRefused, ProtocolViolation, ProxyRefused
from anyrelay.protocol.transport.http_head import MAX_HEAD_SIZE, Refusal
from anyrelay.protocol.transport.proxy import ProxyAddress, ProxyTunnel, authority, parse_proxy_url

USER, PASSWORD = "ann", "s3cret-word"
TOKEN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
OPEN = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"


def new_tunnel(authorization: tuple[str, str] | None = None) -> ProxyTunnel:
    tunnel = ProxyTunnel("relay.example", 443, authorization=authorization)
    tunnel.data_to_send()
    return tunnel


def feed(tunnel: ProxyTunnel, data: bytes, way: str) -> ProxyTunnel:
    for piece in [data] if way == "whole" else [data[index : index + 1] for index in range(len(data))]:
        tunnel.receive_data(piece)
    return tunnel


ways = pytest.mark.parametrize("way", ["whole", "bytewise"])


def test_the_request() -> None:
    tunnel = ProxyTunnel("relay.example", 443, authorization=None)
    assert tunnel.data_to_send() == b"CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\n\r\n"
    assert tunnel.data_to_send() == b""


def test_the_request_with_credentials_hides_them_in_its_repr() -> None:
    tunnel = ProxyTunnel("relay.example", 443, authorization=(USER, PASSWORD))
    assert f"Proxy-Authorization: Basic {TOKEN}\r\n".encode() in tunnel.data_to_send()
    assert repr(tunnel) == "<ProxyTunnel opened=False error=None>"


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("relay.example", "relay.example:8443"),
        ("192.0.2.1", "192.0.2.1:8443"),
        ("2001:db8::1", "[2001:db8::1]:8443"),
        ("[2001:db8::1]", "[2001:db8::1]:8443"),
        ("bücher.example", "xn--bcher-kva.example:8443"),
    ],
)
def test_the_target(host: str, written: str) -> None:
    assert authority(host, 8443) == written
    request = ProxyTunnel(host, 8443, authorization=None).data_to_send()
    assert request.startswith(f"CONNECT {written} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("host", ["a b", "a\r\nX: y", "a" * 64, "a..b"])
def test_an_invalid_host_of_the_target_raises(host: str) -> None:
    with pytest.raises(ValueError, match=r"host|idna"):
        ProxyTunnel(host, 443, authorization=None)


@pytest.mark.parametrize(("user", "password"), [("a:b", PASSWORD), ("a\n", PASSWORD), ("a", PASSWORD + "\x00")])
def test_credentials_that_basic_cannot_carry_raise(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="user name") as raised:
        ProxyTunnel("relay.example", 443, authorization=(user, password))
    assert PASSWORD not in str(raised.value)


@ways
@pytest.mark.parametrize("interim", [b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
@pytest.mark.parametrize("trailing", [b"", b"\x16\x03\x03 the target speaks"])
def test_the_tunnel_opens_and_passes_later_bytes_on(way: str, interim: bytes, trailing: bytes) -> None:
    tunnel = feed(new_tunnel(), interim + OPEN + trailing, way)
    assert tunnel.opened
    assert tunnel.trailing_data == trailing
    assert tunnel.error is None
    tunnel.receive_eof()
    assert tunnel.error is None


@ways
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 No\r\nContent-Length: 7\r\n\r\nno \xe2\x98\x8e!",
        b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno \r\n4\r\n\xe2\x98\x8e!\r\n0\r\n\r\n",
    ],
    ids=["sized", "chunked"],
)
@pytest.mark.parametrize("trailing", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_refusal_is_quoted(way: str, answer: bytes, trailing: bytes) -> None:
    tunnel = feed(new_tunnel(), answer + trailing, way)
    assert not tunnel.opened
    assert tunnel.refused
    assert isinstance(tunnel.error, ProxyRefused)
    assert tunnel.error.status == 403
    assert str(tunnel.error) == "the proxy refused to connect: HTTP 403, saying 'no ☎!'"


@ways
def test_a_refusal_without_words(way: str) -> None:
    tunnel = feed(new_tunnel(), b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", way)
    assert str(tunnel.error) == "the proxy refused to connect: HTTP 503"


@ways
def test_a_long_refusal_is_cut_and_not_waited_for(way: str) -> None:
    tunnel = feed(new_tunnel(), b"HTTP/1.1 502 Bad\r\nContent-Length: 5000\r\n\r\n" + b"x" * 300, way)
    assert isinstance(tunnel.error, ProxyRefused)
    assert tunnel.error.body == "x" * 200


@ways
@pytest.mark.parametrize("broken", [b"", b"zz\r\n"], ids=["cut off", "broken chunk"])
def test_a_refusal_counts_even_if_its_words_do_not_end_well(way: str, broken: bytes) -> None:
    answer = b"HTTP/1.1 407 Sign in\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n2\r\nno\r\n"
    tunnel = feed(new_tunnel(), answer + broken, way)
    tunnel.receive_eof()
    assert isinstance(tunnel.error, ProxyRefused)
    assert (tunnel.error.status, tunnel.error.body, tunnel.error.retry_after) == (407, "no", 7.0)


@ways
def test_a_proxy_that_echoes_the_credentials_does_not_get_them_into_the_error(way: str) -> None:
    body = f"You sent {TOKEN}; {PASSWORD}. ".encode() * 20
    answer = b"HTTP/1.1 407 No\r\nX-Echo: Basic " + TOKEN.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    error = feed(new_tunnel((USER, PASSWORD)), answer + body, way).error
    assert isinstance(error, ProxyRefused)
    shown = repr([str(error), error.body, error.headers, pickle.loads(pickle.dumps(error)).__dict__])
    assert "You sent ***" in shown
    assert TOKEN[:6] not in shown
    assert PASSWORD[:4] not in shown


@ways
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "not HTTP"),
        (b"HTTP/1.1 nonsense " + TOKEN.encode() + b"\r\n\r\n", "h11 cannot read its head"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "h11 cannot read its head"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_SIZE, "longer than 16384 bytes"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_SIZE + b"\r\n\r\n", "longer than 16384 bytes"),
        (b"HTTP/1.1 103 Hint\r\nX: y\r\n\r\n" * 700 + OPEN, "longer than 16384 bytes"),
    ],
)
def test_a_reply_that_is_no_http_is_a_violation(way: str, answer: bytes, words: str) -> None:
    tunnel = feed(new_tunnel((USER, PASSWORD)), answer, way)
    assert isinstance(tunnel.error, ProtocolViolation)
    assert words in str(tunnel.error)
    assert TOKEN not in str(tunnel.error)
    assert not tunnel.opened
    first = tunnel.error
    tunnel.receive_data(OPEN)
    tunnel.receive_eof()
    assert tunnel.error is first


def test_an_end_before_the_answer() -> None:
    tunnel = feed(new_tunnel(), OPEN[:-1], "whole")
    assert not tunnel.error
    tunnel.receive_eof()
    assert type(tunnel.error) is ConnectionError
    assert "before it answered" in str(tunnel.error)


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    tunnel = feed(new_tunnel(), b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n" + data, "bytewise")
    tunnel.receive_eof()
    assert isinstance(tunnel.error, ProxyRefused)


@given(
    data=st.data(), answer=st.sampled_from([OPEN + b"tail", b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nforbidden"])
)
def test_cutting_the_stream_anywhere_changes_nothing(data: st.DataObject, answer: bytes) -> None:
    tunnel = new_tunnel()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    for start, stop in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        tunnel.receive_data(answer[start:stop])
    expected = feed(new_tunnel(), answer, "whole")
    assert (tunnel.opened, tunnel.trailing_data, str(tunnel.error)) == (
        expected.opened,
        expected.trailing_data,
        str(expected.error),
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://proxy.example:3128", ProxyAddress("proxy.example", 3128)),
        ("http://proxy.example/", ProxyAddress("proxy.example", 80)),
        ("HTTP://[2001:db8::1]:8080", ProxyAddress("2001:db8::1", 8080)),
        ("http://ann:p%40ss%2Fword@proxy.example:1", ProxyAddress("proxy.example", 1, "ann", "p@ss/word")),
        ("http://ann@proxy.example:1", ProxyAddress("proxy.example", 1, "ann", None)),
        ("proxy.example:3128", ProxyAddress("proxy.example", 3128)),
        ("proxy.example", ProxyAddress("proxy.example", 80)),
        ("192.0.2.1:3128/", ProxyAddress("192.0.2.1", 3128)),
        ("[2001:db8::1]:8080", ProxyAddress("2001:db8::1", 8080)),
        ("ann:p%40ss@proxy.example:1", ProxyAddress("proxy.example", 1, "ann", "p@ss")),
        (" http://proxy.example:3128\n", ProxyAddress("proxy.example", 3128)),
    ],
)
def test_reading_a_proxy_url(url: str, address: ProxyAddress) -> None:
    assert parse_proxy_url(url) == address


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("https://zoe:s3cret@proxy.example:1", "scheme"),
        ("socks5://zoe:s3cret@proxy.example:1", "scheme"),
        ("socks5h://zoe:s3cret@proxy.example:1", "scheme"),
        ("zoe:s3/cret@proxy.example:1", "port"),
        ("zoe:s3cret@proxy.example:1/path", "path"),
        ("", "host"),
        ("://proxy.example:1", "scheme"),
        ("http://zoe:s3/cret@proxy.example:1", "port"),
        ("http://zoe:s3cret@[::1", "host"),
        ("http://zoe:s3cret@proxy.example:99999", "port"),
        ("http://zoe:s3cret@proxy.example:0", "port"),
        ("http://zoe:s3cret@:3128", "host"),
        ("http://zoe:s3cret@pro xy:3128", "host"),
        ("http://zoe:s3cret@pro\x01xy:3128", "host"),
        ("http://zoe:s3cret@proxy.example:1/path", "path"),
        ("http://zoe:s3cret@proxy.example:1?query", "query"),
        ("http://zoe:s3cret@proxy.example:1#fragment", "fragment"),
        ("http://zo%3Ae:s3cret@proxy.example:1", "user name"),
        ("http://zoe:s3cret%0A@proxy.example:1", "password"),
    ],
)
def test_the_error_for_a_proxy_url_names_the_part_and_never_quotes_it(url: str, part: str) -> None:
    for name in ("proxy", "HTTPS_PROXY"):
        with pytest.raises(ValueError, match=f"^{name}: .*{part}") as raised:
            parse_proxy_url(url, *([name] if name != "proxy" else []))
        assert "s3" not in str(raised.value)
        assert "zo" not in str(raised.value)
        assert raised.value.__cause__ is None


def test_the_error_for_a_proxy_that_is_no_string_names_its_class() -> None:
    with pytest.raises(TypeError, match=r"^proxy must be a URL .*, or False for no proxy, not bytes$"):
        parse_proxy_url(b"http://zoe:s3cret@proxy.example:1")  # type: ignore[arg-type]


def test_a_scheme_that_does_not_work_comes_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"^all_proxy: .*socks proxies do not work.*NO_PROXY.*proxy=False"):
        parse_proxy_url("socks5://127.0.0.1:1080", "all_proxy")


def test_an_address_shows_no_credentials() -> None:
    address = ProxyAddress("proxy.example", 3128, USER, PASSWORD)
    assert repr(address) == "ProxyAddress(host='proxy.example', port=3128)"
    assert address.authorization == (USER, PASSWORD)
    assert ProxyAddress("proxy.example", 3128, USER).authorization == (USER, "")
    assert ProxyAddress("proxy.example", 3128).authorization is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 31 Oct 2025 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 31 Oct 2025 23:59:59 GMT", "Date": "Fri, 31 Oct 2025 23:59:29 GMT"}, 30.0),
        ({"Retry-After": "Fri, 31 Oct 2025 23:59:29 GMT", "Date": "Fri, 31 Oct 2025 23:59:59 GMT"}, 0.0),
        ({"Retry-After": "Fri, 31 Oct 2025 23:59:59 -0000", "Date": "Fri, 31 Oct 2025 23:59:29 GMT"}, None),
    ],
)
def test_how_long_to_stay_away(headers: dict[str, str], seconds: float | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    refusal = Refusal.from_h11(503, raw)
    error = refusal.error("the server refused", HandshakeRefused)
    assert error.retry_after == seconds
    assert str(error) == "the server refused: HTTP 503"


def test_a_refusal_reads_no_more_than_it_quotes() -> None:
    refusal = Refusal.from_h11(500, [])
    for _ in range(5):
        refusal.add(b"y" * 150)
    assert refusal.error("no", HandshakeRefused).body == "y" * 200
    assert len(repr(refusal)) < 60


def test_a_refusal_can_be_pickled() -> None:
    refusal = Refusal.from_h11(302, [(b"Location", b"https://other.example/")])
    refusal.add(b"moved")
    error = refusal.error("the server refused", ProxyRefused)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is ProxyRefused
    assert str(copy) == "the server refused: HTTP 302, it points to 'https://other.example/', saying 'moved'"
    assert (copy.status, copy.headers, copy.body) == (302, (("location", "https://other.example/"),), "moved")
