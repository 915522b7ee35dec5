"""Which codes of error replies say that nothing will happen."""

from __future__ import annotations

import pytest

from anyrelay.protocol.rpc.rejections import is_rejection

REJECTIONS = [*(-32700, -32600, -32601, -32602), *(set(range(400, 500)) - {408, 425, 429})]

LEAVE_IT_OPEN = [
    *(-32603, -32699, -32604, -32599, -32768),  # JSON-RPC's internal error, and what it reserves
    *range(-32099, -31999),  # server errors
    *(408, 425, 429),
    *(*range(500, 600), 600, 999),
    *(*range(100, 200), *range(300, 400)),  # codes without a published meaning
    *(-1, 0, 1, -400, 40_400),  # no readable code, and unknown codes
]


@pytest.mark.parametrize("code", REJECTIONS)
def test_codes_about_the_request_itself(code: int) -> None:
    assert is_rejection(code)


@pytest.mark.parametrize("code", LEAVE_IT_OPEN)
def test_codes_after_which_the_command_may_still_be_carried_out(code: int) -> None:
    assert not is_rejection(code)
