"""Click to call with FastAPI: ring the agent, then connect the customer.

Run: uvicorn click_to_call_fastapi:app

    curl localhost:8000/calls -H 'Content-Type: application/json' \\
        -d '{"agent": "+15551230001", "customer": "+15551230002"}'
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

from anyrelay import (
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
Number = Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")]


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """Keep one RELAY client for as long as the application runs."""
    async with RelayClient() as app.state.relay:
        yield


def relay_of(request: Request) -> RelayClient:
    return request.app.state.relay


app = FastAPI(lifespan=connected)
Relay = Annotated[RelayClient, Depends(relay_of)]


class ClickToCall(BaseModel):
    agent: Number
    customer: Number


@app.post("/calls", status_code=201)
async def start_call(
    wanted: ClickToCall, relay: Relay, tasks: BackgroundTasks
) -> dict[str, str]:
    """Ring the agent; once the agent answers, ring the customer."""
    try:
        call = await relay.dial(phone(wanted.agent), dial_timeout=30)
    except DialFailed as error:
        raise HTTPException(502, "The agent does not answer.") from error
    tasks.add_task(connect, call, wanted.customer)
    return {"call_id": call.call_id}


@app.get("/calls")
async def list_calls(relay: Relay) -> dict[str, str]:
    """Return the state of each call."""
    return {call_id: call.state for call_id, call in relay.calls.items()}


@app.delete("/calls/{call_id}", status_code=204)
async def end_call(call_id: str, relay: Relay) -> None:
    """Hang up."""
    if (call := relay.calls.get(call_id)) is None:
        raise HTTPException(404, "There is no such call.")
    await call.hangup()


def phone(number: str) -> list[list[PhoneDevice]]:
    return [[PhoneDevice(to_number=number, from_number=OWN_NUMBER)]]


async def connect(call: Call, customer: str) -> None:
    """Connect the customer, and hang up when either side has hung up."""
    async with aclosing(call.events()) as events:
        await call.connect(phone(customer))
        async for event in events:
            if isinstance(event, ConnectEvent) and event.connect_state in OVER:
                break
    await call.hangup()
