"""Call the user's ``jwt_token`` function: a coroutine function on the loop, a plain function in a thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from anyrelay.aio.handlers import is_own_error
from anyrelay.aio.threads import ThreadCall
from anyrelay.frontend.handlers import token_error
from anyrelay.protocol.session.session import Session

__all__ = ["fetch_token"]


async def fetch_token(session: Session, source: Callable[[], Any], clock: Callable[[], float]) -> None:
    """Call `source`, and tell the session of the token or of the error."""
    try:
        # A plain function may block on the network, so it gets a thread; the coroutine of a coroutine function runs here.
        token = await ThreadCall(source).result()
        if inspect.isawaitable(token):
            token = await token
    except BaseException as error:
        if not is_own_error(error):
            raise
        session.token_failed(token_error(error), clock())
    else:
        session.token_fetched(token, clock())
