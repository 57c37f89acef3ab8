"""The queries of the project's dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ALL = ".+"


class Query(NamedTuple):
    """One query of one panel, as the dashboard's file has it."""

    board: str
    panel: str
    ref: str
    expression: str

    def chosen(self, *, interval: str, span: str) -> str:
        """The expression as Grafana sends it, with every variable at All.

        Args:
            interval: of the rates, as Grafana computes it from the scrape interval.
            span: the dashboard's time range.
        """
        expression = self.expression
        for variable, value in {"$__rate_interval": interval, "$__range": span}.items():
            expression = expression.replace(variable, value)
        for variable in ("$job", "$pod", "$label"):
            expression = expression.replace(variable, ALL)
        return expression


def queries(folder: Path) -> Iterator[Query]:
    """Every query of every dashboard of a folder."""
    for file in sorted(folder.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield Query(file.stem, panel["title"], target["refId"], target["expr"])
