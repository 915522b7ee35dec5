"""Follow the orders of blocking code: each order is named as the method of the server, its phones or a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from anyrelay.local.simulated.callers import describe_caller

if TYPE_CHECKING:
    from anyrelay.local.server.relay import LocalRelay
    from anyrelay.local.server.relay_phones import RelayCaller

__all__ = ["Orders"]

STATES: Final = ("answered", "ended")
"""The states of a call that an order can wait for."""


class Orders:
    """Follows the orders to one server, and keeps its callers by their numbers."""

    def __init__(self, relay: LocalRelay) -> None:
        """Follow orders to this server."""
        self._relay = relay
        self._callers: list[RelayCaller] = []

    async def follow(self, do: str, /, **arguments: Any) -> Any:
        """Follow an order, and return its result as a value for JSON.

        Args:
            do: The name of the order.
            arguments: The order's arguments. ``caller`` is the number of a caller, which ``dial`` or ``called`` returned.

        Raises:
            LookupError: There is no such order, or no such caller.
            ValueError: An argument is not allowed.
            TypeError: An argument is of a wrong type.
            TimeoutError: The event that the order waits for did not happen in time.
        """
        relay = self._relay
        match do:
            case "drop_connections" | "forget_sessions" | "say_goodbye" | "script":
                getattr(relay, do)(**arguments)
            case "text":
                await relay.text(**arguments)
            case "frames":
                return [frame.to_json() for frame in relay.frames(**arguments)]
            case "calls":
                return [call.to_json() for call in relay.calls]
            case "add":
                relay.phones.add(**arguments)
            case "texts":
                return [asdict(message) for message in relay.phones.texts]
            case "dial":
                return self._keep(await relay.phones.dial(**arguments))
            case "called":
                return await self._called(**arguments)
            case _ if "caller" in arguments:
                return await self._follow_at(self._callers[arguments.pop("caller") - 1], do, arguments)
            case _:
                raise LookupError(f"there is no order {do!r}")
        return None

    async def _follow_at(self, caller: RelayCaller, do: str, arguments: dict[str, Any]) -> Any:
        match do:
            case "look":
                return describe_caller(caller)
            case "hang_up" | "press" | "say" | "send_tone":
                getattr(caller, do)(**arguments)
            case "text_from":
                await caller.text(**arguments)
            case "wait":
                await _wait(caller, **arguments)
            case _:
                raise LookupError(f"there is no order {do!r} to a caller")
        return None

    async def _called(self, uri: str, timeout: float) -> int:
        try:
            return self._keep(await self._relay.phones.called(uri, timeout))
        except TimeoutError:
            raise TimeoutError(f"no client called {uri} within {timeout:g} s") from None

    def _keep(self, caller: RelayCaller) -> int:
        """Keep a caller, and return its number."""
        self._callers.append(caller)
        return len(self._callers)


async def _wait(caller: RelayCaller, state: str, timeout: float) -> None:
    if state not in STATES:
        raise ValueError(f"state must be one of {', '.join(STATES)}, not {state!r}")
    try:
        await (caller.answered(timeout) if state == "answered" else caller.ended(timeout))
    except TimeoutError:
        raise TimeoutError(f"{caller.uri} was not {state} within {timeout:g} s: it is {caller.state}") from None
