"""Free loopback ports that stay free while a server is down."""

from __future__ import annotations

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
_FIRST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port below the range the kernel gives to outgoing connections.

    A server that is stopped and started again needs its port back; one out of the ephemeral range
    may be taken in between by any connection of any process.
    """
    end = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    candidates = range(_FIRST, max(end, _FIRST + 1000))
    rng = random.SystemRandom()
    while True:
        port = rng.choice(candidates)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0
