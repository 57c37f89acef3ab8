"""What was decided of models, written down for all replicas.

A folder in the one that replicas share holds a file of rulings, and a copy of the model in use,
because another one may lie at MODEL_PATH that has not earned its place. One process at a time
decides: it holds a lock that the system takes back when it dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from velox.base.errors import CANNOT_BE_READ, CheckpointError
from velox.base.files import write_whole
from velox.models import labels
from velox.models.description import digest
from velox.models.engine.kept import folder_beside
from velox.models.files import Signatures, signatures

FOLDER, FILE, LOCK = "models", "rulings.json", "lock"
# Of what was decided the last so many are remembered.
MOST = 50
_VERSION = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """One decision.

    Attributes:
        model: the digest of the model that was tried.
        beside: that of the model in use then.
        taken: whether it took its place.
        reason: why, in words.
        at: when, as text like a timestamp.
        figures: what it was decided by.
    """

    model: str
    beside: str
    taken: bool
    reason: str
    at: str
    figures: Mapping[str, float]


_WRITTEN = tuple(Written.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class State:
    """What is written down.

    Attributes:
        in_use: the digest of the model in use.
        rulings: what was decided, the last one last.
    """

    in_use: str
    rulings: tuple[Written, ...] = field(default=())

    def refusal(self, model: str) -> Written | None:
        """Why a model was refused beside the one in use, None if it was not."""
        found = [each for each in self.rulings if (each.model, each.beside) == (model, self.in_use)]
        return found[-1] if found and not found[-1].taken else None

    def after(self, written: Written) -> State:
        """The state after one more decision."""
        in_use = written.model if written.taken else self.in_use
        return State(in_use, (*self.rulings, written)[-MOST:])


class Rulings:
    """Reads and writes the folder of one model's place.

    Args:
        shared: the folder that replicas share.
        model_path: MODEL_PATH.
        group: of the replicas.
    """

    def __init__(self, shared: Path, model_path: Path, group: str) -> None:
        # Consumers of another group, or with another model, have rulings of their own.
        key = hashlib.sha256(f"{group}\n{model_path.absolute()}".encode()).hexdigest()[:12]
        self.folder = shared / FOLDER / key
        self._model_path = model_path
        self._file = self.folder / FILE
        self._seen: Signatures = ()
        self._lock: int | None = None

    def read(self) -> State | None:
        """What is written down; None where nothing is, or nothing that makes sense.

        Raises:
            CheckpointError: when it cannot be read now.
        """
        try:
            content = json.loads(self._file.read_bytes())
            rulings = tuple(
                Written(**{name: each[name] for name in _WRITTEN}) for each in content["rulings"]
            )
            return State(str(content["in_use"]), rulings)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise CheckpointError(f"{self._file} {CANNOT_BE_READ}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("rulings not read, as if there were none path=%s: %r", self._file, error)
            return None

    def there(self) -> bool:
        """Whether there is a file of rulings, whatever is in it."""
        return self._file.exists()

    def changed(self) -> bool:
        """Whether what is written down is another than at the last question."""
        before, self._seen = self._seen, signatures((self._file,))
        return before != self._seen

    def write(self, state: State) -> None:
        """Write down what holds for all from now on; models that are not in use are let go of.

        Raises:
            OSError: when that cannot be done; what was written before holds.
        """
        content = {
            "version": _VERSION,
            "model_path": str(self._model_path),
            "in_use": state.in_use,
            "rulings": [asdict(each) for each in state.rulings],
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, (json.dumps(content, indent=1) + "\n").encode())
        for path in self.folder.glob("*.pth"):
            if path.stem != state.in_use:
                for each in self.place(path.stem):
                    with contextlib.suppress(OSError):
                        each.unlink()
        self._remove_made(but=state.in_use)

    def _remove_made(self, *, but: str = "") -> None:
        """Remove what consumers have made of copies and keep beside them, but for one model's."""
        for found in self.folder.glob(folder_beside(Path("*.pth")).name):
            if found != folder_beside(self.place(but)[0]):
                shutil.rmtree(found, ignore_errors=True)

    def place(self, model: str) -> tuple[Path, Path]:
        """Where the copy of a model lies, and its labels."""
        return self.folder / f"{model}.pth", self.folder / f"{model}.json"

    def keep(self, model: str, named: tuple[str, ...]) -> None:
        """Copy the model at MODEL_PATH, so that it can be used whatever comes to lie there.

        Args:
            model: its digest.
            named: its labels, in order.

        Raises:
            CheckpointError: when another one lies there by now.
            OSError: when it cannot be copied.
        """
        copy, classes = self.place(model)
        if copy.exists():
            return
        data = self._model_path.read_bytes()
        if digest(data) != model:
            raise CheckpointError(f"{self._model_path} has changed meanwhile")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(classes, labels.written(named))
            write_whole(copy, data)
        except OSError as error:
            # That of a full disk does not say where.
            raise OSError(error.errno, error.strerror, str(self.folder)) from error

    def at_model_path(self) -> str:
        """The digest of what lies at MODEL_PATH.

        Raises:
            CheckpointError: when it cannot be read.
        """
        try:
            return digest(self._model_path.read_bytes())
        except OSError as error:
            raise CheckpointError(
                f"{self._model_path} {CANNOT_BE_READ}: {error.strerror}"
            ) from error

    def hold(self) -> bool:
        """Become the one that decides, or stay it; False while another process is.

        Raises:
            OSError: when the folder cannot be written to.
        """
        if self._lock is not None and not _is(self._lock, self.folder / LOCK):
            # Somebody has removed the folder: this lock keeps nobody out any more.
            self.release()
        if self._lock is not None:
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LOCK
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._lock = descriptor
        return _is(descriptor, path)

    def release(self) -> None:
        """Let another process decide."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def forget(self) -> None:
        """Remove what is written down; the lock stays, as another may hold it."""
        for path in (self._file, *self.folder.glob("*.pth"), *self.folder.glob("*.json")):
            with contextlib.suppress(OSError):
                path.unlink()
        self._remove_made()


def _is(descriptor: int, path: Path) -> bool:
    """Whether that open file is the one that lies there."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
