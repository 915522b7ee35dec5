"""The local RELAY server as a process: ``python -m anyrelay.local`` and ``anyrelay serve``.

What it reports is one JSON object per line on its standard output:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``relay``: its URL; ``sip``: its SIP URI or null; ``ca_file``: the authority to trust, or null. Always first
``relay``       a RELAY message: ``time`` (seconds since 1970), ``direction`` (rx from the client, tx to it), ``client``
                (which connection), ``message``; secrets are struck out
``sip``         a SIP message: ``time``, ``direction`` (rx, tx), ``transport``, ``source``, ``target``, ``message``
``happened``    a RELAY event, whether or not a client heard it: ``event_type``, ``timestamp``, ``project_id``, ``params``
``reply``       the answer to an order on its standard input (`anyrelay.local.control`)
==============  ========================================================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
from attrs import frozen

from anyrelay.local.server import Frame, LocalRelay
from anyrelay.local.simulated import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip import SipMessageSeen, SipPhones

__all__ = ["PHONES", "Report", "ServeOptions", "main", "print_json", "serve"]

PHONES = ("sip", "simulated")
"""The kinds of phones."""

Report = Callable[[dict[str, Any]], None]
"""Takes what the server reports, one event at a time, on its event loop."""


@frozen(kw_only=True)
class ServeOptions:
    """What a server process is to be."""

    listen: str = "127.0.0.1:0"
    """Where to listen for clients, host:port; port 0 picks a free one."""
    sip: str = "127.0.0.1:5060"
    """Where real phones call, host:port."""
    phones: str = "sip"
    """sip for real phones, simulated for scripted ones."""
    tls_dir: str | None = None
    """Where certificates are, or are to be made; None for plain ws."""
    project: str | None = None
    """The project that clients must name; any when None."""
    token: str | None = None
    """The token that clients must give; any when None."""
    frames: bool = False
    """Whether every RELAY and SIP message is reported."""
    happenings: bool = False
    """Whether every RELAY event is reported."""
    control: bool = False
    """Whether orders are taken on standard input, whose end is the server's end too."""
    pace: float = 1.0
    """How many times as fast as scripted simulated phones are."""


def print_json(event: dict[str, Any]) -> None:
    """Print an event as a line of JSON; when nobody reads any more, end the process as a closed pipe asks for."""
    try:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def serve(options: ServeOptions, report: Report = print_json) -> None:
    """Serve until SIGINT, SIGTERM, or the end of standard input under `control`.

    Args:
        options: What to serve.
        report: Takes what happens; the first event is ``ready``.

    Raises:
        ValueError: An option is not allowed.
        OSError: An address cannot be listened on.
        SipStackError: The SIP stack is not installed, or cannot listen.
        CertificatesMissingError: TLS was asked for and cryptography is not installed.
    """
    if options.phones not in PHONES:
        raise ValueError(f"phones must be one of {', '.join(PHONES)}, not {options.phones!r}")
    anyio.run(_serve, options, report)


async def _serve(options: ServeOptions, report: Report) -> None:
    relay = LocalRelay(
        _sip_phones(options, report) if options.phones == "sip" else SimulatedPhones(pace=options.pace),
        listen=options.listen,
        tls_dir=options.tls_dir,
        project=options.project,
        token=options.token,
        on_frame=(lambda frame: report(_relay_message(frame))) if options.frames else None,
        on_event=(lambda envelope: report(_happening(envelope))) if options.happenings else None,
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


def _sip_phones(options: ServeOptions, report: Report) -> SipPhones:
    from anyrelay.local.sip import SipPhones

    # The stack's trace is read from a logger of its own making, in a monotonic time.
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

    return SipPhones(options.sip, on_message=on_message if options.frames else None)


def _relay_message(frame: Frame) -> dict[str, Any]:
    message: Any = frame.text
    with suppress(ValueError):
        message = json.loads(frame.text)
    return {
        "event": "relay",
        "time": frame.time,
        "direction": frame.direction,
        "client": frame.client,
        "message": message,
    }


def _happening(envelope: dict[str, Any]) -> dict[str, Any]:
    told = {key: envelope[key] for key in ("event_type", "timestamp", "project_id", "params")}
    return {"event": "happened", **told}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``python -m anyrelay.local``; return the exit status."""
    options = parse(arguments)
    try:
        serve(options)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"anyrelay.local: {error}", file=sys.stderr)  # noqa: T201 - a command's word to its user
        return 2
    return 0


def parse(arguments: Sequence[str] | None = None) -> ServeOptions:
    """Read the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m anyrelay.local", description="A RELAY server on your own machine.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where clients connect to")
    parser.add_argument("--sip", default="127.0.0.1:5060", metavar="HOST:PORT", help="where real phones call")
    parser.add_argument("--phones", default="sip", choices=PHONES)
    parser.add_argument("--tls-dir", metavar="DIR", help="serve with TLS; a CA and a certificate are made there")
    parser.add_argument("--project", help="the project that clients must name")
    parser.add_argument("--token", help="the token that clients must give")
    parser.add_argument("--json", action="store_true", dest="happenings", help="report every RELAY event")
    parser.add_argument("--frames", action="store_true", help="report every RELAY and SIP message")
    parser.add_argument("--control", action="store_true", help="take orders on standard input; its end is the end")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times as fast simulated phones are")
    return ServeOptions(**vars(parser.parse_args(arguments)))
