"""Transfer a SIP call by SIP REFER (``calling.refer``)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyrelay.errors import ReferInProgress
from anyrelay.protocol import schema
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.call.refer_machine import ReferMachine
from anyrelay.protocol.call.refer_outcome import ReferOutcome
from anyrelay.protocol.call.refers import Refers, SentRefer
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import USUAL, CommandOptions, Reply
from anyrelay.protocol.schema import ReferDeviceLike, read_refer_device
from anyrelay.protocol.schema.fields import check_handler, check_timeout

if TYPE_CHECKING:
    from anyrelay.protocol.call.host import CallHost

__all__ = ["ReferMethods"]


class ReferMethods(CallMethods):
    """Transfer a SIP call by SIP REFER."""

    host: CallHost[Any]

    call_id: str

    @property
    @abstractmethod
    def refers(self) -> Refers:
        """Every transfer of the call."""

    def refer(
        self, now: float, /, device: ReferDeviceLike, *, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Ask for a transfer by SIP REFER, and do not wait for its outcome.

        The reply says only that the command was taken. `refer_and_wait` tells what became of the transfer; so does the last
        of `refers`, which keeps every transfer of this call.

        Args:
            now: The time, in seconds.
            device: Where to: a SIP URI, a dict ``{"type": "sip", "params": {"uri": …}}``, or a `SipReferDevice`.
            status_url: Where the server POSTs the transfer's events too.
            extra: Further parameters, sent as given.

        Returns:
            The server's reply, such as ``{"code": "200", "message": "Starting SIP REFER"}``; ``{}`` when an event told the
            outcome first and no such reply came.

        Raises:
            ValueError: The device is not one that can be referred to.
            TypeError: A parameter has a wrong type.
            CallGone: The call does not exist any more.
            RelayError: The server answered with an error. Unless its code says that nothing will happen (-32600, -32601,
                -32602, -32700, and 400 to 499 but 408, 425 and 429), the transfer may still happen: `refers` keeps it.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; it is never sent again.
        """
        return self._refer(now, device, status_url, extra).reply

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
        """Start a transfer by SIP REFER, and return once the server took the command.

        Args:
            now: The time, in seconds.
            device: Where to, as for `refer`.
            status_url: Where the server POSTs the transfer's events too.
            on_completed: Called with the `ReferOutcome`, once.
            extra: Further parameters, sent as given.

        Returns:
            The transfer, which goes on: `wait` for its outcome. When an event told the outcome first, the transfer is returned
            whatever the server replies.

        Raises:
            ValueError: The device is not one that can be referred to.
            TypeError: A parameter has a wrong type.
            ReferInProgress: Another transfer of this call is still being waited for; nothing was sent.
            CallGone: The call does not exist any more.
            RelayError: The server answered with an error. As for `refer`, the transfer may still happen after some codes;
                `on_completed` is called then too.
            RequestTimeout: The reply did not come within `request_timeout`; the transfer may still happen.
            ConnectionLost: The connection dropped while the command was under way; it is never sent again.
        """
        order = self._refer(now, device, status_url, extra, alone=True, on_completed=on_completed)
        return order.reply.then(lambda _: order.refer)

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
        """Transfer the call by SIP REFER, and wait for what becomes of it.

        Once the command has been sent, this returns an outcome and never raises for a deadline, a slow reply or a lost
        connection: what cannot be known is UNKNOWN, with the reason.

        Args:
            now: The time, in seconds.
            device: Where to, as for `refer`.
            status_url: Where the server POSTs the transfer's events too.
            timeout: How long to wait for the outcome, in seconds from now; None waits as long as it takes. When it is over
                the outcome is UNKNOWN because TIMED_OUT, and the transfer itself goes on.
            extra: Further parameters, sent as given.

        Returns:
            What became of the transfer.

        Raises:
            ValueError: The device is not one that can be referred to, or `timeout` is negative.
            TypeError: A parameter has a wrong type.
            ReferInProgress: Another transfer of this call is still being waited for; nothing was sent.
            CallGone: The call does not exist any more.
            RelayError: The server refused the command, with a code that says that nothing will happen (as for `refer`). After
                any other error reply this waits on.
            RequestTimeout: The line was down for `request_timeout` (or `timeout`) seconds; the command was withdrawn unsent.
        """
        check_timeout(timeout)
        order = self._refer(now, device, status_url, extra, alone=True, waits_for_outcome=True, queue_timeout=timeout)
        return order.refer.wait(now, timeout, on_abandon=order.reply.abandon)

    def _refer(
        self,
        now: float,
        device: ReferDeviceLike,
        status_url: str | None,
        extra: dict[str, Any],
        *,
        alone: bool = False,
        on_completed: Callable[[ReferOutcome], Any] | None = None,
        waits_for_outcome: bool = False,
        queue_timeout: float | None = None,
    ) -> SentRefer:
        """Send a REFER command; its transfer is armed first, since an event may overtake the reply.

        Args:
            now: The time, in seconds.
            device: Where to.
            status_url: Where events are POSTed too.
            extra: Further parameters.
            alone: Whether a transfer that is being waited for forbids this one.
            on_completed: Called with the outcome.
            waits_for_outcome: Whether the caller waits for the outcome, and not for the reply.
            queue_timeout: How long the command may wait to be sent when nobody waits for its reply, in seconds; at most
                `request_timeout`, which None stands for.
        """
        check_handler(on_completed, "on_completed")
        target = read_refer_device(device)
        if alone and self.refers.awaited:
            raise ReferInProgress(f"a transfer of call {self.call_id} is still being waited for; nothing was sent")
        request_timeout = self.host.settings.request_timeout
        timeout = request_timeout if queue_timeout is None else min(request_timeout, queue_timeout)
        sent_refer = self.refers.arm(target.uri, now, waits_for_reply=alone and not waits_for_outcome)
        sent_refer.on_completed = on_completed
        try:
            reply = self.send_command(
                now,
                schema.Refer,
                device=target,
                status_url=status_url,
                extra=extra,
                command_observer=self.refers.follow(sent_refer),
                options=CommandOptions(timeout=timeout, timeout_until_sent=True) if waits_for_outcome else USUAL,
            )
        except BaseException:
            self.refers.discard(sent_refer)
            raise
        # Where events have told the outcome by then, that says more than an error reply, or than none at all.
        return SentRefer(sent_refer, reply.recover(lambda: {} if sent_refer.is_told else None))
