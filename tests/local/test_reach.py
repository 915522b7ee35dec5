"""What a command may reach: files below a directory, hosts that are loopback or were named; everything else looks absent."""

import os
import resource
import socket
import ssl
from contextlib import asynccontextmanager
from functools import partial

import anyio
import pytest
import trustme

from anyrelay.local import http_requests
from anyrelay.local.http_requests import get, post
from anyrelay.local.reach import NotToBeHad, Reach

pytestmark = pytest.mark.anyio

LIMIT = 1_000


async def refused(awaitable):
    """The one text with which something cannot be had."""
    with pytest.raises(NotToBeHad) as caught:
        await awaitable
    return str(caught.value)


# --- files


@pytest.fixture
def media(tmp_path):
    """A media directory with some things in it, and some beside it."""
    root = tmp_path / "media"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a b.wav").write_bytes(b"in")
    (root / "deep" / "er" / "c.wav").write_bytes(b"deep")
    (root / "large.wav").write_bytes(bytes(LIMIT + 1))
    (root / "unreadable.wav").write_bytes(b"x")
    (tmp_path / "secret.wav").write_bytes(b"out")
    (root / "inside").symlink_to(root / "deep")
    (root / "outside").symlink_to(tmp_path)
    (root / "secret link.wav").symlink_to(tmp_path / "secret.wav")
    (root / "loop").symlink_to(root / "loop")
    (root / "null").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.wav")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(root)  # a socket's path must be short
    try:
        listening.bind("socket.wav")
    finally:
        os.chdir(here)
    yield root
    listening.close()


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("a b.wav", b"in"),
        ("./deep/../a b.wav", b"in"),
        ("file:a%20b.wav", b"in"),
        ("file:///{root}/a%20b.wav", b"in"),
        ("file://localhost{root}/a%20b.wav", b"in"),
        ("FILE://{root}/deep/er/c.wav", b"deep"),
        ("{root}/deep/er/c.wav", b"deep"),
        ("inside/er/c.wav", b"deep"),
    ],
)
async def test_files_of_the_media_directory(media, url, content):
    assert await Reach(media).read_file(url.format(root=media), LIMIT) == content


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/shadow",
        "file:///etc/passwd",
        "file:///no/such/file",
        "file:///dev/zero",
        "file:///proc/self/environ",
        "file:///proc/self/fd/0",
        "{root}/../secret.wav",
        "../secret.wav",
        "file:../secret.wav",
        "file:%2e%2e/secret.wav",
        "file:///{root}/%2e%2e/secret.wav",
        "outside/secret.wav",
        "secret%20link.wav",
        "secret link.wav",
        "deep",
        "",
        ".",
        "/",
        "null",
        "loop",
        "loop/x",
        "pipe.wav",
        "socket.wav",
        "large.wav",
        "nothing.wav",
        "a b.wav/x",
        "a b.wav\0",
        "file:a%00",
        "x" * 10_000,
        "file://example.com/{root}/a%20b.wav",
        "file://[/",
        "ftp:a%20b.wav",
        "~/a b.wav",
    ],
)
async def test_whatever_else_there_is_cannot_be_told_from_what_there_is_not(media, url):
    nothing = await refused(Reach(media).read_file("nothing.wav", LIMIT))
    with anyio.fail_after(5):  # a pipe without a writer does not block
        assert await refused(Reach(media).read_file(url.format(root=media), LIMIT)) == nothing


async def test_without_a_directory_no_file_can_be_had(media):
    assert await refused(Reach().read_file(str(media / "a b.wav"), LIMIT)) == str(NotToBeHad("", ""))


async def test_a_link_that_is_swapped_after_the_check_leads_nowhere(media, monkeypatch):
    """The path was resolved while it was a directory; then it becomes a link that leads out."""
    opened = os.open

    def swap(path, *more, **options):
        if path == "deep":
            (media / "deep").rename(media / "was deep")
            (media / "deep").symlink_to(media.parent)
        return opened(path, *more, **options)

    (media.parent / "er").mkdir()
    (media.parent / "er" / "c.wav").write_bytes(b"out")
    monkeypatch.setattr(os, "open", swap)
    assert "cannot be had" in await refused(Reach(media).read_file("deep/er/c.wav", LIMIT))


async def test_devices_take_no_memory(media):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for url in ("file:///dev/zero", "null"):
        await refused(Reach(media).read_file(url, LIMIT))
        await refused(Reach("/dev").read_file(url, LIMIT))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10 * 1024  # it took 2.3 GB in 4 s


async def test_pipes_keep_no_thread_busy(media):
    """A hundred plays of a pipe that nobody writes to, and a file is still had at once."""
    reach = Reach(media)
    with anyio.fail_after(10):
        for _ in range(100):
            await refused(reach.read_file("pipe.wav", LIMIT))
        assert await reach.read_file("a b.wav", LIMIT) == b"in"


async def test_the_log_says_why(media, caplog):
    caplog.set_level("INFO")
    await refused(Reach(media).read_file("pipe.wav", LIMIT))
    await refused(get("http://user:password@203.0.113.5/a?token=x", Reach(), LIMIT))
    assert "pipe.wav cannot be had: it is no regular file" in caplog.text
    assert "http://203.0.113.5/a?… cannot be had: its host is neither loopback" in caplog.text
    assert "password" not in caplog.text


# --- hosts


@asynccontextmanager
async def http_server(*answers, tls=None):
    """Answer each connection with the next of these; yields the port and the heads that came."""
    heads, left = [], list(answers)

    async def serve(stream):
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            heads.append(head)
            await stream.send(left.pop(0) if len(left) > 1 else left[0])

    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    listener = tcp if tls is None else anyio.streams.tls.TLSListener(tcp, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(listener.serve, serve))
        yield tcp.extra(anyio.abc.SocketAttribute.local_port), heads
        tasks.cancel_scope.cancel()


def ok(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def redirect(location, status=302):
    return f"HTTP/1.1 {status} Over there\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::ffff:127.0.0.1]"])
async def test_loopback_may_be_reached(host):
    async with http_server(ok(b"here")) as (port, heads):
        assert await get(f"http://{host}:{port}/a?b", Reach(), LIMIT) == b"here"
    assert heads[0].startswith(b"GET /a?b HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "host",
    [
        *("203.0.113.5", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::]", "[fe80::1]"),
        *("[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"),
        *("2130706433", "0x7f000001", "127.1", "017700000001"),
        *("example.com", "127.0.0.1.nip.io", "localhost.example.com", "metadata.google.internal"),
    ],
)
async def test_no_other_host_may_be_reached_and_none_is_looked_up(host, monkeypatch):
    def look_up(*_, **__):
        raise AssertionError("it was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    nothing = str(NotToBeHad("", ""))
    assert await refused(get(f"http://{host}/", Reach(), LIMIT)) == nothing
    assert await refused(post(f"http://{host}/", b"{}", Reach())) == nothing
    assert await refused(get(f"http://127.0.0.1@{host}/", Reach(), LIMIT)) == nothing


def looked_up(monkeypatch, *addresses):
    """Have each look-up find the next of these lists of addresses, the last one for ever."""
    asked = []
    left = list(addresses)

    def look_up(host, port, *_, **__):
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("anyrelay.local.reach.socket.getaddrinfo", look_up)
    return asked


@pytest.fixture
def dialled(monkeypatch):
    """The addresses that are connected to, all of them this machine."""
    addresses = []
    connect = http_requests.anyio.connect_tcp

    async def connect_tcp(address, port, **options):
        addresses.append(address)
        return await connect("127.0.0.1", port, **options)

    monkeypatch.setattr("anyrelay.local.http_requests.anyio.connect_tcp", connect_tcp)
    return addresses


async def test_a_host_that_was_named_may_be_reached(monkeypatch, dialled):
    async with http_server(ok(b"there")) as (port, heads):
        asked = looked_up(monkeypatch, ["203.0.113.5"], ["169.254.169.254"])
        reach = Reach(allowed_hosts=["Media.Example."])
        assert await get(f"http://media.example:{port}/", reach, LIMIT) == b"there"
    assert (asked, dialled) == (["media.example"], ["203.0.113.5"])  # looked up once: what was checked is connected to
    assert f"\r\nHost: media.example:{port}\r\n".encode() in heads[0]


@pytest.mark.parametrize("found", [["169.254.169.254"], ["0.0.0.0"], ["224.0.0.1"], ["255.255.255.255"], ["::"]])
async def test_a_name_that_leads_where_nobody_is_to_go(found, monkeypatch, dialled):
    looked_up(monkeypatch, found)
    await refused(get("http://media.example/", Reach(allowed_hosts=["media.example"]), LIMIT))
    assert dialled == []


async def test_localhost_that_leads_elsewhere(monkeypatch, dialled):
    looked_up(monkeypatch, ["10.0.0.1"])
    await refused(get("http://localhost/", Reach(), LIMIT))
    assert dialled == []


async def test_of_the_addresses_of_a_name_those_that_may_be_are_tried(monkeypatch, dialled):
    async with http_server(ok(b"there")) as (port, _):
        looked_up(monkeypatch, ["169.254.169.254", "203.0.113.5"])
        assert await get(f"http://media.example:{port}/", Reach(allowed_hosts=["media.example"]), LIMIT) == b"there"
    assert dialled == ["203.0.113.5"]


async def test_a_name_that_cannot_be_found(monkeypatch):
    def look_up(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("anyrelay.local.reach.socket.getaddrinfo", look_up)
    await refused(get("http://media.example/", Reach(allowed_hosts=["media.example"]), LIMIT))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_obey_too(status):
    async with (
        http_server(ok(b"here")) as (port, _),
        http_server(redirect(f"http://127.0.0.1:{port}/", status)) as (r, _),
    ):
        assert await get(f"http://127.0.0.1:{r}/", Reach(), LIMIT) == b"here"
    for location in (
        "http://169.254.169.254/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://[/",
    ):
        async with http_server(redirect(location, status)) as (port, _):
            await refused(get(f"http://127.0.0.1:{port}/", Reach(), LIMIT))


async def test_redirects_without_end():
    async with http_server(redirect("/again")) as (port, heads):
        await refused(get(f"http://127.0.0.1:{port}/", Reach(), LIMIT))
    assert len(heads) == 6


async def test_a_post_follows_no_redirect():
    async with http_server(redirect("http://10.0.0.1/")) as (port, heads):
        assert (await post(f"http://127.0.0.1:{port}/", b"{}", Reach())).status == 302
    assert len(heads) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ok(bytes(LIMIT + 1)),
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(LIMIT + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + bytes(2_000) + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_body_that_is_too_large(answer):
    async with http_server(answer) as (port, _):
        await refused(get(f"http://127.0.0.1:{port}/", Reach(), LIMIT))


@pytest.mark.parametrize("status", [204, 206])
async def test_what_counts_as_had(status):
    async with http_server(b"HTTP/1.1 %d OK\r\nContent-Length: 0\r\n\r\n" % status) as (port, _):
        assert await get(f"http://127.0.0.1:{port}/", Reach(), LIMIT) == b""
    for wrong in (304, 400, 404, 500):
        async with http_server(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % wrong) as (port, _):
            await refused(get(f"http://127.0.0.1:{port}/", Reach(), LIMIT))


async def test_over_tls_the_name_is_checked(monkeypatch):
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("media.example").configure_cert(server)

    def trusting():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(context)
        return context

    monkeypatch.setattr("anyrelay.local.http_requests.ssl.create_default_context", trusting)
    looked_up(monkeypatch, ["127.0.0.1"])
    async with http_server(ok(b"there"), tls=server) as (port, _):
        assert await get(f"https://media.example:{port}/", Reach(allowed_hosts=["media.example"]), LIMIT) == b"there"
        with pytest.raises(ssl.SSLCertVerificationError):
            await get(f"https://other.example:{port}/", Reach(allowed_hosts=["other.example"]), LIMIT)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with http_server(ok(b"here")) as (port, _):
        assert await get(f"http://127.0.0.1:{port}/", Reach(), LIMIT) == b"here"
