"""The codec: commands are read and written strictly, the fields of events are read tolerantly."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from attrs import converters, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from anyrelay.protocol.schema import (
    Command,
    Media,
    SipReferDevice,
    codec,
    decode_command,
    encode_command,
    read_media,
    read_refer_device,
)
from anyrelay.protocol.schema.codec import tolerant
from anyrelay.protocol.schema.command import command
from anyrelay.protocol.schema.fields import is_number, is_text, optional


@command("test.everything")
@frozen(kw_only=True)
class Everything(Command):
    """A command with a field of every kind."""

    name: str = field(validator=is_text())
    """Required."""
    source: str | None = field(default=None, validator=optional(is_text()), metadata={"wire": "from"})
    """With another name on the wire."""
    level: float | None = field(default=None, validator=optional(is_number(0, 10)))
    """Optional."""
    play: tuple[Media, ...] | None = field(default=None, converter=converters.optional(read_media))
    """Media, or None."""
    media: tuple[Media, ...] = field(default=(), converter=lambda media: read_media(media) if media else ())
    """Media."""
    device: SipReferDevice | None = field(default=None, converter=converters.optional(read_refer_device))
    """A device."""


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the method of `Everything` known."""
    monkeypatch.setattr(codec, "COMMANDS", {Everything.method: Everything})


def test_names_on_the_wire_and_omitted_fields() -> None:
    made = Everything(name="n", source="s", media=(Media.silence(1),), extra={"new": [1]})
    wire = encode_command(made)
    assert orjson.loads(orjson.dumps(wire)) == {
        "name": "n",
        "from": "s",
        "media": [{"type": "silence", "params": {"duration": 1}}],
        "new": [1],
    }
    assert decode_command("test.everything", orjson.loads(orjson.dumps(wire))) == made
    assert encode_command(Everything(name="n")) == {"name": "n"}


def test_decoded_values_are_checked_and_not_converted() -> None:
    with pytest.raises(TypeError, match="name must be a string, not int"):
        decode_command("test.everything", {"name": 5})
    with pytest.raises(TypeError, match="level must be a number"):
        decode_command("test.everything", {"name": "n", "level": "3"})
    with pytest.raises(ValueError, match="name is missing"):
        decode_command("test.everything", {"from": "s"})
    assert decode_command("test.everything", {"name": "n", "extra": 1, "source": 2}).extra == {"extra": 1, "source": 2}


def test_an_extra_parameter_may_not_take_the_place_of_a_field() -> None:
    with pytest.raises(TypeError, match=r"from is a field of test\.everything and cannot be given as an extra one"):
        encode_command(Everything(name="n", extra={"from": "s"}))
    with pytest.raises(ValueError, match=r"test\.everything\.new must be a finite number, not nan"):
        encode_command(Everything(name="n", extra={"new": math.nan}))


@frozen(kw_only=True)
class EventFields:
    """Fields of an event."""

    text: str = ""
    number: float = 0.0
    count: int = 0
    flag: bool = False
    maybe: bool | None = None
    thing: dict[str, Any] = field(factory=dict)
    names: list[str] = field(factory=list)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("text", "a", "a"),
        ("text", 486, "486"),
        ("text", 1.5, "1.5"),
        ("text", True, ""),
        ("text", None, ""),
        ("text", ["a"], ""),
        ("number", 1, 1),
        ("number", "1.5", 1.5),
        ("number", "one", 0.0),
        ("number", "nan", 0.0),
        ("number", "-inf", 0.0),
        ("number", True, 0.0),
        ("number", {}, 0.0),
        ("count", "7", 7),
        ("count", 7.9, 7),
        ("count", "inf", 0),
        ("flag", True, True),
        ("flag", "true", False),
        ("flag", 1, False),
        ("maybe", False, False),
        ("maybe", None, None),
        ("maybe", "no", None),
        ("thing", {"a": [1]}, {"a": [1]}),
        ("thing", [1], {}),
        ("names", ["a", 1, "b"], ["a", "b"]),
        ("names", "ab", []),
    ],
)
def test_a_field_of_a_wrong_type_has_its_default(name: str, value: Any, read: Any) -> None:
    assert getattr(tolerant.structure({name: value}, EventFields), name) == read
    assert type(getattr(tolerant.structure({name: value}, EventFields), name)) is type(read)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["text", "number", "count", "flag", "maybe", "thing", "names"]), JSON),
)
def test_no_event_is_lost_to_a_field(values: dict[str, Any]) -> None:
    event = tolerant.structure(values, EventFields)
    assert isinstance(event.text, str)
    assert math.isfinite(event.number)
    assert isinstance(event.count, int)
