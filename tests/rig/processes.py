"""Child processes: each in a group of its own, logging to a file, gone when the tests end."""

from __future__ import annotations

import atexit
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
TAIL_LINES = 30

_running: set[Child] = set()


class Child:
    """A running process and its log, standard output and error in one file.

    Args:
        command: program and arguments.
        log: appended to; made with its folder.
        env: the whole environment of the process.
        cwd: where it runs.
    """

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path
    ) -> None:
        self.log_file = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; -N after signal N."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        return self.returncode is None

    def handles(self, number: signal.Signals) -> bool:
        """Whether the process has a handler for a signal, or a thread that waits for it, as mongod.

        Such a signal is blocked in all others (proc(5): `SigCgt`, `SigBlk`). A process that is just
        starting another one blocks all there are, for a moment, and waits for none of them.
        """
        status = Path(f"/proc/{self.pid}/status").read_text()
        caught, blocked = (
            int(found[1], 16) if (found := re.search(rf"Sig{kind}:\s*(\w+)", status)) else 0
            for kind in ("Cgt", "Blk")
        )
        if _has(blocked, signal.SIGCHLD):
            blocked = 0
        return _has(caught | blocked, number)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children; nothing if it has ended."""
        if self.running:
            os.killpg(self.pid, number)

    def wait(self, limit: float) -> int:
        """The exit code, once it has ended by itself."""
        eventually(lambda: not self.running, limit, lambda: f"end of {self}", every=0.02)
        _running.discard(self)
        assert self.returncode is not None
        return self.returncode

    def terminate(self, limit: float) -> int:
        """SIGTERM; the exit code. Killed, and an error, if it does not end within the limit.

        A process that has only just started has no handler for it yet, and dies of it.
        """
        try:
            eventually(
                lambda: not self.running or self.handles(signal.SIGTERM),
                limit,
                lambda: f"handles SIGTERM: {self}",
            )
            self.signal(signal.SIGTERM)
            return self.wait(limit)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the whole group, and wait for it."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        _running.discard(self)

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def tail(self) -> str:
        """The last lines of the log, for the text of an error."""
        return "\n".join(self.log.splitlines()[-TAIL_LINES:])

    def wait_for_line(self, pattern: str, limit: float) -> re.Match[str]:
        """The first match of a regular expression in the log; an error if the process ends."""

        def look() -> re.Match[str] | None:
            ended = not self.running
            found = re.search(pattern, self.log, re.MULTILINE)
            assert found or not ended, f"ended before it logged {pattern!r}: {self}"
            return found

        return eventually(look, limit, lambda: f"log line {pattern!r} of {self}")

    def resident_bytes(self) -> int:
        """Resident memory of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_resident_bytes(self) -> int:
        """The most resident memory that the process ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found, status
        return 1024 * int(found[1])

    def __str__(self) -> str:
        state = f"pid={self.pid} rc={self.returncode} {self._process.args!r}"
        return f"{state}\n--- the end of its log\n{self.tail()}"


def _has(mask: int, number: signal.Signals) -> bool:
    return bool(mask >> (number - 1) & 1)


def script(
    name: str | Path,
    *,
    env: Mapping[str, str],
    log: Path,
    arguments: Sequence[str] = (),
) -> Child:
    """Start one of the project's scripts in the folder of its log.

    Args:
        name: relative to the project's root.
        env: the settings; of the tests' own environment only what a process cannot run without.
        log: see `Child`.
        arguments: of the command line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    return Child(
        [sys.executable, ROOT / name, *arguments],
        log=log,
        env={**bare_environment(), **env},
        cwd=log.parent,
    )


def module(name: str, *, env: Mapping[str, str], log: Path) -> Child:
    """Start one of the project's modules as `python -m` does, in the folder of its log."""
    return Child(
        [sys.executable, "-m", name],
        log=log,
        env={**bare_environment(), **env},
        cwd=log.parent,
    )


def bare_environment() -> dict[str, str]:
    """A script's environment without any setting; its libraries keep to one thread each."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
    }


@atexit.register
def kill_all() -> None:
    """Kill what is still running, thawing it first if it was frozen."""
    for child in list(_running):
        child.kill()
