"""What is off unless it is asked for: the page to label on, and a model beside the one in use."""

from __future__ import annotations

from pathlib import Path

from tests.rig.reviewer import TOKEN, Reviewer
from tests.stack import observe
from tests.stack.compose import Stack
from tests.stack.report import wait

ADDRESS = "http://127.0.0.1:8010"
ASKED_FOR = {
    "COMPOSE_PROFILES": "review",
    "REVIEW": "1",
    "REVIEW_SHARE": "0.5",
    "REVIEW_TOKEN": TOKEN,
    "SHADOW_MODEL_PATH": "/models/model.pth",
}


def is_judged(stack: Stack, checkout: Path) -> None:
    """An image gets a verdict on the page, a shadow runs, and no panel is without data."""
    before = dict(stack.environment)
    stack.environment.update(ASKED_FOR)
    stack.compose("up", "--detach", "--wait", "consumer", "review")
    reviewer = Reviewer(ADDRESS)
    kept = wait(lambda: reviewer.waiting("random"), "images for review")
    assert reviewer.judge(kept[:1], "red_circle") == kept[:1]
    # The consumer is another one now, which has sent no dead letter yet.
    observe.send("image_data", b"no image")
    without: list[str] = []

    def all_have_data() -> bool:
        without[:] = observe.panels_without_data(checkout / "grafana/dashboards")
        return not without

    wait(all_have_data, lambda: f"data in {without}")
    stack.compose("rm", "--stop", "--force", "review")
    stack.environment = before
    stack.compose("up", "--detach", "--wait", "consumer")
