"""The credentials of the clients that may sign in, and a limit for guesses."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import OrderedDict
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from attrs import define, field, frozen

__all__ = ["Credentials", "GuessLimiter", "digest_of"]

FREE_GUESSES: Final = 3
"""How many sign-ins in a row are refused before the address is slowed down."""

FIRST_GUESS_DELAY: Final = 0.5
"""Seconds between the first two verdicts for an address that is slowed down; doubled before each further verdict."""

LONGEST_GUESS_DELAY: Final = 5.0
"""The most seconds between two verdicts."""

LONGEST_VERDICT_WAIT: Final = 8.0
"""The most seconds that a sign-in waits for its verdict; a sign-in that would wait longer is refused unchecked."""

GUESSES_REMEMBERED: Final = 300.0
"""Seconds without a refused sign-in after which an address is trusted again."""

ADDRESSES_REMEMBERED: Final = 1_000
"""The number of addresses whose refused sign-ins are counted."""

UNKNOWN: Final = "project or token are not known here"
"""The text for every wrong project or token, so that a guesser does not learn which of the two was right."""


def digest_of(text: str) -> bytes:
    """Return a digest to compare secrets by: its length is constant, so that a comparison reveals nothing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _same(given: object, wanted: str) -> bool:
    return hmac.compare_digest(digest_of(given if isinstance(given, str) else ""), digest_of(wanted))


@frozen
class Credentials:
    """The credentials that clients must give. A value that is None is not checked."""

    project: str | None = None
    """The project that clients must name."""
    token: str | None = field(default=None, repr=False)
    """The token, or the JWT, that clients must give."""
    accounts: Mapping[str, str] = field(factory=dict, repr=False)
    """Further projects, each with its token. With accounts alone, clients must name an account."""

    def refusal(self, authentication: object) -> str:
        """Return why these credentials are refused; "" when they are right."""
        if not isinstance(authentication, dict):
            return "authentication must be an object with project and token, or with jwt_token"
        jwt, token = authentication.get("jwt_token"), authentication.get("token")
        secret = jwt or token
        if not isinstance(secret, str) or not secret:
            return "authentication lacks a token or a jwt_token"
        pairs: list[tuple[str | None, str | None]] = list(self.accounts.items())
        if not pairs or self.project is not None or self.token is not None:
            pairs.append((self.project, self.token))
        fitting = [
            _fits(authentication, secret, *pair) for pair in pairs
        ]  # compare all, so that the time reveals nothing
        return "" if any(fitting) else UNKNOWN


def _fits(authentication: dict[str, Any], secret: str, project: str | None, token: str | None) -> bool:
    good_token = token is None or _same(secret, token)
    # A JWT that was compared with ours needs no project; an empty JWT, or a JWT that is not checked, needs a project.
    may_leave_out = bool(authentication.get("jwt_token")) and token is not None and "project" not in authentication
    good_project = project is None or may_leave_out or _same(authentication.get("project"), project)
    return good_token and good_project


@define
class _Record:
    """The refused sign-ins of an address."""

    failures: int = 0
    """How many sign-ins in a row were refused."""
    latest: float = -math.inf
    """When the latest sign-in was refused, in seconds."""
    next_verdict: float = -math.inf
    """When the next verdict may be given, in seconds."""
    slowed: int = 0
    """How many verdicts had to wait."""


class GuessLimiter:
    """Slows down addresses whose sign-ins are refused.

    Right credentials wait as wrong credentials do: if they did not, a late answer would reveal a wrong guess.
    """

    def __init__(self) -> None:
        """Make a limiter without refused sign-ins."""
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, address: str, now: float) -> float | None:
        """Queue a sign-in of an address; return the seconds until its verdict, or None when the queue is full."""
        record = self._records.get(_key(address))
        if record is None or now - record.latest > GUESSES_REMEMBERED:
            return 0.0
        if record.failures < FREE_GUESSES:
            return 0.0
        at = max(now, record.next_verdict)
        if at - now > LONGEST_VERDICT_WAIT:
            return None
        record.slowed += 1
        record.next_verdict = at + min(FIRST_GUESS_DELAY * 2.0 ** min(record.slowed, 16), LONGEST_GUESS_DELAY)
        return at - now

    def failed(self, address: str, now: float) -> int:
        """Count a refused sign-in; return how many were refused in a row."""
        key = _key(address)
        record = self._records.setdefault(key, _Record())
        self._records.move_to_end(key)
        if len(self._records) > ADDRESSES_REMEMBERED:
            self._records.popitem(last=False)
        if now - record.latest > GUESSES_REMEMBERED:
            record.failures = record.slowed = 0
        record.failures += 1
        record.latest = now
        if record.failures == FREE_GUESSES:
            record.next_verdict = now + FIRST_GUESS_DELAY
        return record.failures

    def __repr__(self) -> str:
        return f"<GuessLimiter of {len(self._records)} addresses>"


def _key(address: str) -> str:
    """Return the key of a guesser: an IPv4 address, or the /64 network of an IPv6 address, which one host has to itself."""
    try:
        parsed: Any = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or parsed.exploded[:19])
