"""A subclass may override a method, of a machine or of a front end's class: the override is called."""

from __future__ import annotations

from typing import Any

import anyrelay
import anyrelay.sync
from anyrelay.protocol.call.fax import FaxMachine
from anyrelay.protocol.core.promise import Promise
from tests.support.frontend_world import World, disguised, undisguised


def package_of(world: World) -> Any:
    """Return the package of a world's front end."""
    return anyrelay.sync if world.front == "threads" else anyrelay


class OwnFax(FaxMachine):
    """A fax with a `stop` of its own, which needs a reason."""

    def stop(self, now: float, /, reason: str) -> Promise[dict[str, Any]]:  # type: ignore[override]
        return Promise.resolved({"own": reason, "has_time": now > 0})


async def test_a_machines_own_method_is_called(world: World) -> None:
    client = world.client()
    async with client:
        call = undisguised(await world.taken_call(client))
        machine = OwnFax(call._machine, "c-1", None)
        action = disguised(package_of(world).FaxAction(call._driver, machine))
        assert await action.stop("busy") == {"own": "busy", "has_time": True}
        assert world.relay.sent("calling.send_fax.stop") == []


async def test_a_call_that_does_not_fit_the_override_is_told_what_the_override_takes(world: World) -> None:
    client = world.client()
    async with client:
        call = undisguised(await world.taken_call(client))
        action = disguised(package_of(world).FaxAction(call._driver, OwnFax(call._machine, "c-1", None)))
        message = ""
        try:
            await action.stop()
        except TypeError as error:
            message = str(error)
        assert message == "FaxAction.stop(): missing a required argument: 'reason'"


async def test_a_users_own_method_of_a_call_is_called(world: World) -> None:
    package = package_of(world)

    class AsyncCall(anyrelay.Call):
        async def hangup(self, reason: str = "busy") -> dict[str, Any]:
            return {"said": reason, **await super().hangup(reason)}

    class BlockingCall(anyrelay.sync.Call):
        def hangup(self, reason: str = "busy") -> dict[str, Any]:
            return {"said": reason, **super().hangup(reason)}

    client = world.client()
    async with client:
        call = undisguised(await world.taken_call(client))
        kind = BlockingCall if package is anyrelay.sync else AsyncCall
        answer: Any = kind(call._driver, call._machine).hangup()
        assert (answer if package is anyrelay.sync else await answer)["said"] == "busy"
        assert (await world.seen("calling.end"))["reason"] == "busy"


async def test_a_client_may_be_subclassed(world: World) -> None:
    package = package_of(world)

    class OwnClient(package.RelayClient):  # type: ignore[misc, name-defined]
        @property
        def state(self) -> Any:
            return f"own {super().state}"

    client = OwnClient(project="p", token="t", host=world.relay.url)
    assert client.state == "own idle"
    assert repr(client).startswith("<OwnClient 127.0.0.1:")
