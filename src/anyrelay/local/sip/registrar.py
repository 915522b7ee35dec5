"""Registrations: the SIP URI at which the phone of a user is called (RFC 3261 section 10)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

import attrs

from anyrelay.local.logs import logger_of
from anyrelay.local.sip.addresses import check_dialable
from anyrelay.local.sip.message import address_of, user_of

__all__ = ["RegisterAnswer", "Registrar"]

logger = logger_of(__name__)

LONGEST: Final = 3_600
"""The longest registration in seconds, and the length when the phone names none."""

MOST: Final = 1_000
"""How many users may be registered at once."""

_EXPIRES: Final = re.compile(r";\s*expires\s*=\s*(\d{1,9})", re.IGNORECASE)


@attrs.frozen
class RegisterAnswer:
    """The answer to a REGISTER."""

    code: int
    """The status code."""
    reason: str
    """The reason phrase."""
    contact: str = ""
    """The Contact header of the answer; "" for none."""


@attrs.frozen
class _Binding:
    contact: str
    until: float


class Registrar:
    """The phones of this server's users. Each user has one phone: the newest registration counts.

    Registrations need no password: every phone that reaches the SIP port may register.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a registrar without phones; `clock` returns the time in seconds."""
        self._clock = clock
        self._bindings: dict[str, _Binding] = {}

    def register(self, to: str, contact: str, expires: str) -> RegisterAnswer:
        """Take a REGISTER.

        Args:
            to: The To header, which names the user.
            contact: The Contact header; "" for a request without it, which only asks for the registration.
            expires: The Expires header; "" for a request without it.

        Returns:
            The answer: 200, 400 for a header that cannot be read or called, 503 when too many users are registered.
        """
        user = user_of(address_of(to))
        if not user:
            return RegisterAnswer(400, "Bad To")
        seconds = self._seconds(contact, expires)
        if contact.strip() == "*" or (contact and not seconds):
            self._bindings.pop(user, None)
        elif contact:
            uri = address_of(contact)
            try:
                check_dialable(uri)
            except ValueError as error:
                logger.info("the phone of %r was not registered: %s", user, error)
                return RegisterAnswer(400, "Bad Contact")
            if user not in self._bindings and not self._has_room():
                return RegisterAnswer(503, "Too Many Registrations")
            self._bindings[user] = _Binding(uri, self._clock() + seconds)
        return self._told(user)

    def contact_of(self, user: str) -> str:
        """Return the SIP URI of a user's phone; "" when no phone is registered."""
        binding = self._bindings.get(user)
        return binding.contact if binding is not None and binding.until > self._clock() else ""

    @staticmethod
    def _seconds(contact: str, expires: str) -> int:
        found = _EXPIRES.search(contact)
        asked = found[1] if found else expires.strip()
        return min(int(asked), LONGEST) if asked.isdecimal() and len(asked) < 10 else LONGEST

    def _has_room(self) -> bool:
        if len(self._bindings) >= MOST:
            now = self._clock()
            self._bindings = {user: binding for user, binding in self._bindings.items() if binding.until > now}
        return len(self._bindings) < MOST

    def _told(self, user: str) -> RegisterAnswer:
        uri = self.contact_of(user)
        if not uri:
            return RegisterAnswer(200, "OK")
        left = max(1, round(self._bindings[user].until - self._clock()))
        return RegisterAnswer(200, "OK", f"<{uri}>;expires={left}")
