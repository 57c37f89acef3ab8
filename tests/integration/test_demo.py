"""The demo as a user runs it: to its end, and with Ctrl-C at every phase."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.http import get
from tests.rig.model import Model
from tests.rig.ports import free_port
from tests.rig.processes import Child, script
from tests.rig.waiting import eventually
from velox.models.engine.kept import folder_beside

START_LIMIT_S = 120
END_LIMIT_S = 60
IMAGES = 200


def processes_of(data: Path) -> list[str]:
    """The command lines of all processes of the demo of a folder, whoever their parent is."""
    mark, found = f"DEMO_PATH={data}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


class Demo:
    """A demo in a folder of its own, which tells its processes from all others."""

    def __init__(self, folder: Path, **settings: str | int) -> None:
        self.data = folder / "demo-data"
        self.address = f"http://127.0.0.1:{free_port()}"
        env = {
            "DEMO_PATH": str(self.data),
            "METRICS_PORT": self.address.rpartition(":")[2],
            **{name: str(value) for name, value in settings.items()},
        }
        self.child: Child = script("demo.py", env=env, log=folder / "demo.log")

    def processes(self) -> list[str]:
        """The command lines of the demo and of all that it started."""
        return processes_of(self.data)

    def wait_for_process(self, part: str) -> None:
        def there() -> bool:
            assert self.child.running, str(self.child)
            return any(part in command for command in self.processes())

        eventually(there, START_LIMIT_S, lambda: f"{part} started: {self.child}", every=0.01)

    def end_with(self, number: signal.Signals) -> str:
        """Signal the demo as a terminal does, and see that nothing is left of it; its log."""
        self.child.signal(number)
        assert self.child.wait(END_LIMIT_S) == 0, str(self.child)
        assert self.processes() == []
        assert "Traceback" not in self.child.log, str(self.child)
        return self.child.log

    def summary(self) -> dict[str, str]:
        """The lines after the last empty one."""
        last = self.child.log.rpartition("\n\n")[2]
        return dict(line.split(None, 1) for line in last.splitlines() if " " in line)

    def stored(self) -> int:
        with closing(sqlite3.connect(self.data / "discoveries" / "detections.db")) as database:
            return int(database.execute("SELECT COUNT(*) FROM shapes_found").fetchone()[0])


def give_model(checkpoint: Model, folder: Path) -> None:
    """Let the demo of a folder find a model there, with what the training made of it."""
    data = folder / "demo-data"
    data.mkdir()
    given = Model.within(data)
    shutil.copy(checkpoint.classes, given.classes)
    shutil.copy(checkpoint.path, given.path)
    shutil.copytree(folder_beside(checkpoint.path), folder_beside(given.path))


@pytest.fixture
def trained(checkpoint: Model, tmp_path: Path) -> Path:
    """A folder whose demo has a model already."""
    give_model(checkpoint, tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Streaming:
    """A demo that streams without end, and a port that was taken when it started."""

    demo: Demo
    taken: int


@pytest.fixture(scope="module")
def streaming(checkpoint: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streaming]:
    """For the tests of one that runs; the last of them ends it."""
    folder = tmp_path_factory.mktemp("streaming")
    give_model(checkpoint, folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(folder, METRICS_PORT=port)
        demo.address = demo.child.wait_for_line(r"^live page +(\S+)/$", START_LIMIT_S)[1]
        yield Streaming(demo, port)
    demo.child.kill()


def test_a_run_to_the_end_adds_up(trained: Path) -> None:
    demo = Demo(trained, IMAGES=IMAGES, PRODUCER_INTERVAL=0)
    assert demo.child.wait(2 * START_LIMIT_S) == 0, str(demo.child)
    assert demo.processes() == []
    first = demo.child.log.splitlines()[0]
    assert re.fullmatch(rf"live page\s+{re.escape(demo.address)}/", first)
    summary = demo.summary()
    assert summary["produced"] == str(IMAGES)
    assert summary["lost"] == "0"
    assert int(summary["classified"]) + int(summary["dead-lettered"]) == IMAGES
    assert int(summary["matched"]) == demo.stored() <= IMAGES
    assert float(summary["accuracy"].split()[0]) > 90
    assert summary["report"] == str(demo.data / "report.html")
    report = (demo.data / "report.html").read_text()
    assert f'<dd id="total-matches">{demo.stored()}</dd>' in report
    assert report.count("data:image/jpeg;base64,") == min(48, demo.stored())
    assert "MATCH: " in demo.child.log
    assert re.search(rf"^\[#* *\] \d+/{IMAGES}  \d+/s  p50 ", demo.child.log, re.MULTILINE)


def test_ctrl_c_while_the_broker_starts(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    demo.child.wait_for_line("^live page ", START_LIMIT_S)
    assert demo.end_with(signal.SIGINT).splitlines()[-1] == "stopped"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_end_while_it_trains(number: signal.Signals, tmp_path: Path) -> None:
    # Few images and a small network make epochs short, and many epochs a training that is far from
    # its end.
    small: dict[str, str | int] = {"MODEL_ARCH": "shufflenet_v2_x0_5", "INPUT_SIZE": 32}
    demo = Demo(tmp_path, SAMPLES_PER_CLASS=10, EPOCHS=10_000, PATIENCE=0, **small)
    demo.wait_for_process("train.py")
    demo.child.wait_for_line("epoch", START_LIMIT_S)
    assert "stopped" in demo.end_with(number)
    assert not (demo.data / "model.pth").exists()


def test_ctrl_c_while_the_consumer_starts(trained: Path) -> None:
    demo = Demo(trained)
    demo.wait_for_process("consumer.py")
    log = demo.end_with(signal.SIGINT)
    # Where this process was held up, the consumer may have started, and images have come.
    streamed = re.search("^metrics ", log, re.MULTILINE) is not None
    assert streamed or log.splitlines()[-1] == "stopped"


def test_a_port_in_use_is_no_hindrance(streaming: Streaming) -> None:
    demo = streaming.demo
    assert not demo.address.endswith(f":{streaming.taken}")
    demo.child.wait_for_line("^metrics ", START_LIMIT_S)
    assert get(f"{demo.address}/readyz")[0] == 200


def test_ctrl_c_while_it_streams_still_sums_up(streaming: Streaming) -> None:
    demo = streaming.demo
    demo.child.wait_for_line("MATCH: ", START_LIMIT_S)
    status, page = get(f"{demo.address}/")
    assert status == 200
    assert "<title>Velox</title>" in page
    demo.end_with(signal.SIGINT)
    summary = demo.summary()
    assert summary["lost"] == "0"
    produced = int(summary["produced"])
    assert produced > 0
    assert int(summary["classified"]) + int(summary["dead-lettered"]) == produced
    assert int(summary["matched"]) == demo.stored()
    assert (demo.data / "report.html").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("gone", "SOURCE names 'gone': No such file or directory"),
        ("-", "SOURCE=- is not allowed in the demo"),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_before_anything_starts(
    source: str, reason: str, tmp_path: Path
) -> None:
    demo = Demo(tmp_path, SOURCE=source)
    assert demo.child.wait(END_LIMIT_S) == 2, str(demo.child)
    (line,) = demo.child.log.splitlines()
    assert line.startswith(f"error: {reason}")
