"""The errors: one tree, one form of text, and each can be pickled and raised again."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from anyrelay import errors
from anyrelay.errors import CallGone, ConnectFailed, DialFailed, ReferFailed, RelayError, RequestTimeout
from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus

OUTCOME = ReferOutcome(status=ReferStatus.BUSY, refer_to="sip:x@example.com", notify_response_code=486)
FROM_THE_SERVER = ("AuthenticationError", "RelayError")


def made(name: str) -> RelayError:
    """Make an error of each class, as the library does."""
    kind = getattr(errors, name)
    if name == "CallGone":
        return CallGone(410, "why", "call-1")
    if name == "ReferFailed":
        return ReferFailed("why", OUTCOME)
    error: RelayError = kind(500, "why") if name in FROM_THE_SERVER else kind("why")
    return error


each = pytest.mark.parametrize("error", [made(name) for name in errors.__all__], ids=errors.__all__)


def test_every_error_is_public() -> None:
    kinds = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RelayError)
    }  # fmt: skip
    assert kinds - {"LocalError"} == set(errors.__all__)


@each
def test_one_tree_and_one_form_of_text(error: RelayError) -> None:
    assert isinstance(error, RelayError)
    assert str(error) == f"RELAY error {error.code}: why"
    assert error.message == "why"
    assert inspect.getdoc(error)


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {*FROM_THE_SERVER, "CallGone"}))
def test_an_error_without_a_reply_has_no_code_of_a_server(name: str) -> None:
    assert made(name).code == -1


def test_timeouts_are_timeout_errors() -> None:
    timeouts = {name for name in errors.__all__ if issubclass(getattr(errors, name), TimeoutError)}
    assert "RequestTimeout" in timeouts
    assert any(issubclass(getattr(errors, name), DialFailed) for name in timeouts)
    with pytest.raises(TimeoutError, match="RELAY error -1: late"):
        raise RequestTimeout("late")


@each
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_errors_can_be_pickled(error: RelayError, protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error)
    assert (copy.args, copy.__dict__, str(copy)) == (error.args, error.__dict__, str(error))


@each
def test_errors_can_be_raised_again(error: RelayError) -> None:
    error.add_note("once")
    try:
        renewed = error.renewed()
        assert renewed is not error
        assert type(renewed) is type(error)
        assert (renewed.args, renewed.code, str(renewed)) == (error.args, error.code, str(error))
        with pytest.raises(type(error)):
            raise renewed
        assert error.__traceback__ is None
        renewed.add_note("twice")
        assert error.__notes__ == ["once"]
        assert renewed.__notes__ == ["twice"]
    finally:
        del error.__notes__


@pytest.mark.parametrize("suppress", [True, False])
def test_the_cause_is_kept(suppress: bool) -> None:
    error, cause = ConnectFailed("why"), OSError("no route")
    error.__cause__ = cause
    error.__suppress_context__ = suppress
    renewed = error.renewed()
    assert renewed.__cause__ is cause
    assert renewed.__suppress_context__ is suppress


def test_the_attributes_of_errors() -> None:
    copies: list[Any] = [pickle.loads(pickle.dumps(made("CallGone"))), made("CallGone").renewed()]
    assert {copy.call_id for copy in copies} == {"call-1"}
    assert CallGone(404, "why").call_id == ""
    assert pickle.loads(pickle.dumps(made("ReferFailed"))).outcome == OUTCOME
    with pytest.raises(ReferFailed, match="is busy") as caught:
        OUTCOME.raise_for_status()
    assert caught.value.outcome is OUTCOME
