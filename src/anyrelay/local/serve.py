"""The local RELAY server as a process: ``python -m anyrelay.local`` and ``anyrelay serve``.

What it reports is one JSON object per line on its standard output:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``relay``: its URL; ``sip``: its SIP URI or null; ``ca_file``: the authority to trust, or null. Always first
``relay``       a RELAY message: ``time`` (seconds since 1970), ``direction`` (rx from the client, tx to it), ``client``
                (which connection), ``text``: the message, its secrets struck out
``sip``         a SIP message: ``time``, ``direction`` (rx, tx), ``transport``, ``source``, ``target``, ``message``
``phone``       what a simulated phone does: ``time``, ``uri``, ``words``
``happened``    a RELAY event, whether or not a client heard it: ``event_type``, ``timestamp``, ``project_id``, ``params``
``reply``       the answer to an order on its standard input (`anyrelay.local.control`)
==============  ========================================================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from anyrelay.local.server import Frame, LocalRelay
from anyrelay.local.simulated import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip import SipMessageSeen, SipPhones

__all__ = ["PHONES", "main", "serve"]

PHONES = ("sip", "simulated")
"""The kinds of phones."""

WRONG_USE = 2
"""The exit status when the server could not be started as asked for."""

Report = Callable[[dict[str, Any]], None]
"""Takes what the server reports, one event at a time, on its event loop."""


@frozen(kw_only=True)
class _Options:
    """What a server process is to be; see `serve`."""

    listen: str
    sip: str
    phones: str
    tls_dir: str | None
    project: str | None
    token: str | None
    as_json: bool
    show_frames: bool
    quiet: bool
    control: bool
    pace: float


def serve(
    *,
    listen: str = "127.0.0.1:0",
    sip: str = "127.0.0.1:5060",
    phones: str = "sip",
    tls_dir: str | None = None,
    project: str | None = None,
    token: str | None = None,
    as_json: bool = False,
    show_frames: bool = False,
    quiet: bool = False,
    control: bool = False,
    pace: float = 1.0,
) -> int:
    """Serve until SIGINT or SIGTERM, or under `control` until the end of standard input, and report on standard output.

    Args:
        listen: Where to listen for clients, host:port; port 0 picks a free one.
        sip: Where real phones call, host:port; port 0 picks a free one.
        phones: ``sip`` for real phones, ``simulated`` for scripted ones.
        tls_dir: Where certificates are, or are to be made; None for plain ws.
        project: The project that clients must name; any when None.
        token: The token (or JWT) that clients must give; any when None.
        as_json: Whether events are reported as JSON, one per line, rather than in words.
        show_frames: Whether every RELAY message, every SIP message and every step of a simulated phone is reported too.
        quiet: Whether nothing is reported but ``ready`` and replies to orders.
        control: Whether orders are taken on standard input.
        pace: How many times as fast as scripted simulated phones are.

    Returns:
        The exit status: 0, or 2 when the server could not be started; standard error says why.
    """
    options = _Options(
        listen=listen,
        sip=sip,
        phones=phones,
        tls_dir=tls_dir,
        project=project,
        token=token,
        as_json=as_json,
        show_frames=show_frames,
        quiet=quiet,
        control=control,
        pace=pace,
    )
    try:
        anyio.run(_serve, options, _print_json if as_json else _print_words)
    except (OSError, ValueError, RuntimeError) as error:  # those that say what to do about it
        print(f"anyrelay: {error}", file=sys.stderr)  # noqa: T201 - a command's word to its user
        return WRONG_USE
    return 0


async def _serve(options: _Options, report: Report) -> None:
    if options.phones not in PHONES:
        raise ValueError(f"phones must be one of {', '.join(PHONES)}, not {options.phones!r}")
    relay = LocalRelay(
        _sip_phones(options, report) if options.phones == "sip" else _simulated_phones(options, report),
        listen=options.listen,
        tls_dir=options.tls_dir,
        project=options.project,
        token=options.token,
        on_frame=(lambda frame: report(_relay_message(frame))) if options.show_frames else None,
        on_event=None if options.quiet else lambda envelope: report(_happening(envelope)),
    )
    async with relay, anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        report({"event": "ready", "relay": relay.url, "sip": relay.sip_uri, "ca_file": relay.ca_file})
        if options.control:
            from anyrelay.local.control import Control

            await Control(relay, report).run()
            tasks.cancel_scope.cancel()


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _simulated_phones(options: _Options, report: Report) -> SimulatedPhones:
    def on_step(uri: str, words: str) -> None:
        report({"event": "phone", "time": time.time(), "uri": uri, "words": words})

    return SimulatedPhones(pace=options.pace, on_step=on_step if options.show_frames else None)


def _sip_phones(options: _Options, report: Report) -> SipPhones:
    from anyrelay.local.sip import SipPhones

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

    return SipPhones(options.sip, on_message=on_message if options.show_frames else None)


def _relay_message(frame: Frame) -> dict[str, Any]:
    told = {"time": frame.time, "direction": frame.direction, "client": frame.client, "text": frame.text}
    return {"event": "relay", **told}


def _happening(envelope: dict[str, Any]) -> dict[str, Any]:
    told = {key: envelope[key] for key in ("event_type", "timestamp", "project_id", "params")}
    return {"event": "happened", **told}


def _print_json(event: dict[str, Any]) -> None:
    _print(json.dumps(event))


def _print_words(event: dict[str, Any]) -> None:
    """Print an event for people; orders are for programs, so replies are not for them."""
    match event["event"]:
        case "ready":
            _print(f"RELAY clients connect to {event['relay']}")
            if event["sip"]:
                _print(f"SIP phones call {event['sip'].replace('sip:', 'sip:<context>@', 1)}")
            if event["ca_file"]:
                _print(f"Clients are to trust {event['ca_file']} (SIGNALWIRE_RELAY_CA_FILE)")
        case "happened":
            params = event["params"]
            words = [params.get(name) for name in ("call_state", "state", "end_reason", "sip_refer_to")]
            words += [params.get(name) for name in ("sip_refer_response_code", "sip_notify_response_code", "error")]
            _print(" ".join([event["event_type"], params.get("call_id", "-"), *(str(word) for word in words if word)]))
        case "relay":
            _print(f"{'<-' if event['direction'] == 'rx' else '->'} {event['client']} {event['text']}")
        case "sip":
            _print(f"{event['source']} -> {event['target']} {event['message'].partition(chr(13))[0]}")
        case "phone":
            _print(f"{event['uri']} {event['words']}")


def _print(line: str) -> None:
    """Print a line; when nobody reads any more, end the process as a closed pipe asks for."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m anyrelay.local``; return the exit status.

    Under ``--control``, or where standard input is a pipe, whoever holds its other end is the parent: orders are taken
    from it, and its end is the server's end too.
    """
    parser = argparse.ArgumentParser(prog="python -m anyrelay.local", description="A RELAY server on your own machine.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where clients connect to")
    parser.add_argument("--sip", default="127.0.0.1:5060", metavar="HOST:PORT", help="where real phones call")
    parser.add_argument("--phones", default="sip", choices=PHONES)
    parser.add_argument("--tls-dir", metavar="DIR", help="serve with TLS; a CA and a certificate are made there")
    parser.add_argument("--project", help="the project that clients must name")
    parser.add_argument("--token", help="the token that clients must give")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object per line")
    parser.add_argument("--frames", action="store_true", dest="show_frames", help="report every message, too")
    parser.add_argument("--quiet", action="store_true", help="report nothing but being ready, and replies to orders")
    parser.add_argument("--control", action="store_true", help="take orders on standard input, whatever it is")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times as fast simulated phones are")
    options = parser.parse_args(arguments)
    options.control = options.control or _has_parent()
    return serve(**vars(options))


def _has_parent() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
