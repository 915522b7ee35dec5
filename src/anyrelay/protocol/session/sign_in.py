"""Sign in (`signalwire.connect`) on each connection: fetch the JWT, send the credentials, judge a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from anyrelay.errors import AuthenticationError, RelayError
from anyrelay.protocol.rpc.jsonrpc import Failure, Response
from anyrelay.protocol.rpc.rejections import AUTH_CODES
from anyrelay.protocol.schema.fields import Named, is_jwt
from anyrelay.protocol.session.link_messages import LinkMessages
from anyrelay.protocol.session.outputs import FetchToken, Output
from anyrelay.protocol.session.settings import ClientSettings

__all__ = ["SignIn", "SignInOwner"]

REFUSALS: Final = 3
"""How many refused sign-ins in a row are final before any success, and cost the old session after one."""

SHORTEST_SECRET: Final = 8
"""The fewest characters of a credential that is struck out of messages. A shorter text is part of ordinary words."""


class SignInOwner(Protocol):
    """The link, to which a sign-in reports."""

    def signed_in(self, result: dict[str, Any], now: float) -> None:
        """The server took the sign-in."""

    def sign_in_failed(self, error: Exception, now: float) -> None:
        """The attempt failed; another one follows."""

    def sign_in_refused(self, error: RelayError, now: float) -> None:
        """The attempt failed, and more attempts are useless."""


class SignInSession(Protocol):
    """The session, which a sign-in resumes."""

    def sign_in_params(self, jwt_token: str | None) -> dict[str, Any]:
        """Return the params of ``signalwire.connect``."""
        ...

    def forget_session(self, why: str, now: float) -> None:
        """The next sign-in must not resume the session."""


class SignIn:
    """The sign-ins of one link."""

    def __init__(
        self,
        settings: ClientSettings,
        owner: SignInOwner,
        session: SignInSession,
        messages: LinkMessages,
        put_out: Callable[[Output], None],
    ) -> None:
        self.jwt_token: str | None = None
        """The JWT that a live session was renewed with."""
        self.has_succeeded = False
        """Whether the server took a sign-in since `reset`."""
        self.refusals = 0
        """The number of refusals in a row."""
        self._settings = settings
        self._owner = owner
        self._session = session
        self._messages = messages
        self._put_out = put_out
        self._is_fetching = False
        self._credentials: tuple[str, ...] = ()
        self._bad_credentials = 0

    def reset(self) -> None:
        """Count refusals anew, since the client was closed and connects again."""
        self.has_succeeded = False
        self.refusals = self._bad_credentials = 0

    def start(self) -> None:
        """Sign in, once the JWT is there."""
        source = self._settings.jwt_token
        if self.jwt_token is not None and not callable(source):
            source = self.jwt_token
        if callable(source):
            self._is_fetching = True
            self._put_out(FetchToken(source))
        else:
            self._send(source)

    def stop(self) -> None:
        """Wait for no JWT any more, since the connection is over."""
        self._is_fetching = False

    def token_fetched(self, token: str, now: float) -> None:
        """Sign in with the JWT that `FetchToken` asked for."""
        if self._is_fetching:
            self._is_fetching = False
            try:
                is_jwt(None, Named("jwt_token"), token)
            except (TypeError, ValueError) as error:
                self._owner.sign_in_failed(error, now)
            else:
                self._send(token)

    def token_failed(self, error: Exception, now: float) -> None:
        """End the attempt, since there is no JWT."""
        if self._is_fetching:
            self._owner.sign_in_failed(error, now)

    def _send(self, jwt_token: str | None) -> None:
        params = self._session.sign_in_params(jwt_token)
        self._credentials = (self._settings.token, jwt_token or "", params.get("authorization_state", ""))
        self._messages.call("signalwire.connect", params, self._answered)

    def _answered(self, answer: Response | Failure, now: float) -> None:
        if isinstance(answer, Failure):
            self._refused(RelayError(answer.code, self.without_credentials(answer.message)), now)
        else:
            self.has_succeeded = True
            self.refusals = self._bad_credentials = 0
            self._owner.signed_in(answer.result, now)

    def _refused(self, error: RelayError, now: float) -> None:
        """Report a refusal: final after three times, before any success and for bad credentials only."""
        self.refusals += 1
        if error.code in AUTH_CODES:
            self._bad_credentials += 1
            error = AuthenticationError(error.code, error.message)
        else:
            self._bad_credentials = 0
        if self._bad_credentials >= REFUSALS and not self.has_succeeded:
            self._owner.sign_in_refused(error, now)
            return
        if self.refusals >= REFUSALS:
            self._session.forget_session(f"the server refuses to resume it: {error}", now)
        self._owner.sign_in_failed(error, now)

    def without_credentials(self, words: str) -> str:
        """Return a message of the server without the credentials that the server repeats, fit for logs and errors."""
        for secret in (*self._credentials, self.jwt_token or ""):
            if len(secret) >= SHORTEST_SECRET:
                words = words.replace(secret, "***")
        return words
