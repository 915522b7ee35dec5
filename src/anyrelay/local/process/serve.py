"""The local RELAY server as a process: ``python -m anyrelay.local`` and ``anyrelay serve``.

What it reports is one JSON object per line on its standard output:

==============  ========================================================================================================
``event``       other fields
==============  ========================================================================================================
``ready``       ``relay``: its URL; ``sip``: its SIP URI or null; ``ca_file``: the authority to trust, or null; ``token``: the
                one that clients must give, where the server made it. Always first
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
import errno
import importlib.util
import json
import os
import re
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import anyio
from attrs import evolve, field, frozen

from anyrelay.local.logs import printable, without_url_secrets
from anyrelay.local.process.server_process import TOKEN_VARIABLE
from anyrelay.local.reach import Reach
from anyrelay.local.server.addresses import parse_address
from anyrelay.local.server.relay import DIAL_EVENTS, Frame, LocalRelay
from anyrelay.local.simulated.phones import SimulatedPhones

if TYPE_CHECKING:
    from anyrelay.local.sip.phones import SipMessageSeen, SipPhones

__all__ = ["PHONES", "main", "need_sip", "serve", "token_of_environment"]

PHONES = ("sip", "simulated")
"""The kinds of phones."""

USUAL_SIP: Final = "127.0.0.1:5060"
"""Where real phones call when nobody says otherwise."""

WRONG_USE = 2
"""The exit status when the server could not be started as asked for."""

_SIP_MODULES: Final = ("baresip", "numpy", "soxr")
"""What real phones cannot do without."""

_EXAMPLES: Final = {"--listen": "127.0.0.1:8443", "--sip": USUAL_SIP}
_KINDS: Final = {"--listen": (socket.SOCK_STREAM,), "--sip": (socket.SOCK_DGRAM, socket.SOCK_STREAM)}
_FAMILIES: Final = {"--listen": socket.AF_UNSPEC, "--sip": socket.AF_INET}
"""The stack takes IPv4 addresses alone."""

_LONGEST_TOKEN: Final = 100_000
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?")

Report = Callable[[dict[str, Any]], None]
"""Takes what the server reports, one event at a time, on its event loop."""


@frozen(kw_only=True)
class _Options:
    """What a server process is to be; see `serve`."""

    listen: str
    sip: str | None
    phones: str
    tls_dir: str | None
    project: str | None
    token: str | None
    as_json: bool
    show_frames: bool
    quiet: bool
    control: bool
    pace: float
    max_calls: int = 200
    token_file: str | None = None
    no_token: bool = False
    media_dir: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dial_plan: tuple[str, ...] = ()
    act: bool = False
    dial_event: str = "last"
    strict: bool = False
    tokens: Mapping[str, str] = field(factory=dict, repr=False)
    """The token of each project in `accounts`."""
    contexts: Mapping[str, str] = field(factory=dict)
    """The context of each number in `numbers`."""
    on_frame: Callable[[Frame], None] | None = None


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
    act: bool = False,
    dial_event: str = "last",
    strict: bool = False,
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
        act: Whether the commands that need SignalWire's cloud are acted with real phones too.
        dial_event: Where ``calling.call.dial`` comes: ``last``, or ``first``, before the leg's ``calling.call.state``.
        strict: Whether commands are refused that RELAY's own schema does not allow.
        on_frame: Called with each RELAY message, its secrets struck out.

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
        act=act,
        dial_event=dial_event,
        strict=strict,
        on_frame=on_frame,
    )
    try:
        anyio.run(_serve, _checked(options), _print_json if as_json else _print_words)
    except (OSError, ValueError, RuntimeError) as error:  # those that say what to do about it
        _complain(str(error))
        return WRONG_USE
    return 0


def need_sip() -> None:
    """Check that what real phones need is installed.

    Raises:
        ValueError: Something is not; the message says what to do.
    """
    for name in _SIP_MODULES:
        if importlib.util.find_spec(name) is None:
            raise ValueError(
                f"real SIP phones need {name}, which is not installed: pip install 'anyrelay[sip]', "
                "or take --phones simulated"
            )


def _checked(options: _Options) -> _Options:
    """Return the options with addresses that can be listened on, and warn of those that other machines can reach.

    Raises:
        ValueError: An option cannot be followed; the message names it, and says what to do.
    """
    if options.phones not in PHONES:
        raise ValueError(f"--phones must be one of {', '.join(PHONES)}, not {options.phones!r}")
    if options.phones == "simulated" and options.sip is not None:
        raise ValueError("--sip is for real phones, and nobody would listen there: leave it out, or take --phones sip")
    if options.phones == "sip":
        need_sip()
    if options.tls_dir is not None:
        _check_tls_dir(options.tls_dir)
    if options.media_dir is not None and not os.path.isdir(options.media_dir):
        raise ValueError(f"--media-dir {options.media_dir} is not a directory")
    for allowed in options.allowed_hosts:
        _check_allowed_host(allowed)
    options = evolve(options, token=_token(options), tokens=_tokens(options), contexts=_contexts(options))
    host, _ = _listening("--listen", options.listen)
    if not ip_address(host).is_loopback:
        anybody = ", and anybody may sign in: leave --no-token out" if options.no_token else ""
        clear = "" if options.tls_dir or options.no_token else "; tokens and calls travel in the clear: give --tls-dir"
        _complain(f"warning: other machines can reach --listen {options.listen}{anybody}{clear}")
    if options.phones == "simulated":
        return options
    host, port = _listening("--sip", options.sip or USUAL_SIP)
    if ip_address(host).is_unspecified:
        raise ValueError(f"--sip must name one address of this machine, such as {_EXAMPLES['--sip']}, not {host}")
    if not ip_address(host).is_loopback:
        _complain(f"warning: other machines can call --sip {options.sip}, and phones need no password")
    # With a name in place of numbers the stack would listen nowhere, and say nothing.
    return evolve(options, sip=f"{host}:{port}")


def _token(options: _Options) -> str | None:
    """Return the token that clients must give, None for any or one that is to be made.

    Raises:
        ValueError: The options contradict each other, or the file has none.
    """
    if options.no_token and (options.token or options.token_file):
        raise ValueError("--no-token and a token contradict each other: leave one out")
    if options.token and options.token_file:
        raise ValueError("--token and --token-file both name a token: leave one out")
    if options.no_token or options.token_file is None:
        return options.token
    return _token_of_file("--token-file", options.token_file)


def _token_of_file(option: str, name: str) -> str:
    """Return the token that a file has.

    Raises:
        ValueError: The file cannot be read, or has none; the message names the option.
    """
    try:
        with open(name, encoding="utf-8") as file:
            shared = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRGRP | stat.S_IROTH)
            token = file.read(_LONGEST_TOKEN + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{option} {name} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        ) from None
    if not token or len(token) > _LONGEST_TOKEN or not token.isprintable():
        raise ValueError(f"{option} {name} must hold one line, the token")
    if shared:
        _complain(f"warning: other users can read {option} {name}: chmod 600")
    return token


def _tokens(options: _Options) -> dict[str, str]:
    """Return the further projects, each with its token.

    Raises:
        ValueError: An option has another form, or the file of a token cannot be read.
    """
    accounts = {}
    for account in options.accounts:
        project, _, name = account.partition(":")
        if not project or not name:
            raise ValueError(f"--account must be PROJECT:TOKEN-FILE, not {account!r}")
        accounts[project] = _token_of_file(f"--account {project}:", name)
    if accounts and options.no_token:
        raise ValueError("--no-token and --account contradict each other: leave one out")
    return accounts


def _contexts(options: _Options) -> dict[str, str]:
    """Return the context that each number belongs to.

    Raises:
        ValueError: An option has another form.
    """
    numbers = dict(number.partition("=")[::2] for number in options.numbers)
    for number, context in numbers.items():
        if not number or not context:
            raise ValueError(f"--number must be NUMBER=CONTEXT, such as +15550000001=support, not {number!r}")
    return numbers


def _check_allowed_host(host: str) -> None:
    """Check that a host is a name or an address alone.

    Raises:
        ValueError: It is not.
    """
    if not _HOST.fullmatch(host):
        raise ValueError(f"--allow-host must be a host name or an IP address, without scheme and port, not {host!r}")


def _complain(words: str) -> None:
    print(f"anyrelay: {printable(words)}", file=sys.stderr)  # noqa: T201 - a command's word to its user


def _listening(option: str, address: str) -> tuple[str, int]:
    """Return host, in numbers, and port of an address, once it has been listened on.

    It is tried before anything is started, since the stack of the phones says in words alone why it could not start.

    Raises:
        ValueError: It is no address, or cannot be listened on.
    """
    try:
        host, port = parse_address(address)
    except ValueError:
        raise ValueError(
            f"{option} must be HOST:PORT, such as {option} {_EXAMPLES[option]}, not {address!r}; port 0 is a free one"
        ) from None
    try:
        found = socket.getaddrinfo(host, port, _FAMILIES[option], socket.SOCK_STREAM)
        for kind in _KINDS[option]:
            with socket.socket(found[0][0], kind) as trial:
                if kind is socket.SOCK_STREAM:  # as the server does: connections of the last one may still be closing
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(found[0][4])
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ValueError(f"{option} {address} is in use; choose another port, or 0 for a free one") from None
        reason = getattr(error, "strerror", None) or str(error)
        family = "an IPv4 address" if _FAMILIES[option] is socket.AF_INET else "an address"
        raise ValueError(
            f"{option} {address} cannot be listened on ({reason}): name {family} of this machine, such as "
            f"{_EXAMPLES[option]}"
        ) from None
    return str(found[0][4][0]), port


def _check_tls_dir(directory: str) -> None:
    """Find or make the certificates already here, where it is known which option is at fault."""
    from anyrelay.local.server.certificates import CertificatesMissingError, find_or_make

    try:
        find_or_make(directory)
    except CertificatesMissingError:
        raise ValueError("--tls-dir needs cryptography, which is not installed: pip install 'anyrelay[cli]'") from None
    except OSError as error:
        raise ValueError(f"--tls-dir {directory} cannot be used: {error.strerror or error}") from None


async def _serve(options: _Options, report: Report) -> None:
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
        on_frame=(lambda frame: report(_relay_message(frame))) if options.show_frames else options.on_frame,
        on_event=None if options.quiet else lambda envelope: report(_happening(envelope)),
    )
    async with relay, anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        ready = {"event": "ready", "relay": relay.url, "sip": relay.sip_uri, "ca_file": relay.ca_file}
        report(ready if options.token or relay.token is None else {**ready, "token": relay.token})
        if options.control:
            from anyrelay.local.process.control import Control

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
    plan = dict(entry.partition("=")[::2] for entry in options.dial_plan)
    return SipPhones(options.sip, max_calls=options.max_calls, on_message=shown, reach=reach, dial_plan=plan)


def _relay_message(frame: Frame) -> dict[str, Any]:
    told = {"time": frame.time, "direction": frame.direction, "client": frame.client, "text": frame.text}
    return {"event": "relay", **told}


def _happening(envelope: dict[str, Any]) -> dict[str, Any]:
    told = {key: envelope[key] for key in ("event_type", "timestamp", "project_id", "params")}
    return {"event": "happened", **told}


def _print_json(event: dict[str, Any]) -> None:
    _print(json.dumps(event))


def _print_words(event: dict[str, Any]) -> None:
    """Print an event for people, fit for a terminal; orders are for programs, so replies are not for them."""
    match event["event"]:
        case "ready":
            _print(f"RELAY clients connect to {event['relay']}")
            if event["sip"]:
                _print(f"SIP phones call {event['sip'].replace('sip:', 'sip:<context>@', 1)}")
            if event["ca_file"]:
                _print(f"Clients are to trust {event['ca_file']} (SIGNALWIRE_RELAY_CA_FILE)")
            if event.get("token"):
                _print(f"Clients sign in with any project and the token {event['token']} (SIGNALWIRE_API_TOKEN)")
        case "happened":
            params = event["params"]
            words = [params.get(name) for name in ("call_state", "state", "end_reason", "sip_refer_to")]
            words += [params.get(name) for name in ("sip_refer_response_code", "sip_notify_response_code", "error")]
            _show(" ".join([event["event_type"], params.get("call_id", "-"), *(str(word) for word in words if word)]))
        case "relay":
            _show(f"{'<-' if event['direction'] == 'rx' else '->'} {event['client']} {event['text']}")
        case "sip":
            _show(f"{event['source']} -> {event['target']} {event['message'].partition(chr(13))[0]}")
        case "phone":
            _show(f"{event['uri']} {event['words']}")


def _show(line: str) -> None:
    """Print what others have a hand in."""
    _print(printable(without_url_secrets(line)))


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
        help="the context that a number belongs to, for text messages",
    )
    parser.add_argument(
        "--dial-plan",
        metavar="NUMBER=URI",
        action="append",
        default=[],
        help="the SIP URI at which a number is called, or all that begin so: +1555*=sip:{number}@HOST",
    )
    parser.add_argument("--act", action="store_true", help="act commands that need the cloud with real phones, too")
    parser.add_argument(
        "--dial-event", choices=DIAL_EVENTS, default="last", help="before or after the state of the answered leg"
    )
    parser.add_argument("--strict", action="store_true", help="refuse what RELAY's own schema does not allow")
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object per line")
    parser.add_argument("--frames", action="store_true", dest="show_frames", help="report every message, too")
    parser.add_argument("--quiet", action="store_true", help="report nothing but being ready, and replies to orders")
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
