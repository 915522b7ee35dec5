"""The inspector in a browser: what a user sees and does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.browser import Browser

_SCRIPTS: Final = Path(__file__).parent / "scripts"


class InspectorPage:
    """The page of one server."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url

    def open(self, fragment: str = "") -> None:
        """Load the page, and wait until it follows the server."""
        self.browser.open(f"{self.url}/{fragment}")
        self.wait_connected("live")

    def wait_connected(self, state: str) -> None:
        """Wait until the page shows this state of its connection."""
        shown = "return document.getElementById('connection').dataset.state"
        self.browser.wait(lambda: self.browser.run(shown) == state, f"the connection is {state}", timeout=15)

    def phones(self) -> list[str]:
        """Return the phones of the calls that are drawn."""
        return self.browser.texts("#call-list .call-phone")

    def wait_call(self, words: str) -> None:
        """Wait until a call is drawn that has these words."""
        self.browser.wait(
            lambda: any(words in each for each in self.browser.texts("#call-list .row")), f"a call: {words}"
        )

    def select(self, words: str) -> None:
        """Click the call that has these words, and wait for its messages."""
        self.wait_call(words)
        rows = self.browser.find_all("#call-list .row")
        next(row for row in rows if words in row.text).click()
        self.browser.wait(self.labels, "the call has messages")

    def labels(self) -> list[str]:
        """Return the labels of the messages that are drawn."""
        return self.browser.texts("#ladder .rung-label")

    def wait_label(self, words: str) -> None:
        """Wait until a message is drawn whose label has these words."""
        self.browser.wait(lambda: any(words in label for label in self.labels()), f"a message: {words}")

    def open_message(self, words: str) -> None:
        """Click the message whose label has these words."""
        self.wait_label(words)
        script = (
            "[...document.querySelectorAll('#ladder .row')].find(row => row.textContent.includes(arguments[0])).click()"
        )
        self.browser.run(script, words)
        self.browser.wait(lambda: self.is_shown("#message"), "the message is open")

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.browser.texts(selector)[0]

    def is_shown(self, selector: str) -> bool:
        """Whether an element is in view."""
        return bool(self.browser.find(selector).is_displayed())

    def run_script(self, name: str, *arguments: Any) -> Any:
        """Run a script of the folder ``scripts`` in the page, and return what it returns."""
        return self.browser.run_async((_SCRIPTS / f"{name}.js").read_text(encoding="utf-8"), *arguments)

    def downloaded(self, pattern: str) -> bytes:
        """Wait for a downloaded file, and return its content."""
        files = self.browser.wait(lambda: list(self.browser.downloads.glob(pattern)), f"a download {pattern}")
        content: bytes = files[0].read_bytes()
        return content

    def focused(self) -> Any:
        """Return the id of the element that has the focus."""
        return self.browser.run("return document.activeElement.id")
