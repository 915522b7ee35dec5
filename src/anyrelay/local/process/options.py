"""The options of a server process, and the checks that the process can follow them.

Each check raises ValueError when an option cannot be followed: the message names the option, and says what to do.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shlex
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from anyrelay.local.logs import printable
from anyrelay.local.process.seed_file import read_seed
from anyrelay.local.server.addresses import parse_address
from anyrelay.local.sip.addresses import joined_address

if TYPE_CHECKING:
    from anyrelay.local.process.seeds import Seed
    from anyrelay.local.server.observers import Frame

__all__ = ["PHONES", "USUAL_SIP", "ServeOptions", "checked_options", "complain", "need_sip", "pairs_of"]

PHONES = ("sip", "simulated")
"""The kinds of phones."""

USUAL_SIP: Final = "127.0.0.1:5060"
"""The default address for real phones."""

_SIP_MODULES: Final = ("baresip", "numpy", "soxr")
"""The modules that real phones need."""

_HTTP_MODULES: Final = ("starlette", "uvicorn", "jsonschema_rs")
"""The modules that the control API needs."""

USUAL_HTTP: Final = "127.0.0.1:4010"
"""The default address of the control API for --ui, and for the commands that are its clients."""

_EXAMPLES: Final = {"--listen": "127.0.0.1:8443", "--sip": USUAL_SIP, "--http": USUAL_HTTP}
_STREAM: Final = (socket.SOCK_STREAM,)
_KINDS: Final = {"--listen": _STREAM, "--http": _STREAM, "--sip": (socket.SOCK_DGRAM, socket.SOCK_STREAM)}

_LONGEST_TOKEN: Final = 100_000
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?")


def _tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@frozen(kw_only=True)
class ServeOptions:
    """The options of a server process: of ``python -m anyrelay.local`` and of ``anyrelay serve``."""

    listen: str = "127.0.0.1:0"
    """The address for RELAY clients, host:port; port 0 picks a free port."""
    sip: str | None = None
    """The address for real phones, host:port; port 0 picks a free port, and None is 127.0.0.1:5060."""
    phones: str = "sip"
    """The kind of phones: ``sip`` for real phones, ``simulated`` for scripted phones."""
    tls_dir: str | None = None
    """The directory where certificates are found or made; None for plain ws."""
    project: str | None = None
    """The project that clients must name; None for any project."""
    token: str | None = field(default=None, repr=False)
    """The token (or JWT) that clients must give. Without a token here and in `token_file`, any token will do on the loopback
    interface; where other machines reach the server, it makes a token, which the first line of the report names."""
    token_file: str | None = None
    """A file with the token."""
    no_token: bool = False
    """Whether any token will do, also where other machines reach the server."""
    media_dir: str | None = None
    """The directory below which files may be played; None for no files."""
    allowed_hosts: tuple[str, ...] = field(default=(), converter=_tuple)
    """Hosts that commands may reach by HTTP besides loopback, and by which clients may reach the server."""
    as_json: bool = False
    """Whether events are reported as JSON, one per line, rather than in words."""
    show_frames: bool = False
    """Whether each RELAY message, each SIP message and each step of a simulated phone is reported too."""
    quiet: bool = False
    """Whether only ``ready`` and replies to orders are reported."""
    control: bool = False
    """Whether the server takes orders on standard input, and ends with it."""
    pace: float = 1.0
    """How many times as fast as scripted simulated phones are."""
    max_calls: int = 200
    """How many calls of real phones there may be at once, 1 to 250."""
    accounts: tuple[str, ...] = field(default=(), converter=_tuple)
    """Further projects, each ``PROJECT:TOKEN-FILE``: the file has the project's token."""
    numbers: tuple[str, ...] = field(default=(), converter=_tuple)
    """The context that each number belongs to, each ``NUMBER=CONTEXT``."""
    dial_plan: tuple[str, ...] = field(default=(), converter=_tuple)
    """The SIP URI at which real phones of a number are called, each ``NUMBER=URI``; see `SipDialPlan`."""
    sip_certificate: str | None = None
    """A PEM file with a key and its certificates, for real phones that call over TLS."""
    speech_command: str | None = None
    """A program that recognises the speech of real phones, and its arguments, as one command line; see `SipPhones`."""
    speech: tuple[str, ...] = ()
    """The program of `speech_command` and its arguments, which `checked_options` takes apart."""
    act: bool = False
    """Whether scripts act the commands that need SignalWire's cloud with real phones too."""
    dial_event: str = "last"
    """Whether ``calling.call.dial`` comes ``last`` or ``first``, after or before the ``calling.call.state`` of the leg."""
    strict: bool = False
    """Whether the server refuses commands that RELAY's own schema does not allow."""
    seed_file: str | None = None
    """A TOML file with the projects, numbers, phones, scripts and messages that the server begins with."""
    http: str | None = None
    """The address of the control API, host:port; None for no control API."""
    http_token: str | None = field(default=None, repr=False)
    """The bearer token of the control API, which `checked_options` takes from the file or the environment."""
    http_token_file: str | None = None
    """A file with the bearer token of the control API; None for ANYRELAY_HTTP_TOKEN. Without a token, none is needed on the
    loopback interface; where other machines reach the server, it makes a token, which the first line of the report names."""
    ui: bool = False
    """Whether the page of the control API is opened in a browser; without `http` its address is 127.0.0.1:4010."""
    journal: bool = False
    """Whether messages and calls are kept without `http` too, for orders that ask for them."""
    on_frame: Callable[[Frame], None] | None = None
    """Called with each RELAY message, its secrets struck out."""
    tokens: Mapping[str, str] = field(factory=dict, repr=False)
    """The token of each project in `accounts` and in the seed."""
    contexts: Mapping[str, str] = field(factory=dict)
    """The context of each number in `numbers` and in the seed."""
    seed: Seed | None = None
    """The seed that `seed_file` describes."""


def need_sip() -> None:
    """Check that the modules of real phones are installed.

    Raises:
        ValueError: A module is missing; the message says what to do.
    """
    for name in _SIP_MODULES:
        if importlib.util.find_spec(name) is None:
            raise ValueError(
                f"real SIP phones need {name}, which is not installed: pip install 'anyrelay[sip]', "
                "or take --phones simulated"
            )


def checked_options(options: ServeOptions) -> ServeOptions:
    """Return the options with addresses that can be listened on, and warn of addresses that other machines can reach.

    Raises:
        ValueError: An option cannot be followed; the message names it, and says what to do.
    """
    if options.phones not in PHONES:
        raise ValueError(f"--phones must be one of {', '.join(PHONES)}, not {options.phones!r}")
    if options.phones == "simulated" and options.sip is not None:
        raise ValueError(
            "--sip is for real phones, and no phone would listen there: leave it out, or take --phones sip"
        )
    if options.phones == "sip":
        need_sip()
    options = evolve(options, speech=_speech(options))
    if options.seed_file is not None:
        options = evolve(options, seed=read_seed(options.seed_file))
    if options.seed is not None:
        options.seed.check_phones(options.phones)
    options = _with_http(options)
    if options.tls_dir is not None:
        _check_tls_dir(options.tls_dir)
    if options.media_dir is not None and not os.path.isdir(options.media_dir):
        raise ValueError(f"--media-dir {options.media_dir} is not a directory")
    for allowed in options.allowed_hosts:
        if not _HOST.fullmatch(allowed):
            raise ValueError(
                f"--allow-host must be a host name or an IP address, without scheme and port, not {allowed!r}"
            )
    options = evolve(options, token=_token(options), tokens=_tokens(options), contexts=_contexts(options))
    host, _ = _listening("--listen", options.listen)
    if not ip_address(host).is_loopback:
        anybody = ", and anybody may sign in: leave --no-token out" if options.no_token else ""
        clear = "" if options.tls_dir or options.no_token else "; tokens and calls travel in the clear: give --tls-dir"
        complain(f"warning: other machines can reach --listen {options.listen}{anybody}{clear}")
    if options.phones == "simulated":
        return options
    host, port = _listening("--sip", options.sip or USUAL_SIP)
    if ip_address(host).is_unspecified:
        raise ValueError(f"--sip must name one address of this machine, such as {_EXAMPLES['--sip']}, not {host}")
    if not ip_address(host).is_loopback:
        complain(f"warning: other machines can call --sip {options.sip}, and phones need no password")
    # With a name in place of numbers the stack would listen nowhere, without an error.
    return evolve(options, sip=joined_address(host, port))


def _speech(options: ServeOptions) -> tuple[str, ...]:
    """Return the program that recognises speech and its arguments, split as a POSIX shell splits a line; empty for none."""
    if options.speech_command is None:
        return ()
    if options.phones == "simulated":
        raise ValueError(
            "--speech-command is for real phones: the texts that simulated phones say are known, leave it out"
        )
    try:
        command = tuple(shlex.split(options.speech_command))
    except ValueError as error:
        raise ValueError(f"--speech-command cannot be split into words: {error}") from None
    if not command or shutil.which(command[0]) is None:
        raise ValueError(f"--speech-command: there is no program {command[0] if command else ''!r} that can be run")
    return command


def _with_http(options: ServeOptions) -> ServeOptions:
    """Return the options with the address and the token of the control API, and warn when other machines reach it."""
    if options.http is None and not options.ui:
        if options.http_token_file:
            raise ValueError("--http-token-file is for the control API: give --http too, or leave it out")
        return options
    for name in _HTTP_MODULES:
        if importlib.util.find_spec(name) is None:
            raise ValueError(f"--http needs {name}, which is not installed: pip install 'anyrelay[serve]'")
    file = options.http_token_file
    token = _token_of_file("--http-token-file", file) if file else _given(os.environ.get("ANYRELAY_HTTP_TOKEN"))
    host, port = _listening("--http", options.http or USUAL_HTTP)
    if not ip_address(host).is_loopback:
        complain(f"warning: other machines can reach --http {options.http}; its token and calls travel in the clear")
    return evolve(options, http=joined_address(host, port), http_token=token)


def _token(options: ServeOptions) -> str | None:
    """Return the token that clients must give; None for any token, or for a token that the server makes."""
    token = _given(options.token)
    if options.no_token and (token or options.token_file):
        raise ValueError("--no-token and a token contradict each other: leave one out")
    if token and options.token_file:
        raise ValueError("--token and --token-file both name a token: leave one out")
    if options.no_token or options.token_file is None:
        return token
    return _token_of_file("--token-file", options.token_file)


def _given(token: str | None) -> str | None:
    """Return a token without the blanks around it; None for blanks alone, as of a variable of the shell that is not set."""
    return (token or "").strip() or None


def _token_of_file(option: str, name: str) -> str:
    """Return the token that a file has."""
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
        complain(f"warning: other users can read {option} {name}: chmod 600")
    return token


def _tokens(options: ServeOptions) -> dict[str, str]:
    """Return the further projects, each with its token."""
    accounts = {}
    for seeded in options.seed.projects if options.seed else ():
        beside = os.path.join(os.path.dirname(options.seed_file or ""), seeded.token_file or "")
        accounts[seeded.project] = seeded.token or _token_of_file(seeded.where, beside)
    for account in options.accounts:
        project, _, name = account.partition(":")
        if not project or not name:
            raise ValueError(f"--account must be PROJECT:TOKEN-FILE, not {account!r}")
        accounts[project] = _token_of_file(f"--account {project}:", name)
    if accounts and options.no_token:
        raise ValueError("--no-token and --account, or projects of a seed, contradict each other: leave one out")
    return accounts


def _contexts(options: ServeOptions) -> dict[str, str]:
    """Return the context that each number belongs to; an option takes precedence over the seed."""
    numbers = pairs_of(options.numbers)
    for number, context in numbers.items():
        if not number or not context:
            raise ValueError(f"--number must be NUMBER=CONTEXT, such as +15550000001=support, not {number!r}")
    return {**options.seed.numbers, **numbers} if options.seed else numbers


def pairs_of(entries: Iterable[str]) -> dict[str, str]:
    """Return the pairs of an option whose entries are ``NAME=VALUE``."""
    split = (entry.partition("=") for entry in entries)
    return {name: value for name, _, value in split}


def complain(words: str) -> None:
    """Print a warning or an error on standard error."""
    print(f"anyrelay: {printable(words)}", file=sys.stderr)  # noqa: T201 - a command's word to its user


def _listening(option: str, address: str) -> tuple[str, int]:
    """Listen on an address once, and return its host, in numbers, and its port.

    This happens before anything is started, since the stack of the phones reports only words when it cannot start.
    """
    try:
        host, port = parse_address(address)
    except ValueError:
        raise ValueError(
            f"{option} must be HOST:PORT, such as {option} {_EXAMPLES[option]}, not {address!r}; port 0 is a free one"
        ) from None
    try:
        # The stack takes one address, and phones expect a name to mean its IPv4 address.
        family = socket.AF_INET if option == "--sip" and ":" not in host else socket.AF_UNSPEC
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        for kind in _KINDS[option]:
            with socket.socket(found[0][0], kind) as trial:
                # As the server does: connections of an earlier server may still be closing.
                if kind is socket.SOCK_STREAM:
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(found[0][4])
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ValueError(f"{option} {address} is in use; choose another port, or 0 for a free one") from None
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"{option} {address} cannot be listened on ({reason}): name an address of this machine, such as "
            f"{_EXAMPLES[option]}"
        ) from None
    return str(found[0][4][0]), port


def _check_tls_dir(directory: str) -> None:
    """Find or make the certificates now, so that an error can name the option."""
    from anyrelay.local.server.certificates import CertificatesMissingError, find_or_make

    try:
        find_or_make(directory)
    except CertificatesMissingError:
        raise ValueError("--tls-dir needs cryptography, which is not installed: pip install 'anyrelay[cli]'") from None
    except OSError as error:
        raise ValueError(f"--tls-dir {directory} cannot be used: {error.strerror or error}") from None
