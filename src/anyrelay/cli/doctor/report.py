"""The report of ``anyrelay doctor``: a line for each check and a line for each remedy, or JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import asdict

from anyrelay.cli.doctor.checkup import examine
from anyrelay.cli.doctor.findings import Finding, Verdict
from anyrelay.cli.ending import DONE, FAILED, WRONG_USE, say

__all__ = ["run_doctor"]

_COLOURS = {Verdict.PASSED: "green", Verdict.WARNED: "yellow", Verdict.FAILED: "red", Verdict.SKIPPED: "bright_black"}


def run_doctor(contexts: tuple[str, ...], *, timeout: float, as_json: bool) -> int:
    """Run every check and print what each found.

    Args:
        contexts: The contexts to subscribe to.
        timeout: The longest time for each step, in seconds.
        as_json: Whether to print JSON, one object for each check.

    Returns:
        The exit status: 0 when no check failed, 1 when one did, 2 when a variable is missing or wrong.
    """
    with _quiet_logs():
        findings = [_shown(finding, as_json=as_json) for finding in examine(contexts, timeout)]
    if findings[0].verdict is Verdict.FAILED:
        return WRONG_USE
    return FAILED if any(finding.verdict is Verdict.FAILED for finding in findings) else DONE


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Let the client log nothing: the report says everything."""
    logger = logging.getLogger("anyrelay")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _shown(finding: Finding, *, as_json: bool) -> Finding:
    if as_json:
        say(json.dumps(asdict(finding)))
    else:
        say(f"{finding.verdict.sign} {finding.check:<13}{finding.words}", fg=_COLOURS[finding.verdict])
        if finding.remedy:
            say(f"  → {finding.remedy}")
    return finding
