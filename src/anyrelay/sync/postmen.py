"""Tells handlers what is in the mailboxes, each in order, in as few threads as do not keep each other waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from anyrelay.frontend.ending import empty
from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited
from anyrelay.protocol.mailbox import Mailbox
from anyrelay.sync.workers import Workers

__all__ = ["Postmen"]


class Postmen:
    """Threads that attend to mailboxes, without the core's lock: it would be held just when there is much to tell.

    A mailbox has one postman at a time, who takes from it what only the core's side adds to. Once it is empty he hands it back,
    and the core's side, which alone knows that nothing more comes in between, says that nobody attends to it any more.
    """

    def __init__(
        self,
        workers: Workers,
        failed: Callable[[Mailbox, BaseException], None],
        hurry: Callable[[], None],
    ) -> None:
        """Make one that has no mailbox yet.

        Args:
            workers: Where the threads come from.
            failed: Told in such a thread of a handler that raised.
            hurry: Called in such a thread when mailboxes have to be taken back soon.
        """
        self._workers = workers
        self._failed = failed
        self._hurry = hurry
        self._unattended: deque[Mailbox] = deque()
        self._handed_back: deque[Mailbox] = deque()
        self._on_the_way = False

    def add(self, mailbox: Mailbox) -> None:
        """Note that there is something in a mailbox; `call` somebody for it."""
        self._unattended.append(mailbox)

    def call(self) -> None:
        """Call a thread for the mailboxes that nobody attends to; never one while another is on its way."""
        if self._unattended and not self._on_the_way:
            self._on_the_way = True
            self._workers.submit(self._deliver)

    def take_back(self) -> None:
        """Take back the mailboxes that were found empty, under the core's lock; those with new mail ask for attention again."""
        while self._handed_back:
            self._handed_back.popleft().leave()

    def give_up(self) -> None:
        """Empty the mailboxes that nobody attends to, under the core's lock."""
        while self._unattended:
            empty(self._unattended.popleft())

    def _deliver(self) -> None:
        """Attend to one mailbox after another.

        Whoever is at one has called somebody for the next: no call's handlers wait for another's, and yet fewer threads are
        needed while handlers are quick.
        """
        self._on_the_way = False
        while (mailbox := self._next()) is not None:
            self.call()
            self._empty(mailbox)
            self._handed_back.append(mailbox)
            if mailbox.has_mail:  # it came in the meantime
                self._hurry()

    def _next(self) -> Mailbox | None:
        try:
            return self._unattended.popleft()
        except IndexError:  # somebody else was faster
            return None

    def _empty(self, mailbox: Mailbox) -> None:
        while deliveries := mailbox.take_some():
            for delivery in deliveries:
                try:
                    refuse_unawaited(delivery.handler, delivery.handler(delivery.subject), NO_COROUTINES)
                except (Exception, SystemExit) as error:
                    self._failed(mailbox, error)
