"""One call with a real SIP phone, as the server's process holds it: each order is one JSON line to the stack's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from anyrelay.local.exchange.ports import Leg

if TYPE_CHECKING:
    from anyrelay.local.exchange.reports import RecordSettings
    from anyrelay.protocol.schema import Media

__all__ = ["SipLeg"]


class SipLeg(Leg):
    """One call with a SIP phone. Made by `SipPhones`."""

    call_id: str
    """The SIP Call-ID."""
    from_uri: str
    """The SIP URI of the side that called."""
    to_uri: str
    """The SIP URI that was called."""
    outbound: bool
    """Whether this side called."""
    ended: bool
    """Whether its end was reported."""

    def __init__(self, order: Callable[..., None], *, call_id: str, from_uri: str, to_uri: str, outbound: bool) -> None:
        """Hold a call of the stack's process; `order` sends it an order."""
        self._order = order
        self.ended = False
        self.call_id = call_id
        self.from_uri, self.to_uri, self.outbound = from_uri, to_uri, outbound

    def answer(self) -> None:
        """Answer the ringing call with 200."""
        self._order("answer")

    def refuse(self, code: int) -> None:
        """Refuse the ringing call: with 486 whatever the code, for that is all that the stack can send."""
        self._order("refuse", code=code)

    def turn_away(self) -> None:
        """Refuse a call that no client takes; nothing more is reported of it."""
        self._order("turn_away")

    def hang_up(self) -> None:
        """End the call: BYE, CANCEL if this side called and the phone has not answered, 486 if the phone did."""
        self._order("hang_up")

    def play(self, control_id: str, media: Sequence[Media], *, volume: float, loop: int) -> None:
        """Play the media once the call's media flow; a playback that comes while another plays waits for its turn."""
        items = [medium.to_wire() for medium in media]
        self._order("play", control_id=control_id, media=items, volume=volume, loop=loop)

    def stop_play(self, control_id: str) -> None:
        """Stop a playback."""
        self._order("stop_play", control_id=control_id)

    def pause_play(self, control_id: str) -> None:
        """Pause a playback."""
        self._order("pause_play", control_id=control_id)

    def resume_play(self, control_id: str) -> None:
        """Go on with a paused playback."""
        self._order("resume_play", control_id=control_id)

    def set_volume(self, control_id: str, volume: float) -> None:
        """Set a playback's volume in dB."""
        self._order("set_volume", control_id=control_id, volume=volume)

    def refer(self, target: str, *, username: str | None = None, password: str | None = None) -> None:
        """Send a REFER once the call is up. A second one takes the place of the first, whose subscription ends."""
        self._order("refer", target=target, username=username, password=password)

    def listen(self) -> None:
        """Report the digits that the phone sends from now on, by RFC 4733 or SIP INFO. Speech is not recognised."""
        self._order("listen")

    def send_digits(self, control_id: str, digits: str) -> None:
        """Send digits by RFC 4733; by SIP INFO to a phone whose SDP has no telephone-event."""
        self._order("send_digits", control_id=control_id, digits=digits)

    def hold(self) -> None:
        """Put the phone on hold by a re-INVITE with sendonly; reported once the phone has answered it."""
        self._order("hold")

    def unhold(self) -> None:
        """Take the phone off hold by a re-INVITE with sendrecv; reported once the phone has answered it."""
        self._order("unhold")

    def record(self, control_id: str, settings: RecordSettings) -> None:
        """Record into a WAV file of 8,000 samples a second, whose path is reported."""
        self._order("record", control_id=control_id, settings=attrs.asdict(settings))

    def pause_record(self, control_id: str, *, keep_silence: bool) -> None:
        """Pause a recording."""
        self._order("pause_record", control_id=control_id, keep_silence=keep_silence)

    def resume_record(self, control_id: str) -> None:
        """Go on with a paused recording."""
        self._order("resume_record", control_id=control_id)

    def stop_record(self, control_id: str) -> None:
        """Stop a recording."""
        self._order("stop_record", control_id=control_id)

    def join_mix(self, name: str, *, muted: bool = False) -> None:
        """Hear the other calls of a mix, and be heard by them unless `muted`."""
        self._order("join_mix", name=name, muted=muted)

    def leave_mix(self) -> None:
        """Leave the mix, if the call is in one."""
        self._order("leave_mix")

    def start_speech(self) -> None:
        """Report speech, if the phones have a program that recognises it."""
        self._order("start_speech")

    def stop_speech(self) -> None:
        """Report speech no more."""
        self._order("stop_speech")

    def start_echo(self) -> None:
        """Send the phone's own sound back to it."""
        self._order("start_echo")

    def stop_echo(self) -> None:
        """Stop the echo."""
        self._order("stop_echo")

    def detect(self, control_id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Look for a machine or a fax, by the rules of thumb of docs/explanation/sip-stack.md."""
        self._order("detect", control_id=control_id, kind=kind, params=dict(params))

    def stop_detect(self, control_id: str) -> None:
        """Stop a detection."""
        self._order("stop_detect", control_id=control_id)

    def tap(self, control_id: str, direction: str, device: Mapping[str, Any]) -> None:
        """Send a copy to an RTP receiver or a WebSocket server."""
        self._order("tap", control_id=control_id, direction=direction, device=dict(device))

    def stop_tap(self, control_id: str) -> None:
        """Stop a tap."""
        self._order("stop_tap", control_id=control_id)

    def stream(self, control_id: str, url: str, params: Mapping[str, Any]) -> None:
        """Send a copy as JSON messages to a WebSocket server."""
        self._order("stream", control_id=control_id, url=url, params=dict(params))

    def stop_stream(self, control_id: str) -> None:
        """Stop a stream."""
        self._order("stop_stream", control_id=control_id)
