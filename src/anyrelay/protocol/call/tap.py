"""Send a copy of a call's sound elsewhere (``calling.tap``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationInput, StoppableMachine
from anyrelay.protocol.core.promise import Promise

if TYPE_CHECKING:
    from anyrelay.protocol.schema import TapDeviceLike, TapEvent, TapLike

__all__ = ["TapMachine", "TapMethods"]


class TapMachine(StoppableMachine["TapEvent"]):
    """A tap (``calling.tap``)."""

    STARTED = "The tap, which has started; wait for its end, or stop it."
    EVENT = "calling.call.tap"
    WORDS: ClassVar = {"tapping": OperationInput.RUNS, **ENDS}


class TapMethods(CallMethods):
    """Send a copy of a call's sound by RTP or to a WebSocket."""

    @command_doc
    def tap(
        self,
        now: float,
        /,
        tap: TapLike,
        device: TapDeviceLike,
        *,
        control_id: str | None = None,
        on_completed: OnCompleted[TapEvent] = None,
        **extra: Any,
    ) -> Promise[TapMachine]:
        """Send a copy of the call's sound by RTP or to a WebSocket (``calling.tap``).

        Args:
            tap: The sound: ``{"type": "audio", "params": {"direction": "both"}}``.
            device: The destination: type rtp with addr, port, codec and ptime, or type ws with uri, codec and rate.
        """
        return self.start_operation(
            now, schema.Tap, TapMachine(self, control_id, on_completed), extra=extra, tap=tap, device=device
        )
