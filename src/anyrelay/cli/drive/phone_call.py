"""A call of a simulated phone: placed, followed by the server's events, and hung up at the end."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from anyrelay.cli.drive.control_api import ApiError, NoServer
from anyrelay.cli.drive.event_stream import StreamEnded
from anyrelay.cli.drive.happenings import Happening, Happenings

if TYPE_CHECKING:
    from anyrelay.cli.drive.control_api import CallSnapshot, ControlApi
    from anyrelay.cli.drive.event_stream import EventStream
    from anyrelay.cli.drive.script import Statement

__all__ = ["PhoneCall", "phone_call"]


class PhoneCall(Happenings):
    """A call, and the happenings on it as the server reports them."""

    def __init__(
        self, api: ControlApi, stream: EventStream, call: CallSnapshot, tell: Callable[[Happening], None]
    ) -> None:
        """Follow a call.

        Args:
            api: The server.
            stream: The server's events, from before the call was placed.
            call: The call as it was placed.
            tell: Called with each happening at once.
        """
        super().__init__(call)
        self.id = call["id"]
        self.news: deque[Happening] = deque()
        """The happenings that a script has not passed yet."""
        self._api = api
        self._stream = stream
        self._tell = tell
        self._tell_news(call)

    def receive(self, timeout: float | None = None, *descriptors: int) -> set[int]:
        """Take in the server's next events.

        Args:
            timeout: The longest wait, in seconds; None for any time.
            descriptors: Descriptors whose input ends the wait too.

        Returns:
            The descriptors that can be read.

        Raises:
            StreamEnded: The server has stopped, or was reset.
        """
        readable = self._stream.poll(timeout, *descriptors)
        if readable is None or readable:
            return readable or set()
        for event in self._stream.receive():
            if event.kind == "call" and event.data["id"] == self.id:
                self._tell_news(event.data)
            elif event.kind == "dropped":
                self._tell_news(self._api.call(self.id))
            elif event.kind == "reset" and not self.ended:
                raise StreamEnded("the server was reset")
        return set()

    def wait_answered(self, timeout: float) -> None:
        """Wait until the call is answered or over, `timeout` seconds at most."""
        deadline = time.monotonic() + timeout
        while not self.answered and not self.ended and (left := deadline - time.monotonic()) > 0:
            self.receive(left)

    def act(self, statement: Statement) -> None:
        """Do what a statement says: press keys, say a text, hang up."""
        if statement.word == "press":
            self._api.press(self.id, statement.argument)
        elif statement.word == "say":
            self._api.say(self.id, statement.argument)
        else:
            self._api.hang_up(self.id)

    def _tell_news(self, call: CallSnapshot) -> None:
        for happening in self.take(call):
            self.news.append(happening)
            self._tell(happening)


@contextlib.contextmanager
def phone_call(api: ControlApi, to: str, tell: Callable[[Happening], None], **settings: Any) -> Iterator[PhoneCall]:
    """Place a call, and hang up at the end of the block if the call is up then.

    Args:
        api: The server.
        to: The context, or the SIP URI, that is called.
        tell: Called with each happening on the call.
        settings: Further arguments of `ControlApi.place_call`.
    """
    with api.events() as stream:
        call = PhoneCall(api, stream, api.place_call(to, **settings), tell)
        try:
            yield call
        finally:
            if not call.ended:
                with contextlib.suppress(ApiError, NoServer):  # the call has ended meanwhile, or the server has
                    api.hang_up(call.id)
