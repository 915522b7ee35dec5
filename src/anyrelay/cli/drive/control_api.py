"""A client of the control API of ``anyrelay serve --http``: one method for each route that the commands use."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, TypedDict
from urllib.parse import quote, urlencode, urlsplit

from anyrelay.cli.drive.event_stream import EventStream, StreamRefused

__all__ = ["USUAL_SERVER", "ApiError", "CallSnapshot", "ControlApi", "FrameSnapshot", "NoServer", "ReferSnapshot"]

USUAL_SERVER: Final = "http://127.0.0.1:4010"
"""The default URL of the control API."""

RINGING_TIMEOUT: Final = 60.0
"""The longest wait for a call that is placed, in seconds: a SIP phone rings first."""

TIMEOUT: Final = 20.0
"""Seconds to wait for a reply: a call waits some seconds for a client that receives its context."""

LIMIT: Final = 1_000
"""The most calls, or messages, that one request lists."""


class ReferSnapshot(TypedDict):
    """A transfer of a call."""

    to: str
    """The URI of the target."""
    status: str
    """The state of the transfer."""
    notify_code: str | None
    """The SIP status of the target that the phone reported last."""


# The functional form: "from" is a word of Python.
CallSnapshot = TypedDict(
    "CallSnapshot",
    {
        "id": str,
        "direction": str,
        "state": str,
        "end_reason": str | None,
        "from": str,
        "to": str,
        "context": str | None,
        "created_at": float,
        "answered_at": float | None,
        "ended_at": float | None,
        "refers": list[ReferSnapshot],
        "digits_sent": str,
        "spoken": list[str],
    },
)
"""A call as the control API writes it; it has more fields than these."""


FrameSnapshot = TypedDict("FrameSnapshot", {"kind": str, "time": float, "from": str, "to": str, "text": str})
"""A message as the control API writes it; it has more fields than these."""


class NoServer(Exception):
    """No server replies at the URL, or another program than anyrelay's server replies."""


class ApiError(Exception):
    """The server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        """Hold the HTTP status and the server's text."""
        super().__init__(message)
        self.status = status

    @property
    def is_about_arguments(self) -> bool:
        """Whether an argument is wrong, rather than the state of the server or of a call."""
        return self.status in (400, 413, 415, 422)


class ControlApi:
    """The control API of one server. No proxy is used."""

    def __init__(self, url: str = USUAL_SERVER, *, token: str | None = None, timeout: float = TIMEOUT) -> None:
        """Use the control API at this URL; nothing is sent yet.

        Args:
            url: ``http://HOST:PORT``.
            token: The bearer token; the variable ``ANYRELAY_HTTP_TOKEN`` when None.
            timeout: The longest wait for a reply, in seconds.

        Raises:
            ValueError: The URL has another form.
        """
        self.url = url.rstrip("/")
        self._host, self._port = _host_and_port(url)
        self._timeout = timeout
        token = token or os.environ.get("ANYRELAY_HTTP_TOKEN")
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def calls(self, *, state: str | None = None, context: str | None = None) -> list[CallSnapshot]:
        """Return the calls that the server knows (``GET /v1/calls``), oldest first."""
        wanted = {"state": state, "context": context, "limit": LIMIT}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        calls: list[CallSnapshot] = self._page(f"/v1/calls?{query}", CallSnapshot.__required_keys__)["data"]
        return sorted(calls, key=lambda call: call["created_at"])

    def call(self, call_id: str) -> CallSnapshot:
        """Return one call (``GET /v1/calls/ID``)."""
        path = f"/v1/calls/{quote(call_id, safe='')}"
        call: CallSnapshot = self._request("GET", path, keys=CallSnapshot.__required_keys__)
        return call

    def find_call(self, beginning: str) -> str:
        """Return the id of the only call whose id begins so.

        Raises:
            ValueError: No call's id begins so, or several do.
        """
        found = [call["id"] for call in self.calls() if call["id"].startswith(beginning)]
        if beginning in found:
            return beginning
        if len(found) != 1 or not beginning:
            raise ValueError(f"{len(found) or 'no'} calls have an id that begins with {beginning!r}")
        return found[0]

    def relay_messages(self) -> Iterator[FrameSnapshot]:
        """Return the RELAY messages that the server still has (``GET /v1/frames``), oldest first."""
        after: int | None = 0
        while after is not None:
            page = self._page(f"/v1/frames?limit={LIMIT}&after={after}", FrameSnapshot.__required_keys__)
            yield from (frame for frame in page["data"] if frame["kind"] == "relay")
            after = page.get("next")

    def capture(self, call_id: str) -> bytes:
        """Return the SIP messages of a call as a pcap file (``GET /v1/calls/ID/capture``)."""
        return self._reply("GET", f"/v1/calls/{quote(call_id, safe='')}/capture")

    def contexts(self) -> list[str]:
        """Return the contexts that clients receive (``GET /v1/sessions``)."""
        sessions = self._page("/v1/sessions", ("contexts",))["data"]
        return sorted({context for session in sessions for context in session["contexts"]})

    def place_call(
        self,
        to: str,
        *,
        from_uri: str | None = None,
        press: str | None = None,
        texts: Sequence[str] = (),
        hangup_after: float | None = None,
    ) -> CallSnapshot:
        """Let a simulated phone call, or have a SIP phone rung (``POST /v1/calls``).

        Args:
            to: A context, or a SIP URI.
            from_uri: The caller, which a server with SIP phones rings; None for the server's default caller.
            press: The digits that the caller presses once the call is answered.
            texts: The texts that the caller says after that.
            hangup_after: Seconds after which the caller hangs up the answered call.
        """
        called = "to" if to.lower().startswith(("sip:", "sips:", "tel:")) else "context"
        wanted = {
            called: to,
            "from": from_uri,
            "press": press,
            "say": list(texts) or None,
            "hangup_after": hangup_after,
        }
        timeout = max(self._timeout, RINGING_TIMEOUT)
        call: CallSnapshot = self._post("/v1/calls", wanted, timeout=timeout, keys=CallSnapshot.__required_keys__)
        return call

    def press(self, call_id: str, digits: str) -> None:
        """Press digits at the phone of a call."""
        self._act(call_id, "digits", {"digits": digits})

    def say(self, call_id: str, text: str) -> None:
        """Say a text at the phone of a call."""
        self._act(call_id, "say", {"text": text})

    def hang_up(self, call_id: str) -> None:
        """Hang up the phone of a call."""
        self._act(call_id, "hangup", {})

    def refer(self, call_id: str, to: str) -> dict[str, Any]:
        """Send the phone of a call a SIP REFER to a URI."""
        return self._act(call_id, "refer", {"to": to})

    def send_text(self, to: str, body: str, *, from_number: str | None = None) -> dict[str, Any]:
        """Let a text message arrive at a number (``POST /v1/messages``)."""
        wanted = {"to": to, "from": from_number, "body": body}
        message: dict[str, Any] = self._post("/v1/messages", wanted, keys=("id",))
        return message

    def reset(self) -> None:
        """Hang up all calls, and forget the phones, scripts and faults of the server (``POST /v1/reset``)."""
        self._post("/v1/reset", {})

    def events(self) -> EventStream:
        """Open the stream of events from now on (``GET /v1/events``)."""
        try:
            return EventStream(self._host, self._port, "/v1/events", self._headers, timeout=self._timeout)
        except OSError as error:
            raise self._no_server(error) from None
        except StreamRefused as error:
            raise self._refusal(error.status, error.body) from None

    def _act(self, call_id: str, act: str, body: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = self._post(f"/v1/calls/{quote(call_id, safe='')}/{act}", body)
        return reply

    def _post(
        self, path: str, body: dict[str, Any], *, timeout: float | None = None, keys: Collection[str] = ()
    ) -> Any:
        given = {name: value for name, value in body.items() if value is not None}
        return self._request("POST", path, given, timeout=timeout, keys=keys)

    def _page(self, path: str, keys: Collection[str]) -> Any:
        """Return a list of the control API, each entry of which has these keys."""
        page = self._request("GET", path, keys=("data",))
        if not isinstance(page["data"], list) or not all(_has(entry, keys) for entry in page["data"]):
            raise self._something_else()
        return page

    def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        keys: Collection[str] = (),
    ) -> Any:
        """Return the JSON of a reply; None for a reply without a body.

        Args:
            method: The HTTP method.
            path: The path, and the query.
            body: The body, to be written as JSON; None for no body.
            timeout: The longest wait for the reply, in seconds; None for that of the control API.
            keys: The keys that the reply must have: another program's replies may be JSON too.

        Raises:
            NoServer: No server replies, or a program that is no server of anyrelay.
            ApiError: The server refused the request.
        """
        content = self._reply(method, path, body, timeout=timeout)
        try:
            reply = json.loads(content) if content else None
        except (ValueError, RecursionError):
            raise self._something_else() from None
        if keys and not _has(reply, keys):
            raise self._something_else()
        return reply

    def _reply(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> bytes:
        """Return the body of a reply; the arguments and the errors are those of `_request`."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout or self._timeout)
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise self._no_server(error) from None
        except (http.client.HTTPException, ValueError):
            raise self._something_else() from None
        finally:
            connection.close()
        if response.status >= 300:
            raise self._refusal(response.status, content)
        return content

    def _refusal(self, status: int, body: bytes) -> ApiError | NoServer:
        """Return the error for a reply other than success."""
        try:
            return ApiError(status, _message_of(json.loads(body), status))
        except (ValueError, RecursionError):
            return self._something_else()

    def _something_else(self) -> NoServer:
        return NoServer(f"what listens at {self.url} is not the control API of anyrelay serve")

    def _no_server(self, error: OSError) -> NoServer:
        address = urlsplit(self.url).netloc
        return NoServer(
            f"no server replies at {self.url} ({error.strerror or error}): start one with"
            f" anyrelay serve --phones simulated --http {address}, or name another with --server or ANYRELAY_SERVER_URL"
        )


def _has(value: Any, keys: Collection[str]) -> bool:
    return isinstance(value, dict) and value.keys() >= set(keys)


def _host_and_port(url: str) -> tuple[str, int]:
    """Return the host and the port of a URL.

    Raises:
        ValueError: The URL is not ``http://HOST:PORT``; the text does not show the URL, which may have a password.
    """
    try:
        split = urlsplit(url)
        port = split.port or 80
    except ValueError:
        split, port = urlsplit(""), 0
    rest = (split.path.strip("/"), split.query, split.fragment)
    if split.scheme != "http" or not split.hostname or "@" in split.netloc or any(rest):
        raise ValueError(f"--server (ANYRELAY_SERVER_URL) must be http://HOST:PORT, such as {USUAL_SERVER}")
    return split.hostname, port


def _message_of(reply: Any, status: int) -> str:
    """Return the text of a refusal."""
    try:
        message = "; ".join(str(error["message"]) for error in reply["errors"])
    except (LookupError, TypeError):
        message = ""
    if status == http.HTTPStatus.UNAUTHORIZED:
        return f"{message or 'the server requires a token'}; ANYRELAY_HTTP_TOKEN must be the server's --http token"
    return message or f"the server replied with HTTP status {status}"
