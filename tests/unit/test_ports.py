"""Processes that run tests at the same time are given different ports."""

from __future__ import annotations

import subprocess
import sys

from tests.rig.ports import free_port
from tests.rig.processes import ROOT

PROGRAM = "import sys; from tests.rig.ports import reserve; print(reserve(int(sys.argv[1])))"
LIMIT_S = 60


def test_a_port_of_this_process_is_given_to_no_other() -> None:
    port = free_port()
    asked = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(port)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=ROOT,
        check=True,
    )
    assert asked.stdout == "False\n"
    assert free_port() != port
