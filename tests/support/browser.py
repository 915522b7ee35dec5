"""A headless Chromium, for tests and pictures of the inspector."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver.remote.webelement import WebElement

__all__ = ["Browser", "browser_missing", "open_browser"]

_ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--no-proxy-server",
)


def browser_missing() -> str:
    """Say why no browser can be opened; "" if one can."""
    if find_spec("selenium") is None:
        return "selenium is not installed: see tests/requirements.txt"
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"not installed: {', '.join(missing)} (Debian: apt-get install chromium chromium-driver)" if missing else ""


class Browser:
    """A browser with one page."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads

    def open(self, url: str) -> None:
        """Load a page anew, also when only the fragment of its address changes."""
        self.driver.get("about:blank")
        self.driver.get(url)

    def resize(self, width: int, height: int) -> None:
        """Give the page this size, in CSS pixels, which are those of pictures too."""
        size = {"width": width, "height": height}
        self._command("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=False)

    def prefer(self, **features: str) -> None:
        """Set what the user prefers: `color_scheme` light or dark, `reduced_motion` reduce or no-preference."""
        wanted = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self._command("Emulation.setEmulatedMedia", features=wanted)

    def _command(self, name: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(name, parameters)

    def find(self, selector: str) -> WebElement:
        """Return the first element of a CSS selector."""
        found: WebElement = self.driver.find_element("css selector", selector)
        return found

    def find_all(self, selector: str) -> list[WebElement]:
        """Return every element of a CSS selector."""
        found: list[WebElement] = self.driver.find_elements("css selector", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """Return the texts of every element of a CSS selector, as they are in the page, cut or not."""
        texts: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)", selector
        )
        return texts

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page, and return what it returns."""
        return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page that may `await`, and return what it returns."""
        body = (
            "const given = [...arguments], done = given.pop();"
            f"(async function () {{\n{script}\n}})(...given).then(done, error => done(String(error)))"
        )
        return self.driver.execute_async_script(body, *arguments)

    def wait(self, condition: Callable[[], Any], what: str, timeout: float = 10.0) -> Any:
        """Wait until a condition is true, and return its value; an element that is drawn anew is looked for again.

        Raises:
            TimeoutException: It was not true within `timeout` seconds; `what` says what was waited for.
        """
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.wait import WebDriverWait

        waiting = WebDriverWait(self.driver, timeout, 0.02, [StaleElementReferenceException])
        return waiting.until(lambda _: condition(), f"not so within {timeout} s: {what}")

    def errors(self) -> list[str]:
        """Return the errors of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def save_picture(self, path: Path) -> None:
        """Save what the page shows, as PNG."""
        self.driver.save_screenshot(str(path))


@contextlib.contextmanager
def open_browser(downloads: Path) -> Iterator[Browser]:
    """Open a browser that saves downloads in a folder without asking; close the browser at the end."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with its sandbox
    settings = {
        "download.default_directory": str(downloads),
        "profile.default_content_setting_values.automatic_downloads": 1,  # without it, a second one has to be allowed
    }
    options.add_experimental_option("prefs", settings)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver"))
    try:
        driver.set_script_timeout(20)
        yield Browser(driver, downloads)
    finally:
        driver.quit()
