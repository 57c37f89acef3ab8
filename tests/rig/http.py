"""Probes and metrics over HTTP."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

# A busy machine may hold up the process that is asked.
LIMIT_S = 20
METRICS_LIMIT_S = 30


def get(url: str, limit: float = LIMIT_S) -> tuple[int, str]:
    """Status and body, whatever the status is."""
    try:
        with urllib.request.urlopen(url, timeout=limit) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(address: str, sample: str) -> float:
    """The sum over a metric's samples, e.g. `velox_records_total{outcome="match"}`."""
    name, _, rest = sample.partition("{")
    wanted = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    status, text = get(f"{address}/metrics", METRICS_LIMIT_S)
    assert status == 200, text
    return sum(
        each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == name and wanted.items() <= each.labels.items()
    )
