"""What is logged, by which logger, and what every record carries; on asyncio, trio and threads alike."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

import anyrelay.local
from anyrelay import PlayEvent
from anyrelay.frontend import log
from anyrelay.protocol.session.outputs import Layer, LogEntry
from tests.support.frontend_world import World
from tests.support.scripted_relay import play_event


async def test_each_layer_has_a_logger_and_each_record_a_call_id(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "anyrelay")
    # The handler is that of every test, and the records of others have no call_id.
    layout = logging.Formatter("%(name)s %(levelname)s <%(call_id)s> %(message)s")
    monkeypatch.setattr(caplog.handler, "formatter", layout)
    async with world.client(max_active_calls=1) as client:
        call = await world.taken_call(client)
        told = world.flag()

        def handler(event: PlayEvent) -> None:
            told.set()
            raise LookupError("a bug")

        call.on(PlayEvent, handler)
        world.relay.event(play_event("playing"))
        await told.wait()
        world.relay.offer("call-2")
        await world.seen("calling.pass")
        world.relay.drop()
        await world.seen("signalwire.connect", 2)
        await world.until(lambda: "resumed" in caplog.text)
    lines = [line.partition(":")[0] for line in caplog.text.splitlines() if line.startswith("anyrelay.")]
    assert sorted(set(lines)) == [
        "anyrelay.call WARNING <call-2> [call-2] an offered call is passed back",
        "anyrelay.connection INFO <> signed in",
        "anyrelay.connection INFO <> signed in, session resumed",
        "anyrelay.connection WARNING <> not connected",
        "anyrelay.handler ERROR <call-1> [call-1] a handler raised",
    ]


@pytest.mark.parametrize("layer", Layer)
def test_a_layer_can_be_switched_off_alone(layer: Layer, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(f"anyrelay.{layer}")
    logger.setLevel(logging.CRITICAL)
    try:
        for each in Layer:
            log.write(LogEntry(LogEntry.ERROR, "words", layer=each))
    finally:
        logger.setLevel(logging.NOTSET)
    assert [record.name for record in caplog.records] == [f"anyrelay.{each}" for each in Layer if each is not layer]


def test_what_is_not_wanted_is_not_put_into_words() -> None:
    class Unread:
        def __format__(self, spec: str) -> str:
            raise AssertionError("its text was made")

    text: Any = Unread()
    logger = logging.getLogger("anyrelay.connection")
    logger.setLevel(logging.ERROR)
    try:
        log.write(LogEntry(LogEntry.WARNING, text, "call-1"))
    finally:
        logger.setLevel(logging.NOTSET)


PACKAGE = Path(anyrelay.local.__file__).parent
LOCAL = [
    ".".join(["anyrelay.local", *path.relative_to(PACKAGE).with_suffix("").parts])
    for path in sorted(PACKAGE.rglob("*.py"))
    if re.search(r"^logger = ", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("module", LOCAL)
def test_the_local_servers_records_have_a_call_id_too(module: str, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip(module, reason="needs the extra sip", exc_type=ImportError)
    logger = logging.getLogger(module)
    logger.error("no call")
    logger.error("a call", extra={"call_id": "call-1"})
    assert [record.call_id for record in caplog.records] == ["", "call-1"]  # type: ignore[attr-defined]
