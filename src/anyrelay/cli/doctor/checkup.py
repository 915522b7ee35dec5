"""The checks of ``anyrelay doctor`` in their order: variables, network, sign-in, contexts, extras, ports."""

from __future__ import annotations

import importlib.util
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from anyrelay.cli.account import explain, make_client
from anyrelay.cli.doctor.findings import Finding, Verdict, failed, passed, warned
from anyrelay.cli.doctor.network import Network
from anyrelay.errors import AuthenticationError, RelayError
from anyrelay.protocol.session.reconnect import ReconnectPolicy

if TYPE_CHECKING:
    from anyrelay.sync import RelayClient

__all__ = ["EXTRAS", "examine"]

EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "cli": ("click", "rich"),
    "sip": ("baresip", "numpy", "soxr"),
    "trio": ("trio",),
    "testing": ("hypothesis",),
}
"""The modules that each extra installs."""

SLOW_PING: Final = 0.5
"""The time of a ping that is worth a warning, in seconds."""

QUICK_RETRIES: Final = ReconnectPolicy(initial=0.1, maximum=0.5)
"""The waits between the attempts to sign in: three refusals are to take a moment."""

SIP_PORT: Final = 5060
"""The port of `anyrelay serve` for SIP phones."""

_NETWORK: Final = ("name look-up", "TCP", "proxy", "TLS", "clock")
_ACCOUNT: Final = ("sign-in", "ping", "contexts")


def examine(contexts: tuple[str, ...], timeout: float, sip_port: int = SIP_PORT) -> Iterator[Finding]:
    """Yield the finding of each check as soon as there is one.

    Args:
        contexts: The contexts to subscribe to.
        timeout: The longest time for each step, in seconds.
        sip_port: The port for SIP phones.
    """
    try:
        client = make_client(contexts, connect_timeout=timeout, reconnect=QUICK_RETRIES)
    except ValueError as error:
        yield failed("variables", str(error), _remedy_of_variable(str(error)))
        yield from _skipped(*_NETWORK, *_ACCOUNT)
    else:
        yield _judge_variables()
        yield from _examine_server(client, contexts, timeout)
    yield _check_extras()
    yield _check_port(sip_port)


def _skipped(*checks: str) -> Iterator[Finding]:
    for check in checks:
        yield Finding(check, Verdict.SKIPPED, "not tried")


def _judge_variables() -> Finding:
    space = os.environ.get("SIGNALWIRE_SPACE")
    if not space:
        return warned(
            "variables",
            "SIGNALWIRE_SPACE is not set: relay.signalwire.com is used",
            "export SIGNALWIRE_SPACE=your-space.signalwire.com",
        )
    who = "a JWT" if os.environ.get("SIGNALWIRE_JWT_TOKEN") else f"project {os.environ['SIGNALWIRE_PROJECT_ID']}"
    return passed("variables", f"{who} at {space}")


def _remedy_of_variable(words: str) -> str:
    variable = words.partition(" ")[0].rstrip(":")
    examples = {
        "SIGNALWIRE_PROJECT_ID": "export SIGNALWIRE_PROJECT_ID=… (dashboard: API → Credentials)",
        "SIGNALWIRE_API_TOKEN": "export SIGNALWIRE_API_TOKEN=… (dashboard: API → Credentials)",
        "SIGNALWIRE_SPACE": "export SIGNALWIRE_SPACE=your-space.signalwire.com",
        "SIGNALWIRE_RELAY_CA_FILE": "unset SIGNALWIRE_RELAY_CA_FILE, or name a file of PEM certificates",
        "RELAY_MAX_ACTIVE_CALLS": "export RELAY_MAX_ACTIVE_CALLS=1000",
        "HTTPS_PROXY": "export HTTPS_PROXY=http://HOST:PORT, or unset HTTPS_PROXY",
    }
    return examples.get(variable, f"correct {variable}")


def _examine_server(client: RelayClient, contexts: tuple[str, ...], timeout: float) -> Iterator[Finding]:
    network = Network(client._machine.settings, timeout)  # the settings as the client reads them
    try:
        if not (yield from _examine_network(network)):
            yield from _skipped(*_ACCOUNT)
            return
    finally:
        network.close()
    yield from _examine_account(client, contexts)


def _examine_network(network: Network) -> Generator[Finding, None, bool]:
    """Yield the findings of the network, and return whether all passed."""
    steps: tuple[tuple[str, Callable[[], Finding | None]], ...] = (
        ("name look-up", network.look_up_name),
        ("TCP", network.connect),
        ("proxy", network.open_tunnel),
        ("TLS", network.shake_hands),
        ("clock", network.compare_clocks),
    )
    for number, (_, step) in enumerate(steps, 1):
        finding = step()
        if finding is None:
            continue
        yield finding
        if finding.verdict is Verdict.FAILED:
            yield from _skipped(*(name for name, _ in steps[number:]))
            return False
    return True


def _examine_account(client: RelayClient, contexts: tuple[str, ...]) -> Iterator[Finding]:
    try:
        client.connect()
    except AuthenticationError as error:
        yield failed("sign-in", explain(error), "copy project and token from the dashboard again: API → Credentials")
        yield from _skipped("ping", "contexts")
        return
    except RelayError as error:
        yield failed("sign-in", explain(error), "check that SIGNALWIRE_SPACE names a RELAY server")
        yield from _skipped("ping", "contexts")
        return
    try:
        yield passed("sign-in", "the server accepts the credentials")
        yield _ping(client)
        yield _subscribe(client, contexts)
    finally:
        client.disconnect()


def _ping(client: RelayClient) -> Finding:
    began = time.monotonic()
    try:
        client.execute("signalwire.ping", {})
    except RelayError as error:
        return failed("ping", explain(error), "check that the network keeps idle WebSocket connections open")
    took = time.monotonic() - began
    words = f"the server replies within {took * 1000:.0f} ms"
    if took > SLOW_PING:
        return warned("ping", words, "run the application nearer to the server, or on a less busy machine")
    return passed("ping", words)


def _subscribe(client: RelayClient, contexts: tuple[str, ...]) -> Finding:
    if not contexts:
        return warned(
            "contexts",
            "no context named: a client without contexts is offered no calls",
            "anyrelay doctor --context NAME, with the context of your number's call handler",
        )
    try:
        client.receive(list(contexts))
    except RelayError as error:
        return failed("contexts", explain(error), "check the names of the contexts in the dashboard")
    return passed("contexts", f"subscribed to {', '.join(contexts)}")


def _check_extras() -> Finding:
    installed = [extra for extra, modules in EXTRAS.items() if all(map(_is_installed, modules))]
    missing = [extra for extra in EXTRAS if extra not in installed]
    words = f"installed: {', '.join(installed) or 'none'}"
    if missing:
        remedy = f"if you need them: pip install 'anyrelay[{','.join(missing)}]'"
        return warned("extras", f"{words}; not: {', '.join(missing)}", remedy)
    return passed("extras", words)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:  # a module that was replaced
        return False


def _check_port(port: int) -> Finding:
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with socket.socket(socket.AF_INET, kind) as one:
            if kind is socket.SOCK_STREAM:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError as error:
                return warned(
                    "ports",
                    f"{name} port {port} of 127.0.0.1 cannot be used by anyrelay serve: {error.strerror}",
                    "stop the other program, or choose another port: anyrelay serve --sip 127.0.0.1:5070",
                )
    return passed("ports", f"UDP and TCP port {port} of 127.0.0.1 are free for anyrelay serve")
