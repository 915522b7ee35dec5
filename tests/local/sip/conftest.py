"""What the tests with SIP phones need of the machine: skipped where it is missing, failed in CI."""

from __future__ import annotations

import os

import pytest

from anyrelay.local.sip import supervisor
from tests.support.baresip_phone import baresip_missing
from tests.support.sipp import sipp_missing


def _sip_missing() -> str:
    try:
        import baresip
    except ImportError as error:
        return f"the SIP stack cannot be imported ({error}): pip install 'anyrelay[sip]'"
    return "" if hasattr(baresip, "Runtime") else "the SIP stack has no native part for this platform"


@pytest.fixture(autouse=True)
def _needs(request: pytest.FixtureRequest) -> None:
    for marker, missing in (("sip", _sip_missing), ("sipp", sipp_missing), ("baresip", baresip_missing)):
        if request.node.get_closest_marker(marker) is not None and (reason := missing()):
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _no_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no second process of the SIP stack: it only takes CPU time where no test breaks the first."""
    monkeypatch.setattr(supervisor, "SPARE_AFTER", 3_600.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
