"""A person who labels in a browser what consumers kept, while the page's process is killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.faults.scenario import Scenario
from tests.faults.stored import WithReview
from tests.rig.browser import Browser
from tests.rig.review_page import LIMIT_S, Page, come_in, here, saved, start
from tests.rig.waiting import eventually

HOOKED = Path("tests/faults/hooked_review.py")
KILLED = -signal.SIGKILL


class Labelling:
    """Somebody who knows what every image shows: it is the label that its record brought along.

    Args:
        scenario: whose consumers kept the images; its labels differ in their first letters.
        window: where the page is looked at.
        settings: of the page besides.
    """

    def __init__(self, scenario: Scenario, window: Browser, **settings: str) -> None:
        self._scenario = scenario
        self._window = window
        self._settings = settings
        self._page: Page | None = None
        self.saved = 0

    @property
    def stored(self) -> WithReview:
        assert isinstance(self._scenario.stored, WithReview)
        return self._scenario.stored

    @property
    def page(self) -> Page:
        assert self._page is not None, "nobody has come"
        return self._page

    def come(self, kill: tuple[str, int] | None = None) -> None:
        """Start the page, at its address of before where there is one.

        Args:
            kill: where and at which request it kills itself; see `hooked_review`.
        """
        before = self._page
        where = {} if before is None else {"REVIEW_PORT": before.port}
        self._page = start(
            self._scenario.folder,
            program="review.py" if kill is None else HOOKED,
            MONGO_URI=self._scenario.mongod.uri,
            DB_NAME=self._scenario.database,
            KILL=json.dumps(kill),
            **self._settings,
            **where,
        )
        if before is None:
            come_in(self._window, self.page)

    def press(self) -> str:
        """Press the key of the label that the next image shows; the image's id."""
        while "\u00d7" in (shown := here(self._window))["label"]:
            self._window.type("/")
        self._window.type(self.stored.truth(shown["id"])[0])
        return shown["id"]

    def judge(self) -> str:
        """Label the next image; once the page says that it is saved, it must be durable."""
        identity = self.press()
        self.saved += 1
        saved(self._window, self.saved)
        assert identity in self.stored.verdicts()
        return identity

    def kill(self) -> None:
        """SIGKILL to the page's process."""
        self.page.process.kill()

    def judge_as_it_dies(self, *, written: bool) -> None:
        """Label the next image as the page kills itself: it never says that this is saved."""
        identity = self.press()
        assert self.page.process.wait(LIMIT_S) == KILLED
        assert (identity in self.stored.verdicts()) is written
        eventually(
            lambda: self._window.text("#status").startswith("Not saved"),
            LIMIT_S,
            lambda: self._window.text("body"),
        )
        assert self._window.text("#saved") == f"{self.saved} saved"

    def leave(self) -> None:
        """End the page as a service is ended."""
        assert self.page.process.terminate(LIMIT_S) == 0, str(self.page.process)

    def check(self) -> None:
        """Each verdict is what somebody who knows said, and as many are there as were saved."""
        kept = self.stored.kept()
        verdicts = self.stored.verdicts()
        assert {name: kept[name]["ground_truth"] for name in verdicts} == verdicts
        assert {each["judged_by"] for each in kept.values()} <= {"Ann", None}
