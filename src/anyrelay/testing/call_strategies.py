"""Hypothesis strategies for whole calls: the caller, the targets of transfers, and the faults of the server meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from anyrelay.local.simulated.scripts import ANSWERS, BEHAVIOURS

if TYPE_CHECKING:
    from anyrelay.local.process.sync_relay import SyncCaller
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay

__all__ = ["FAULTS", "WholeCall", "callers", "server_faults", "targets", "whole_calls"]

FAULTS: Final[tuple[str, ...]] = ("drop_connections", "send_disconnect", "restart", "forget_sessions")
"""The faults of a server: a broken network, ``signalwire.disconnect``, the same with ``restart``, a crash."""

_seconds: Final = st.sampled_from([0.0, 0.05, 0.5, 1.0, 5.0, 20.0, 60.0])


def targets() -> SearchStrategy[dict[str, Any]]:
    """Draw the arguments of ``phones.add`` besides the URI: how the target of a transfer or a dial behaves."""
    return st.fixed_dictionaries(
        {"answers": st.sampled_from(sorted(ANSWERS)), "ring_time": _seconds},
        optional={"code": st.sampled_from([404, 480, 486, 487, 500, 503, 600, 603])},
    )


def callers() -> SearchStrategy[dict[str, Any]]:
    """Draw the arguments of ``phones.dial`` besides URI and context: how a caller treats a REFER, and when it hangs up."""
    return st.fixed_dictionaries(
        {"on_refer": st.sampled_from(sorted(BEHAVIOURS))},
        optional={"patience": _seconds.filter(bool), "hang_up_after": _seconds.filter(bool)},
    )


def _fault_words() -> SearchStrategy[str]:
    return st.sampled_from(FAULTS)


def server_faults(*, max_size: int = 2) -> SearchStrategy[list[tuple[float, str]]]:
    """Draw faults of a server: times in seconds after the call arrived, and words of `FAULTS`.

    Args:
        max_size: The most faults.
    """
    return st.lists(st.tuples(_seconds, _fault_words()), max_size=max_size).map(sorted)


@frozen
class WholeCall:
    """A call from its first ring to its end."""

    caller: dict[str, Any]
    """The arguments of ``phones.dial``, see `callers`."""
    targets: dict[str, dict[str, Any]]
    """The arguments of ``phones.add`` for each SIP URI, see `targets`."""
    faults: tuple[tuple[float, str], ...] = ()
    """The faults of the server, see `server_faults`."""

    def play(self, relay: SyncMemoryRelay, *, context: str = "default", timeout: float = 600.0) -> SyncCaller:
        """Make the call, and wait until the call is over for the caller.

        Args:
            relay: The server, with a client connected to it.
            context: The context that the caller calls.
            timeout: The longest wait for the end of the call, in seconds of virtual time.

        Returns:
            The caller. Its `state` is ``ended``, unless the call lasted longer than `timeout`.
        """
        for uri, described in self.targets.items():
            relay.phones.add(uri, **described)
        caller = relay.phones.dial("sip:caller@example.com", context=context, **self.caller)
        began = relay.now
        for after, fault in self.faults:
            relay.sleep(max(0.0, began + after - relay.now))
            _commit(relay, fault)
        with contextlib.suppress(TimeoutError):
            caller.ended(max(0.0, began + timeout - relay.now))
        return caller


def whole_calls(*uris: str, faults: bool = False) -> SearchStrategy[WholeCall]:
    """Draw a whole call, to be played against an application.

    Args:
        uris: The SIP URIs that the application may refer or connect the caller to.
        faults: Whether the server misbehaves meanwhile.
    """
    described = st.fixed_dictionaries({uri: targets() for uri in uris})
    misbehaving: SearchStrategy[Sequence[tuple[float, str]]] = server_faults() if faults else st.just([])
    return st.builds(WholeCall, callers(), described, misbehaving.map(tuple))


def _commit(relay: SyncMemoryRelay, fault: str) -> None:
    if fault == "drop_connections":
        relay.drop_connections()
    elif fault == "forget_sessions":
        relay.forget_sessions()
    else:
        relay.say_goodbye(restart=fault == "restart")
