"""Types of the SIP stack's objects, as far as this package uses them: `baresip-python` annotates few of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

__all__ = ["NativeAudio", "NativeAudioInfo", "NativeCall", "NativeEvent", "NativeTransfer"]


class NativeAudioInfo(Protocol):
    """The stack's snapshot of a call's audio (``baresip.AudioInfo``)."""

    tx_ready: bool
    rx_ready: bool
    tx_sample_rate: int
    rx_sample_rate: int
    tx_channels: int
    rx_channels: int
    tx_buffered: int


class NativeAudio(Protocol):
    """A call's PCM streams (``baresip.CallAudio``) of 16-bit samples; no method blocks."""

    def info(self) -> NativeAudioInfo:
        """Probe the streams."""
        ...

    def write(self, pcm: bytes) -> int:
        """Queue PCM for sending; return the number of bytes taken."""
        ...

    def read(self, max_bytes: int) -> bytes:
        """Return PCM that was received."""
        ...

    def flush_tx(self) -> None:
        """Drop PCM that is queued and not yet sent."""


class NativeTransfer(Protocol):
    """A REFER that came (``baresip.TransferRequest``)."""

    target: str


class NativeCall(Protocol):
    """A call of the stack (``baresip.Call``), with the members that this package uses."""

    handle: int
    call_id: str | None
    peer: str | None
    headers: Mapping[str, str]
    audio: NativeAudio
    is_on_hold: bool
    transfer_request: NativeTransfer | None

    async def answer(self) -> None:
        """Send 200."""

    async def reject(self) -> None:
        """Send 486, the only refusal of the stack."""

    async def hangup(self) -> None:
        """Send BYE, CANCEL, or 486 to a ringing call."""

    async def hold(self) -> None:
        """Send a re-INVITE with sendonly; refused while another is under way."""

    async def resume(self) -> None:
        """Send a re-INVITE with sendrecv; refused while another is under way."""

    async def send_dtmf(self, digits: str, interdigit_ms: int) -> None:
        """Send digits by RFC 4733 or SIP INFO; return after the last digit."""

    async def transfer(self, uri: str, *, timeout: float) -> None:
        """Send REFER."""

    def on_transfer_request(self, callback: Callable[[NativeTransfer], None]) -> None:
        """Call a function with each REFER that comes on this call, which the stack has answered 202."""

    async def accept_transfer(self) -> NativeCall:
        """Call the target of the REFER; the stack notifies the sender, and ends this call when the new call is up."""
        ...

    async def reject_transfer(self, status: int) -> None:
        """Send the sender of a REFER a NOTIFY with this status instead."""


class NativeEvent(Protocol):
    """An event of the stack (``baresip.StackEvent``), with the members that this package uses."""

    event: Any
    call: int
    text: str | None
    call_id: str | None
    peer: str | None
    headers: Mapping[str, str]
