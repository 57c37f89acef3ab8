"""The page to label on as a process, and what a person does at it in a browser."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.rig.browser import Browser
from tests.rig.http import get
from tests.rig.processes import Child, script
from tests.rig.reviewer import TOKEN
from tests.rig.waiting import eventually

LIMIT_S = 60
# What the tile with the cursor shows.
HERE = """
const here = document.querySelector("#wall li.here:not(.saving)");
return here && {
  id: decodeURIComponent(new URL(here.querySelector("img").src).search.slice(1)),
  label: here.querySelector(".label").textContent,
}"""


@dataclass(frozen=True)
class Page:
    """The page's process, and where it is."""

    process: Child
    address: str

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]


def start(folder: Path, *, program: str | Path = "review.py", **settings: str) -> Page:
    """Start the page on any free port, and wait until it reads its database.

    Args:
        folder: of its log and, without MONGO_URI, of its database.
        program: review.py, or a script that is it with faults.
        settings: environment variables besides.
    """
    process = script(
        program,
        env={
            "REVIEW_TOKEN": TOKEN,
            "REVIEW_PORT": "0",
            "MONGO_URI": "",
            "STORAGE_PATH": str(folder),
            "CLASSES_PATH": str(folder / "classes.json"),
            **settings,
        },
        log=folder / f"review-{uuid.uuid4()}.log",
    )
    page = Page(process, process.wait_for_line(r"page address=(\S+)", LIMIT_S)[1])
    eventually(
        lambda: get(f"{page.address}/readyz")[0] == 200, LIMIT_S, lambda: f"ready: {process}"
    )
    return page


def come_in(window: Browser, page: Page, name: str = "Ann") -> None:
    """Show the token and a name."""
    window.open(f"{page.address}/")
    window.focus("#name")
    window.type(name)
    window.focus("#token")
    window.type(TOKEN + window.ENTER)
    eventually(lambda: window.text("#who") == f"· {name}", LIMIT_S, lambda: window.text("body"))


def here(window: Browser) -> dict[str, str]:
    """Id and text of the image that the next key is for."""
    found: dict[str, str] = eventually(
        lambda: window.run(HERE), LIMIT_S, lambda: window.text("body")
    )
    return found


def saved(window: Browser, count: int) -> None:
    """Wait until the page says that so many verdicts are saved."""
    eventually(
        lambda: window.text("#saved") == f"{count} saved",
        LIMIT_S,
        lambda: f"{count} saved: {window.text('header')}",
    )
