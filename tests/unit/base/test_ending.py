"""A process ends, with its exit code, whatever its threads do."""

import subprocess
import sys

import pytest

# Far less than the threads of a process would take, and far more than its start.
LIMIT_S = 100
THREADS = {
    "none": "",
    "a daemon that sleeps": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "a pool with work queued": (
        "pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "for _ in range(9): pool.submit(time.sleep, 600)\n"
        "pool.shutdown(wait=False)"
    ),
}
PROGRAM = """
import concurrent.futures, logging, sys, threading, time
from velox.base.ending import ended
logging.basicConfig(level="INFO", format="%(message)s")
def body():
    {threads}
    logging.info("logged")
    print("printed")
    {end}
sys.exit(ended(body))
"""


def run(threads: str, end: str) -> tuple[int, str, str]:
    code = PROGRAM.format(threads=THREADS[threads].replace("\n", "\n    "), end=end)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_kept_and_nothing_waits(threads: str, code: int) -> None:
    assert run(threads, f"return {code}") == (code, "printed\n", "logged\n")


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_is_told_and_ends_it_as_well(threads: str) -> None:
    returned, _, said = run(threads, "raise LookupError('a fault')")
    assert returned == 1
    assert said.rstrip().endswith("LookupError: a fault")


def test_the_command_lines_own_end_is_left_alone() -> None:
    assert run("none", "sys.exit(2)")[0] == 2
