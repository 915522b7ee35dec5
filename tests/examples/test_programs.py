"""The example programs do what their first line says, run by the line in their docstring."""

from __future__ import annotations

import csv
import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest

from anyrelay.local import RelayCaller
from anyrelay.testing.watched_relay import WatchedRelay
from tests.examples.programs import act, called, heard, line_of, running, with_relay

ALICE = "sip:alice@example.com"
AGENT = "sip:agent@example.com"


def test_voicemail() -> None:
    async def main(relay: WatchedRelay) -> None:
        async with running(relay, line_of("voicemail.py")) as program:
            caller = await relay.phones.dial(ALICE, context="voicemail", wait_for_subscriber=20)
            await caller.until(lambda: bool(relay.sent("calling.record")), 20)
            caller.say("This is Alice. Please call me back.", after=1)
            caller.press("#", after=1)
            await program.prints(rf"{ALICE} left \d s: http://\S+\.wav\n")
            assert await caller.ended(20) == "hangup"
            assert heard(caller)[-1] == "Thank you."
            silent = await relay.phones.dial("sip:bob@example.com", context="voicemail")
            await program.prints("sip:bob@example.com left no message\n")
            await silent.ended(20)

    with_relay(main)


@pytest.mark.parametrize(
    ("press", "said"),
    [("1", "connected"), ("2", "no agent for sip:alice@example.com: declined")],
)
def test_attended_handover(press: str, said: str) -> None:
    async def main(relay: WatchedRelay) -> None:
        relay.phones.add(AGENT)
        async with running(relay, line_of("attended_handover.py")) as program:
            caller = await relay.phones.dial(ALICE, context="handover", wait_for_subscriber=20)
            agent = await called(relay, AGENT, hears=f"{ALICE} calls. Press 1 to talk.")
            assert caller.on_hold
            act(relay, partial(agent.press, press))
            await program.prints(said)
            if press == "1":
                act(relay, partial(agent.say, "Hello Alice"))
                await caller.until(lambda: caller.words == ["Hello Alice"], 20)
                act(relay, agent.hang_up)
            assert await caller.ended(20) == "hangup"
            await relay.until(lambda: agent.state == "ended", 20)
            assert not caller.on_hold
            assert ("Nobody is free. Please call again later." in heard(caller)) is (press == "2")

    with_relay(main)


def test_text_messages() -> None:
    async def main(relay: WatchedRelay) -> None:
        person, own = "+15551230001", "+15551230000"
        relay.phones.add(f"tel:{person}")

        async def writes(body: str, answer: str) -> None:
            await relay.text(to=own, from_number=person, body=body, wait_for_subscriber=20)
            await program.prints(re.escape(f"{person}: {answer} (delivered)\n").replace(r"\n", "\n"))

        async with running(relay, line_of("text_messages.py")) as program:
            await writes("hours", "We are open from 9 to 17 o'clock.")
            await writes("Call", "Thank you for the conversation.")
            await relay.text(to=own, from_number=person, body="STOP")
            await relay.text(to=own, from_number=person, body="hours")
            await writes("start", "Welcome back. Reply HOURS, CALL or STOP.")
            await writes("Hello?", "Reply HOURS, CALL or STOP.")
            assert len(relay.phones.texts) == 4

    with_relay(main)


def test_the_dialler(tmp_path: Path) -> None:
    async def main(relay: WatchedRelay) -> None:
        yes, no, nobody = "+15551230001", "+15551230002", "+15551230003"
        for number in (yes, no):
            relay.phones.add(f"tel:{number}")
        relay.phones.add(f"tel:{nobody}", answers="busy")
        people = tmp_path / "appointments.csv"
        people.write_text("".join(f"{number},Tuesday at 9\n" for number in (yes, no, nobody)))
        line = line_of("nightly_dialler.py").replace("appointments.csv > answers.csv", str(people))
        async with running(relay, line, stop=None) as program:
            question = "Your appointment is on Tuesday at 9. Press 1 to confirm, 2 to cancel."
            for number, key in ((yes, "1"), (no, "2")):
                person = await called(relay, f"tel:{number}", hears=question)
                act(relay, partial(person.press, key))
            rows = list(csv.reader((await program.ends()).splitlines()))
            assert rows[:2] == [[yes, "confirmed"], [no, "cancelled"]]
            assert rows[2][0] == nobody
            assert rows[2][1].startswith("not reached: ")

    with_relay(main)


def test_callbacks_on_trio() -> None:
    async def main(relay: WatchedRelay) -> None:
        relay.phones.add(ALICE)
        async with running(relay, line_of("callbacks_trio.py")) as program:
            for uri in ("sip:bob@example.com", ALICE):
                caller = await relay.phones.dial(uri, context="callback", wait_for_subscriber=20)
                assert await caller.ended(20) == "hangup"
            await program.prints("sip:bob@example.com does not answer: ")
            await program.prints(f"{ALICE} was called back\n")

    with_relay(main)


def test_workers_are_replaced_without_a_gap() -> None:
    async def main(relay: WatchedRelay) -> None:
        async def call() -> int:
            caller = await relay.phones.dial(ALICE, context="workers", wait_for_subscriber=20)
            served = await program.prints(rf"worker (\d+) serves {ALICE}\n")
            calls.append(caller)
            return int(served[1])

        async def two_others(workers: set[int]) -> set[int]:
            found: set[int] = set()
            while len(found) < 2:
                found |= {await call()} - workers
            return found

        calls: list[RelayCaller] = []
        async with running(relay, line_of("workers.py").replace(" 4", " 2")) as program:
            before = await two_others(set())
            program.process.send_signal(signal.SIGHUP)  # while calls are up
            after = await two_others(before)
            for caller in calls:
                await caller.ended(20)
            dead = min(after)
            os.kill(dead, signal.SIGKILL)
            await program.prints(rf"worker {dead} has ended: -9\n")
            assert await call() != dead
            assert {await caller.ended(20) for caller in calls} == {"hangup"}

    with_relay(main, pace=3)  # so that calls are up while the workers change
