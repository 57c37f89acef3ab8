"""What lies beside MODEL_PATH: the lock of who trains, reports, models not in use."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from velox.base.errors import CheckpointError, SettingError
from velox.base.files import write_whole
from velox.base.waiting import Stopped
from velox.models.checkpoint import Checkpoint, load
from velox.models.files import may_pass
from velox.training.made_ready import make_ready

LOOK_EVERY_S = 0.2
REPORTS = (TEXT_REPORT, PAGE, CONFUSION) = (".report.txt", ".report.html", ".confusion.png")
LOOK_PAGE = ".dataset.html"

log = logging.getLogger(__name__)


@contextmanager
def alone(model_path: Path, stop: threading.Event) -> Iterator[None]:
    """Hold the lock file beside a model; wait for it while another process trains.

    The system lets go of the lock when its holder dies, so no lock is ever stale; the file stays.

    Raises:
        SettingError: when the model's folder cannot be written.
        Stopped: when told to stop while waiting.
    """
    path = model_path.with_name(f".{model_path.name}.lock")
    try:
        model_path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise SettingError(
            f"MODEL_PATH={str(model_path)!r} cannot be used: {path}: {error.strerror}; "
            "its folder must be writable"
        ) from None
    try:
        _lock(descriptor, model_path, stop)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, model_path: Path, stop: threading.Event) -> None:
    waiting = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not waiting:
                log.info("waiting for another process that is training model=%s", model_path)
                waiting = True
        except OSError as error:
            # Some network file systems have no locks.
            log.warning(
                "no lock, none else may train model=%s reason=%s", model_path, error.strerror
            )
            return
        if stop.wait(LOOK_EVERY_S):
            raise Stopped("stopped while another process trained")


def require_writable(classes_path: Path) -> None:
    """Refuse a place for the labels that cannot be written, before anything takes long."""
    if not os.access(classes_path.parent, os.W_OK | os.X_OK):
        raise SettingError(
            f"CLASSES_PATH={str(classes_path)!r} cannot be used: its folder must be writable"
        )


def usable(model_path: Path, classes_path: Path) -> Checkpoint | None:
    """The checkpoint that is there, None where a consumer could use none.

    Raises:
        CheckpointError: when it cannot be told, for a file could not be read now.
    """
    if not model_path.exists():
        return None
    try:
        checkpoint = load(model_path, classes_path)
    except CheckpointError as error:
        # What a disk or a lack of memory hides may be a good model, which is not to be replaced.
        if may_pass(error) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        log.warning("%s", error)
        return None
    log.info(
        "keeping model=%s digest=%s labels=%s",
        model_path,
        checkpoint.digest,
        ",".join(checkpoint.labels),
    )
    return checkpoint


def refused(path: Path) -> Path:
    """Where a file of a model that is not good enough is kept: `model.refused.pth`."""
    return path.with_suffix(f".refused{path.suffix}")


def use_refused(model_path: Path, classes_path: Path) -> None:
    """Put the model that was refused last, its labels and its reports in their places.

    Raises:
        CheckpointError: naming the file, when there is none or it cannot be used.
        OSError: when a file cannot be written.
    """
    kept_model, kept_classes = refused(model_path), refused(classes_path)
    checkpoint = load(kept_model, kept_classes)
    make_ready(checkpoint, model_path)
    # A model never lies there without its labels, as when it is saved.
    write_whole(classes_path, kept_classes.read_bytes())
    write_whole(model_path, kept_model.read_bytes())
    for kept in (kept_model, kept_classes):
        kept.unlink()
    for suffix in REPORTS:
        report = kept_model.with_suffix(suffix)
        if report.exists():
            report.rename(model_path.with_suffix(suffix))
    log.info(
        "using the refused model=%s digest=%s labels=%s",
        model_path,
        checkpoint.digest,
        ",".join(checkpoint.labels),
    )


def set_aside(path: Path) -> None:
    """Keep a file that is not a usable checkpoint, and those before: it may be somebody's work."""
    wanted = kept = path.with_name(path.name + ".unusable")
    number = 0
    while os.path.lexists(kept):
        number += 1
        kept = wanted.with_name(f"{wanted.name}-{number}")
    path.rename(kept)
    log.warning("moved the unusable model to=%s", kept)
