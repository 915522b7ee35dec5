"""``anyrelay demo``: transfer a call between phones on this machine, and show every message."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from rich.console import Console

from anyrelay.cli.application import Application
from anyrelay.cli.ending import DONE, FAILED, WRONG_USE, complain
from anyrelay.cli.ladder import CALLER, SERVER, TARGET, Ladder
from anyrelay.cli.outcomes import EXPECTED, SIP_TARGETS, is_expected, sentence
from anyrelay.local.json_process import ChildError, JsonProcess, module_command, stopping
from anyrelay.local.process.options import need_sip
from anyrelay.protocol.call.refer_outcome import ReferStatus

__all__ = ["run_demo"]

WAITS: Final = {"silent": 5.0}
"""The longest wait for the outcome in seconds, for targets that differ from `USUAL_WAIT`."""

USUAL_WAIT: Final = 15.0
SIMULATED_WAIT: Final = 1.0


class NoOutcome(RuntimeError):
    """The application's call was over before its transfer was settled."""


class Demo:
    """A run of the demo."""

    def __init__(self, phones: str, front: str, target: str, ladder: Ladder) -> None:
        self._phones = phones
        self._front = front
        self._target = target
        self._ladder = ladder
        self._children: list[JsonProcess] = []
        self._ports: dict[str, int] = {}
        self._subscribed = threading.Event()
        self._caller_gone = threading.Event()

    def run(self) -> int:
        """Run the demo to its end; return the exit status."""
        with self._ladder:
            with stopping(self._children):
                application = self._run_application()
            return self._conclude(application)

    def _run_application(self) -> Application:
        """Start server and phones, and run the application until its transfer is settled."""
        listening = ["--listen", "127.0.0.1:0", *(["--sip", "127.0.0.1:0"] if self._phones == "sip" else [])]
        options = ["--json", "--frames", "--control", "--phones", self._phones, *listening]
        server = self._start(self._on_server_line, "anyrelay.local", *options)
        ready = server.ready()
        target_uri = self._make_target(server)
        self._ladder.head()
        wait = SIMULATED_WAIT if self._phones == "simulated" else WAITS.get(self._target, USUAL_WAIT)
        tell = partial(self._ladder.say, style="bold")
        application = Application(self._front, host=ready["relay"], target=target_uri, wait=wait, tell=tell)
        # The phone calls once the application has signed in; both happen beside the application's own run.
        threading.Thread(target=self._call, args=(server, ready), daemon=True).start()
        application.run()
        self._caller_gone.wait(1.0)
        return application

    def _start(self, on_line: Callable[[dict[str, Any]], None], module: str, *arguments: str) -> JsonProcess:
        def hand_on(lines: list[dict[str, Any]]) -> None:
            for line in lines:
                on_line(line)

        child = JsonProcess(module_command(module, *arguments), on_lines=hand_on)
        self._children.append(child)
        return child

    def _make_target(self, server: JsonProcess) -> str:
        """Start the target; return its URI."""
        if self._phones == "simulated":
            uri = "sip:support@example.com"
            server.tell({"id": 1, "do": "add", "uri": uri, "answers": self._target})
            return uri
        options = ["--user", "support", "--answers", self._target, "--ring-time", "2"]
        phone = self._start(self._on_target_line, "anyrelay.local.sip.phone", *options)
        uri = str(phone.ready()["sip"])
        self._ports[_address(uri)] = TARGET
        return uri

    def _call(self, server: JsonProcess, ready: dict[str, Any]) -> None:
        """Let the caller call, once the application has subscribed."""
        self._subscribed.wait()  # without a limit: on a busy machine, an interpreter may need many seconds to start
        if self._phones == "simulated":
            server.tell({"id": 2, "do": "dial", "uri": "sip:alice@example.com", "context": "default"})
            return
        sip = str(ready["sip"])
        self._ports[_address(sip)] = SERVER
        options = ["--user", "alice", "--dial", f"sip:default@{_address(sip)}"]
        self._start(self._on_caller_line, "anyrelay.local.sip.phone", *options)

    def _on_server_line(self, line: dict[str, Any]) -> None:
        match line.get("event"):
            case "relay":
                message = json.loads(line["text"])
                self._ladder.relay(line["time"], message, from_client=line["direction"] == "rx")
                if "protocol" in message.get("result", {}):
                    self._subscribed.set()
            case "sip":
                self._draw_sip(line)
            case "phone":
                self._ladder.phone(line["time"], f"{line['uri']} {line['words']}")

    def _on_target_line(self, line: dict[str, Any]) -> None:
        # Messages between the phones are drawn from this side alone: one clock orders them.
        if line.get("event") == "sip":
            self._draw_sip(line)

    def _on_caller_line(self, line: dict[str, Any]) -> None:
        if line.get("event") == "call" and line.get("state") == "ended":
            self._caller_gone.set()

    def _draw_sip(self, line: dict[str, Any]) -> None:
        self._ladder.sip(line["time"], self._lane(line["source"]), self._lane(line["target"]), line["message"])

    def _lane(self, address: str) -> int:
        return self._ports.get(address, CALLER)

    def _conclude(self, application: Application) -> int:
        outcome = application.outcome
        if outcome is None:
            raise NoOutcome("the call ended before its transfer was settled: there is no outcome")
        fine = is_expected(self._target, outcome)
        self._ladder.say("")
        self._ladder.say(sentence(outcome), style="bold green" if fine else "bold red")
        codes = f"REFER {outcome.refer_response_code or '-'}, NOTIFY {outcome.notify_response_code or '-'}"
        self._ladder.say(f"{outcome.status.name} ({codes}) after {outcome.elapsed:.2f} s, on {self._front}.")
        if not fine:
            why = " because TIMED_OUT" if EXPECTED[self._target] is ReferStatus.UNKNOWN else ""
            self._ladder.say(f"Expected {EXPECTED[self._target].name}{why}.", style="bold red")
        return DONE if fine else FAILED


def _address(uri: str) -> str:
    """Return host:port of a SIP URI."""
    return re.sub(r"^sips?:([^@]*@)?", "", uri).partition(";")[0]


def run_demo(phones: str, front: str, target: str) -> int:
    """Run the demo.

    Args:
        phones: ``sip`` or ``simulated``.
        front: ``asyncio``, ``trio`` or ``sync``.
        target: The reaction of the transfer's target, a word of `EXPECTED`.

    Returns:
        The exit status: 0 when the target gave its outcome, 1 when not, 2 when the demo cannot run with these options.
    """
    try:
        _check(phones, front, target)
    except ValueError as error:
        complain(error)
        return WRONG_USE
    try:
        return Demo(phones, front, target, Ladder(Console(markup=False))).run()
    except (ChildError, NoOutcome) as error:
        complain(error)
        return FAILED


def _check(phones: str, front: str, target: str) -> None:
    """Check that the demo can run with these options.

    Raises:
        ValueError: The demo cannot run; the message names options that work.
    """
    if phones == "sip" and target not in SIP_TARGETS:
        raise ValueError(
            f"the demo's SIP phones cannot play --target {target}: they can {', '.join(SIP_TARGETS)}. Simulated phones can:"
            f" anyrelay demo --phones simulated --target {target}"
        )
    if phones == "sip":
        need_sip()
    if front == "trio" and importlib.util.find_spec("trio") is None:
        raise ValueError("--front trio needs trio, which is not installed: pip install 'anyrelay[trio]'")
