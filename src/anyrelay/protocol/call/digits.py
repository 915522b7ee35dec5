"""Send digits, and bind digits to actions (``calling.send_digits``, ``calling.bind_digit``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.submission import Reply

__all__ = ["DigitMethods"]


class DigitMethods(CallMethods):
    """Send digits, and bind digits to actions."""

    @command_doc
    def send_digits(self, now: float, /, digits: str, *, control_id: str | None = None) -> Promise[Reply]:
        """Send digits as DTMF tones (``calling.send_digits``).

        Args:
            digits: ``0-9``, ``#``, ``*``, ``A-D``; ``w`` is a pause of 0.5 s, ``W`` a pause of 1 s.
        """
        return self.send_command(now, schema.SendDigits, control_id=self.control_id_or_new(control_id), digits=digits)

    @command_doc
    def bind_digit(
        self,
        now: float,
        /,
        digits: str,
        bind_method: str,
        *,
        bind_params: dict[str, Any] | None = None,
        realm: str | None = None,
        max_triggers: int | None = None,
        **extra: Any,
    ) -> Promise[Reply]:
        """Bind digits to a RELAY method, which the server runs when the digits are pressed (``calling.bind_digit``).

        Args:
            digits: The digits, in order.
            bind_method: The RELAY method, such as ``calling.play``.
            bind_params: The method's parameters.
            realm: The name of a group of bindings.
            max_triggers: How often the method is run at most.
        """
        return self.send_command(
            now,
            schema.BindDigit,
            extra=extra,
            digits=digits,
            bind_method=bind_method,
            bind_params=bind_params,
            realm=realm,
            max_triggers=max_triggers,
        )

    @command_doc
    def clear_digit_bindings(self, now: float, /, *, realm: str | None = None, **extra: Any) -> Promise[Reply]:
        """Clear digit bindings (``calling.clear_digit_bindings``).

        Args:
            realm: The group of bindings to clear; all bindings when None.
        """
        return self.send_command(now, schema.ClearDigitBindings, extra=extra, realm=realm)
