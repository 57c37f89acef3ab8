"""What tells the world how the consumer is: metrics, probes, the live page, and its watchdog."""

from __future__ import annotations

import logging
from contextlib import ExitStack, closing
from dataclasses import dataclass

from velox.monitoring.health import Health
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.live.page import LivePage
from velox.monitoring.metrics import Metrics
from velox.monitoring.server import answers, directory, serving
from velox.monitoring.watchdog import Watchdog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What the parts of the consumer tell how they are.

    Attributes:
        metrics, health: told as it goes.
        latest: what the live page shows, None without a page.
    """

    metrics: Metrics
    health: Health
    latest: LatestMatches | None


def open_monitoring(
    opened: ExitStack,
    *,
    address: str,
    port: int,
    stall_timeout: float,
    live_page: bool,
    max_pixels: int,
) -> Monitoring:
    """Serve metrics, probes and the live page from now on, and end a process that stands still.

    Args:
        opened: closes what is opened.
        address: where to listen.
        port: where to listen; 0 for any that is free.
        stall_timeout: seconds without progress, with work to do, that count as a stall.
        live_page: whether there is a page at `/`; otherwise a list of what there is.
        max_pixels: pixels above which the page shows no image.
    """
    metrics, health = Metrics(), Health(stall_timeout=stall_timeout)
    routes = answers(metrics.registry, health)
    latest = None
    if live_page:
        page = opened.enter_context(closing(LivePage(metrics, health, max_pixels=max_pixels)))
        routes.update(page.routes())
        latest = page.matches
    else:
        routes["/"] = directory(list(routes), "LIVE_PAGE=1 puts a live page here.")
    where = opened.enter_context(serving(routes, address=address, port=port))
    log.info("metrics address=%s", where)
    opened.enter_context(closing(Watchdog(health))).start()
    return Monitoring(metrics, health, latest)
