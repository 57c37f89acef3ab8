"""The processes that tests start."""

import sys
from pathlib import Path

from tests.rig.processes import Child

LIMIT_S = 30
SLOW_TO_LISTEN = (
    "import signal, sys, time; time.sleep(0.3);"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); time.sleep(600)"
)


def test_a_process_is_told_to_end_once_it_listens(tmp_path: Path) -> None:
    child = Child(
        [sys.executable, "-c", SLOW_TO_LISTEN], log=tmp_path / "log", env={}, cwd=tmp_path
    )
    assert child.terminate(LIMIT_S) == 7


def test_one_that_has_ended_is_told_nothing(tmp_path: Path) -> None:
    child = Child(
        [sys.executable, "-c", "raise SystemExit(3)"], log=tmp_path / "log", env={}, cwd=tmp_path
    )
    assert child.terminate(LIMIT_S) == 3


WAITS_FOR_IT = (
    "import signal, sys, time; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);"
    "time.sleep(0.3); signal.sigwait([signal.SIGTERM]); sys.exit(7)"
)


def test_one_that_waits_for_the_signal_in_a_thread_listens_too(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", WAITS_FOR_IT], log=tmp_path / "log", env={}, cwd=tmp_path)
    assert child.terminate(LIMIT_S) == 7


STARTS_ANOTHER_FIRST = (
    "import signal, sys, time; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals());"
    "time.sleep(0.3); signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals());"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); time.sleep(600)"
)


def test_one_that_blocks_all_signals_for_a_moment_does_not_listen_yet(tmp_path: Path) -> None:
    """As Python does while it starts another process (`_posixsubprocess.c`, with vfork)."""
    child = Child(
        [sys.executable, "-c", STARTS_ANOTHER_FIRST], log=tmp_path / "log", env={}, cwd=tmp_path
    )
    assert child.terminate(LIMIT_S) == 7
