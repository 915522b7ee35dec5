"""The URLs of recordings, fetched over HTTP from a running server."""

from pathlib import Path

import anyio
import pytest

from anyrelay.local import LocalRelay, SimulatedPhones
from anyrelay.local.exchange.recordings import Recording
from anyrelay.local.server import recordings

pytestmark = pytest.mark.anyio


async def fetch(relay, target, *, method="GET", host=None, **headers):
    """Send one request; return the status, the head and the body."""
    address = relay.exchange.recordings_url.removeprefix("http://").partition("/")[0]
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or address}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return await exchange_bytes(address, "\r\n".join([*lines, "", ""]).encode())


async def exchange_bytes(address, data):
    host, _, port = address.rpartition(":")
    answer = b""
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send(data)
        with anyio.fail_after(5):
            try:
                while True:
                    answer += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), head.decode().lower(), body


async def test_recordings_are_fetched(tmp_path: Path):
    file = tmp_path / "b.wav"
    file.write_bytes(b"RIFF2")
    async with LocalRelay(SimulatedPhones()) as relay:
        assert relay.exchange.recordings_url.startswith("http://127.0.0.1:")
        relay.exchange.keep_recording(Recording("a.wav", 4, content=b"RIFF"))
        relay.exchange.keep_recording(Recording("b.wav", 5, path=str(file)))
        status, head, body = await fetch(relay, "/recordings/a.wav?x=1")
        assert (status, body) == (200, b"RIFF")
        assert "content-type: audio/wav" in head
        assert (await fetch(relay, "/recordings/b.wav"))[2] == b"RIFF2"
        status, head, body = await fetch(relay, "/recordings/a.wav", method="HEAD")
        assert (status, body) == (200, b"")
        assert "content-length: 4" in head


async def test_what_is_not_handed_out(tmp_path: Path, caplog):
    async with LocalRelay(SimulatedPhones()) as relay:
        relay.exchange.keep_recording(Recording("a.wav", 4, content=b"RIFF"))
        relay.exchange.keep_recording(Recording("gone.wav", 4, path=str(tmp_path / "gone.wav")))
        for target in ("/", "/a.wav", "/recordings/", "/recordings/b.wav", "/recordings/../a.wav", "/etc/passwd"):
            assert (await fetch(relay, target))[0] == 404
        assert (await fetch(relay, "/recordings/gone.wav"))[0] == 410
        assert "gone.wav cannot be read: No such file or directory" in caplog.text
        assert (await fetch(relay, "/recordings/a.wav", method="DELETE"))[0] == 405
        assert (await fetch(relay, "/recordings/a.wav", host="evil.example.com"))[0] == 421
        assert (await fetch(relay, "/recordings/a.wav", Origin="https://evil.example.com"))[0] == 403
        assert (await fetch(relay, "/recordings/a.wav"))[0] == 200


async def test_clients_that_do_not_speak_http(monkeypatch):
    monkeypatch.setattr(recordings, "REQUEST_TIME", 0.2)
    async with LocalRelay(SimulatedPhones()) as relay:
        address = relay.exchange.recordings_url.removeprefix("http://").partition("/")[0]
        assert await exchange_bytes(address, b"hello\r\n\r\n") == (0, "", b"")
        assert await exchange_bytes(address, b"GET / HTTP/1.1\r\n") == (0, "", b"")
        assert await exchange_bytes(address, b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000) == (0, "", b"")
        assert (await fetch(relay, "/recordings/a.wav"))[0] == 404


async def test_the_file_of_a_forgotten_recording_is_deleted(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("anyrelay.local.exchange.recordings.RECORDINGS_LIMIT", 1)
    files = [tmp_path / name for name in ("a.wav", "b.wav", "c.wav")]
    async with LocalRelay(SimulatedPhones()) as relay:
        for file in files:
            file.write_bytes(b"RIFF")
            relay.exchange.keep_recording(Recording(file.name, 4, path=str(file)))
        relay.follow_outputs()
        assert [file.exists() for file in files] == [False, False, True]
