"""Check and measure Velox on a GPU: what is right, what is fast, and what the bars say of it.

    python -m bench.gpu.check                     # on the GPU of this machine, at most 8 minutes
    python -m bench.gpu.check --small             # the same parts, small, on a simulated device
    python -m bench.gpu.check --only bare decode  # some of it; the rest of gpu.json stays

It needs no network, no Java and no database: PyTorch, what requirements.txt names, and pytest. Each
part is a process, so that one which fails, or does not end, costs no other part's figures. It ends
with an error where a part failed; a bar that is missed is said, and is no error.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.gpu import (
    bare,
    correct,
    decode,
    little_memory,
    own_tests,
    pipeline,
    shared,
    swap,
    training,
)
from bench.gpu.place import Place, place
from bench.results import Results
from velox.base.machine import keep_large_buffers

ROOT = Path(__file__).parents[2]
# Each part, and the seconds after which it has failed. The short ones come first, in case time runs
# out. What is trained is checked; the pipeline is compared with decoding and the bare engine.
PARTS: dict[str, tuple[Callable[[Results, Place], None], float]] = {
    "tests": (own_tests.run, 45),
    "decode": (decode.run, 20),
    "swap": (swap.run, 60),
    "little memory": (little_memory.run, 60),
    "shared": (shared.run, 90),
    "bare": (bare.run, 200),
    "pipeline": (pipeline.run, 150),
    "training": (training.run, 120),
    "correct": (correct.run, 100),
}
LIMIT_S = 480.0
END_LIMIT_S = 20.0


def main() -> int:
    """Run the parts; 0 where none of them failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to run"
    )
    parser.add_argument("--output", type=Path, help="file of the figures; gpu.json")
    parser.add_argument("--small", action="store_true", help="on a simulated device")
    parser.add_argument("--here", type=Path, help="folder: all parts in this one process")
    chosen = parser.parse_args()
    chosen.output = chosen.output or Path("gpu-small.json" if chosen.small else "gpu.json")
    # Whoever is told that time is up ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("out of time"))
    if chosen.here is not None:
        run(chosen.only, chosen.output, chosen.here, small=chosen.small)
        return 0
    # What a part found earlier is not taken for what it finds now.
    Results.read(chosen.output, without=chosen.only).write(chosen.output)
    with tempfile.TemporaryDirectory(prefix="velox-gpu-") as folder:
        failed = in_processes(chosen.only, chosen.output, folder, small=chosen.small)
    bars = Results.read(chosen.output, without=()).bars()
    missed = [name for name, bar in bars.items() if not bar.met]
    print(f"bars met: {len(bars) - len(missed)} of {len(bars)}; missed: {missed}")
    print(f"parts that failed: {failed or 'none'}")
    return 1 if failed else 0


def in_processes(parts: list[str], output: Path, folder: str, *, small: bool) -> list[str]:
    """Run each part as a process, as long as there is time; those that failed."""
    deadline, failed = time.monotonic() + LIMIT_S, []
    for part in parts:
        started = time.monotonic()
        command = [sys.executable, "-m", "bench.gpu.check", "--here", folder, "--only", part]
        command += ["--output", str(output.absolute()), *(["--small"] if small else [])]
        limit = min(PARTS[part][1], deadline - started)
        print(f"{part}:", flush=True)
        code = ended(command, max(1.0, limit))
        print(f"  {time.monotonic() - started:.0f} s, exit code {code}", flush=True)
        if code != 0:
            failed.append(part)
    return failed


def ended(command: list[str], limit: float) -> int | str:
    """The exit code of a part; what has not ended in so many seconds is told to, then killed."""
    with subprocess.Popen(command, cwd=ROOT) as part:
        try:
            return part.wait(limit)
        except subprocess.TimeoutExpired:
            part.terminate()
            try:
                part.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                part.kill()
            return "out of time"


def run(parts: list[str], output: Path, folder: Path, *, small: bool) -> None:
    """Run parts in this process."""
    keep_large_buffers()
    results = Results.read(output, without=parts)
    with place(folder, small=small) as at:
        for part in parts:
            try:
                PARTS[part][0](results, at)
            finally:
                results.write(output)


if __name__ == "__main__":
    sys.exit(main())
