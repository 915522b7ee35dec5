"""Send digits, and bind digits to actions (``calling.send_digits``, ``calling.bind_digit``)."""

from __future__ import annotations

from typing import Any

from anyrelay.protocol import schema
from anyrelay.protocol.call.documented import command_doc
from anyrelay.protocol.call.methods import CallMethods
from anyrelay.protocol.core.promise import Promise
from anyrelay.protocol.rpc.pending import Reply

__all__ = ["DigitMethods"]


class DigitMethods(CallMethods):
    """Send digits, and bind digits to actions."""

    @command_doc
    def send_digits(self, now: float, /, digits: str, *, control_id: str | None = None) -> Promise[Reply]:
        """Press digits.

        Args:
            digits: ``0-9``, ``#``, ``*``, ``A-D``; ``w`` waits half a second, ``W`` a whole one.
        """
        return self.send_command(
            now, schema.SendDigits, control_id=self.make_id() if control_id is None else control_id, digits=digits
        )

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
        """Let digits that are pressed trigger a RELAY command.

        Args:
            digits: Which ones.
            bind_method: The command's name on the wire, such as ``calling.play``.
            bind_params: The command's parameters.
            realm: A name for a group of bindings.
            max_triggers: How often it triggers.
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
        """Take digit bindings back.

        Args:
            realm: Those of which group; all of them when None.
        """
        return self.send_command(now, schema.ClearDigitBindings, extra=extra, realm=realm)
