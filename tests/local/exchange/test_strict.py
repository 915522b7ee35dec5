"""A strict exchange refuses what RELAY's own schema does not allow; the others accept it."""

import pytest

from anyrelay.protocol.rpc.jsonrpc import Failure
from anyrelay.protocol.server import INVALID_PARAMS
from tests.support.exchange_bench import Bench

AUDIO = {"type": "audio", "params": {"url": "https://example.com/a.wav"}}
PHONE = {"type": "phone", "params": {"to_number": "+15550000001", "from_number": "+15550000002"}}
PAY = {"control_id": "p", "payment_connector_url": "https://pay.example.com/"}


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("answer", {"max_duration": 1.5}, "max_duration must be a whole number"),
        ("answer", {"colour": "red"}, "colour is no parameter of RELAY"),
        ("connect", {"devices": [[PHONE]], "max_duration": 1.5}, "max_duration must be a whole number"),
        ("ai_hold", {"timeout": 10}, "timeout must be a string"),
        ("pay", {**PAY, "charge_amount": 9.99}, "charge_amount must be a string"),
        ("pay", {**PAY, "postal_code": True}, "postal_code must be a string"),
        (
            "play",
            {"control_id": "p", "play": [AUDIO, {"type": "tts", "text": "Hello"}]},
            "play[1] must have the keys type and params alone",
        ),
        (
            "connect",
            {"devices": [[PHONE]], "ringback": [{"type": "silence", "duration": 1}]},
            "ringback[0] must have the keys type and params alone",
        ),
    ],
)
def test_what_is_refused(method, params, words):
    _, client, call_id = (strict := Bench(strict=True)).call()
    assert client.command(call_id, method, **params) == (INVALID_PARAMS, f"calling.{method}: {words}")
    strict.advance(1.0)
    assert not isinstance(Bench().call()[1].request(f"calling.{method}", node_id="n", call_id="x", **params), Failure)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("answer", {"max_duration": 60, "swml": True}),
        ("collect", {"control_id": "c", "digits": {"max": 1}, "continue": True, "async": True}),
        ("pay", {**PAY, "charge_amount": "9.99", "bank_account_type": "checking"}),
        ("play", {"control_id": "p", "play": [AUDIO], "loop": 2, "status_url": "http://127.0.0.1:9/"}),
        ("ai_hold", {"timeout": None}),
    ],
)
def test_what_is_accepted(method, params):
    client = Bench(strict=True).client()
    assert client.command("x", method, **params) == (404, "No such call")
