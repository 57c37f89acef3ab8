"""Measure Velox on this machine: ratios within one run, as a table, JSON and a plot.

    python -m bench.run                       # everything, about 20 minutes on 2 cores
    python -m bench.run --only decode engine  # some of it; the rest of results.json stays

It needs what `make test` needs for its real servers, and requirements-bench.txt.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import (
    decisions_case,
    decode_case,
    engine_case,
    growth_case,
    latency_case,
    outlook_case,
    pipeline_case,
    producer_case,
    shadow_case,
    size_case,
    start_case,
    training_case,
    unknown_case,
)
from bench.checkpoints import Checkpoints
from bench.plot import plot
from bench.results import Results
from bench.stack import Stack, stack
from velox.base.machine import keep_large_buffers

HERE = Path(__file__).parent
WITH_SERVERS: dict[str, Callable[[Results, Stack, Checkpoints], None]] = {
    "start": start_case.run,
    "pipeline": pipeline_case.run,
    "latency": latency_case.run,
    "growth": growth_case.run,
    "producer": producer_case.run,
}
CASES = (
    *("decode", "engine", "shadow", "training", "decisions", "unknown", "outlook"),
    *WITH_SERVERS,
)
# Half an hour and some 10 GB of disk at ten million documents: only when it is named.
NAMED_ONLY = "size"


def main() -> None:
    """Run the cases."""
    keep_large_buffers()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=(*CASES, NAMED_ONLY), default=CASES, help="cases to run"
    )
    parser.add_argument("--documents", type=int, default=10_000_000, help="of the case size")
    parser.add_argument("--files", type=int, default=1_000_000, help="of the case size")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of results.json")
    parser.add_argument("--models", type=Path, help="folder in which the checkpoints stay")
    chosen = parser.parse_args()
    path = chosen.output / "results.json"
    results = Results.read(path, without=chosen.only)
    with tempfile.TemporaryDirectory(prefix="velox-bench-") as temporary:
        folder = Path(temporary)
        checkpoints = Checkpoints(chosen.models or folder / "models")
        if "decode" in chosen.only:
            decode_case.run(results)
            results.write(path)
        if "engine" in chosen.only:
            engine_case.run(results, checkpoints)
            results.write(path)
        if "shadow" in chosen.only:
            shadow_case.run(results, checkpoints)
            results.write(path)
        if "training" in chosen.only:
            training_case.run(results, folder / "training")
            results.write(path)
        if "decisions" in chosen.only:
            decisions_case.run(results, folder / "decisions")
            results.write(path)
        if "unknown" in chosen.only:
            unknown_case.run(results, folder / "unknown", checkpoints)
            results.write(path)
        if "outlook" in chosen.only:
            outlook_case.run(results, folder / "outlook")
            results.write(path)
        if NAMED_ONLY in chosen.only:
            size_case.run(results, folder, documents=chosen.documents, files=chosen.files)
            results.write(path)
        if wanted := [name for name in WITH_SERVERS if name in chosen.only]:
            with stack(folder) as servers:
                for name in wanted:
                    WITH_SERVERS[name](results, servers, checkpoints)
                    results.write(path)
    plot(results, path.with_suffix(".png"))
    bars = results.bars()
    missed = [name for name, bar in bars.items() if not bar.met]
    print(f"bars met: {len(bars) - len(missed)} of {len(bars)}; missed: {missed}")


if __name__ == "__main__":
    main()
