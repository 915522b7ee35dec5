"""The dial plan: which telephone numbers and which SIP URIs lead to clients of this server, and to which context."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from anyrelay.protocol.schema.sip_uri import same_sip_uri

__all__ = ["DialPlan"]


class DialPlan:
    """Contexts by number and by SIP URI."""

    def __init__(self, contexts: Mapping[str, str]) -> None:
        """Take in the context that each telephone number belongs to; any other number belongs to the context of its name."""
        self._contexts = contexts
        self.own_hosts: list[str] = ["127.0.0.1", "localhost"]
        """The hosts of this server in SIP URIs, each with its port if it has one."""

    def context_of(self, uri: str) -> str:
        """Return the context that a SIP or tel URI names; "" for the SIP URI of another host."""
        scheme, _, rest = uri.partition(":")
        user = rest.partition("@")[0].partition(";")[0]
        named = unquote(user)
        if scheme.lower() == "tel" or any(same_sip_uri(uri, f"sip:{user}@{host}") for host in self.own_hosts):
            return self._contexts.get(named, named)
        return ""
