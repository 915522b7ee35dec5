"""Take the pictures of docs/watch_a_call.md: ``python -m docs.screenshots``, in the folder of the repository.

The script starts the programs of that page, and does in a headless Chromium what the page says.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support.browser import Browser, open_browser

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
SIZE = (1200, 720)

SERVE = ["python", "-m", "anyrelay.local", "--phones", "simulated", "--seed", "menu.toml", "--listen", "127.0.0.1:0"]
SERVE += ["--http", "127.0.0.1:0", "--json", "--quiet"]


@contextlib.contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the page in the folder of the examples, and end it."""
    places = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **environment}
    with subprocess.Popen(
        command, cwd=DOCS / "examples", env={**os.environ, **places}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # after SIGTERM the application would wait for the end of its call


def take_picture(browser: Browser, name: str) -> None:
    """Save a picture in light colours and in dark ones."""
    browser.run("document.activeElement.blur()")
    for scheme in ("light", "dark"):
        browser.prefer(color_scheme=scheme, reduced_motion="reduce")
        browser.save_picture(PICTURES / f"{name}_{scheme}.png")


def wait_words(browser: Browser, selector: str, words: str, count: int = 1) -> None:
    """Wait until so many elements have these words."""
    browser.wait(
        lambda: sum(words in text for text in browser.texts(selector)) >= count, f"{words!r} in {selector}", 30
    )


def watch_calls(browser: Browser, url: str) -> None:
    """Do what the page says, and take a picture at each step."""
    browser.open(url)
    browser.find("#show-server").click()
    wait_words(browser, "#contexts", "menu")
    take_picture(browser, "server")

    browser.find("#show-calls").click()
    place_call(browser, "sip:bob@example.com")
    wait_words(browser, "#ladder .rung-label", "Press 1 for sales")
    browser.find("#keypad [aria-label='Press 1']").click()
    wait_words(browser, "#ladder .rung-label", "call.refer success 200")
    wait_words(browser, "#call-state", "ended")
    browser.run(
        "[...document.querySelectorAll('#ladder .row')].find(row => row.textContent.includes('success 200')).click()"
    )
    take_picture(browser, "message")
    browser.find("#close-message").click()

    place_call(browser, "sip:alice@example.com")
    wait_words(browser, "#ladder .rung-label", "call.play finished")
    take_picture(browser, "call")


def place_call(browser: Browser, caller: str) -> None:
    """Place a call to the menu."""
    browser.find("#place-call").click()
    field = browser.find("#call-from")
    field.clear()
    field.send_keys(f"{caller}\n")
    wait_words(browser, "#call-parties", f"{caller.removeprefix('sip:')} → menu")


def main() -> None:
    """Take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(*SERVE))
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        stack.enter_context(running("python", "ivr_threads.py", **ready["environment"]))
        browser = stack.enter_context(open_browser(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        browser.resize(*SIZE)
        watch_calls(browser, ready["http"])


if __name__ == "__main__":
    main()
