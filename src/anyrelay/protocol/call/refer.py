"""Transfer a SIP call by SIP REFER (``calling.refer``)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from anyrelay.errors import ReferInProgress
from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc, command_doc_without
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.call.refers import Refers
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import USUAL, CommandOptions, Reply
from anyrelay.protocol.schema import ReferDeviceLike, read_refer_device
from anyrelay.protocol.schema.fields import check_handler, check_timeout

__all__ = ["ReferMethods"]


class ReferMethods(CallMethods):
    """Transfer a SIP call by SIP REFER."""

    _refers: Refers | None

    @property
    @abstractmethod
    def refers(self) -> Refers:
        """The SIP REFERs of the call: every transfer."""

    @command_doc
    def refer(
        self, now: float, /, device: ReferDeviceLike, *, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Transfer the call by SIP REFER, without waiting for the outcome (``calling.refer``).

        The reply only says that the server accepted the command. `refer_and_wait` returns the outcome. `refers` keeps every
        transfer of this call, the latest at its end.

        Args:
            device: The target: a SIP URI, a dict ``{"type": "sip", "params": {"uri": …}}``, or a `SipReferDevice`.

        Returns:
            The server's reply, such as ``{"code": "200", "message": "Starting SIP REFER"}``; ``{}`` when an event
            brought the outcome and no such reply came.

        Raises:
            ValueError: `device` is no valid target.
            RelayError: The server answered with an error. Unless its code says that nothing will happen (-32600, -32601,
                -32602, -32700, and 400 to 499 but 408, 425 and 429), the transfer may still happen: `refers` keeps it.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; the command is never sent again.
        """
        _, reply = self._refer(now, device, status_url, extra)
        return reply

    @command_doc
    def start_refer(
        self,
        now: float,
        /,
        device: ReferDeviceLike,
        *,
        status_url: str | None = None,
        on_completed: Callable[[ReferOutcome], Any] | None = None,
        **extra: Any,
    ) -> Promise[ReferMachine]:
        """Start a transfer by SIP REFER; return once the server accepted the command (``calling.refer``).

        Args:
            device: The target, as for `refer`.
            on_completed: Called with the `ReferOutcome`, once.

        Returns:
            The transfer, which has started: `wait` for its outcome. When an event brings the outcome before the reply, the
            transfer is returned whatever the reply is.

        Raises:
            ValueError: `device` is no valid target.
            ReferInProgress: Another transfer of this call has a waiter; nothing was sent.
            RelayError: The server answered with an error. As for `refer`, the transfer may still happen after some codes;
                `on_completed` is then called too.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; the command is never sent again.
        """
        _, started = self._refer(
            now, device, status_url, extra, alone=True, on_completed=on_completed, returns_transfer=True
        )
        return started

    @command_doc_without("ConnectionLost")
    def refer_and_wait(
        self,
        now: float,
        /,
        device: ReferDeviceLike,
        *,
        status_url: str | None = None,
        timeout: float | None = 60.0,
        **extra: Any,
    ) -> Promise[ReferOutcome]:
        """Transfer the call by SIP REFER, and wait for the outcome (``calling.refer``).

        Once the command has been sent, the method returns an outcome: a timeout, a slow reply or a lost connection is an
        outcome UNKNOWN with its reason, and no exception.

        Args:
            device: The target, as for `refer`.
            timeout: The longest wait for the outcome, in seconds from now; None waits without limit. After this time the
                outcome is UNKNOWN because TIMED_OUT, and the transfer itself goes on.

        Returns:
            The outcome of the transfer.

        Raises:
            ValueError: `device` is no valid target, or `timeout` is negative.
            ReferInProgress: Another transfer of this call has a waiter; nothing was sent.
            RelayError: The server refused the command, with a code that says that nothing will happen (as for `refer`). After
                any other error reply the method waits on.
            RequestTimeout: There was no connection for `request_timeout` (or `timeout`) seconds; the command was not sent.
        """
        check_timeout(timeout)
        request_timeout = self.host.settings.request_timeout
        until_sent = request_timeout if timeout is None else min(request_timeout, timeout)
        options = CommandOptions(timeout=until_sent, timeout_until_sent=True)
        refer, reply = self._refer(now, device, status_url, extra, alone=True, options=options)
        return refer.wait(now, timeout, on_abandon=reply.abandon)

    def _refer(
        self,
        now: float,
        device: ReferDeviceLike,
        status_url: str | None,
        extra: dict[str, Any],
        *,
        alone: bool = False,
        on_completed: Callable[[ReferOutcome], Any] | None = None,
        returns_transfer: bool = False,
        options: CommandOptions = USUAL,
    ) -> tuple[ReferMachine, Promise[Any]]:
        """Send ``calling.refer``; its transfer listens from before, since an event may overtake the reply.

        Args:
            now: The time, in seconds.
            device: The target.
            status_url: The URL to which the server also POSTs the events.
            extra: Further parameters.
            alone: Whether to raise `ReferInProgress` while another transfer has a waiter.
            on_completed: Called with the outcome.
            returns_transfer: Whether the promise is of the transfer, and not of the reply. Until the reply has come, the
                transfer then counts as one with a waiter.
            options: How the command is sent.

        Returns:
            The transfer, and a promise that is kept once the server accepted the command, or events have told the outcome.
        """
        if on_completed is not None:
            check_handler(on_completed, "on_completed")
        target = read_refer_device(device)
        refers = self._refers or self.refers
        if alone and refers.awaited:
            raise ReferInProgress(f"a transfer of call {self.call_id} is still being waited for; nothing was sent")
        refer = refers.arm(target.uri, now, waits_for_reply=returns_transfer)
        refer.on_completed = on_completed
        try:
            reply = self.send_command(
                now,
                schema.Refer,
                checked={"device": target.to_wire()},
                status_url=status_url,
                extra=extra,
                command_observer=refer,
                options=options,
                result_if_accepted=refer if returns_transfer else None,
            )
        except BaseException:
            refers.discard(refer)
            raise
        return refer, reply
