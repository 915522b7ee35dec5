"""Connect a call with another call (``calling.connect``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

if TYPE_CHECKING:
    from anyrelay.protocol.schema import DevicesLike
    from anyrelay.protocol.schema.media import MediaLike

__all__ = ["ConnectMethods"]


class ConnectMethods(CallMethods):
    """Connect a call with another call."""

    @command_doc
    def connect(
        self,
        now: float,
        /,
        devices: DevicesLike,
        *,
        ringback: Iterable[MediaLike] | None = None,
        tag: str | None = None,
        max_duration: int | None = None,
        max_price_per_minute: float | None = None,
        status_url: str | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Call devices, and connect the call with the first device that answers (``calling.connect``).

        Args:
            devices: The devices: the lists are called one after the other, the devices within one list at the same time.
            ringback: The media that the caller hears until a device answers.
            tag: The tag of the new call.
            max_duration: How long the new call may last, passed on as given: SignalWire's pages and sources disagree on
                seconds or minutes.
            max_price_per_minute: The highest price per minute, in the currency of the project.
        """
        return self.send_command(
            now,
            schema.ConnectCall,
            extra=extra,
            devices=devices,
            ringback=ringback,
            tag=tag,
            max_duration=max_duration,
            max_price_per_minute=max_price_per_minute,
            status_url=status_url,
        )

    @command_doc
    def disconnect(self, now: float, /) -> Promise[Reply]:
        """Separate the call from the connected call (``calling.disconnect``); both calls go on."""
        return self.send_command(now, schema.DisconnectCall)
