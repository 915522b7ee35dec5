"""The demo's application: the example of the ``call.refer()`` page on one front end, and the outcome of its transfer."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import anyio

from anyrelay.cli.page import async_page, blocking_page
from anyrelay.errors import ClientClosed
from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus

if TYPE_CHECKING:
    from anyrelay.aio.call import Call
    from anyrelay.sync.call import Call as BlockingCall

__all__ = ["Application"]

DISCONNECT_TIMEOUT: Final = 2.0
"""The longest wait for the end of the call, in seconds: the ladder shows the end."""


class Application:
    """Runs the page's handler for one call, then waits for the outcome of the transfer."""

    def __init__(self, front: str, *, host: str, target: str, wait: float, tell: Callable[[str], None]) -> None:
        """Describe an application; `run` starts it.

        Args:
            front: ``asyncio``, ``trio`` or ``sync``.
            host: The local RELAY server's URL.
            target: The SIP URI to refer to.
            wait: The longest wait for the outcome, in seconds.
            tell: A function that prints a remark.
        """
        self.outcome: ReferOutcome | None = None
        self._front = front
        self._target = target
        self._wait = wait
        self._tell = tell
        credentials = {"project": "your-project-id", "token": "your-api-token"}
        self._settings: dict[str, Any] = {**credentials, "host": host, "contexts": ["default"], "drain_timeout": 0.5}

    def run(self) -> None:
        """Run until the first call's transfer is settled or the wait is over; blocks.

        The client's own `run` drains at Ctrl-C and returns as usual. Here, Ctrl-C raises KeyboardInterrupt at any time: the
        demo reports that it was stopped.
        """
        if self._front == "sync":
            self._run_blocking()
        else:
            self._run_async()

    def _run_async(self) -> None:
        from anyrelay import RelayClient

        client = RelayClient(**self._settings)
        page = async_page(self._target, self._tell)

        @client.on_call
        async def handle(call: Call) -> None:
            try:
                await page(call)
                self.outcome = await call.refers[-1].wait(self._wait)
                if self.outcome.status is ReferStatus.UNKNOWN:
                    return  # caller and target may be talking
                if not self.outcome.succeeded:
                    await call.hangup()
                with contextlib.suppress(TimeoutError):
                    await call.wait_for_ended(DISCONNECT_TIMEOUT)
            finally:
                await client.disconnect()

        anyio.run(client.serve_forever, backend=self._front)

    def _run_blocking(self) -> None:
        from anyrelay.sync import RelayClient

        client = RelayClient(**self._settings)
        page = blocking_page(self._target, self._tell)

        @client.on_call
        def handle(call: BlockingCall) -> None:
            try:
                page(call)
                self.outcome = call.refers[-1].wait(self._wait)
                if self.outcome.status is ReferStatus.UNKNOWN:
                    return  # caller and target may be talking
                if not self.outcome.succeeded:
                    call.hangup()
                with contextlib.suppress(TimeoutError):
                    call.wait_for_ended(DISCONNECT_TIMEOUT)
            except ClientClosed:  # the demo was stopped: there is nothing to log
                pass
            finally:
                client.disconnect()

        try:
            client.serve_forever()
        finally:
            client.disconnect()
