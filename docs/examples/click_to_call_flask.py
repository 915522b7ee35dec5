"""Click to call with Flask: ring the agent, then connect the customer.

Run: flask --app click_to_call_flask run

    curl localhost:5000/calls -H 'Content-Type: application/json' \\
        -d '{"agent": "+15551230001", "customer": "+15551230002"}'
"""

from contextlib import closing
from threading import Thread

from flask import Flask, abort, request

from anyrelay.sync import (
    CONNECT_STATE_DISCONNECTED,
    CONNECT_STATE_FAILED,
    Call,
    ConnectEvent,
    DialFailed,
    PhoneDevice,
    RelayClient,
)

OWN_NUMBER = "+15551230000"
OVER = {CONNECT_STATE_DISCONNECTED, CONNECT_STATE_FAILED}


def create_app() -> Flask:
    """Return the application. Each worker process calls this function."""
    app = Flask(__name__)
    relay = RelayClient()
    relay.connect()

    @app.post("/calls")
    def start_call() -> tuple[dict[str, str], int]:
        """Ring the agent; once the agent answers, ring the customer."""
        wanted = request.get_json()
        try:
            agent, customer = phone(wanted["agent"]), phone(wanted["customer"])
        except (KeyError, TypeError, ValueError) as error:
            abort(400, f"agent and customer must be numbers: {error}")
        try:
            call = relay.dial(agent, dial_timeout=30)
        except DialFailed:
            abort(502, "The agent does not answer.")
        Thread(target=connect, args=(call, customer)).start()
        return {"call_id": call.call_id}, 201

    @app.get("/calls")
    def list_calls() -> dict[str, str]:
        """Return the state of each call of this process."""
        return {call_id: call.state for call_id, call in relay.calls.items()}

    @app.delete("/calls/<call_id>")
    def end_call(call_id: str) -> tuple[str, int]:
        """Hang up."""
        if (call := relay.calls.get(call_id)) is None:
            abort(404, "There is no such call.")
        call.hangup()
        return "", 204

    return app


def phone(number: str) -> list[list[PhoneDevice]]:
    return [[PhoneDevice(to_number=number, from_number=OWN_NUMBER)]]


def connect(call: Call, customer: list[list[PhoneDevice]]) -> None:
    """Connect the customer, and hang up when either side has hung up."""
    with closing(call.events()) as events:
        call.connect(customer)
        for event in events:
            if isinstance(event, ConnectEvent) and event.connect_state in OVER:
                break
    call.hangup()
