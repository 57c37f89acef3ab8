"""The commands in the documents: what they call exists, and what they set is allowed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.commands import BLOCKS, TEXT, Block, assignments, commands
from tests.docs.pages import ROOT
from tests.docs.settings_table import READERS
from tests.rig.processes import bare_environment
from tests.rig.yaml_text import yaml_of

COMMANDS = commands()
SERVICES = yaml_of((ROOT / "docker-compose.yml").read_text())["services"]
OURS = {"make", "python", "docker", "docker-compose", "kubectl", "./k8s.sh", "kcat", "pip"}
# What belongs to the system, to Git, to the cluster or to the card.
OTHERS = {
    *(
        ".",
        "cat",
        "cd",
        "chmod",
        "cp",
        "curl",
        "cut",
        "echo",
        "eval",
        "grep",
        "mkdir",
        "mv",
        "printf",
        "rm",
        "sed",
        "tar",
        "tee",
    ),
    *("chown", "sha256sum", "sysctl", "systemctl", "git", "gh", "minikube", "nvidia-ctk"),
    *("nvidia-smi",),
}
# Variables of what Velox is made of, or of the system.
NOT_SETTINGS = {"COMPOSE_FILE", "MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD", "ARGS"}
LIMIT_S = 180


def called(program: str) -> list[list[str]]:
    """The arguments with which a program is called."""
    return [words for name, *words in COMMANDS if name == program]


def test_the_commands_are_shell() -> None:
    assert len(BLOCKS) > 10
    for block in BLOCKS:
        done = subprocess.run(
            ["bash", "-n"], input=block.body, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block.document.name}: {block.body}\n{done.stderr}"


def test_every_program_is_one_that_a_test_here_knows() -> None:
    assert {name for name, *_ in COMMANDS} - OTHERS == OURS, "check it here, then name it"


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {words[0] for words in called("make")} <= targets


def test_scripts_and_modules_exist() -> None:
    for first, *rest in called("python"):
        if first == "-m":
            assert importlib.util.find_spec(rest[0]), rest
        else:
            assert (ROOT / first).is_file(), first


def test_compose_is_asked_for_services_that_exist() -> None:
    verbs = "exec|run --rm|restart|logs -f|logs|ps"
    used = re.findall(rf"docker[- ]compose (?:{verbs})(?: -e \S+)* ([a-z]+)\b", TEXT)
    assert len(used) > 10
    assert set(used) <= SERVICES.keys()


def test_the_image_has_the_name_that_compose_gives_it() -> None:
    image = SERVICES["consumer"]["image"]
    for words in called("docker"):
        if words[0] == "build":
            assert words[words.index("-t") + 1] == image


def test_k8s_sh_knows_its_verbs_and_options() -> None:
    done = subprocess.run(
        ["bash", ROOT / "k8s.sh", "--help"], capture_output=True, text=True, check=True
    )
    for verb, *options in called("./k8s.sh"):
        assert f"./k8s.sh {verb} " in done.stdout
        assert all(each in done.stdout for each in options if each.startswith("--"))


def test_kcat_reads_topics_of_velox() -> None:
    for words in called("kcat"):
        assert words[words.index("-t") + 1] in {"image_data", "image_data-dlt", "results"}


def test_pip_installs_from_files_that_exist() -> None:
    for verb, option, file in called("pip"):
        assert (verb, option) == ("install", "-r")
        assert (ROOT / file).is_file(), file


def test_variables_that_are_set_exist_and_have_values_that_are_allowed() -> None:
    parsers = {
        each.variable: each.parser
        for reader in READERS.values()
        for each in reader.declared().values()
    }
    files = ["docker-compose.yml", "docker-compose.camera.yml", "Dockerfile", "k8s.sh"]
    known = "\n".join((ROOT / name).read_text() for name in files)
    set_here = assignments()
    assert len(set_here) > 20
    for name, value in set_here:
        if name in parsers:
            parsers[name].convert(value)
        else:
            assert name in NOT_SETTINGS or re.search(rf"\b{name}\b", known), f"{name}={value}"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.marked], ids=lambda _: "run")
def test_the_marked_commands_run(block: Block) -> None:
    tools = f"{Path(sys.executable).parent}:"
    environment = bare_environment()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.body],
        cwd=ROOT,
        env=environment | {"PATH": tools + environment["PATH"]},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
