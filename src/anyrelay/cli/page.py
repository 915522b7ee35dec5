"""The example of the ``call.refer()`` page, for coroutines and for threads; only the target differs from the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyrelay.aio.call import Call
    from anyrelay.sync.call import Call as BlockingCall

__all__ = ["async_page", "blocking_page"]

WORDS = "Transferring to another line."


def async_page(target: str, tell: Callable[[str], None]) -> Callable[[Call], Awaitable[None]]:
    """Return the page's handler for asyncio and trio."""

    async def handle_call(call: Call) -> None:
        await call.answer()
        await call.play([{"type": "tts", "text": WORDS}])

        result = await call.refer(device={"type": "sip", "params": {"uri": target}})
        tell(f"SIP REFER result: {result}")

    return handle_call


def blocking_page(target: str, tell: Callable[[str], None]) -> Callable[[BlockingCall], Any]:
    """Return the page's handler for threads."""

    def handle_call(call: BlockingCall) -> None:
        call.answer()
        call.play([{"type": "tts", "text": WORDS}])

        result = call.refer(device={"type": "sip", "params": {"uri": target}})
        tell(f"SIP REFER result: {result}")

    return handle_call
