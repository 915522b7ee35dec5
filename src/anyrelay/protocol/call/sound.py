"""Hold, noise reduction and echo (``calling.hold``, ``calling.denoise``, ``calling.echo``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

__all__ = ["SoundMethods"]


class SoundMethods(CallMethods):
    """Hold, noise reduction and echo."""

    @command_doc
    def hold(self, now: float, /) -> Promise[Reply]:
        """Put the call on hold (``calling.hold``)."""
        return self.send_command(now, schema.Hold)

    @command_doc
    def unhold(self, now: float, /) -> Promise[Reply]:
        """Take the call off hold (``calling.unhold``)."""
        return self.send_command(now, schema.Unhold)

    @command_doc
    def denoise(self, now: float, /) -> Promise[Reply]:
        """Turn noise reduction on (``calling.denoise``)."""
        return self.send_command(now, schema.Denoise)

    @command_doc
    def denoise_stop(self, now: float, /) -> Promise[Reply]:
        """Turn noise reduction off (``calling.denoise.stop``)."""
        return self.send_command(now, schema.DenoiseStop)

    @command_doc
    def echo(
        self, now: float, /, *, timeout: float | None = None, status_url: str | None = None, **extra: Any
    ) -> Promise[Reply]:
        """Send the caller's own sound back to the caller, as a test (``calling.echo``).

        Args:
            timeout: The length of the echo, in seconds.
        """
        return self.send_command(now, schema.Echo, extra=extra, timeout=timeout, status_url=status_url)
