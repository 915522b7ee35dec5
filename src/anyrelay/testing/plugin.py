"""The pytest plugin: RELAY servers, phones and clients as fixtures, and checks that no test fails to notice.

pytest loads the plugin by its entry point wherever anyrelay is installed. The plugin therefore imports pytest alone until a
test uses a fixture.

======================  ================================================================================================
fixture                 value
======================  ================================================================================================
``local_relay``         a running `anyrelay.local.LocalRelay` with simulated phones, on the event loop of the test
``phones``              the phones of ``local_relay``
``relay_client``        an `anyrelay.RelayClient`, connected to ``local_relay``
``memory_relay``        a running `anyrelay.testing.MemoryRelay`: in memory, on virtual time
``sync_local_relay``    a running server as ``local_relay``, in a thread of its own, with blocking methods
``sync_phones``         the phones of ``sync_local_relay``
``sync_relay_client``   an `anyrelay.sync.RelayClient`, connected to ``sync_local_relay``
``sync_memory_relay``   a running `anyrelay.testing.SyncMemoryRelay`: in memory, on virtual time, for blocking handlers
``session_relay``       a server as ``sync_local_relay`` that runs for the whole session, without the checks
``official_env``        a server as ``sync_local_relay`` with TLS, and environment variables for SignalWire's own SDK
======================  ================================================================================================

Asynchronous tests use the first four: mark them ``anyio`` (asyncio and trio) or ``asyncio`` (pytest-asyncio). A scripted
second of the phones takes 50 ms, and no time at all in memory.

After a test that used a server, the test fails if a handler raised, if a call is still up, if the server refused a command
as malformed or not served, or if no client took a caller. ``@pytest.mark.relay(strict=False)`` turns these checks off,
``strict=["handler_errors"]`` chooses some; the setting ``relay_strict`` does so for all tests. A failing test shows the ladder
of its RELAY messages.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from anyrelay import RelayClient
    from anyrelay.local import RelayPhones, SyncPhones
    from anyrelay.sync import RelayClient as SyncRelayClient
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay
    from anyrelay.testing.memory.relay import MemoryRelay
    from anyrelay.testing.watched_relay import ThreadedRelay, WatchedRelay

PACE = 20.0
"""The speed of the phones, as a multiple of the scripted speed."""

CREDENTIALS: dict[str, Any] = {"project": "local-project", "token": "local-token"}
"""The credentials of the clients; the server accepts any credentials."""

_CHECKS: Final = ("handler_errors", "open_calls", "refused_commands", "untaken_callers")
_ASYNC_FIXTURES: Final = frozenset({"local_relay", "relay_client", "memory_relay"})
_OPTIONS: Final = ("contexts", "pace", "tls", "strict")

_servers = pytest.StashKey[list[Any]]()
_errors = pytest.StashKey[Any]()
_loop = pytest.StashKey[Any]()
_marked = pytest.StashKey[list[Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``relay_strict``."""
    parser.addini(
        "relay_strict",
        f"The checks after a test that used a RELAY server: some of {', '.join(_CHECKS)}; empty for none.",
        type="args",
        default=list(_CHECKS),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker ``relay``, and read the setting ``relay_strict``."""
    config.addinivalue_line(
        "markers",
        "relay(contexts=, pace=, tls=, strict=): the contexts of the client, the speed of the phones, whether the server has"
        " TLS, and the checks after the test: True, False, or a list of their names.",
    )
    _check_names(config.getini("relay_strict"), "the setting relay_strict")


def _check_names(names: Any, where: str) -> None:
    unknown = [name for name in names if name not in _CHECKS]
    if unknown:
        raise pytest.UsageError(f"{where} names {unknown[0]!r}, which is no check: choose from {', '.join(_CHECKS)}")


class _Options:
    """What the marker ``relay`` of a test says; the nearest marker counts for each option."""

    def __init__(self, item: pytest.Item) -> None:
        given: dict[str, Any] = {}
        for marker in reversed(list(item.iter_markers("relay"))):
            unknown = [name for name in marker.kwargs if name not in _OPTIONS]
            if unknown or marker.args:
                raise pytest.UsageError(
                    f"the marker relay has no option {unknown[0] if unknown else marker.args[0]!r}: it takes"
                    " contexts=, pace=, tls= and strict="
                )
            given |= marker.kwargs
        self.contexts: list[str] = list(given.get("contexts", ["default"]))
        self.pace = float(given.get("pace", PACE))
        self.tls = bool(given.get("tls", False))
        strict = given.get("strict", item.config.getini("relay_strict"))
        self.strict: list[str] = list(_CHECKS) if strict is True else [] if strict is False else list(strict)
        _check_names(self.strict, "the marker relay(strict=…)")


def _options(request: pytest.FixtureRequest) -> _Options:
    return _Options(request.node)


def _tls_dir(request: pytest.FixtureRequest, wanted: bool) -> Any:
    if not wanted:
        return None
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("relay-certificates")


def _watch(request: pytest.FixtureRequest, server: Any) -> None:
    """Have the checks look at a server after the test."""
    request.node.stash.setdefault(_servers, []).append(server)


def _client_settings(server: Any, options: _Options) -> dict[str, Any]:
    return {**CREDENTIALS, "host": server.url, "ca_file": server.ca_file, "contexts": options.contexts}


# --- fixtures -----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def local_relay(request: pytest.FixtureRequest) -> AsyncIterator[WatchedRelay]:
    """Run a local RELAY server with simulated phones, on a free port of 127.0.0.1."""
    from anyrelay.testing.watched_relay import WatchedRelay

    options = _options(request)
    _note_loop(request)
    relay = WatchedRelay(pace=options.pace, tls_dir=_tls_dir(request, options.tls))
    async with _in_one_task(relay):
        _watch(request, relay)
        yield relay


@pytest.fixture
def phones(local_relay: WatchedRelay) -> RelayPhones:
    """Return the phones of the `local_relay`."""
    return local_relay.phones


@pytest.fixture
async def relay_client(request: pytest.FixtureRequest, local_relay: WatchedRelay) -> AsyncIterator[RelayClient]:
    """Connect a client to the `local_relay`; give it its handler with ``@relay_client.on_call``."""
    from anyrelay import RelayClient

    async with RelayClient(**_client_settings(local_relay, _options(request))) as client:
        yield client


@pytest.fixture
async def memory_relay(request: pytest.FixtureRequest) -> AsyncIterator[MemoryRelay]:
    """Run a RELAY server in memory, on virtual time; make clients with ``memory_relay.client()``."""
    from anyrelay.testing.memory.relay import MemoryRelay

    _note_loop(request)
    relay = MemoryRelay()
    async with _in_one_task(relay):
        _watch(request, relay)
        yield relay


@pytest.fixture
def sync_local_relay(request: pytest.FixtureRequest) -> Iterator[ThreadedRelay]:
    """Run a local RELAY server with simulated phones, in a thread of its own."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    options = _options(request)
    with ThreadedRelay(pace=options.pace, tls_dir=_tls_dir(request, options.tls)) as relay:
        _watch(request, relay)
        yield relay


@pytest.fixture
def sync_phones(sync_local_relay: ThreadedRelay) -> SyncPhones:
    """Return the phones of the `sync_local_relay`."""
    return sync_local_relay.phones


@pytest.fixture
def sync_relay_client(request: pytest.FixtureRequest, sync_local_relay: ThreadedRelay) -> Iterator[SyncRelayClient]:
    """Connect a blocking client to the `sync_local_relay`."""
    from anyrelay.sync import RelayClient

    with RelayClient(**_client_settings(sync_local_relay, _options(request))) as client:
        yield client


@pytest.fixture
def sync_memory_relay(request: pytest.FixtureRequest) -> Iterator[SyncMemoryRelay]:
    """Run a RELAY server in memory, on virtual time; make blocking clients with ``sync_memory_relay.client()``."""
    from anyrelay.testing.memory.blocking_relay import SyncMemoryRelay

    with SyncMemoryRelay() as relay:
        _watch(request, relay)
        yield relay


@pytest.fixture(scope="session")
def session_relay() -> Iterator[ThreadedRelay]:
    """Run one local RELAY server for all tests of the session; let each test use contexts and phones of its own."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    with ThreadedRelay(pace=PACE) as relay:
        yield relay


@pytest.fixture
def official_env(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedRelay]:
    """Run a local RELAY server with TLS, and name it in the variables that SignalWire's SDK reads."""
    from anyrelay.testing.watched_relay import ThreadedRelay

    options = _options(request)
    with ThreadedRelay(pace=options.pace, tls_dir=_tls_dir(request, wanted=True)) as relay:
        _watch(request, relay)
        variables = {
            "SIGNALWIRE_PROJECT_ID": CREDENTIALS["project"],
            "SIGNALWIRE_API_TOKEN": CREDENTIALS["token"],
            "SIGNALWIRE_SPACE": relay.url.removeprefix("wss://"),
            "SIGNALWIRE_RELAY_CA_FILE": relay.ca_file or "",
            "SSL_CERT_FILE": relay.ca_file or "",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield relay


# --- event loops --------------------------------------------------------------------------------------------------------


def _running_loop() -> tuple[object, str]:
    """Return what is of its own for each event loop, and the name of its library."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_root_task(), "trio"
    import asyncio

    return asyncio.get_running_loop(), "asyncio"


def _note_loop(request: pytest.FixtureRequest) -> None:
    request.node.stash[_loop] = _running_loop()


@asynccontextmanager
async def _in_one_task(server: AbstractAsyncContextManager[Any, bool | None]) -> AsyncIterator[None]:
    """Start and stop a server in one task: pytest-asyncio begins and ends a fixture in two, which a task group forbids."""
    if _running_loop()[1] == "trio":  # whose fixtures are anyio's, in one task
        async with server:
            yield
        return
    import asyncio

    started, stop = asyncio.Event(), asyncio.Event()

    async def own() -> None:
        try:
            async with server:
                started.set()
                await stop.wait()
        finally:
            started.set()

    owner = asyncio.create_task(own(), name="RELAY server of the fixtures")
    await started.wait()
    try:
        if not owner.done():
            yield
    finally:
        stop.set()
        await owner


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let pytest-asyncio run the asynchronous fixtures of its tests, which it else leaves to anyio."""
    function: Any = fixturedef.func
    if fixturedef.argname not in _ASYNC_FIXTURES or function.__module__ != __name__:
        return (yield)
    if "anyio_backend" in request.fixturenames:
        return (yield)
    if request.node.get_closest_marker("asyncio") is None:
        pytest.fail(
            f"the fixture {fixturedef.argname} is for asynchronous tests: mark {request.node.name} with @pytest.mark.anyio, or"
            f" with pytest-asyncio's @pytest.mark.asyncio; a plain function uses sync_{fixturedef.argname}",
            pytrace=False,
        )
    function._force_asyncio_fixture = True  # as `pytest_asyncio.fixture` marks its fixtures
    request.node.stash.setdefault(_marked, []).append(function)
    return (yield)


def _on_same_loop(item: pytest.Function, test: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test that first checks that it runs on the event loop of its fixtures."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        fixtures, test_loop = item.stash[_loop], _running_loop()
        if fixtures[0] is not test_loop[0]:
            pytest.fail(
                f"two event loops: the RELAY server of the fixtures runs on one {fixtures[1]} loop, and {item.name} on another"
                f" {test_loop[1]} loop. Give the test and the fixtures the same loop_scope, and start no loop in the test",
                pytrace=False,
            )
        return await test(*args, **kwargs)

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # by which pytest knows the arguments
    return run


# --- checks -------------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Collect the exceptions of handlers while a test runs that uses a RELAY server."""
    if not _uses_server(item):
        return (yield)
    from anyrelay.testing.checks import HandlerErrors

    try:
        with HandlerErrors() as item.stash[_errors]:
            return (yield)
    finally:
        for function in item.stash.get(_marked, []):
            del function._force_asyncio_fixture


def _uses_server(item: pytest.Item) -> bool:
    return any(name in globals() for name in getattr(item, "fixturenames", ()) if name.endswith(("_relay", "_env")))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, then its checks."""
    if isinstance(item, pytest.Function) and _loop in item.stash and inspect.iscoroutinefunction(item.obj):
        item.obj = _on_same_loop(item, item.obj)
    if _errors not in item.stash:
        return (yield)
    try:
        result = yield
    except pytest.skip.Exception:
        raise
    except BaseException:
        _raise_handler_error(item)
        raise
    _raise_handler_error(item)
    _raise_problems(item)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Report exceptions that handlers raised while the fixtures closed."""
    result = yield
    if _errors in item.stash:
        _raise_handler_error(item)
    return result


def _raise_handler_error(item: pytest.Item) -> None:
    """Raise the exception of a handler: a test that fails with a TimeoutError shows this exception, too."""
    error = item.stash[_errors].take()
    if error is not None and "handler_errors" in _Options(item).strict:
        raise error


def _raise_problems(item: pytest.Item) -> None:
    from anyrelay.testing.checks import problems_of

    names = _Options(item).strict
    problems = [
        problem for server in item.stash.get(_servers, []) for problem in problems_of(names, *server.look_into())
    ]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        pytest.fail(
            f"the test passed, but the RELAY server found:\n{listed}\n"
            "(turn a check off with @pytest.mark.relay(strict=…), see anyrelay's docs/howto/testing)",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ladder of RELAY messages to the report of a failing test."""
    report = yield
    if report.failed and report.when == "call":
        for server in item.stash.get(_servers, []):
            from anyrelay.testing.ladder import draw, rungs_of

            if rungs := rungs_of(server.frames()):
                report.sections.append(("RELAY messages", draw(rungs)))
    return report
