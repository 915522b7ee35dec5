"""The SIP stack's process as it is with a stack that takes long between its listening and its user agents."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from anyrelay.local.sip import child
from anyrelay.local.sip.stack import SipStack

DELAY: Final = 1.5
"""Seconds before the first user agent is made."""

_make_agent = SipStack._agent


async def make_agent_late(stack: SipStack, user: str, **options: Any) -> Any:
    if not stack._agents:
        await asyncio.sleep(DELAY)
    return await _make_agent(stack, user, **options)


SipStack._agent = make_agent_late  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    child.main()
