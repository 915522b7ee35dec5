"""Who may sign in, and how fast somebody may guess."""

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
"""How many refused sign-ins in a row an address has before it is slowed down."""

FIRST_GUESS_DELAY: Final = 0.5
"""Seconds between the first two verdicts for an address that is slowed down; twice as many before each next one."""

LONGEST_GUESS_DELAY: Final = 5.0
"""The most seconds between two verdicts."""

LONGEST_VERDICT_WAIT: Final = 8.0
"""The most seconds that a sign-in waits for its verdict; one that would wait longer is not looked at."""

GUESSES_REMEMBERED: Final = 300.0
"""Seconds without a refused sign-in after which an address is trusted again."""

ADDRESSES_REMEMBERED: Final = 1_000
"""Of how many addresses refused sign-ins are counted."""

UNKNOWN: Final = "project or token are not known here"
"""One text for every wrong project and token, so that nobody learns which of the two was right."""


def digest_of(text: str) -> bytes:
    """Return a digest to compare secrets by: of one length whatever the text's, so that comparing tells nothing."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _same(given: object, wanted: str) -> bool:
    return hmac.compare_digest(digest_of(given if isinstance(given, str) else ""), digest_of(wanted))


@frozen
class Credentials:
    """Who may sign in. What is None is not asked for."""

    project: str | None = None
    """The project that must be named."""
    token: str | None = field(default=None, repr=False)
    """The token, or the JWT, that must be given."""
    accounts: Mapping[str, str] = field(factory=dict, repr=False)
    """Further projects, each with its token. With accounts alone, a client must name one of them."""

    def refusal(self, authentication: object) -> str:
        """Say why these credentials are refused, "" when they are not."""
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
        ]  # all of them, so that the time tells nothing
        return "" if any(fitting) else UNKNOWN


def _fits(authentication: dict[str, Any], secret: str, project: str | None, token: str | None) -> bool:
    good_token = token is None or _same(secret, token)
    # A JWT that was compared with ours needs no project beside it; an empty one, or one that nobody checks, does.
    may_leave_out = bool(authentication.get("jwt_token")) and token is not None and "project" not in authentication
    good_project = project is None or may_leave_out or _same(authentication.get("project"), project)
    return good_token and good_project


@define
class _Record:
    """What is remembered of an address that guessed."""

    failures: int = 0
    """Refused sign-ins."""
    latest: float = -math.inf
    """When the latest was."""
    next_verdict: float = -math.inf
    """When the next verdict may be given."""
    slowed: int = 0
    """How many verdicts had to wait."""


class GuessLimiter:
    """Slows down addresses whose sign-ins are refused.

    Right credentials wait their turn as wrong ones do: were they told at once, silence would tell that a guess is wrong.
    """

    def __init__(self) -> None:
        """Remember nobody."""
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, address: str, now: float) -> float | None:
        """Take a place in the queue of an address: how many seconds to wait for the verdict; None when it is full."""
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
        """Count a refused sign-in; return how many there were in a row."""
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
    """Return what counts as one guesser: an IPv4 address, or the /64 network that one IPv6 host has to itself."""
    try:
        parsed: Any = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or parsed.exploded[:19])
