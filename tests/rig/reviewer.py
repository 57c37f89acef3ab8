"""A program that labels images by what the page to label on answers."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

TOKEN = "a-token-of-the-tests"  # noqa: S105 - nobody's
LIMIT_S = 10


@dataclass(frozen=True)
class Reviewer:
    """Shows the token.

    Attributes:
        address: of the page.
    """

    address: str

    def waiting(self, view: str) -> list[str]:
        """The ids of the images of a view that wait."""
        groups = self._ask(f"/board.json?view={view}")["groups"]
        return [each["id"] for group in groups for each in group["images"]]

    def judge(self, ids: list[str], label: str | None) -> list[str]:
        """Give images a verdict; those that have it."""
        judged: list[str] = self._ask("/verdicts", {"ids": ids, "label": label})["judged"]
        return judged

    def _ask(self, path: str, sent: object = None) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        body = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(  # noqa: S310 - of this machine
            f"{self.address}{path}", body, headers
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:  # noqa: S310
            return json.loads(answer.read())
