"""``calling.send_digits``, ``calling.bind_digit`` and ``calling.clear_digit_bindings`` at the exchange."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from anyrelay.local.exchange.feature import ExchangeHost, Feature, Operations, ServedCommand
from anyrelay.local.exchange.refusal import CommandRefused
from anyrelay.local.exchange.reports import DigitHeard, DigitsSent
from anyrelay.protocol.schema import COMMANDS, BindDigit, ClearDigitBindings, SendDigits

if TYPE_CHECKING:
    from anyrelay.local.exchange.calls import Call

__all__ = ["DigitsFeature"]

SENDING_LIMIT: Final = 100
"""How many ``calling.send_digits`` of one call may wait."""

BINDINGS_LIMIT: Final = 100
"""How many digit bindings one call may have."""

BOUND_DIGITS_LIMIT: Final = 64
"""How many digits one binding may have."""


@define(eq=False)
class _Binding:
    """A digit binding."""

    digits: str
    method: str
    params: dict[str, Any]
    realm: str | None
    triggers_left: int | None
    """How often the method may still be run; None for any number."""


@define
class _Bindings:
    """The digit bindings of a call, and the digits that its phone sent last."""

    bindings: list[_Binding]
    heard: str = ""


class DigitsFeature(Feature):
    """Sends digits, and runs commands that digits are bound to."""

    def __init__(self, host: ExchangeHost, run: Callable[[Call, str, dict[str, Any], float], None]) -> None:
        """Make the feature without bindings.

        Args:
            host: The exchange.
            run: Called with a call, the RELAY method to run on it, the method's parameters, and the time.
        """
        super().__init__(host)
        self._run = run
        self._sending = Operations[None]("send_digits", SENDING_LIMIT)
        self._bindings: dict[Call, _Bindings] = {}
        self.commands = {
            SendDigits: ServedCommand(self._send, ("send_digits",)),
            BindDigit: ServedCommand(self._bind, ("listen",)),
            ClearDigitBindings: ServedCommand(self._clear, ("listen",)),
        }
        self.reports = {DigitsSent: self._sent, DigitHeard: self._heard}

    def _send(self, command: SendDigits, call: Call, now: float) -> None:
        self._sending.check_new(call, command.control_id)
        self._sending.add(call, command.control_id, None)
        call.leg.send_digits(command.control_id, command.digits)

    def _sent(self, report: DigitsSent, call: Call, now: float) -> None:
        if self._sending.has(call, report.control_id):
            self._sending.end(call, report.control_id)
            self.tell(call, "calling.call.send_digits", {"control_id": report.control_id, "state": "finished"}, now)

    def _bind(self, command: BindDigit, call: Call, now: float) -> None:
        if not call.is_up:
            raise CommandRefused(409, "The call is not answered")
        if not command.bind_method.startswith("calling.") or command.bind_method not in COMMANDS:
            raise CommandRefused(400, f"bind_method {command.bind_method[:100]} is no command on a call")
        if len(command.digits) > BOUND_DIGITS_LIMIT:
            raise CommandRefused(400, f"digits are {len(command.digits)}; at most {BOUND_DIGITS_LIMIT} can be bound")
        of_call = self._bindings.setdefault(call, _Bindings([]))
        if len(of_call.bindings) >= BINDINGS_LIMIT:
            raise CommandRefused(429, f"{BINDINGS_LIMIT} digit bindings of this call exist already")
        params = dict(command.bind_params or {})
        of_call.bindings.append(
            _Binding(command.digits, command.bind_method, params, command.realm, command.max_triggers)
        )
        call.leg.listen()

    def _clear(self, command: ClearDigitBindings, call: Call, now: float) -> None:
        if call in self._bindings:
            kept = [one for one in self._bindings[call].bindings if command.realm not in (None, one.realm)]
            self._bindings[call].bindings = kept

    def _heard(self, report: DigitHeard, call: Call, now: float) -> None:
        of_call = self._bindings.get(call)
        if of_call is None:
            return
        of_call.heard = (of_call.heard + report.digit)[-BOUND_DIGITS_LIMIT:]
        matching = [one for one in of_call.bindings if of_call.heard.endswith(one.digits)]
        for binding in matching:
            of_call.heard = ""
            if binding.triggers_left is not None:
                binding.triggers_left -= 1
                if not binding.triggers_left:
                    of_call.bindings.remove(binding)
            self._run(call, binding.method, binding.params, now)

    def call_ended(self, call: Call, now: float) -> None:
        """Forget the call's bindings."""
        self._forget(call)

    def call_handed_on(self, call: Call) -> None:
        """Forget the bindings of the client that controlled the call."""
        self._forget(call)

    def _forget(self, call: Call) -> None:
        self._bindings.pop(call, None)
        self._sending.forget(call)
