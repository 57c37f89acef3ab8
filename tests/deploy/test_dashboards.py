"""The dashboards: provisioned, and by the rules that Grafana's dashboard linter made known."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.rig.yaml_text import yaml_of
from velox.monitoring.metrics import Metrics
from velox.monitoring.producer_metrics import ProducerMetrics
from velox.monitoring.review_metrics import ReviewMetrics

GRAFANA = Path(__file__).parents[2] / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
BOARDS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text()) for file in FILES}
DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
OF_THE_PAGE = "velox_review_(images|verdicts|accuracy|judged)"
COUNTER_USE = re.compile(r"(\w+\()?\s*(\w+_(?:total|sum|count|bucket))\b")


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything but the rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in panels(board)
]
TARGETS = [
    pytest.param(target, id=f"{name}: {panel['title']} {target['refId']}")
    for name, board in BOARDS.items()
    for panel in panels(board)
    for target in panel["targets"]
]


@pytest.fixture(params=BOARDS, name="board")
def _board(request: pytest.FixtureRequest) -> dict[str, Any]:
    return BOARDS[request.param]


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in board["templating"]["list"]}


def test_both_dashboards_are_there() -> None:
    assert {board["title"] for board in BOARDS.values()} == {
        "Velox pipeline",
        "Velox GPUs and resources",
    }


def test_uid_is_fixed_and_names_the_file(board: dict[str, Any]) -> None:
    assert BOARDS[board["uid"]] is board
    assert "id" not in board


def test_dashboard_is_kept_in_the_repository_alone(board: dict[str, Any]) -> None:
    """What is edited in the browser is lost at the next start, so it cannot be edited there."""
    assert board["editable"] is False
    assert "__inputs" not in board


def test_first_variable_chooses_the_data_source(board: dict[str, Any]) -> None:
    first = board["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )


@pytest.mark.parametrize("name", ["job", "pod"])
def test_variable_takes_one_or_several_or_all(board: dict[str, Any], name: str) -> None:
    variable = variables(board)[name]
    assert variable["datasource"] == DATASOURCE
    assert variable["multi"]
    assert variable["includeAll"]
    assert variable["allValue"] == ".+"
    assert variable["query"]["query"].startswith("label_values(velox_ready")


def test_every_variable_is_used(board: dict[str, Any]) -> None:
    text = json.dumps(panels(board))
    for name in variables(board):
        assert f"${name}" in text


def test_panel_ids_are_unique(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


def test_panel_titles_are_unique(board: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in panels(board)]
    assert len(set(titles)) == len(titles)


def test_panels_lie_on_the_grid_and_not_on_each_other(board: dict[str, Any]) -> None:
    boxes = [panel["gridPos"] for panel in board["panels"]]
    for box in boxes:
        assert box["x"] >= 0
        assert box["x"] + box["w"] <= 24
    for one, other in combinations(boxes, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_links_lead_to_the_other_dashboard(board: dict[str, Any]) -> None:
    (link,) = board["links"]
    assert link["url"].removeprefix("/d/") in BOARDS.keys() - {board["uid"]}


def test_alerts_are_drawn_over_the_graphs(board: dict[str, Any]) -> None:
    (annotation,) = board["annotations"]["list"]
    assert annotation["enable"]
    assert 'alertstate="firing"' in annotation["expr"]


@pytest.mark.parametrize("panel", PANELS)
def test_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == DATASOURCE
    assert panel["targets"]


@pytest.mark.parametrize("target", TARGETS)
def test_target_takes_the_chosen_data_source_job_and_pods(target: dict[str, Any]) -> None:
    assert target["datasource"] == DATASOURCE
    if target["expr"].startswith("ALERTS{"):  # an alert on the whole group has no pod
        return
    if "velox:consumer_lag_records:sum" in target["expr"]:  # the broker knows the group alone
        assert 'job=~"$job(-lag)?"' in target["expr"]
        return
    selectors = re.findall(r"\{[^{}]*\}", target["expr"])
    assert selectors
    if "velox_producer_" in target["expr"]:  # a producer is no pod of the consumers'
        assert set(selectors) == {'{job=~"$job(-producer)?"}'}
        return
    if re.search(OF_THE_PAGE, target["expr"]):  # nor is the page to label on
        assert all('job=~"$job(-review)?"' in each for each in selectors)
        return
    for selector in selectors:
        assert 'job=~"$job"' in selector
        assert 'pod=~"$pod"' in selector


@pytest.mark.parametrize("target", TARGETS)
def test_counters_are_read_as_rates_over_the_interval_that_grafana_chooses(
    target: dict[str, Any],
) -> None:
    expression = target["expr"]
    assert set(re.findall(r"\[([^]]+)\]", expression)) <= {"$__rate_interval", "$__range"}
    values = re.sub(r"group by \(label\) \([^)]*\)", "", expression)  # reads labels, no counts
    for function, counter in COUNTER_USE.findall(values):
        assert function in {"rate(", "increase("}, counter


def test_every_metric_of_consumer_producer_and_review_is_shown() -> None:
    shown = json.dumps(list(BOARDS.values()))
    every = [Metrics().registry, ProducerMetrics(lambda: ()).registry, ReviewMetrics().registry]
    missing = {
        family.name
        for registry in every
        for family in registry.collect()
        if family.name.startswith("velox_")
    } - set(re.findall(r"velox_\w+?(?=_total|_bucket|_sum|_count|\{|\b)", shown))
    assert not missing


def test_refids_of_a_panel_are_unique() -> None:
    for board in BOARDS.values():
        for panel in panels(board):
            ids = [target["refId"] for target in panel["targets"]]
            assert len(set(ids)) == len(ids)


def test_provisioned_data_source_is_the_one_dashboards_start_with() -> None:
    (source,) = yaml_of((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    for board in BOARDS.values():
        assert variables(board)["datasource"]["current"]["value"] == source["uid"]
    scrape = yaml_of((GRAFANA.parent / "prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scrape["scrape_interval"]


def test_provider_reads_the_folder_that_compose_mounts() -> None:
    (provider,) = yaml_of((GRAFANA / "provisioning/dashboards/velox.yml").read_text())["providers"]
    folder = provider["options"]["path"]
    grafana = yaml_of((GRAFANA.parent / "docker-compose.yml").read_text())["services"]["grafana"]
    assert f"./grafana/dashboards:{folder}:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == folder
    assert home.stem in BOARDS


def test_grafana_keeps_its_bundled_plugins() -> None:
    """Since 13.2 Prometheus is one of them, in a folder that is read-only here.

    The installer of preinstalled plugins stops a bundled one before it finds that it cannot replace
    it, and the data source is gone (grafana/grafana, issue 132528).
    """
    root = GRAFANA.parent
    compose = yaml_of((root / "docker-compose.yml").read_text())["services"]["grafana"]
    deployment = yaml_of((root / "k8s-manifests/grafana-deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    pod = {each["name"]: each.get("value") for each in container["env"]}
    for environment in (compose["environment"], pod):
        assert environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"
