"""producer.py as a process, on the embedded broker: what arrives is what the sources hold."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Message

from tests.faults.oracle import headers
from tests.faults.tail import Tail
from tests.rig import mjpeg, settings, video
from tests.rig.kafka import Kafka
from tests.rig.pictures import encoded
from tests.rig.processes import ROOT, Child, bare_environment, script
from tests.rig.waiting import eventually
from velox.demo import broker as embedded_broker
from velox.kafka.client import MAX_IMAGE_BYTES

LIMIT_S = 60
STOP_LIMIT_S = 60
INCOMPLETE = 3


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with embedded_broker.running() as address:
        yield address


class Producers:
    """Runs producers in one folder, each on a topic of its own, and reads what they sent."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self._tails: list[Tail] = []

    def start(self, topic: str, **more: str | int) -> Child:
        defaults = {"PRODUCER_INTERVAL": 0, "KAFKA_PARTITIONS": embedded_broker.PARTITIONS}
        env = settings.producer(self.bootstrap, topic, **{**defaults, **more})
        return script("producer.py", env=env, log=self.folder / f"{topic}.log")

    def run(self, exit_code: int = 0, **more: str | int) -> tuple[list[Message], Child]:
        """What one producer sent until it ended by itself."""
        topic = new_topic()
        child = self.start(topic, **more)
        assert child.wait(LIMIT_S) == exit_code, str(child)
        return self.records(topic), child

    def tail(self, topic: str) -> Tail:
        tail = Tail(self.bootstrap, topic, embedded_broker.PARTITIONS)
        self._tails.append(tail)
        return tail

    def records(self, topic: str) -> list[Message]:
        tail = self.tail(topic)
        tail.read_to_end(LIMIT_S)
        return tail.messages

    def close(self) -> None:
        for each in self._tails:
            each.close()


@pytest.fixture
def producers(bootstrap: str, tmp_path: Path) -> Iterator[Producers]:
    made = Producers(bootstrap, tmp_path)
    yield made
    made.close()


def new_topic() -> str:
    return f"images-{uuid.uuid4().hex[:8]}"


def key(record: Message) -> str:
    return cast(bytes, record.key()).decode()


def contents(records: list[Message]) -> dict[str, tuple[bytes | None, dict[str, bytes]]]:
    """Value and headers by key; every key once."""
    found = {key(each): (each.value(), headers(each)) for each in records}
    assert len(found) == len(records)
    return found


def photos(folder: Path) -> dict[str, tuple[bytes, dict[str, bytes]]]:
    """A folder of images of several formats, and what must be sent of it."""
    forms = {".jpg": b"image/jpeg", ".png": b"image/png", ".webp": b"image/webp"}
    expected = {}
    for number, label in enumerate(["cat", "dog", "cat", "bird", "dog", "cat"]):
        form, content_type = list(forms.items())[number % len(forms)]
        name = f"photos/{label}/deep/{number}{form}"
        data = encoded(number, form)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        said = {"content-type": content_type, "source": name.encode(), "label": label.encode()}
        expected[name] = (data, said)
    (folder / "photos/notes.txt").write_text("no image")
    return expected


def test_a_folder_arrives_byte_for_byte(producers: Producers) -> None:
    expected = photos(producers.folder)
    records, child = producers.run(SOURCE="photos")
    assert contents(records) == expected
    assert "ended source=photos images=6 unreadable=0 dropped=0 left_out=1 done=100%" in child.log
    assert "done sent=6 acknowledged=6 failed=0 unreadable=0" in child.log


@pytest.mark.parametrize("compress", ["", "z"])
@pytest.mark.parametrize("where", ["", "-C photos"])
def test_tar_pipes_the_same_folder(where: str, compress: str, producers: Producers) -> None:
    expected = photos(producers.folder)
    topic = new_topic()
    what = "." if where else "photos"
    command = f'tar c{compress} {where} {what} | "$0" "$1"'
    env = settings.producer(producers.bootstrap, topic, PRODUCER_INTERVAL=0, SOURCE="-")
    child = Child(
        ["bash", "-o", "pipefail", "-c", command, sys.executable, ROOT / "producer.py"],
        env={**bare_environment(), **env},
        log=producers.folder / "log",
        cwd=producers.folder,
    )
    assert child.wait(LIMIT_S) == 0, str(child)
    found = contents(producers.records(topic))
    if where:
        found = {
            f"photos/{name}": (data, {**said, "source": b"photos/" + said["source"]})
            for name, (data, said) in found.items()
        }
    assert found == expected


def test_unreadable_files_are_named_and_counted_and_the_others_sent(producers: Producers) -> None:
    expected = photos(producers.folder)
    cat = producers.folder / "photos/cat"
    (cat / "torn.jpg").write_bytes(encoded(1)[:-30])
    (cat / "text.png").write_text("text")
    with (cat / "huge.jpg").open("wb") as file:
        file.truncate(5 * 2**30)
    (cat / "nowhere.jpg").symlink_to("gone")
    records, child = producers.run(INCOMPLETE, SOURCE="photos")
    assert contents(records) == expected
    for name in ("torn.jpg", "text.png", "huge.jpg", "nowhere.jpg"):
        assert child.log.count(f"name='photos/cat/{name}'") == 1
    assert "failed=0 unreadable=4" in child.log


def test_a_truncated_archive_is_incomplete(producers: Producers) -> None:
    photos(producers.folder)
    subprocess.run(["tar", "cf", "photos.tar", "photos"], cwd=producers.folder, check=True)
    archive = producers.folder / "photos.tar"
    archive.write_bytes(archive.read_bytes()[:15_000])
    records, child = producers.run(INCOMPLETE, SOURCE="photos.tar")
    assert 0 < len(records) < 6
    assert "name='photos.tar' reason='not a tar archive, or damaged or cut short: " in child.log


def test_the_largest_image_that_a_record_carries_is_taken_by_kafka(
    kafka: Kafka, tmp_path: Path
) -> None:
    """With names as long as they can be: nothing lies between what is sent and what is named."""
    folder = tmp_path / "photos" / ("l" * 255)
    folder.mkdir(parents=True)
    small = encoded(1)
    (folder / "fits.jpg").write_bytes(small.ljust(MAX_IMAGE_BYTES, b"\0"))
    (folder / "large.jpg").write_bytes(small.ljust(MAX_IMAGE_BYTES + 1, b"\0"))
    _, child = Producers(kafka.bootstrap, tmp_path).run(INCOMPLETE, SOURCE="photos")
    assert "sent=1 acknowledged=1 failed=0 unreadable=1" in child.log
    assert f"its {MAX_IMAGE_BYTES + 1} bytes exceed the record limit" in child.log


def test_a_video_is_one_source_in_order(producers: Producers) -> None:
    video.write(producers.folder / "clip.avi", frames=20, fps=10)
    records, _ = producers.run(SOURCE="clip.avi", MAX_FPS=5)
    assert len(records) == 10
    assert {key(each) for each in records} == {"clip.avi"}
    assert len({each.partition() for each in records}) == 1
    assert {headers(each)["content-type"] for each in records} == {b"image/jpeg"}
    assert all(cast(bytes, each.value())[:2] == b"\xff\xd8" for each in records)


def test_several_sources_at_once(producers: Producers) -> None:
    expected = photos(producers.folder)
    video.write(producers.folder / "clip,1.avi", frames=20)
    records, child = producers.run(SOURCE=r"mine=photos,film=clip\,1.avi,one=photos/cat/deep/0.jpg")
    found = Counter(key(each) for each in records)
    assert found == Counter(
        {**{f"mine/{name.removeprefix('photos/')}": 1 for name in expected}, "film": 20, "one": 1}
    )
    assert "sent=27 acknowledged=27" in child.log


def test_a_loop_begins_again_at_the_end(producers: Producers) -> None:
    expected = photos(producers.folder)
    records, _ = producers.run(SOURCE="photos", SOURCE_LOOP=1, PRODUCER_IMAGES=15)
    times = Counter(key(each) for each in records)
    assert sorted(times) == sorted(expected)
    assert sorted(times.values()) == [2, 2, 2, 3, 3, 3]


def test_a_camera_that_drops_is_read_on_and_its_password_stays_secret(
    producers: Producers,
) -> None:
    with mjpeg.camera(frames=7) as camera:
        source = f"http://user:secret@{camera.address}/live?token=secret"
        topic = new_topic()
        child = producers.start(
            topic, SOURCE=source, MAX_FPS=0, LOG_LEVEL="DEBUG", PRODUCER_IMAGES=20
        )
        assert child.wait(LIMIT_S) == 0, str(child)
        assert camera.connections >= 3
        assert camera.asked_for[0] == "/live?token=secret", "the camera itself is told"
    records = producers.records(topic)
    assert len(records) == 20
    assert {key(each) for each in records} == {f"http://{camera.address}/live"}
    assert "camera lost source=http://" in child.log
    assert "secret" not in child.log
    for each in records:
        assert b"secret" not in b"".join([cast(bytes, each.key()), *headers(each).values()])
    stamps = [each.timestamp()[1] for each in records]
    assert stamps == sorted(stamps)


def test_a_camera_that_is_away_is_waited_for(producers: Producers) -> None:
    with mjpeg.camera(frames=None) as camera:
        camera.away = True
        topic = new_topic()
        child = producers.start(
            topic, SOURCE=f"door=http://{camera.address}/", PRODUCER_IMAGES=5, MAX_FPS=0
        )
        child.wait_for_line("camera lost source=door", LIMIT_S)
        camera.away = False
        assert child.wait(LIMIT_S) == 0, str(child)
    assert len(producers.records(topic)) == 5


@pytest.mark.parametrize("kind", ["camera", "pipe", "folder"])
def test_sigterm_is_answered_at_once_whatever_a_source_waits_for(
    kind: str, producers: Producers
) -> None:
    photos(producers.folder)
    os.mkfifo(producers.folder / "pipe")
    env = settings.producer(producers.bootstrap, new_topic(), PRODUCER_INTERVAL=600)
    with mjpeg.camera(frames=None, fps=1 / 600) as camera:
        sources = {"camera": f"http://{camera.address}/", "pipe": "-", "folder": "photos"}
        child = Child(
            ["bash", "-c", 'exec "$0" "$1" <>pipe', sys.executable, ROOT / "producer.py"],
            env={**bare_environment(), **env, "SOURCE": sources[kind]},
            log=producers.folder / "log",
            cwd=producers.folder,
        )
        child.wait_for_line("reading source=", LIMIT_S)
        if kind == "camera":
            eventually(lambda: camera.connections, LIMIT_S, "a connection")
        started = time.monotonic()
        assert child.terminate(STOP_LIMIT_S) == 0, str(child)
        assert time.monotonic() - started < STOP_LIMIT_S / 2


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("gone", "SOURCE names 'gone': No such file or directory"),
        ("photos,,", "SOURCE=<hidden> is not allowed"),
        ("photos,photos", "SOURCE has two entries 'photos'"),
    ],
)
def test_a_source_that_cannot_be_is_one_line_and_code_2(
    source: str, reason: str, producers: Producers
) -> None:
    photos(producers.folder)
    child = producers.start("unused", SOURCE=source)
    assert child.wait(LIMIT_S) == 2, str(child)
    (line,) = child.log.splitlines()
    assert line.startswith(f"error: {reason}")
