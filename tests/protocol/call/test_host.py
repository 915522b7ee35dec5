"""A session has the members that calls and dials need."""

from __future__ import annotations

from typing import Any

import pytest

from anyrelay.protocol.call.host import CallHost, CallObserver, CallSettings, MachineHost
from anyrelay.protocol.outbound.host import OutboundHost
from anyrelay.protocol.session.observer import Observer
from tests.support.joined import Joined


def members_of(protocol: Any) -> set[str]:
    return {name for name in {*vars(protocol), *protocol.__annotations__} if not name.startswith("_")}


@pytest.mark.parametrize("protocol", [MachineHost, CallHost, OutboundHost])
def test_a_session_has_the_members_of_its_host_protocols(protocol: Any) -> None:
    session = Joined().session
    assert members_of(protocol)
    assert [name for name in members_of(protocol) if not hasattr(session, name)] == []


def test_settings_and_observers_have_the_members_of_their_protocols() -> None:
    settings = Joined().session.settings
    assert members_of(CallSettings) == {"refer_grace", "request_timeout"}
    assert all(hasattr(settings, name) for name in members_of(CallSettings))
    assert members_of(CallObserver) <= set(dir(Observer))
