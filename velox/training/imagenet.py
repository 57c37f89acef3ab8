"""ImageNet's weights: torchvision's, from a file that is there or by torchvision's own download."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from velox.base.errors import SettingError
from velox.base.waiting import Stopped
from velox.models.architectures import models
from velox.training.start_weights import StartWeights, parsed

# Without a byte for so long, a download is given up: the machine has no network, or a broken one.
SILENCE_S = 20.0
LOOK_EVERY_S = 0.1


def imagenet(architecture: str, folder: Path, stop: threading.Event) -> StartWeights:
    """Torchvision's weights for an architecture, trained on ImageNet.

    A file of them that lies in `folder` or where torch keeps its downloads is taken. Otherwise
    torchvision downloads them into `folder`, and checks them by the hash in the file's name.

    Args:
        architecture: name of a classifier in `torchvision.models`.
        folder: where the file is kept; made where it is needed.
        stop: ends it early.

    Raises:
        SettingError: when they can neither be found nor downloaded, or the file is broken; it
            names the file and where to put it.
        Stopped: when told to stop.
    """
    weights, place = _found(architecture, folder)
    path = place / _file_of(weights)
    there = path.exists()
    try:
        content = _state_dict(weights, place, stop)
    except Stopped:
        raise
    except Exception as error:
        # Whatever a network, a disk or a broken file lets torch raise.
        reason = str(getattr(error, "reason", error)).partition("\n")[0]
        wrong = (
            f"{path} is not a file of weights: {reason}; delete it"
            if there
            else f"{path} is missing and cannot be downloaded: {reason}; "
            f"download {weights.url} on another machine and put it there"
        )
        raise SettingError(f"INIT_WEIGHTS='imagenet' cannot be used: {wrong}") from error
    return parsed(path, content, architecture)


def _found(architecture: str, folder: Path) -> tuple[Any, Path]:
    """The weights that lie somewhere already, else the best ones, and their folder."""
    of_architecture = models.get_model_weights(architecture)
    for weights in (of_architecture.DEFAULT, *of_architecture):
        for place in (folder, Path(torch.hub.get_dir(), "checkpoints")):
            if (place / _file_of(weights)).exists():
                return weights, place
    return of_architecture.DEFAULT, folder


def _file_of(weights: Any) -> str:
    # As `torch.hub.load_state_dict_from_url` names it.
    return str(weights.url).rpartition("/")[2]


def _state_dict(weights: Any, folder: Path, stop: threading.Event) -> Any:
    """What torchvision loads, in a thread that is left behind where nothing comes any more."""
    for left in _partial(weights, folder):
        left.unlink(missing_ok=True)
    result: list[Any] = []

    def load() -> None:
        try:
            result.append(
                weights.get_state_dict(
                    model_dir=str(folder),
                    map_location="cpu",
                    progress=False,
                    check_hash=True,
                    weights_only=True,
                )
            )
        except Exception as error:
            result.append(error)

    worker = threading.Thread(target=load, name="weights", daemon=True)
    worker.start()
    path, size, since = folder / _file_of(weights), -1, time.monotonic()
    while worker.is_alive():
        worker.join(LOOK_EVERY_S)
        if stop.is_set():
            raise Stopped("stopped while weights were downloaded; no model was written")
        if (now := _size(weights, folder)) != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > SILENCE_S and not path.exists():
            raise TimeoutError(f"no data came for {SILENCE_S:g} s")
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


def _size(weights: Any, folder: Path) -> int:
    """Bytes that are there of the file."""
    total = 0
    for path in (folder / _file_of(weights), *_partial(weights, folder)):
        # It is renamed at its end.
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _partial(weights: Any, folder: Path) -> Iterator[Path]:
    # As `torch.hub.download_url_to_file` names what is not whole yet.
    return folder.glob(f"{_file_of(weights)}.*.partial")
