"""Stream a call's audio to a WebSocket (``calling.stream``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods, OnCompleted
from anyrelay.protocol.call.operation import ENDS, OperationInput, StoppableMachine
from anyrelay.protocol.core.promise import Promise

if TYPE_CHECKING:
    from anyrelay.protocol.schema import StreamEvent

__all__ = ["StreamMachine", "StreamMethods"]


class StreamMachine(StoppableMachine["StreamEvent"]):
    """A stream (``calling.stream``)."""

    STARTED = "The stream, which has started; wait for its end, or stop it."
    EVENT = "calling.call.stream"
    WORDS: ClassVar = {"streaming": OperationInput.RUNS, **ENDS}


class StreamMethods(CallMethods):
    """Stream a call's audio to a WebSocket."""

    @command_doc
    def stream(
        self,
        now: float,
        /,
        url: str,
        *,
        name: str | None = None,
        codec: str | None = None,
        track: str | None = None,
        status_url: str | None = None,
        status_url_method: str | None = None,
        authorization_bearer_token: str | None = None,
        custom_parameters: dict[str, Any] | None = None,
        control_id: str | None = None,
        on_completed: OnCompleted[StreamEvent] = None,
        **extra: Any,
    ) -> Promise[StreamMachine]:
        """Send the sound of the call to a WebSocket server (``calling.stream``).

        Args:
            url: The address of the WebSocket server; it begins with wss://.
            name: The name of the stream.
            codec: The codec of the audio, such as PCMU or L16@24000h.
            track: The side to send: inbound_track, outbound_track or both_tracks; inbound, outbound and both mean the same.
            status_url_method: The HTTP method of the requests to `status_url`: GET or POST.
            authorization_bearer_token: The token for the Authorization header of the WebSocket request; never shown.
            custom_parameters: Parameters for the WebSocket server.
        """
        return self.start_operation(
            now,
            schema.Stream,
            StreamMachine(self, control_id, on_completed),
            extra=extra,
            url=url,
            name=name,
            codec=codec,
            track=track,
            status_url=status_url,
            status_url_method=status_url_method,
            authorization_bearer_token=authorization_bearer_token,
            custom_parameters=custom_parameters,
        )
