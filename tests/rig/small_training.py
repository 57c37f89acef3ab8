"""Trainings that take seconds: `train.py` on a few small pictures."""

from __future__ import annotations

from pathlib import Path

from tests.rig.pictures import COLOURS, colour, encoded
from tests.rig.processes import Child, script

LIMIT_S = 120

# A small network on small images: what is tested here is the process, not the network.
SMALL = {
    "MODEL_PATH": "model.pth",
    "CLASSES_PATH": "classes.json",
    "DATASET_PATH": "pictures",
    "INIT_WEIGHTS": "",
    "MODEL_ARCH": "shufflenet_v2_x0_5",
    "INPUT_SIZE": "32",
    "EPOCHS": "3",
    "AUGMENT": "",
    "HOLD_OUT": "0.5",
    "MIN_ACCURACY": "0",
    "DEVICE": "cpu",
}


def pictures(folder: Path, count: int = 60) -> None:
    """Noisy squares of three colours, one folder a colour."""
    for name in COLOURS:
        (folder / "pictures" / name).mkdir(parents=True)
    for number in range(count):
        path = folder / "pictures" / colour(number) / f"{number}.jpg"
        path.write_bytes(encoded(number))


def start(
    folder: Path,
    *arguments: str,
    log: str = "log",
    program: str | Path = "train.py",
    **settings: str,
) -> Child:
    return script(program, env=SMALL | settings, log=folder / log, arguments=arguments)


def trained(folder: Path, *arguments: str, log: str = "log", **settings: str) -> Child:
    child = start(folder, *arguments, log=log, **settings)
    assert child.wait(LIMIT_S) == 0, str(child)
    return child


def files(folder: Path) -> set[str]:
    """What lies there beside the pictures, the logs, and what can be made again."""
    found = {path.name for path in folder.iterdir() if "log" not in path.name}
    return found - {"pictures", ".model.pth.made"}


LOOK = "model.dataset.html"
REPORTS = {"model.report.txt", "model.report.html", "model.confusion.png"}
WRITTEN = {"model.pth", "classes.json", LOOK, *REPORTS}
LOCK = ".model.pth.lock"


def error(child: Child) -> str:
    """What a training says that ended with an error."""
    assert child.wait(LIMIT_S) == 1, str(child)
    (line,) = [line for line in child.log.splitlines() if line.startswith("error: ")]
    return line
