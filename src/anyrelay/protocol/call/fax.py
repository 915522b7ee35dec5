"""Send and receive faxes (``calling.send_fax``, ``calling.receive_fax``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationHost, OperationInput, StoppableMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply
from anyrelay.protocol.schema import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema import FaxEvent

__all__ = ["FaxMachine", "FaxMethods"]


class FaxMachine(StoppableMachine["FaxEvent"]):
    """A fax that is sent or received (``calling.send_fax``, ``calling.receive_fax``)."""

    EVENT = "calling.call.fax"
    WORDS: ClassVar = ENDS

    def __init__(
        self,
        call: OperationHost,
        control_id: str,
        on_completed: Callable[[FaxEvent], Any] | None,
        stop: str = "SendFaxStop",
    ) -> None:
        super().__init__(call, control_id, on_completed)
        self._stop_command = stop

    @classmethod
    def sending(
        cls, call: OperationHost, control_id: str, on_completed: Callable[[FaxEvent], Any] | None
    ) -> FaxMachine:
        """Make the machine of a fax that is sent (``calling.send_fax``)."""
        return cls(call, control_id, on_completed, "SendFaxStop")

    @classmethod
    def receiving(
        cls, call: OperationHost, control_id: str, on_completed: Callable[[FaxEvent], Any] | None
    ) -> FaxMachine:
        """Make the machine of a fax that is received (``calling.receive_fax``)."""
        return cls(call, control_id, on_completed, "ReceiveFaxStop")

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Return the input that an event is for the fax: ``fax.type`` is the state, and ``page`` is not final."""
        fax = event.params.get("fax")
        word = fax.get("type") if isinstance(fax, dict) else None
        if event.event_type == self.EVENT and isinstance(word, str) and word in ENDS:
            return OperationInput.ENDS
        return super().judge(event)

    @command_doc
    def stop(self, now: float, /) -> Promise[Reply]:
        """Stop the fax (``calling.send_fax.stop``, ``calling.receive_fax.stop``); do nothing when it has ended.

        Returns:
            The server's reply; ``{}`` when the fax had ended already.
        """
        return self._stop(now, self._command(self._stop_command))


class FaxMethods(CallMethods):
    """Send and receive faxes."""

    @command_doc
    def send_fax(
        self,
        now: float,
        /,
        document: str,
        *,
        identity: str | None = None,
        header_info: str | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[FaxEvent] = None,
        **extra: Any,
    ) -> Promise[FaxMachine]:
        """Send a fax (``calling.send_fax``).

        Args:
            document: The URL of the document.
            identity: The sender, as the receiving machine shows it.
            header_info: The text at the head of each page.

        Returns:
            The fax, which has started; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            FaxMachine.sending,
            schema.SendFax,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
            document=document,
            identity=identity,
            header_info=header_info,
        )

    @command_doc
    def receive_fax(
        self, now: float, /, *, control_id: str | None = None, on_completed: OnCompleted[FaxEvent] = None, **extra: Any
    ) -> Promise[FaxMachine]:
        """Receive a fax (``calling.receive_fax``).

        Returns:
            The fax, which has started; wait for its end, or stop it.
        """
        return self.start_operation(
            now,
            FaxMachine.receiving,
            schema.ReceiveFax,
            control_id=control_id,
            on_completed=on_completed,
            extra=extra,
        )
