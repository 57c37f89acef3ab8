"""The first promises: everything comes up, detects, and shows it, on this machine alone."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import typed
from tests.stack import observe
from tests.stack.compose import Stack, inspect
from tests.stack.report import say, wait

SERVICES = ("kafka", "mongo", "trainer", "consumer", "producer", "prometheus", "grafana")
LABELS = ("red_circle", "green_circle", "red_square", "green_square")
TRUE_SHARE = (
    'sum(velox_predictions_total{truth!=""} and on (label, truth) label_replace('
    'group by (label) (velox_predictions_total), "truth", "$1", "label", "(.+)"))'
    ' / sum(velox_predictions_total{truth!=""})'
)


def comes_up(stack: Stack) -> None:
    """Everything is healthy, and the training ended well."""
    stack.compose("up", "--detach", "--wait")
    (trainer,) = stack.containers("trainer")
    assert inspect(trainer)["State"]["ExitCode"] == 0
    for service in set(SERVICES) - {"trainer"}:
        (container,) = stack.containers(service)
        state = inspect(container)["State"]
        assert state["Status"] == "running", service
        assert state.get("Health", {}).get("Status", "healthy") == "healthy", service


def queries() -> list[str]:
    """What a user types to see what is in the database."""
    asks = "docker-compose exec mongo mongosh --quiet lab_discovery_db "
    return [line for line in typed("bash") if line.startswith(asks)]


def detects(stack: Stack) -> None:
    """Matches of all labels in the log, and documents by the documented queries."""
    lines = [f"MATCH: {label} " for label in LABELS]
    wait(lambda: all(line in stack.logs("consumer") for line in lines), f"all of {lines}")
    answers = {line: stack.shell(line) for line in queries()}
    assert not [line for line, answer in answers.items() if answer in ("", "0", "[]")], answers
    assert all(f"'{label}'" in "".join(answers.values()) for label in LABELS), answers
    accuracy = wait(lambda: observe.value(TRUE_SHARE), "live accuracy")
    say(
        f"MATCH lines of all labels, answers={len(answers)} to the documented mongosh queries, "
        f"live_accuracy={accuracy:.4f}"
    )


def shows(checkout: Path, password: str) -> None:
    """Every target up, every panel of what is on with data, every dashboard in Grafana."""
    wait(lambda: set(observe.targets().values()) == {"up"}, "all targets up")
    observe.send("image_data", b"no image")
    dashboards = checkout / "grafana/dashboards"
    without: list[str] = []

    def all_have_data() -> bool:
        without[:] = observe.panels_without_data(dashboards, observe.UNLESS_ASKED_FOR)
        return not without

    wait(all_have_data, lambda: f"data in {without}")
    uids = {file.stem for file in dashboards.glob("*.json")}
    assert observe.dashboards_in_grafana(password) == uids
    say(f"targets={len(observe.targets())} up, every panel of {len(uids)} dashboards has data")


def stays_on_this_machine(stack: Stack) -> None:
    """Published ports are bound to loopback."""
    bound = {
        f"{binding['HostIp']}:{binding['HostPort']}"
        for service in SERVICES
        for container in stack.containers(service)
        for bindings in inspect(container)["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    assert {each.rpartition(":")[0] for each in bound} == {"127.0.0.1"}, bound
    say(f"published only {' '.join(sorted(bound))}")
