"""What was made of a model and found out about it, kept beside its file for the next start.

A folder beside the checkpoint holds files that can be made again at any time: whatever is missing,
cut short, foreign or of another version is as if it were not there, and where nothing can be
written, nothing is kept. Each file is sealed with the digest of its name and content, and read as
data: who may write it may as well write the checkpoint itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from velox.base.files import write_whole
from velox.base.machine import processor
from velox.models.description import Description

# Counted up when what is made of a model, or how it is judged, changes.
_EDITION = 1
# What is kept of a model by a version that knows less of it is incomplete.
_SAID = ",".join(each.name for each in dataclasses.fields(Description))

# Files of each kind that stay, the newest: models, for the one in use and the one before it, and
# those that compute their novelty; choices, for consumers with other settings.
MODEL, NOVELTY, CHOICE = ".model", ".novelty", ".choice"
_STAY = {MODEL: 2, NOVELTY: 2, CHOICE: 16}
# What a process that was killed while it wrote has left is older than any write takes.
_LONGEST_WRITE_S = 600.0

log = logging.getLogger(__name__)


def folder_beside(model_path: Path) -> Path:
    """Where it is kept for a checkpoint."""
    return model_path.with_name(f".{model_path.name}.made")


class Kept:
    """Reads and writes the folder of one checkpoint's file.

    Args:
        model_path: the checkpoint.
    """

    def __init__(self, model_path: Path) -> None:
        self._folder = folder_beside(model_path)
        self._said = False

    def model(self, digest: str, *, novelty: bool = False) -> bytes | None:
        """What `keep_model` was given for a checkpoint, None where there is none that holds.

        Args:
            digest: the checkpoint's.
            novelty: the form that computes it; it is a little slower.
        """
        return self._read(_name(digest, _versions(), NOVELTY if novelty else MODEL))

    def keep_model(self, digest: str, data: bytes, *, novelty: bool = False) -> None:
        """Keep what was made of a checkpoint, for every machine; see `model`."""
        self._write(_name(digest, _versions(), NOVELTY if novelty else MODEL), data)

    def choice(self, digest: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What `keep_choice` was given for the same question on this machine; empty for nothing."""
        data = self._read(_name(digest, self._question(asked), CHOICE))
        try:
            found = json.loads(data or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def keep_choice(self, digest: str, asked: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Keep what was found out on this machine.

        Args:
            digest: the checkpoint's.
            asked: all that the answer depends on, beside the processor and the packages' versions.
            found: in values that JSON has.
        """
        name = _name(digest, self._question(asked), CHOICE)
        self._write(name, json.dumps(found).encode())

    def _question(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {**asked, **_versions(), "processor": processor()}

    def _read(self, name: str) -> bytes | None:
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            return None
        seal, content = data[: len(_seal(name, b""))], data[len(_seal(name, b"")) :]
        return content if seal == _seal(name, content) else None

    def _write(self, name: str, content: bytes) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
            write_whole(self._folder / name, _seal(name, content) + content)
        except OSError as error:
            self._say_once(error)
            return
        with contextlib.suppress(OSError):
            self._tidy()

    def _say_once(self, error: OSError) -> None:
        if not self._said:
            log.info(
                "nothing kept for a faster start in %s: %s; so each start tries the forms of this "
                "model anew, which takes some seconds, where train.py has not kept their choice",
                self._folder,
                error.strerror,
            )
        self._said = True

    def _tidy(self) -> None:
        """Remove what is beyond its kind's number; another process may do the same."""
        found = [(each.lstat().st_mtime, each) for each in self._folder.iterdir()]
        for kind, count in _STAY.items():
            of_kind = sorted(each for each in found if each[1].name.endswith(kind))
            for _, path in of_kind[:-count]:
                _remove(path)
        for moment, path in found:
            if path.suffix not in _STAY and time.time() - moment > _LONGEST_WRITE_S:
                _remove(path)


def _remove(path: Path) -> None:
    """Remove a file; what cannot be removed, as a foreign folder, hinders nothing."""
    with contextlib.suppress(OSError):
        path.unlink()


def _name(digest: str, key: Mapping[str, Any], kind: str) -> str:
    told = json.dumps(key, sort_keys=True, default=str)
    return f"{digest}-{hashlib.sha256(told.encode()).hexdigest()[:16]}{kind}"


def _seal(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + content).hexdigest().encode()


def _versions() -> dict[str, str]:
    """Of what makes and runs a model; read from the packages' files, without importing them."""
    return {"edition": str(_EDITION), "said": _SAID} | {
        name: _version(name) for name in ("torch", "torchvision", "onnxruntime")
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
