"""The HTTP server of metrics and probes."""

from __future__ import annotations

import socket
from http import HTTPStatus

import pytest

from tests.rig.http import get
from velox.errors import SettingError
from velox.health import Health
from velox.metrics import Metrics
from velox.server import TEXT, answers, serving


def test_metrics_and_probes_are_served() -> None:
    metrics, health = Metrics(), Health()
    with serving(answers(metrics.registry, health), address="127.0.0.1", port=0) as address:
        assert get(f"{address}/healthz") == (200, "starting\n")
        assert get(f"{address}/readyz") == (503, "starting\n")
        health.starting = None
        health.joined = lambda: True
        assert get(f"{address}/readyz") == (200, "ok\n")
        status, text = get(f"{address}/metrics?name[]=x")
        assert status == 200
        assert "velox_pauses_total 0.0" in text
        assert get(f"{address}/etc/passwd") == (404, "not found\n")
    with pytest.raises(OSError, match="refused"):
        get(f"{address}/healthz")


def test_a_probe_that_is_red_says_why() -> None:
    health = Health(poll_age=lambda: 99.0, idle=lambda: 0.0)
    with serving(answers(Metrics().registry, health), address="127.0.0.1", port=0) as address:
        assert get(f"{address}/healthz") == (503, "poll loop has not turned for 99 s\n")


def test_a_route_gives_status_type_and_body() -> None:
    routes = {"/x": lambda: (HTTPStatus.ACCEPTED, TEXT, b"y")}
    with serving(routes, address="127.0.0.1", port=0) as address:
        assert get(f"{address}/x") == (202, "y")


def test_a_port_in_use_is_a_bad_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingError, match=rf"METRICS_PORT={port} cannot be bound"),
            serving({}, address="127.0.0.1", port=port),
        ):
            pass
