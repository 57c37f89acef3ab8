"""Video files, made here."""

from __future__ import annotations

from pathlib import Path

import cv2

from tests.rig.pictures import pixels

SIZE = 64


def write(path: Path, *, frames: int, fps: float = 10) -> Path:
    """An AVI of JPEG frames; each is the picture of its number."""
    code = cv2.VideoWriter.fourcc(*"MJPG")
    video = cv2.VideoWriter(str(path), code, fps, (SIZE, SIZE))
    assert video.isOpened()
    for number in range(frames):
        video.write(pixels(number, SIZE))
    video.release()
    return path
