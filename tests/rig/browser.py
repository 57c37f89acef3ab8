"""A real headless Chromium or Chrome, driven through WebDriver."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.rig import need

INSTALL = "apt-get install chromium chromium-driver"
# On Ubuntu the packages of these names are stubs of a snap; its runners on GitHub have Chrome.
BROWSERS = ("chromium", "google-chrome")
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

    ENTER, BACKSPACE, RIGHT = Keys.ENTER, Keys.BACKSPACE, Keys.ARROW_RIGHT
    SHIFT_ENTER = "shift enter"

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver
        driver.set_page_load_timeout(LIMIT_S)
        driver.set_script_timeout(LIMIT_S)

    def anew(self) -> None:
        """An empty page in a window as large as a desk's; no page has left anything behind."""
        self.open("about:blank")
        self.resize(DESKTOP)
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self._driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.console()

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

    def focus(self, selector: str) -> None:
        """Put the cursor into the first element that a CSS selector finds."""
        self.run("document.querySelector(arguments[0]).focus()", selector)

    def type(self, keys: str) -> None:
        """Press keys one after the other, as a person does, wherever the cursor is."""
        chain = ActionChains(self._driver, duration=0)
        if keys == self.SHIFT_ENTER:
            chain.key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT)
        else:
            chain.send_keys(keys)
        chain.perform()

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


def fitting(driver: str) -> str:
    """The browser whose version the driver is for, or the end of the test."""
    wanted = version(driver)
    paths = [path for name in BROWSERS if (path := shutil.which(name))]
    found = next((path for path in paths if version(path) == wanted), None)
    return found or need.missing(f"a browser for chromedriver {wanted}", INSTALL)


def version(program: str) -> str:
    """The major version that a program names; '' for a stub that names none."""
    shown = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    found = re.search(r"(\d+)\.\d+\.\d+", shown.stdout)
    return found[1] if found else ""


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of one's own, without history, closed at the end."""
    options = webdriver.ChromeOptions()
    driver_path = need.program("chromedriver", INSTALL)
    options.binary_location = fitting(driver_path)
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        window = Browser(driver)
        window.anew()
        yield window
    finally:
        driver.quit()
