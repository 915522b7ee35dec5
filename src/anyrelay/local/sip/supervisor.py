"""Keep the process of the SIP stack running: start the process, watch it, and start a new one on the same address."""

from __future__ import annotations

import itertools
import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from anyrelay.local.json_process import START_TIME, JsonProcess, Message, module_command
from anyrelay.local.logs import logger_of
from anyrelay.local.sip.stack import SipStackError

__all__ = ["SipSupervisor"]

logger = logger_of(__name__)

SILENCE: Final = 8.0
"""Seconds without a pulse after which the stack's process is killed; a process that works sends a pulse each second."""

SPARE_AFTER: Final = 1.0
"""Seconds until a spare process is started, which waits to replace the first: Python takes long to start."""

STOP_TIME: Final = 6.0
"""Seconds in which the stack's process must hang up and end."""

START_AGAIN: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each attempt to start the stack's process again; the last value is repeated."""


class SipSupervisor:
    """A process that listens, a spare process that waits to replace it, and a thread that watches both."""

    listen: str
    """The address at which calls are taken, host:port; with the real port once the process runs."""
    broken: str
    """The reason with which the process reported a broken stack; "" when there was no such report."""

    def __init__(
        self, listen: str, *, on_lines: Callable[[list[Message]], None], on_broke: Callable[[str], None]
    ) -> None:
        """Describe the process; nothing happens before `start`.

        Args:
            listen: The address for calls, host:port; port 0 picks a free port.
            on_lines: Called with the messages of the process, in order, in the thread that reads the process.
            on_broke: Called with the reason when the process has ended by itself, in the supervisor's thread, before the next
                process is started.
        """
        self.listen = listen
        self.broken = ""
        self.process: JsonProcess | None = None
        self._on_lines = on_lines
        self._on_broke = on_broke
        self._options: Sequence[str] = ()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a process listens."""
        return self.process is not None

    def start(self, options: Sequence[str]) -> Future[None]:
        """Start the process with these options of `anyrelay.local.sip.child`.

        Returns:
            A future that is done when the process listens; its error is a SipStackError.
        """
        self._options = options
        self._stopping.clear()
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._supervise, args=(started,), daemon=True)
        self._thread.start()
        return started

    def stop(self) -> None:
        """Let the process hang up, and wait for its end; a process that takes too long is killed."""
        self._stopping.set()
        self.tell({"order": "stop"})
        if self._thread is not None:
            self._thread.join(STOP_TIME)
            process = self.process
            if self._thread.is_alive() and process is not None:
                process.signal(signal.SIGKILL)
            self._thread.join()
            self._thread = None

    def tell(self, order: Message) -> None:
        """Send the process an order; the order is dropped while no process listens."""
        process = self.process
        if process is not None:
            process.tell(order)

    def _supervise(self, started: Future[None]) -> None:
        """Start the process, and start a new process after each end, until `stop`. IN A THREAD OF ITS OWN."""
        try:
            run: _Run | None = self._start_process()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(None)
        while run is not None:
            spare = None
            if not run.ended.wait(SPARE_AFTER):
                spare = self._spare_run()
                run.ended.wait()
            self.process = None
            if not self._stopping.is_set():
                reason = self.broken or f"its process ended with {run.end}"
                logger.error("the SIP stack broke: %s; its calls end, and it is started again", reason)
                self._on_broke(f"the SIP stack broke: {reason}")
            run.clear_up()
            run = self._start_again(spare)

    def _start_again(self, spare: _Run | None) -> _Run | None:
        """Try to start the stack until it runs, or until `stop`; the first attempt uses the spare process."""
        for attempt in itertools.count():
            if self._stopping.wait(START_AGAIN[min(attempt, len(START_AGAIN) - 1)]):
                break
            try:
                run, spare = self._start_process(spare), None
            except (SipStackError, OSError) as error:
                spare = None
                logger.error("the SIP stack cannot be started again: %s", error)  # noqa: TRY400 - the message needs no traceback
            else:
                logger.warning("the SIP stack runs again and takes calls on %s", self.listen)
                return run
        if spare is not None:
            spare.clear_up()
        return None

    def _spare_run(self) -> _Run | None:
        try:
            return self._new_run()
        except OSError as error:
            logger.warning("no second process of the SIP stack can be started: %s", error)
            return None

    def _new_run(self) -> _Run:
        """Start a process, which waits for the order to listen."""
        run = _Run()

        def took(messages: list[Message]) -> None:
            run.took(messages)
            self._on_lines(messages)

        command = module_command("anyrelay.local.sip.child", f"--directory={run.directory.name}", *self._options)
        run.process = JsonProcess(command, on_lines=took, on_end=run.over, silence=SILENCE)
        return run

    def _start_process(self, spare: _Run | None = None) -> _Run:
        """Let a process listen: the spare process, or a new process.

        Raises:
            SipStackError: The stack did not start.
        """
        self.broken = ""
        run = self._new_run() if spare is None else spare
        run.process.tell({"order": "start", "listen": self.listen})
        try:
            self.listen = run.listening()
        except SipStackError:
            run.clear_up()
            raise
        self.process = run.process
        if self._stopping.is_set():
            run.process.tell({"order": "stop"})
        return run


class _Run:
    """A process of the stack, with its directory, from its start to its end."""

    process: JsonProcess

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="anyrelay-sip-")
        self.ended = threading.Event()
        self.end = ""
        self._started: queue.SimpleQueue[Message] = queue.SimpleQueue()

    def listening(self) -> str:
        """Wait until the stack listens, and return the address.

        Raises:
            SipStackError: The stack did not start.
        """
        try:
            first = self._started.get(timeout=START_TIME)
        except queue.Empty:
            raise SipStackError(f"the SIP stack was not ready within {START_TIME:g} s") from None
        if first["event"] != "ready":
            raise SipStackError(first["message"])
        return str(first["listen"])

    def clear_up(self) -> None:
        """End the process if it still runs, and remove its directory."""
        self.process.stop()
        self.directory.cleanup()

    def took(self, messages: list[Message]) -> None:
        """Take in the messages of the process that tell of its start."""
        for message in messages:
            if message.get("event") in ("ready", "failed"):
                self._started.put(message)

    def over(self, status: int, final_bytes: str) -> None:
        """Take in that the process has ended."""
        how = f"signal {-status}" if status < 0 else f"status {status}"
        self.end = f"{how} ({final_bytes})" if final_bytes else how
        self._started.put({"event": "failed", "message": f"the SIP stack could not start: {self.end}"})
        self.ended.set()
