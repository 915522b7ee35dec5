"""The params of a command that are written without an object in between are those of the object."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import fields
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyrelay.protocol.schema import COMMANDS, Command, Media, Play, Refer, encode_command, make_command, write_params
from anyrelay.testing.strategies import commands

CALL = {"node_id": "n", "call_id": "c"}


@pytest.mark.parametrize(
    "method", ["calling.answer", "calling.play", "calling.end", "calling.record", "calling.connect"]
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_they_are_those_of_the_command(method: str, data: st.DataObject) -> None:
    command: Command = data.draw(commands(method))
    given_fields = {each.name: getattr(command, each.name) for each in fields(type(command)) if each.name != "extra"}
    checked = {name: given_fields.pop(name) for name in CALL}
    assert write_params(COMMANDS[method], given_fields, command.extra, checked) == encode_command(command)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (Play, {"control_id": "p", "play": "nothing"}),
        (Play, {"control_id": 5, "play": [Media.silence(1)]}),
        (Play, {"control_id": None, "play": [Media.silence(1)]}),
        (Play, {"control_id": "p", "play": [Media.silence(1)], "volume": 100}),
        (Refer, {"device": None, "status_url": None}),
        (Refer, {"device": "sip:a@example.com", "status_url": ""}),
    ],
)
def test_they_are_checked_as_those_of_the_command(kind: type[Command], params: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)) as of_object:
        make_command(kind, {}, **CALL, **params)
    with pytest.raises(of_object.type) as written:
        write_params(kind, params, None, dict(CALL))
    assert str(written.value) == str(of_object.value)


def test_an_extra_parameter_is_checked_as_the_field_whose_name_it_has() -> None:
    params = {"control_id": "p", "play": [Media.silence(1)], "volume": None}
    wire = write_params(Play, dict(params), {"volume": 3, "new": 1}, dict(CALL))
    assert wire == {**CALL, "control_id": "p", "play": [Media.silence(1).to_wire()], "volume": 3, "new": 1}
    for extra in ({"call_id": "other"}, {"control_id": "q"}):
        with pytest.raises(TypeError, match=f"{min(extra)} is given twice"):
            write_params(Play, dict(params), extra, dict(CALL))
    with pytest.raises(ValueError, match=r"calling\.play\.new must be a finite number, not inf"):
        write_params(Play, dict(params), {"new": float("inf")}, dict(CALL))
