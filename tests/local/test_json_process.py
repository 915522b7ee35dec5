"""Child processes that speak JSON lines: they are told things, fall silent, do not read, and end."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import Any

import pytest

from anyrelay.local import json_process
from anyrelay.local.json_process import ChildError, JsonProcess, LineWriter, module_command, stopping

ECHO = """
import sys
print('{"event": "ready"}', flush=True)
for line in sys.stdin:
    print("not JSON", flush=True)
    print("[1]", flush=True)
    print(line, end="", flush=True)
sys.stderr.write("that was all\\n")
sys.exit(3)
"""


class Child:
    """A child process, and what came of it."""

    def __init__(self, program: str, **options: Any) -> None:
        self.came: queue.Queue[dict[str, Any]] = queue.Queue()
        self.end: queue.Queue[tuple[int, str]] = queue.Queue()
        self.process = JsonProcess(
            [sys.executable, "-c", program],
            on_lines=lambda lines: [self.came.put(line) for line in lines] and None,
            on_end=lambda status, words: self.end.put((status, words)),
            **options,
        )


def test_messages_go_both_ways_and_what_is_none_is_passed_over() -> None:
    child = Child(ECHO)
    assert child.process.ready() == {"event": "ready"}
    assert child.came.get(timeout=10) == {"event": "ready"}
    for number in range(3):
        child.process.tell({"number": number, "text": "zażółć\u2028"})
    for number in range(3):
        assert child.came.get(timeout=10) == {"number": number, "text": "zażółć\u2028"}
    assert child.process.status is None
    child.process.stop()
    assert child.end.get(timeout=10) == (3, "that was all")
    assert child.process.status == 3
    child.process.tell({"late": True})


def test_a_child_that_cannot_start() -> None:
    child = Child("import sys; sys.exit('no such phone')")
    with pytest.raises(ChildError, match="could not start: no such phone"):
        child.process.ready()
    child.process.stop()


def test_a_child_that_is_not_ready_in_time() -> None:
    child = Child("import sys; sys.stdin.read()")
    with pytest.raises(ChildError, match=r"was not ready within 0\.05 s"):
        child.process.ready(timeout=0.05)
    child.process.stop()


def test_a_child_that_does_not_read_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_process, "BACKLOG_LIMIT", 1_000_000)
    child = Child("import time; time.sleep(60)")
    for _ in range(30):
        child.process.tell({"much": "x" * 100_000})
    status, words = child.end.get(timeout=10)
    assert status == -signal.SIGKILL
    assert "it does not read what it is told" in words
    child.process.stop()


def test_a_child_that_does_not_read_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_process, "STOP_TIME", 0.05)
    child = Child("import time; time.sleep(60)")
    child.process.tell({"much": "x" * 1_000_000})
    child.process.stop()
    assert child.end.get(timeout=10)[0] == -signal.SIGKILL


def test_a_child_that_falls_silent_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_process, "LOOK_TIME", 0.02)
    child = Child("import time; print('{}', flush=True); time.sleep(60)", silence=0.5)
    status, words = child.end.get(timeout=30)
    assert status == -signal.SIGKILL
    assert "silent" in words
    child.process.stop()


def test_a_child_that_closes_its_output_and_lives_on_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_process, "STOP_TIME", 0.05)
    child = Child("import os, time; os.close(1); time.sleep(60)")
    assert child.end.get(timeout=10)[0] == -signal.SIGKILL
    child.process.stop()


def test_a_writer_whose_reader_is_gone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    broken: queue.Queue[str] = queue.Queue()
    writer = LineWriter(writing, on_broken=broken.put)
    writer.put({"lost": 1})
    assert broken.get(timeout=10) == "Broken pipe"
    writer.put({"lost": 2})
    assert writer.close(10)
    os.close(writing)
    assert broken.empty()


def test_processes_are_stopped_the_youngest_first() -> None:
    ended: list[int] = []
    lock = threading.Lock()
    processes = []

    def over(number: int) -> Any:
        def note(status: int, words: str) -> None:
            with lock:
                ended.append(number)

        return note

    with stopping(processes):
        for number in range(3):
            command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
            processes.append(JsonProcess(command, on_lines=lambda _: None, on_end=over(number)))
    assert ended == [2, 1, 0]


def test_the_command_of_a_module() -> None:
    assert module_command("a.b", "--c") == [sys.executable, "-m", "a.b", "--c"]
