"""Debian's baresip as a phone that nobody here wrote: it says a WAV file, and its sndfile module records what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import numpy
from numpy.typing import NDArray

from tests.support.sipp import free_media_port, free_port

MODULES = Path("/usr/lib/baresip/modules")
_STARTS = 10

CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_source aufile,{directory}/says.wav
snd_path {directory}
audio_path /usr/share/baresip
rtp_ports {rtp}-{rtp_end}
module_path {module_path}
{modules}
module account.so
module g711.so
module aufile.so
module sndfile.so
module_app menu.so
module ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
ACCOUNT = "<sip:{user}@{domain}>;regint={interval};answermode=auto{more}\n"


def baresip_missing() -> str:
    """Say why Debian's baresip cannot be run; empty when it can."""
    if not shutil.which("baresip") or not (MODULES / "aufile.so").exists():
        return "Debian's baresip is not installed: apt-get install baresip-core"
    return ""


@attrs.define
class BaresipPhone:
    """A running baresip."""

    process: asyncio.subprocess.Process
    directory: Path
    uri: str
    """Its SIP URI."""
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def command(self, command: str, params: str = "") -> str:
        """Give it one of its commands, and return what it says."""
        asked = json.dumps({"command": command, "params": params, "token": "1"}).encode()
        self._writer.write(b"%d:%s," % (len(asked), asked))
        async with asyncio.timeout(5):
            while True:
                length = int((await self._reader.readuntil(b":"))[:-1])
                told = json.loads(await self._reader.readexactly(length))
                await self._reader.readexactly(1)
                if told.get("response"):
                    return str(told.get("data", ""))

    async def stop(self) -> None:
        """Quit; what it heard is then complete."""
        with contextlib.suppress(Exception):
            await self.command("quit")
        try:
            await asyncio.wait_for(self.process.wait(), 5)
        except TimeoutError:
            await self.kill()

    def close_control(self) -> None:
        """Close the connection on which it takes commands."""
        self._writer.close()

    async def kill(self) -> None:
        """End its process, if it runs still."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def heard(self) -> NDArray[numpy.int16]:
        """What it heard; after `stop`."""
        (dump,) = self.directory.glob("dump-*-dec.wav")
        with wave.open(str(dump)) as file:
            return numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)


@contextlib.asynccontextmanager
async def baresip_phone(
    says: NDArray[numpy.int16], *, user: str = "debian", more: str = "", modules: str = "", registers_at: str = ""
) -> AsyncIterator[BaresipPhone]:
    """Start a phone that says these samples, 8,000 a second, in each call, and answers every call.

    Args:
        says: The samples.
        user: The user part of its SIP URI.
        more: Further parameters of its account.
        registers_at: Where it registers, host:port; "" for nowhere.
        modules: Further lines of its configuration, before the accounts are read.
    """
    with tempfile.TemporaryDirectory(prefix="baresip-") as name:
        directory = Path(name)
        with wave.open(f"{name}/says.wav", "wb") as file:
            file.setparams((1, 2, 8_000, 0, "NONE", ""))
            file.writeframes(says.astype("<i2").tobytes())
        (directory / "contacts").write_text("")
        account = ACCOUNT.format(
            user=user, domain=registers_at or "127.0.0.1:{port}", interval=60 * bool(registers_at), more=more
        )
        phone = await _start(directory, user, account, modules)
        try:
            yield phone
            phone.close_control()
        finally:
            await phone.kill()


async def _start(directory: Path, user: str, account: str, modules: str) -> BaresipPhone:
    """Start a phone, on other ports as long as another process takes those that were free a moment ago.

    Raises:
        AssertionError: It did not start; the text has what it said.
    """
    for _ in range(_STARTS):
        port, control, rtp = free_port(), free_port(), free_media_port()
        filled = CONFIG.format(
            port=port,
            control=control,
            directory=directory,
            rtp=rtp,
            rtp_end=rtp + 3,
            module_path=MODULES,
            modules=modules,
        )
        (directory / "config").write_text(filled)
        (directory / "accounts").write_text(account.replace("{port}", str(port)))
        with (directory / "output.log").open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("baresip", "-f", str(directory)), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            streams = await _connected(control, process)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if streams is not None:
            return BaresipPhone(process, directory, f"sip:{user}@127.0.0.1:{port}", *streams)
        said = (directory / "output.log").read_text(errors="replace")
        assert "Address already in use" in said, said
    raise AssertionError(f"baresip did not start on any of {_STARTS} ports\n{said}")


async def _connected(
    port: int, process: asyncio.subprocess.Process
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Connect to the port where a phone takes commands; return None once its process has ended."""
    async with asyncio.timeout(10):
        while process.returncode is None:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)  # what another process does cannot be awaited
    return None
