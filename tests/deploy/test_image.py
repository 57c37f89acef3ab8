"""The image's Dockerfile and its entry point."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from velox.settings.consumer import ConsumerSettings

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
START = ROOT / "start.sh"
LIMIT_S = 60

FAKE_PYTHON = """#!/usr/bin/env bash
echo "$* MALLOC_TOP_PAD_=$MALLOC_TOP_PAD_"
[[ "$1" != train.py ]] || eval "${TRAIN:-true}"
"""
SLOW_TRAINING = "trap 'echo stopping; exit 0' TERM; echo training; while :; do sleep 0.05; done"


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts start.sh with a `python` that prints its arguments; TRAIN is what train.py does."""
    fake = tmp_path / "python"
    fake.write_text(FAKE_PYTHON)
    fake.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    def run(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
        return subprocess.Popen(
            [START, *arguments],
            env={**clean, "PATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def lines(process: subprocess.Popen[str]) -> list[str]:
    return process.communicate(timeout=LIMIT_S)[0].splitlines()


@pytest.mark.parametrize(
    "command",
    [["hadolint", "Dockerfile"], ["shellcheck", "start.sh"], ["shellcheck", "install.sh"]],
    ids=" ".join,
)
def test_lint_finds_nothing(command: list[str]) -> None:
    tool, file = command
    shown = subprocess.run([TOOLS / tool, ROOT / file], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout


def test_image_runs_as_a_fixed_user_in_exec_form() -> None:
    assert "useradd --uid 10001 " in DOCKERFILE
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["10001:10001"]
    assert re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.M) == ['["/app/start.sh"]']


def test_base_image_is_pinned_and_named_in_the_label() -> None:
    (base,) = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.M)
    name, _, digest = base.partition("@")
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", name)
    assert not digest or re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert f'org.opencontainers.image.base.name="{name}"' in DOCKERFILE


def test_packages_are_installed_before_the_code_is_copied() -> None:
    """A change of the code then rebuilds without installing anything."""
    assert DOCKERFILE.index("RUN ./install.sh") < DOCKERFILE.index("COPY velox")


def test_no_package_index_is_named() -> None:
    hosts = set(re.findall(r"https?://([^/:\s\"']+)", DOCKERFILE))
    assert hosts == {"127.0.0.1", "github.com"}


def test_context_holds_what_the_image_runs_and_nothing_else() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {rule[1:] for rule in rules if rule.startswith("!")}
    assert "*" in rules
    scripts = {f"{name}.py" for name in ("producer", "train", "consumer", "lag", "review", "demo")}
    assert kept == {
        "Dockerfile",
        "requirements.txt",
        "requirements.lock",
        "install.sh",
        "start.sh",
        "velox",
        *scripts,
    }


def test_minikube_image_build_finds_the_dockerfile() -> None:
    """It sends by force only what `-f` names (minikube, third_party/go-dockerclient/tar.go).

    Its rules are those of .dockerignore, where the last line that matches decides, and comments
    count as patterns.
    """
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    matching = [rule for rule in rules if rule.lstrip("!") in ("*", "Dockerfile")]
    assert matching[-1] == "!Dockerfile"


def test_the_code_is_copied_by_name() -> None:
    """The Dockerfile itself, which is in the context, stays out of the image."""
    copied = [
        name for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.M) for name in line.split()[:-1]
    ]
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert sorted(copied) == sorted(
        rule[1:] for rule in rules if rule.startswith("!") and rule != "!Dockerfile"
    )


@pytest.mark.parametrize("part", ["consumer", "producer", "train", "lag", "review", "demo"])
def test_argument_chooses_the_script(
    start: Callable[..., subprocess.Popen[str]], part: str
) -> None:
    process = start(part, "--option", "value")
    assert lines(process) == [f"{part}.py --option value MALLOC_TOP_PAD_=67108864"]
    assert process.returncode == 0


def test_without_argument_it_trains_once_and_then_consumes(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start()
    assert [line.split(" MALLOC")[0] for line in lines(process)] == [
        "train.py --if-missing",
        "consumer.py",
    ]
    assert process.returncode == 0


def test_failed_training_starts_no_consumer(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(TRAIN="exit 3")
    assert [line.split(" MALLOC")[0] for line in lines(process)] == ["train.py --if-missing"]
    assert process.returncode == 3


def test_sigterm_during_training_reaches_it_and_starts_no_consumer(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start(TRAIN=SLOW_TRAINING)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("train.py")
    assert process.stdout.readline() == "training\n"
    process.send_signal(signal.SIGTERM)
    assert lines(process) == ["stopping"]
    assert process.returncode == 143


def test_allocator_settings_of_the_environment_win(
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    assert lines(start("consumer", MALLOC_TOP_PAD_="4")) == ["consumer.py MALLOC_TOP_PAD_=4"]


@pytest.mark.parametrize(
    ("environment", "bound"),
    [
        ({}, ConsumerSettings.declared()["max_image_pixels"].default),
        ({"MAX_IMAGE_PIXELS": "1000"}, "1000"),
        ({"MAX_IMAGE_PIXELS": "many"}, "none"),
    ],
)
def test_the_decoder_has_the_bound_of_the_settings(
    environment: dict[str, str], bound: str, tmp_path: Path
) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/usr/bin/env bash\necho "${OPENCV_IO_MAX_IMAGE_PIXELS:-none}"\n')
    fake.chmod(0o755)
    shown = subprocess.run(
        [START, "consumer"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert shown.stdout == f"{bound}\n"


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("unknown", 2)])
def test_help_and_unknown_parts_show_the_usage(
    start: Callable[..., subprocess.Popen[str]], argument: str, code: int
) -> None:
    process = start(argument)
    out, err = process.communicate(timeout=LIMIT_S)
    assert "./start.sh consumer" in (err if code else out)
    assert process.returncode == code
