"""Which browser the tests drive: the one that the driver is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig import browser, need


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(browser, "BROWSERS", ("first-browser", "second-browser"))
    return tmp_path


def program(folder: Path, name: str, says: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(path)


def test_the_browser_of_the_drivers_version_is_taken(programs: Path) -> None:
    driver = program(programs, "driver", "ChromeDriver 156.0.8078.108 (730482a9)")
    program(programs, "first-browser", "Chromium 155.0.8000.1 snap")
    chrome = program(programs, "second-browser", "Google Chrome 156.0.8078.55")
    assert browser.fitting(driver) == chrome


def test_a_stub_that_names_no_version_is_no_browser(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(need.VARIABLE, "1")
    driver = program(programs, "driver", "ChromeDriver 156.0.8078.108 (730482a9)")
    program(programs, "first-browser", "requires the chromium snap to be installed")
    with pytest.raises(pytest.fail.Exception, match="a browser for chromedriver 156 is missing"):
        browser.fitting(driver)
