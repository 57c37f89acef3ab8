"""Free loopback ports that stay free while a server is down."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

HOST = "127.0.0.1"
_FIRST = 15_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOCKS = Path(tempfile.gettempdir()) / f"velox-tests-{os.getuid()}.ports"

_ours: set[int] = set()
_locks: list[int] = []


def free_port() -> int:
    """A port below the range the kernel gives to outgoing connections.

    A server that is stopped and started again needs its port back; one out of the ephemeral range
    may be taken in between by any connection of any process. No process that runs tests, of this
    run or of another, is given the same port as long as this one lives.
    """
    end = int(_EPHEMERAL.read_text().split()[0]) if _EPHEMERAL.exists() else 32_768
    candidates = range(_FIRST, max(end, _FIRST + 1000))
    rng = random.SystemRandom()
    while True:
        port = rng.choice(candidates)
        if not reserve(port):
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def reserve(port: int) -> bool:
    """Take a port for this process; False where it is taken.

    A byte of a file is locked, which the kernel gives back when the process ends.
    """
    if port in _ours:
        return False
    if not _locks:
        _locks.append(os.open(_LOCKS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        fcntl.lockf(_locks[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _ours.add(port)
    return True


def accepts(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0
