"""The local RELAY server as a process: ``python -m anyrelay.local`` and ``anyrelay serve``.

What it reports is one JSON object per line on its standard output:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``relay``: its URL; ``sip``: its SIP URI or null; ``ca_file``: the authority to trust, or null; ``token``: the
                one that clients must give, where the server made it; ``http``: the URL of the control API or null;
                ``http_token``: its token, where the server made it; ``environment``: the variables that point a client at
                it; ``acted``: the commands that it only acts. Always first
``relay``       a RELAY message: ``time`` (seconds since 1970), ``direction`` (rx from the client, tx to it), ``client``
                (which connection), ``text``: the message, its secrets struck out
``sip``         a SIP message: ``time``, ``direction`` (rx, tx), ``transport``, ``source``, ``target``, ``message``
``phone``       what a simulated phone does: ``time``, ``uri``, ``words``
``happened``    a RELAY event, whether or not a client heard it: ``event_type``, ``timestamp``, ``project_id``, ``params``
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
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

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
from anyrelay.local.server.observers import Frame
from anyrelay.local.server.relay import DIAL_EVENTS, LocalRelay
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip.phones import SipMessageSeen, SipPhones

__all__ = ["main", "serve", "token_of_environment"]

WRONG_USE = 2
"""The exit status when the server could not be started as asked for."""


def serve(
    *,
    listen: str = "127.0.0.1:0",
    sip: str | None = None,
    phones: str = "sip",
    tls_dir: str | None = None,
    project: str | None = None,
    token: str | None = None,
    token_file: str | None = None,
    no_token: bool = False,
    media_dir: str | None = None,
    allowed_hosts: Sequence[str] = (),
    as_json: bool = False,
    show_frames: bool = False,
    quiet: bool = False,
    control: bool = False,
    pace: float = 1.0,
    max_calls: int = 200,
    accounts: Sequence[str] = (),
    numbers: Sequence[str] = (),
    dial_plan: Sequence[str] = (),
    sip_certificate: str | None = None,
    act: bool = False,
    dial_event: str = "last",
    strict: bool = False,
    seed: str | None = None,
    http: str | None = None,
    http_token_file: str | None = None,
    ui: bool = False,
    journal: bool = False,
    on_frame: Callable[[Frame], None] | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM, or under `control` until the end of standard input, and report on standard output.

    Args:
        listen: Where to listen for clients, host:port; port 0 picks a free one.
        sip: Where real phones call, host:port; port 0 picks a free one, and None is 127.0.0.1:5060.
        phones: ``sip`` for real phones, ``simulated`` for scripted ones.
        tls_dir: Where certificates are, or are to be made; None for plain ws.
        project: The project that clients must name; any when None.
        token: The token (or JWT) that clients must give. When None, and no file and no variable names one, any will do
            on the loopback interface; beyond it one is made, which the first line of the report names.
        token_file: A file with that token.
        no_token: Whether any token will do, also where other machines reach the server.
        media_dir: The directory below which files may be played; none when None.
        allowed_hosts: Hosts that commands may reach by HTTP besides loopback, and by which clients may reach the server.
        as_json: Whether events are reported as JSON, one per line, rather than in words.
        show_frames: Whether every RELAY message, every SIP message and every step of a simulated phone is reported too.
        quiet: Whether nothing is reported but ``ready`` and replies to orders.
        control: Whether orders are taken on standard input.
        pace: How many times as fast as scripted simulated phones are.
        max_calls: How many calls of real phones there may be at once, 1 to 250.
        accounts: Further projects, each ``PROJECT:TOKEN-FILE``: the file has the project's token.
        numbers: The context that each number belongs to, each ``NUMBER=CONTEXT``.
        dial_plan: The SIP URI at which real phones of a number are called, each ``NUMBER=URI``; see `SipDialPlan`.
        sip_certificate: A PEM file with a key and its certificates, for real phones that call over TLS.
        act: Whether the commands that need SignalWire's cloud are acted with real phones too.
        dial_event: Where ``calling.call.dial`` comes: ``last``, or ``first``, before the leg's ``calling.call.state``.
        strict: Whether commands are refused that RELAY's own schema does not allow.
        seed: A TOML file with the projects, numbers, phones, scripts and messages that the server begins with.
        http: Where the control API listens, host:port; None for nowhere.
        http_token_file: A file with the bearer token of the control API; else ANYRELAY_HTTP_TOKEN. Without one, none is
            needed on the loopback interface; beyond it one is made, which the first line of the report names.
        ui: Whether the page of the control API is opened in a browser; without `http` it listens on 127.0.0.1:4010.
        journal: Whether messages and calls are kept without `http` too, for orders that ask for them.
        on_frame: Called with each RELAY message, its secrets struck out.

    Returns:
        The exit status: 0, or 2 when the server could not be started; standard error says why.
    """
    options = ServeOptions(
        listen=listen,
        sip=sip,
        phones=phones,
        tls_dir=tls_dir,
        project=project,
        token=token,
        token_file=token_file,
        no_token=no_token,
        media_dir=media_dir,
        allowed_hosts=tuple(allowed_hosts),
        as_json=as_json,
        show_frames=show_frames,
        quiet=quiet,
        control=control,
        pace=pace,
        max_calls=max_calls,
        accounts=tuple(accounts),
        numbers=tuple(numbers),
        dial_plan=tuple(dial_plan),
        sip_certificate=sip_certificate,
        act=act,
        dial_event=dial_event,
        strict=strict,
        seed_file=seed,
        http=http,
        http_token_file=http_token_file,
        ui=ui,
        journal=journal,
        on_frame=on_frame,
    )
    try:
        anyio.run(_serve, checked_options(options), print_json if as_json else print_words)
    except SeedError as error:
        for mistake in error.mistakes:
            complain(mistake)
        return WRONG_USE
    except (OSError, ValueError, RuntimeError) as error:  # those that say what to do about it
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
        on_frame=(lambda frame: report(_relay_message(frame))) if options.show_frames else options.on_frame,
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
    """Return what is reported once the server listens; tokens only where the server made them."""
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

    # The stack's messages carry the time of the event loop's clock, which is this one.
    epoch = time.time() - time.monotonic()

    def on_message(seen: SipMessageSeen) -> None:
        report(
            {
                "event": "sip",
                "time": epoch + seen.time,
                "direction": seen.direction,
                "transport": seen.transport,
                "source": seen.source,
                "target": seen.target,
                "message": seen.text,
            }
        )

    assert options.sip is not None
    reach = Reach(options.media_dir, options.allowed_hosts)
    shown = on_message if options.show_frames else None
    plan = {**(options.seed.dial_plan if options.seed else {}), **pairs_of(options.dial_plan)}
    return SipPhones(
        options.sip,
        max_calls=options.max_calls,
        on_message=shown,
        reach=reach,
        dial_plan=plan,
        certificate=options.sip_certificate,
    )


def _relay_message(frame: Frame) -> dict[str, Any]:
    told = {"time": frame.time, "direction": frame.direction, "client": frame.client, "text": frame.text}
    return {"event": "relay", **told}


def _happening(envelope: dict[str, Any]) -> dict[str, Any]:
    told = {key: envelope[key] for key in ("event_type", "timestamp", "project_id", "params")}
    return {"event": "happened", **told}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m anyrelay.local``; return the exit status.

    Under ``--control``, or where standard input is a pipe, the process at its other end is the parent: orders are taken
    from it, and its end is the server's end too.
    """
    parser = argparse.ArgumentParser(prog="python -m anyrelay.local", description="A RELAY server on your own machine.")
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
    parser.add_argument(
        "--allow-host",
        metavar="HOST",
        action="append",
        default=[],
        dest="allowed_hosts",
        help="a host that commands may reach besides loopback, and by which clients may reach this one",
    )
    parser.add_argument(
        "--account",
        metavar="PROJECT:TOKEN-FILE",
        action="append",
        default=[],
        dest="accounts",
        help="a further project, and the file that has its token",
    )
    parser.add_argument(
        "--number",
        metavar="NUMBER=CONTEXT",
        action="append",
        default=[],
        dest="numbers",
        help="the context that a number belongs to, for calls and text messages",
    )
    parser.add_argument(
        "--dial-plan",
        metavar="NUMBER=URI",
        action="append",
        default=[],
        help="the SIP URI at which a number is called, or all that begin so: +1555*=sip:{number}@HOST",
    )
    parser.add_argument(
        "--sip-certificate", metavar="FILE", help="a PEM file with key and certificates, for SIP over TLS"
    )
    parser.add_argument("--act", action="store_true", help="act commands that need the cloud with real phones, too")
    parser.add_argument(
        "--dial-event", choices=DIAL_EVENTS, default="last", help="before or after the state of the answered leg"
    )
    parser.add_argument("--strict", action="store_true", help="refuse what RELAY's own schema does not allow")
    parser.add_argument("--seed", metavar="FILE", help="a TOML file with what the server begins with")
    parser.add_argument("--http", metavar="HOST:PORT", help="where the control API listens; nowhere when left out")
    parser.add_argument("--http-token-file", metavar="FILE", help="a file with its token; else ANYRELAY_HTTP_TOKEN")
    parser.add_argument("--ui", action="store_true", help=f"open its page; it listens on {USUAL_HTTP} then")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object per line")
    parser.add_argument("--frames", action="store_true", dest="show_frames", help="report every message, too")
    parser.add_argument("--quiet", action="store_true", help="report nothing but being ready, and replies to orders")
    parser.add_argument("--journal", action="store_true", help="keep messages and calls, for orders that ask for them")
    parser.add_argument("--control", action="store_true", help="take orders on standard input, whatever it is")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times as fast simulated phones are")
    options = parser.parse_args(arguments)
    options.control = options.control or _has_parent()
    options.token = options.token or token_of_environment(options.token_file, no_token=options.no_token)
    return serve(**vars(options))


def token_of_environment(token_file: str | None, *, no_token: bool) -> str | None:
    """Return the token that the environment names, None where an option says otherwise."""
    return None if token_file or no_token else os.environ.get("ANYRELAY_SERVE_TOKEN") or None


def _has_parent() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
