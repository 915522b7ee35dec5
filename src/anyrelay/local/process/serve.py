"""The local RELAY server as a process: ``python -m anyrelay.local`` and ``anyrelay serve``.

The process reports each event as a JSON object on a line of its standard output:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``relay``: the server's URL; ``sip``: its SIP URI or null; ``ca_file``: the authority to trust, or null;
                ``token``: the token of clients, if the server made it; ``http``: the URL of the control API or null;
                ``http_token``: the token of the control API, if the server made it; ``environment``: the variables that
                point a client at the server; ``acted``: the commands that scripts act. Always first
``relay``       a RELAY message: ``time`` (seconds since 1970), ``direction`` (rx from or tx to the client), ``client``
                (the number of the connection), ``text``: the message, its secrets struck out
``sip``         a SIP message: ``time``, ``direction`` (rx, tx), ``transport``, ``source``, ``target``, ``message``
``phone``       a step of a simulated phone: ``time``, ``uri``, ``words``
``happened``    a RELAY event, whether or not a client got it: ``event_type``, ``timestamp``, ``project_id``, ``params``
``reply``       the answer to an order on its standard input (`anyrelay.local.process.control`)
==============  ========================================================================================================
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import time
import webbrowser
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from attrs import asdict

from anyrelay.local.process.options import (
    PHONES,
    USUAL_HTTP,
    USUAL_SIP,
    ServeOptions,
    checked_options,
    complain,
    pairs_of,
)
from anyrelay.local.process.report import Report, print_json, print_words
from anyrelay.local.process.seeds import SeedError
from anyrelay.local.process.server_process import TOKEN_VARIABLE
from anyrelay.local.reach import Reach
from anyrelay.local.server.relay import DIAL_EVENTS, LocalRelay
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip.phones import SipMessageSeen, SipPhones

__all__ = ["main", "serve", "token_of_environment"]

WRONG_USE = 2
"""The exit status when the server could not be started with these options."""


def serve(options: ServeOptions) -> int:
    """Serve until SIGINT or SIGTERM, or under `control` until the end of standard input, and report on standard output.

    Returns:
        The exit status: 0, or 2 when the server could not be started; standard error says why.
    """
    try:
        anyio.run(_serve, checked_options(options), print_json if options.as_json else print_words)
    except SeedError as error:
        for mistake in error.mistakes:
            complain(mistake)
        return WRONG_USE
    except (OSError, ValueError, RuntimeError) as error:
        complain(str(error))
        return WRONG_USE
    return 0


async def _serve(options: ServeOptions, report: Report) -> None:
    relay = LocalRelay(
        _sip_phones(options, report) if options.phones == "sip" else _simulated_phones(options, report),
        listen=options.listen,
        tls_dir=options.tls_dir,
        project=options.project,
        token=options.token,
        require_token=not options.no_token,
        allowed_hosts=options.allowed_hosts,
        accounts=options.tokens,
        numbers=options.contexts,
        act=options.act,
        dial_event=options.dial_event,
        strict=options.strict,
        journal=options.journal or options.http is not None,
        http=options.http,
        http_token=options.http_token,
        on_frame=(lambda frame: report({"event": "relay", **asdict(frame)}))
        if options.show_frames
        else options.on_frame,
        on_event=None if options.quiet else lambda envelope: report(_happening(envelope)),
    )
    async with relay:
        if options.seed is not None:
            options.seed.describe(relay)
            relay.on_reset = partial(options.seed.describe, relay)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
            if options.seed is not None:
                tasks.start_soon(options.seed.send_messages, relay)
            report(_ready(relay, options))
            if options.ui:
                await anyio.to_thread.run_sync(webbrowser.open, _page(relay))
            if options.control:
                from anyrelay.local.process.control import Control

                await Control(relay, report).run()
                tasks.cancel_scope.cancel()


def _ready(relay: LocalRelay, options: ServeOptions) -> dict[str, Any]:
    """Return the event that the server listens, with the tokens that the server made."""
    ready: dict[str, Any] = {"event": "ready", "relay": relay.url, "sip": relay.sip_uri, "ca_file": relay.ca_file}
    ready |= {"http": relay.http_url, "environment": relay.environment, "acted": relay.acted_commands}
    if relay.token is not None and not options.token:
        ready["token"] = relay.token
    if relay.http_token is not None and not options.http_token:
        ready["http_token"] = relay.http_token
    return ready


def _page(relay: LocalRelay) -> str:
    """Return the URL of the server's page; the token is in its fragment, which a browser sends to no server."""
    return f"{relay.http_url}/{f'#token={relay.http_token}' if relay.http_token else ''}"


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _simulated_phones(options: ServeOptions, report: Report) -> SimulatedPhones:
    def on_step(uri: str, words: str) -> None:
        report({"event": "phone", "time": time.time(), "uri": uri, "words": words})

    return SimulatedPhones(pace=options.pace, on_step=on_step if options.show_frames else None)


def _sip_phones(options: ServeOptions, report: Report) -> SipPhones:
    from anyrelay.local.sip.phones import SipPhones

    # The stack's messages carry the time of the monotonic clock.
    epoch = time.time() - time.monotonic()

    def on_message(seen: SipMessageSeen) -> None:
        told = asdict(seen)
        message = told.pop("text")
        report({"event": "sip", **told, "time": epoch + seen.time, "message": message})

    assert options.sip is not None
    plan = {**(options.seed.dial_plan if options.seed else {}), **pairs_of(options.dial_plan)}
    return SipPhones(
        options.sip,
        max_calls=options.max_calls,
        on_message=on_message if options.show_frames else None,
        reach=Reach(options.media_dir, options.allowed_hosts),
        dial_plan=plan,
        certificate=options.sip_certificate,
        speech_command=options.speech,
    )


def _happening(envelope: dict[str, Any]) -> dict[str, Any]:
    told = {key: envelope[key] for key in ("event_type", "timestamp", "project_id", "params")}
    return {"event": "happened", **told}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m anyrelay.local``; return the exit status.

    Under ``--control``, or when standard input is a pipe or a socket, the server takes orders from its standard input, and ends
    when the process at the other end closes it.
    """
    given = _parser().parse_args(arguments)
    given.control = given.control or _has_parent()
    given.token = given.token or token_of_environment(given.token_file, no_token=given.no_token)
    return serve(ServeOptions(**vars(given)))


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the options; each option is a field of `ServeOptions`."""
    parser = argparse.ArgumentParser(prog="python -m anyrelay.local", description="A RELAY server on your own machine.")
    repeated = partial(parser.add_argument, action="append", default=[])
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where clients connect to")
    parser.add_argument("--sip", metavar="HOST:PORT", help=f"where real phones call; {USUAL_SIP} when left out")
    parser.add_argument("--phones", default="sip", choices=PHONES)
    parser.add_argument("--max-calls", type=int, default=200, help="how many calls of real phones there may be at once")
    parser.add_argument("--tls-dir", metavar="DIR", help="serve with TLS; a CA and a certificate are made there")
    parser.add_argument("--project", help="the project that clients must name")
    parser.add_argument("--token", help=f"the token that clients must give; {TOKEN_VARIABLE} when left out")
    parser.add_argument("--token-file", metavar="FILE", help="a file with that token")
    parser.add_argument("--no-token", action="store_true", help="take any token, from other machines too")
    parser.add_argument("--media-dir", metavar="DIR", help="the directory below which files may be played")
    repeated(
        "--allow-host",
        metavar="HOST",
        dest="allowed_hosts",
        help="a host that commands may reach besides loopback, and by which clients may reach this one",
    )
    repeated(
        "--account",
        metavar="PROJECT:TOKEN-FILE",
        dest="accounts",
        help="a further project, and the file that has its token",
    )
    repeated(
        "--number",
        metavar="NUMBER=CONTEXT",
        dest="numbers",
        help="the context that a number belongs to, for calls and text messages",
    )
    repeated(
        "--dial-plan",
        metavar="NUMBER=URI",
        help="the SIP URI at which a number is called, or all that begin so: +1555*=sip:{number}@HOST",
    )
    parser.add_argument(
        "--sip-certificate", metavar="FILE", help="a PEM file with key and certificates, for SIP over TLS"
    )
    parser.add_argument(
        "--speech-command", metavar="COMMAND", help="a program that prints the words of the WAV file that it is given"
    )
    parser.add_argument("--act", action="store_true", help="act commands that need the cloud with real phones, too")
    parser.add_argument(
        "--dial-event", choices=DIAL_EVENTS, default="last", help="before or after the state of the answered leg"
    )
    parser.add_argument("--strict", action="store_true", help="refuse what RELAY's own schema does not allow")
    parser.add_argument("--seed", dest="seed_file", metavar="FILE", help="a TOML file with what the server begins with")
    parser.add_argument("--http", metavar="HOST:PORT", help="where the control API listens; nowhere when left out")
    parser.add_argument("--http-token-file", metavar="FILE", help="a file with its token; else ANYRELAY_HTTP_TOKEN")
    parser.add_argument("--ui", action="store_true", help=f"open its page; it listens on {USUAL_HTTP} then")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object per line")
    parser.add_argument("--frames", action="store_true", dest="show_frames", help="report every message, too")
    parser.add_argument("--quiet", action="store_true", help="report nothing but being ready, and replies to orders")
    parser.add_argument("--journal", action="store_true", help="keep messages and calls, for orders that ask for them")
    parser.add_argument("--control", action="store_true", help="take orders on standard input, whatever it is")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times as fast simulated phones are")
    return parser


def token_of_environment(token_file: str | None, *, no_token: bool) -> str | None:
    """Return the token of the environment; None when an option names a token or none."""
    return None if token_file or no_token else os.environ.get("ANYRELAY_SERVE_TOKEN") or None


def _has_parent() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
