"""Call the user's ``jwt_token`` function, in a worker thread that may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from anyrelay.frontend.handlers import NO_COROUTINES, refuse_unawaited, token_error
from anyrelay.protocol.session.session import Session
from anyrelay.sync.threads.workers import Workers, may_hang

__all__ = ["TokenFetcher"]


class TokenFetcher:
    """Asks for a JWT in one thread at most: the session takes the token, no matter which attempt asked for it."""

    def __init__(
        self,
        session: Session,
        core: threading.Lock,
        workers: Workers,
        post: Callable[[Callable[[float], object]], None],
    ) -> None:
        """Make a fetcher that asks for nothing yet.

        Args:
            session: The session that gets the token.
            core: The core's lock.
            workers: The threads to ask in.
            post: Has the I/O thread call a function with the time, and with the core's lock held.
        """
        self._session = session
        self._core = core
        self._workers = workers
        self._post = post
        self._is_asking = False

    def start(self, source: Callable[[], Any]) -> None:
        """Ask `source` for a token, unless a thread asks already."""
        with self._core:
            busy, self._is_asking = self._is_asking, True
        if not busy:
            self._workers.submit(lambda: self._fetch(source))

    def _fetch(self, source: Callable[[], Any]) -> None:
        token: Any = None
        failure: Exception | None = None
        try:
            with may_hang():
                token = source()
                refuse_unawaited(source, token, NO_COROUTINES)
        except BaseException as error:
            failure = token_error(error)

        def tell(now: float) -> None:
            self._is_asking = False
            if failure is None:
                self._session.token_fetched(token, now)
            else:
                self._session.token_failed(failure, now)

        self._post(tell)
