"""A Compose stack in a checkout of its own, driven by the commands that a user types."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = "velox-test-stack"
IMAGE = "ml-inference-app:latest"
COMMAND_LIMIT_S = 1800
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SIZE = re.compile(r"([\d.]+)([KMG]?i?B)")


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command; its standard output. A failure says what the command said."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
        cwd=cwd,
        env={**os.environ, **(env or {})},
    )
    words = " ".join(map(str, command))
    assert done.returncode == 0, f"{words}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def compose_program() -> list[str]:
    """Compose as a program of its own where there is one, else as Docker's plugin."""
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


class Stack:
    """The services of one checkout.

    Args:
        folder: holds docker-compose.yml and all that it names.
        environment: settings over those of `.env`; may be changed between two `up`s.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._program = compose_program()
        self.environment = {**environment, "COMPOSE_PROJECT_NAME": PROJECT}

    def compose(self, *arguments: str) -> str:
        """One Compose command in the checkout."""
        return run(*self._program, *arguments, cwd=self._folder, env=self.environment)

    def containers(self, *services: str) -> list[str]:
        """The ids of the containers of services or of all, those that have ended included."""
        return self.compose("ps", "--all", "--quiet", *services).split()

    def logs(self, service: str) -> str:
        """What all containers of a service have logged."""
        return self.compose("logs", "--no-color", "--no-log-prefix", service)

    def shell(self, line: str) -> str:
        """What a line of the documents prints, typed in the checkout."""
        program = " ".join(self._program)
        typed = re.sub("^docker-compose", program, line)
        return run("bash", "-c", typed, cwd=self._folder, env=self.environment).strip()


def inspect(container: str) -> dict[str, Any]:
    """What Docker knows of a container."""
    (found,) = json.loads(run("docker", "inspect", container))
    return dict(found)


def memory_mib(container: str) -> tuple[int, int]:
    """What a container holds, without the file cache that it would give back, and its limit."""
    shown = run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", container)
    used, limit = (float(each) * UNITS[unit] for each, unit in SIZE.findall(shown))
    return round(used / UNITS["MiB"]), round(limit / UNITS["MiB"])


def kill_9(container: str) -> None:
    """SIGKILL to a container's main process, behind the back of the engine.

    For the engine that is a crash, to which its restart policy applies; after `docker kill` it
    would leave the container down.
    """
    pid = inspect(container)["State"]["Pid"]
    run(
        *("docker", "run", "--rm", "--pid=host", "--user=0", "--network=none"),
        *("--entrypoint=bash", IMAGE, "-c", f"kill -9 {pid}"),
    )


@contextmanager
def exit_codes(service: str, number: int) -> Iterator[list[int]]:
    """Gives a list that holds, after the context, how so many containers of a service ended in it.

    The engine is listened to all the while: what it remembers of the past is short.
    """
    command = [
        *("docker", "events", "--since=0m", "--filter=event=die"),
        *("--filter", f"label=com.docker.compose.project={PROJECT}"),
        *("--filter", f"label=com.docker.compose.service={service}"),
        *("--format", "{{.Actor.Attributes.exitCode}}"),
    ]
    codes: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        try:
            yield codes
            codes += [int(listening.stdout.readline()) for _ in range(number)]
        finally:
            listening.terminate()


def leftovers() -> list[str]:
    """Containers, volumes and networks of the stack that are still there."""
    label = f"label=com.docker.compose.project={PROJECT}"
    return [
        *run("docker", "ps", "--all", "--quiet", "--filter", label).split(),
        *run("docker", "volume", "ls", "--quiet", "--filter", label).split(),
        *run("docker", "network", "ls", "--quiet", "--filter", label).split(),
    ]
