"""Send and receive faxes (``calling.send_fax``, ``calling.receive_fax``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import OperationInput, StoppableMachine
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.schema import RelayEvent

if TYPE_CHECKING:
    from anyrelay.protocol.schema import FaxEvent

__all__ = ["FaxMachine", "FaxMethods"]


class FaxMachine(StoppableMachine["FaxEvent"]):
    """A fax that is sent or received (``calling.send_fax``, ``calling.receive_fax``)."""

    STARTED = "The fax, which has started; wait for its end, or stop it."
    EVENT = "calling.call.fax"

    def judge(self, event: RelayEvent) -> OperationInput | None:
        """Return the input that an event is for the fax: ``fax.type`` is the state, and ``page`` is not final."""
        fax = event.params.get("fax")
        word = fax.get("type") if isinstance(fax, dict) else None
        if event.event_type == self.EVENT and isinstance(word, str) and word in self.WORDS:
            return OperationInput.ENDS
        return super().judge(event)


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
        """
        return self.start_operation(
            now,
            schema.SendFax,
            FaxMachine(self, control_id, on_completed),
            extra=extra,
            document=document,
            identity=identity,
            header_info=header_info,
        )

    @command_doc
    def receive_fax(
        self, now: float, /, *, control_id: str | None = None, on_completed: OnCompleted[FaxEvent] = None, **extra: Any
    ) -> Promise[FaxMachine]:
        """Receive a fax (``calling.receive_fax``)."""
        return self.start_operation(now, schema.ReceiveFax, FaxMachine(self, control_id, on_completed), extra=extra)
