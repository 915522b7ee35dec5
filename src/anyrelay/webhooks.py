"""Callbacks of RELAY (``status_url`` and others) as typed events, in an ASGI or WSGI application.

RELAY POSTs the events of a call to the ``status_url`` of a command: best effort, in any order, now and then twice (RELAY
facts, section 4). `Webhooks` reads each POST as the event that the WebSocket would bring, calls handlers once for each event,
and judges the outcome of a transfer by the table that the client uses::

    webhooks = Webhooks(token="a-long-random-word")

    @webhooks.on(ReferEvent)
    async def transferred(event):
        print(event.call_id, webhooks.outcome(event.call_id).status)

    app = Starlette(routes=[Mount("/relay", webhooks)])  # ASGI; `webhooks.wsgi` is the WSGI application
"""

from __future__ import annotations

import hmac
import inspect
import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hashlib import sha256
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qs

from anyrelay.protocol.call.refer_outcome import ReferOutcome, ReferStatus, UnknownReason, judge
from anyrelay.protocol.schema import ReferEvent, RelayEvent, parse_event
from anyrelay.protocol.schema.json_text import json_of_any, read_json
from anyrelay.protocol.schema.sip_uri import same_sip_uri

__all__ = ["Webhooks"]

logger = logging.getLogger("anyrelay.webhooks")

BODY_LIMIT: Final = 1_048_576
"""The longest body of a POST, in bytes."""

EVENTS_REMEMBERED: Final = 4_096
"""The number of events by which duplicates are found, the newest."""

CALLS_REMEMBERED: Final = 10_000
"""The number of calls whose transfers are kept, the newest."""

REPORTS_KEPT: Final = 1_000
"""The number of reports of transfers that are kept for a call, the newest."""

Handler: TypeAlias = Callable[[Any], Any]
H = TypeVar("H", bound=Handler)
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_REASONS: Final = {
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    405: "Method Not Allowed",
    413: "Content Too Large",
    500: "Internal Server Error",
}


class Webhooks:
    """An ASGI application, and a WSGI application as `wsgi`, that receives RELAY's callbacks. Safe to use from threads."""

    def __init__(self, *, token: str | None = None) -> None:
        """Make an application without handlers.

        Args:
            token: The word that the ``status_url`` must carry as its query parameter ``token``:
                ``https://example.com/relay?token=…``. When None, every program that reaches the URL can send events.

        Raises:
            ValueError: `token` is empty.
        """
        if token is not None and not token:
            raise ValueError("token must not be empty: give a long random word, or None to accept every POST")
        self._token = token
        self._handlers: list[tuple[type[RelayEvent] | str | None, Handler]] = []
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._reports: OrderedDict[str, list[ReferEvent]] = OrderedDict()
        self._lock = threading.Lock()

    def on(self, event: type[RelayEvent] | str | None = None) -> Callable[[H], H]:
        """Return a decorator for a handler, which is called once with each event of a kind, however often the event is POSTed.

        A handler that raises makes the reply 500; when RELAY POSTs the event again, the handlers are called again.

        Args:
            event: A class such as `ReferEvent`, a type such as ``calling.call.refer``, or None for every event.

        Raises:
            TypeError: `event` is something else, or the decorated object is no function.
        """
        if not (event is None or isinstance(event, str) or (isinstance(event, type) and issubclass(event, RelayEvent))):
            raise TypeError(f"event must be a class of events, an event type or None, not {event!r}")

        def decorate(handler: H) -> H:
            if not callable(handler):
                raise TypeError(f"a handler must be a function, not {type(handler).__name__}")
            self._handlers.append((event, handler))
            return handler

        return decorate

    def outcome(self, call_id: str, refer_to: str | None = None) -> ReferOutcome:
        """Return the outcome of the latest transfer of a call, as far as callbacks have reported it.

        The order in which callbacks arrived does not matter: their timestamps count. Where callbacks were lost, the outcome is
        UNKNOWN rather than a guess: because ``ACK_LOST`` when none has come, ``TIMED_OUT`` when none of them was final,
        ``NOT_REPORTED`` when RELAY says that the phone never reported, or when final reports contradict each other.

        Args:
            call_id: The call.
            refer_to: The SIP URI of the target; of all targets the latest when None.
        """
        with self._lock:
            reports = list(self._reports.get(call_id, ()))
        if refer_to is not None:
            reports = [report for report in reports if same_sip_uri(report.sip_refer_to, refer_to)]
        return _outcome_of(_latest_transfer(reports), refer_to or "")

    # --- receiving --------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI 3)."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        status = self._refusal(scope["method"], scope.get("query_string", b"").decode("latin-1"))
        if status is None:
            body = await _body_of(receive)
            status = 413 if body is None else await self._receive(body, may_await=True)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request (WSGI, PEP 3333)."""
        status = self._refusal(environ["REQUEST_METHOD"], environ.get("QUERY_STRING", ""))
        if status is None:
            length = environ.get("CONTENT_LENGTH") or "0"
            size = int(length) if length.isdecimal() and len(length) < 10 else BODY_LIMIT + 1
            status = 413 if size > BODY_LIMIT else self._receive_now(environ["wsgi.input"].read(size))
        start_response(f"{status} {_REASONS[status]}", [("Content-Length", "0")])
        return [b""]

    def _receive_now(self, body: bytes) -> int:
        receiving = self._receive(body, may_await=False)
        try:
            receiving.send(None)
        except StopIteration as stop:
            return int(stop.value)
        raise RuntimeError("a request without a coroutine to await was suspended")

    def _refusal(self, method: str, query: str) -> int | None:
        """Return the status of a request that is refused before its body is read; None for the others."""
        if method != "POST":
            return 405
        if self._token is not None:
            given = parse_qs(query).get("token", [""])[0]
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                logger.warning("a callback without the right token was refused")
                return 401
        return None

    async def _receive(self, body: bytes, *, may_await: bool) -> int:
        """Read a body, call the handlers, and return the status of the response."""
        event, key = self._read(body)
        if event is None:
            return 400
        if not self._is_new(key):
            return 204
        try:
            for handler in self._handlers_of(event):
                await _handled(handler, handler(event), may_await=may_await)
        except BaseException as error:
            with self._lock:
                self._seen.pop(key, None)  # RELAY may POST the event again
            if not isinstance(error, Exception):  # a cancelled request, or the end of the program
                raise
            name = event.event_type[:100].encode("unicode_escape").decode()
            logger.exception("a handler of %s raised", name)
            return 500
        return 204

    def _read(self, body: bytes) -> tuple[RelayEvent | None, bytes]:
        """Return the event of a body and its key, and keep a report of a transfer; None for a body that is no event."""
        try:
            payload = read_json(body.decode())
        except (ValueError, RecursionError):
            payload = None
        if not isinstance(payload, dict) or not isinstance(payload.get("event_type"), str):
            logger.warning("a callback of %d bytes is no RELAY event", len(body))
            return None, b""
        event = parse_event(payload)
        if isinstance(event, ReferEvent):
            with self._lock:
                self._keep(event)
        return event, sha256(json_of_any(payload).encode("utf-8", "backslashreplace")).digest()

    def _keep(self, event: ReferEvent) -> None:
        reports = self._reports.setdefault(event.call_id, [])
        if event not in reports:
            reports.append(event)
            del reports[:-REPORTS_KEPT]
        self._reports.move_to_end(event.call_id)
        if len(self._reports) > CALLS_REMEMBERED:
            self._reports.popitem(last=False)

    def _is_new(self, key: bytes) -> bool:
        """Return whether an event is no duplicate, and remember the event."""
        with self._lock:
            if key in self._seen:
                return False
            self._seen[key] = None
            if len(self._seen) > EVENTS_REMEMBERED:
                self._seen.popitem(last=False)
        return True

    def _handlers_of(self, event: RelayEvent) -> list[Handler]:
        return [
            handler
            for kind, handler in self._handlers
            if kind is None or (event.event_type == kind if isinstance(kind, str) else isinstance(event, kind))
        ]


async def _handled(handler: Handler, answer: object, *, may_await: bool) -> None:
    """Await what a handler returned, if it can be awaited.

    Raises:
        TypeError: The handler is a coroutine function and this is WSGI, where nothing can be awaited; or it is a generator
            function.
        BaseException: The error of the handler.
    """
    if inspect.isawaitable(answer):
        if may_await:
            await answer
            return
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError(f"{handler!r} is a coroutine function, which WSGI cannot await: write a plain function")
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        raise TypeError(f"{handler!r} has a `yield` in it, so that nothing in it runs: leave out the `yield`")


async def _body_of(receive: Receive) -> bytes | None:
    """Return the body of a request; None when the body is too long."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            return None
        if not message.get("more_body"):
            return body


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


# --- judging ------------------------------------------------------------------------------------------------------------

_OPEN: Final = frozenset({None, ReferStatus.CANCELED, ReferStatus.UNKNOWN})
"""Verdicts on one report after which a report with a final code still counts."""


def _verdict(report: ReferEvent) -> ReferStatus | None:
    return judge(report.state, report.refer_response_code, report.notify_response_code)


def _latest_transfer(reports: list[ReferEvent]) -> list[ReferEvent]:
    """Return the reports of a call's latest transfer: a report that decides nothing, after a final report, begins the next."""
    ordered = sorted(reports, key=lambda report: (report.timestamp, _verdict(report) is not None))
    latest: list[ReferEvent] = []
    for report in ordered:
        is_over = any(_verdict(each) is not None for each in latest)
        if latest and (
            (is_over and _verdict(report) is None) or not same_sip_uri(report.sip_refer_to, latest[-1].sip_refer_to)
        ):
            latest = []
        latest.append(report)
    return latest


def _outcome_of(reports: list[ReferEvent], refer_to: str) -> ReferOutcome:
    if not reports:
        return ReferOutcome(ReferStatus.UNKNOWN, refer_to, unknown_because=UnknownReason.ACK_LOST)
    verdicts = [_verdict(report) for report in reports]
    final = {verdict for verdict in verdicts if verdict not in _OPEN}
    because: UnknownReason | None = None
    if len(final) == 1:
        status = final.pop() or ReferStatus.UNKNOWN
    elif not final and ReferStatus.CANCELED in verdicts:
        status = ReferStatus.CANCELED
    else:
        status = ReferStatus.UNKNOWN
        told = final or ReferStatus.UNKNOWN in verdicts
        because = UnknownReason.NOT_REPORTED if told else UnknownReason.TIMED_OUT
    return ReferOutcome(
        status,
        reports[-1].sip_refer_to or refer_to,
        refer_response_code=_last(report.refer_response_code for report in reports),
        notify_response_code=_last(report.notify_response_code for report in reports),
        unknown_because=because,
        events=tuple(reports),
        elapsed=max(0.0, reports[-1].timestamp - reports[0].timestamp),
    )


def _last(codes: Iterable[int | None]) -> int | None:
    return next((code for code in reversed(list(codes)) if code is not None), None)
