"""Scripts of a running server: the replies to acted commands, text messages that arrive, and lost connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import anyio

from anyrelay.local.exchange.ports import TextMessage
from anyrelay.local.server.running import RunningRelay

__all__ = ["ScriptedRelay"]


class ScriptedRelay(RunningRelay):
    """A running server whose replies, messages and failures are scripted."""

    def script(
        self,
        method: str,
        *,
        code: int = 200,
        message: str | None = None,
        reply: Mapping[str, Any] | None = None,
        events: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        """Set the reply to an acted command, such as ``calling.ai``, and the events that follow; or refuse any command.

        Without any argument but `method`, the server serves the command as usual again.

        Args:
            method: The RELAY method: that of an acted command, or ``messaging.send``. A script of any other command of
                calls can only refuse: it has a `code` from 400 on.
            code: The code of the reply: 200, or a refusal from 400 to 599.
            message: The message of the reply; None for the message that RELAY documents.
            reply: Further fields of the reply.
            events: The events after the reply; None for the default events. Each is a dict: ``params``, and where they are
                needed ``after`` (seconds since the reply or the event before) and ``event_type``.

        Raises:
            ValueError: The server does not act this command and the script does not refuse it, or a value is not allowed.
            TypeError: A value has a wrong type.
        """
        self.exchange.scripts.set(method, code=code, message=message, reply=reply, events=events)

    async def text(
        self,
        *,
        to: str,
        body: str = "",
        from_number: str = "+15550000000",
        media: Iterable[str] = (),
        wait_for_subscriber: float = 5.0,
    ) -> None:
        """Let a text message arrive (``messaging.receive``), once a client receives in the context of its number.

        Args:
            to: The number to which the message goes.
            body: The text.
            from_number: The number from which the message comes.
            media: The URLs of pictures and files.
            wait_for_subscriber: How long to wait for a client, in seconds.

        Raises:
            TimeoutError: No client has received in that context in time.
        """
        message = TextMessage(from_number=from_number, to_number=to, body=body, media=tuple(media))
        await self.until_received(self.exchange.messages.context_of(to), wait_for_subscriber)
        self.exchange.messages.deliver(message, anyio.current_time())
        self.follow_outputs()

    def drop_connections(self) -> None:
        """Close every client's transport without a word, as a broken network does; sessions can be resumed."""
        self.exchange.drop_connections(anyio.current_time())
        self.follow_outputs()

    def forget_sessions(self) -> None:
        """Drop every connection and every session with its calls, as a server that crashed and is back."""
        self.exchange.forget_sessions(anyio.current_time())
        self.follow_outputs()

    def say_goodbye(self, *, restart: bool = False) -> None:
        """Send every client ``signalwire.disconnect``, and close its connection a second later.

        Args:
            restart: Whether the clients must begin new sessions; if not, they may resume their sessions.
        """
        self.exchange.say_goodbye(anyio.current_time(), restart=restart)
        self.follow_outputs()
