"""A real headless Chromium, driven through WebDriver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.rig import need

INSTALL = "apt-get install chromium chromium-driver"
# Root has no sandbox; containers have little /dev/shm and no GPU.
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)
LIMIT_S = 60
DESKTOP = (1920, 1080)
PHONE = (390, 844)


class Browser:
    """One window.

    Args:
        driver: of the running browser.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver
        driver.set_page_load_timeout(LIMIT_S)
        driver.set_script_timeout(LIMIT_S)

    def open(self, address: str) -> None:
        """Load a page."""
        self._driver.get(address)

    def resize(self, size: tuple[int, int]) -> None:
        """Give the page this width and height in pixels."""
        self._driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False},
        )

    def colours(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self._driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def run(self, script: str, *arguments: object) -> Any:
        """What a script in the page returns."""
        return self._driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        """The text of the first element that a CSS selector finds, '' if there is none."""
        return str(
            self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
        )

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that a CSS selector finds."""
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)"
        return list(self.run(script, selector))

    def console(self) -> list[str]:
        """What the console said since last asked: errors, warnings, refused loads."""
        entries = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [each["message"] for each in entries]

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        self._driver.save_screenshot(str(path))


@contextmanager
def browser(size: tuple[int, int] = DESKTOP) -> Iterator[Browser]:
    """A browser of one's own, without history, closed at the end."""
    options = webdriver.ChromeOptions()
    options.binary_location = need.program("chromium", INSTALL)
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(need.program("chromedriver", INSTALL))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        window = Browser(driver)
        window.resize(size)
        yield window
    finally:
        driver.quit()
