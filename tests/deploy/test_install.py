"""What the image is installed from: the lock, and PyTorch from where the build says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "install.sh"
# Says what it is called with, keeps the files it is given, and fails where FAIL names such a file.
FAKE = """#!/usr/bin/env bash
for argument; do
  case "$argument" in
    *.lock | *.txt) cp "$argument" "$SEEN/"; shown+=" ${argument##*/}" ;;
    *) shown+=" $argument" ;;
  esac
done
echo "${0##*/}$shown" >>"$SEEN/calls"
[[ -z "${FAIL:-}" || "$shown" != *"$FAIL" ]]
"""
LOCKED = "install --require-hashes --requirement"
UV = "uv pip install --system --no-cache --torch-backend cpu"


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., list[str]]:
    """Runs install.sh with a pip and a uv that do nothing; gives how they were called."""
    for name in ("pip", "uv"):
        fake = tmp_path / name
        fake.write_text(FAKE)
        fake.chmod(0o755)

    def run(code: int = 0, **environment: str) -> list[str]:
        base = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SEEN": str(tmp_path)}
        done = subprocess.run(
            [INSTALL],
            cwd=ROOT,
            env={**base, **environment},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == code
        no_torch = environment.get("FAIL") == "ranges.txt"
        assert ("could not get PyTorch from the index of" in done.stderr) == no_torch
        return (tmp_path / "calls").read_text().splitlines()

    return run


def names(file: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", file.read_text(), re.M))


def test_the_lock_is_installed_with_its_hashes(install: Callable[..., list[str]]) -> None:
    assert install() == [f"pip {LOCKED} requirements.lock"]


def test_uv_finds_the_index_of_a_backend(install: Callable[..., list[str]]) -> None:
    pip_first, with_uv, torch, without_uv = install(TORCH_BACKEND="cpu")
    assert pip_first == f"pip {LOCKED} others.lock"
    assert re.fullmatch(r"pip install uv==[\d.]+", with_uv)
    assert torch == f"{UV} --requirement locked.txt"
    assert without_uv == "pip uninstall --yes uv"


def test_everything_but_pytorch_comes_from_the_lock(
    install: Callable[..., list[str]], tmp_path: Path
) -> None:
    """What is left out is PyTorch, and what its default build alone needs: CUDA."""
    install(TORCH_BACKEND="cpu")
    lock, others = ROOT / "requirements.lock", tmp_path / "others.lock"
    left_out = names(lock) - names(others)
    assert names(tmp_path / "locked.txt") == {"torch", "torchvision"} <= left_out
    assert {each for each in left_out if "cuda" in each or "nvidia" in each}
    for name in left_out - {"torch", "torchvision"}:
        assert re.fullmatch("cuda-.*|nvidia-.*|triton", name), name
        (entry,) = re.findall(rf"^{name}==(.*)$", lock.read_text(), re.M)
        assert "sys_platform == 'linux'" in entry
    blocks = re.split(r"^(?=[a-z])", lock.read_text(), flags=re.M)[1:]
    kept = [each for each in blocks if name_of(each) not in left_out]
    assert others.read_text() == "".join(kept)


def name_of(block: str) -> str:
    return block.partition("==")[0]


def test_an_index_of_ones_own_wins(install: Callable[..., list[str]], tmp_path: Path) -> None:
    index = "https://torch.example/cpu"
    assert install(TORCH_BACKEND="cpu", TORCH_INDEX_URL=index) == [
        f"pip {LOCKED} others.lock",
        f"pip install --index-url {index} --requirement locked.txt",
    ]


def test_an_index_without_the_locked_version_gives_one_that_is_allowed(
    install: Callable[..., list[str]], tmp_path: Path
) -> None:
    calls = install(TORCH_BACKEND="cpu", FAIL="locked.txt")
    assert f"{UV} --requirement ranges.txt" in calls
    wanted = (ROOT / "requirements.txt").read_text().splitlines()
    found = (tmp_path / "ranges.txt").read_text().splitlines()
    assert found == [each for each in wanted if each.startswith("torch")]


def fail_at_locked_too(folder: Path) -> None:
    for name in ("uv", "pip"):
        fake = folder / name
        fake.write_text(FAKE.replace('"$FAIL" ]]', '"$FAIL" && "$shown" != *locked.txt ]]'))


@pytest.mark.parametrize(
    ("fails", "environment"),
    [
        ("others.lock", {"TORCH_BACKEND": "cpu"}),
        ("ranges.txt", {"TORCH_BACKEND": "cu126"}),
        ("ranges.txt", {"TORCH_BACKEND": "cpu", "TORCH_INDEX_URL": "https://torch.example/cpu"}),
    ],
)
def test_what_cannot_be_installed_fails_the_build(
    install: Callable[..., list[str]], tmp_path: Path, fails: str, environment: dict[str, str]
) -> None:
    fail_at_locked_too(tmp_path)
    install(code=1, FAIL=fails, **environment)


def test_without_the_index_for_cpus_it_is_the_locked_one(
    install: Callable[..., list[str]], tmp_path: Path
) -> None:
    """A start behind a firewall that lets only one index through is slower, and is a start."""
    fail_at_locked_too(tmp_path)
    calls = install(TORCH_BACKEND="cpu", FAIL="ranges.txt")
    assert calls[-2:] == [f"pip {LOCKED} requirements.lock", "pip uninstall --yes uv"]


def test_uv_takes_the_other_packages_from_the_index_of_pip(
    install: Callable[..., list[str]],
) -> None:
    calls = install(TORCH_BACKEND="cpu", PIP_INDEX_URL="https://packages.example/simple")
    assert f"{UV} --default-index https://packages.example/simple --requirement locked.txt" in calls


def test_the_uv_of_the_image_is_the_one_of_development() -> None:
    (image,) = re.findall(r"^UV_VERSION=(.*)$", INSTALL.read_text(), re.M)
    assert f"\nuv=={image}\n" in (ROOT / "requirements-dev.txt").read_text()
