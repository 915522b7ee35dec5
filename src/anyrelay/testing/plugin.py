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
``relay_cassette``      a server that is recorded once, and replayed from then on (``--relay-record``)
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
from collections.abc import Callable, Generator
from typing import Any, Final

import pytest

from anyrelay.testing.plugin_options import (
    CHECKS,
    ERRORS,
    FAILED,
    LOOP,
    MARKED,
    SERVERS,
    RelayOptions,
    check_names,
    running_loop,
)

pytest_plugins = ["anyrelay.testing.fixtures"]

_FIXTURES: Final = "anyrelay.testing.fixtures"
_ASYNC_FIXTURES: Final = frozenset({"local_relay", "relay_client", "memory_relay"})
_SERVER_FIXTURES: Final = frozenset(
    {"local_relay", "memory_relay", "sync_local_relay", "sync_memory_relay", "session_relay", "official_env"}
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting ``relay_strict`` and the option ``--relay-record``."""
    parser.addini(
        "relay_strict",
        f"The checks after a test that used a RELAY server: some of {', '.join(CHECKS)}; empty for none.",
        type="args",
        default=list(CHECKS),
    )

    parser.getgroup("anyrelay").addoption(
        "--relay-record",
        choices=("none", "once", "rewrite"),
        default="none",
        help="Record the cassettes of relay_cassette: none (replay only), once (those that are missing), rewrite (all).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker ``relay``, and read the setting ``relay_strict``."""
    config.addinivalue_line(
        "markers",
        "relay(contexts=, pace=, tls=, strict=): the contexts of the client, the speed of the phones, whether the server has"
        " TLS, and the checks after the test: True, False, or a list of their names.",
    )
    check_names(config.getini("relay_strict"), "the setting relay_strict")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let pytest-asyncio run the asynchronous fixtures of its tests, which it else leaves to anyio."""
    function: Any = fixturedef.func
    if fixturedef.argname not in _ASYNC_FIXTURES or function.__module__ != _FIXTURES:
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
    request.node.stash.setdefault(MARKED, []).append(function)
    return (yield)


def _on_same_loop(item: pytest.Function, test: Callable[..., Any]) -> Callable[..., Any]:
    """Return a test that first checks that it runs on the event loop of its fixtures."""

    async def run(*args: Any, **kwargs: Any) -> Any:
        fixtures, test_loop = item.stash[LOOP], running_loop()
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
        with HandlerErrors() as item.stash[ERRORS]:
            return (yield)
    finally:
        for function in item.stash.get(MARKED, []):
            del function._force_asyncio_fixture


def _uses_server(item: pytest.Item) -> bool:
    return not _SERVER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, then its checks."""
    if isinstance(item, pytest.Function) and LOOP in item.stash and inspect.iscoroutinefunction(item.obj):
        item.obj = _on_same_loop(item, item.obj)
    if ERRORS not in item.stash:
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
    if ERRORS in item.stash:
        _raise_handler_error(item)
    return result


def _raise_handler_error(item: pytest.Item) -> None:
    """Raise the exception of a handler: a test that fails with a TimeoutError shows this exception, too."""
    error = item.stash[ERRORS].take()
    if error is not None and "handler_errors" in RelayOptions(item).strict:
        raise error


def _raise_problems(item: pytest.Item) -> None:
    from anyrelay.testing.checks import problems_of

    names = RelayOptions(item).strict
    problems = [
        problem for server in item.stash.get(SERVERS, []) for problem in problems_of(names, *server.look_into())
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
        item.stash[FAILED] = True
        for server in item.stash.get(SERVERS, []):
            from anyrelay.testing.ladder import draw, rungs_of

            if rungs := rungs_of(server.frames()):
                report.sections.append(("RELAY messages", draw(rungs)))
    return report
