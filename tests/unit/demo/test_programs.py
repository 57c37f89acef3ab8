import os
import socket
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from velox.base.terminal import Display
from velox.demo import programs
from velox.demo.programs import Child, environment_of_parts, free_port

ECHO = "import sys; print('out of', sys.argv[1], file=sys.stderr); sys.exit(3)"
STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', file=sys.stderr, flush=True); time.sleep(600)"
)
PATIENT = "import sys, time; print('ready', file=sys.stderr, flush=True); time.sleep(600)"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(programs, "_ROOT", tmp_path)
    return tmp_path / "script.py"


def until(lines: list[str], wanted: str) -> None:
    deadline = time.monotonic() + 20
    while wanted not in lines:
        assert time.monotonic() < deadline, lines
        time.sleep(0.01)


def test_its_log_its_arguments_and_its_exit_code(script: Path) -> None:
    script.write_text(ECHO)
    lines: list[str] = []
    with Child("script.py", os.environ, on_line=lines.append, arguments=("x",)) as child:
        assert child.wait(20)
    assert child.exit_code == 3
    assert lines == ["out of x"]


def test_leaving_the_block_ends_it(script: Path) -> None:
    script.write_text(PATIENT)
    lines: list[str] = []
    with Child("script.py", os.environ, on_line=lines.append) as child:
        until(lines, "ready")
        assert child.exit_code is None
        assert not child.wait(0)
    assert child.exit_code == -15


def test_a_held_one_is_ended_too(script: Path) -> None:
    script.write_text(PATIENT)
    lines: list[str] = []
    with Child("script.py", os.environ, on_line=lines.append) as child:
        until(lines, "ready")
        child.hold()
    assert child.exit_code == -15


def test_one_that_ignores_sigterm_is_killed(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "END_TIMEOUT_S", 0.2)
    script.write_text(STUBBORN)
    lines: list[str] = []
    with Child("script.py", os.environ, on_line=lines.append) as child:
        until(lines, "ready")
    assert child.wait(20)
    assert child.exit_code == -9


def test_it_runs_under_the_same_interpreter(script: Path) -> None:
    script.write_text("import sys; print(sys.executable, file=sys.stderr)")
    lines: list[str] = []
    with Child("script.py", os.environ, on_line=lines.append) as child:
        assert child.wait(20)
    assert lines == [sys.executable]


def test_a_port_that_is_taken_is_left_to_its_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = owner.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_the_parts_keep_to_the_demos_own_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://elsewhere")
    monkeypatch.setenv("SHAPES", "star")
    found = environment_of_parts(
        folder=tmp_path, bootstrap="127.0.0.1:1", port=8000, interval=0.5, images=7
    )
    assert (found["MONGO_URI"], found["SHAPES"]) == ("", "star")
    assert found["KAFKA_BOOTSTRAP_SERVER"] == "127.0.0.1:1"
    assert found["STORAGE_PATH"] == str(tmp_path / "discoveries")
    assert (found["PRODUCER_INTERVAL"], found["PRODUCER_IMAGES"]) == ("0.5", "7")


def test_the_port_is_the_consumers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(
        programs, "Child", lambda _script, environment, **_: started.append(environment)
    )
    programs.ProducerProgram({"METRICS_PORT": "8000", "SEED": "1"}, cast(Display, None))
    assert started == [{"METRICS_PORT": "0", "SEED": "1"}]
