"""torchvision's weights: its own loading code, a cache that is filled by hand, and no network.

How torchvision and torch load, name and check the file is read in `torchvision.models._api` and
`torch.hub`; the download is replaced where the machine would leave for the network.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from velox.base.errors import SettingError
from velox.base.waiting import Stopped
from velox.models.architectures import build, models
from velox.models.description import IMAGENET_MEAN
from velox.training import imagenet as module
from velox.training.data.dataset import Dataset, Held
from velox.training.imagenet import imagenet
from velox.training.start import find_start

ARCHITECTURE = "shufflenet_v2_x0_5"
FILE = "shufflenetv2_x0.5-f707e7126e.pth"
NO_NETWORK = URLError("[Errno -3] Temporary failure in name resolution")


@pytest.fixture(autouse=True)
def own_cache_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stopped = threading.Event()
    yield stopped
    stopped.set()


def weights_at(path: Path) -> dict[str, torch.Tensor]:
    path.parent.mkdir(parents=True, exist_ok=True)
    given = build(ARCHITECTURE, 1000).state_dict()
    torch.save(given, path)
    return dict(given)


def no_network(*_: object, **__: object) -> None:
    raise NO_NETWORK


def data(each: int) -> Dataset:
    targets = np.arange(2 * each, dtype=np.int64) % 2
    pixels = np.zeros((2 * each, 8, 8, 3), np.uint8)
    return Dataset(Held(pixels), np.arange(2 * each), targets, ("cat", "dog"))


@pytest.mark.parametrize("place", ["weights", "torch/hub/checkpoints"])
def test_a_file_that_is_there_is_taken_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event, place: str
) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    given = weights_at(tmp_path / place / FILE)
    found = imagenet(ARCHITECTURE, tmp_path / "weights", stop)
    assert found.source == tmp_path / place / FILE
    assert found.tensors.keys() == given.keys()
    assert all(torch.equal(found.tensors[name], given[name]) for name in given)
    assert (found.made_for.size, found.made_for.mean) == (224, IMAGENET_MEAN)


def test_an_older_file_of_the_same_architecture_is_better_than_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    older = models.get_model_weights("mobilenet_v2").IMAGENET1K_V1.url.rpartition("/")[2]
    path = tmp_path / "weights" / older
    path.parent.mkdir()
    torch.save(build("mobilenet_v2", 1000).state_dict(), path)
    assert imagenet("mobilenet_v2", tmp_path / "weights", stop).source == path


def served(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let torchvision's address be that of a local file: torch fetches it like any other."""
    of_architecture = models.get_model_weights(ARCHITECTURE)
    monkeypatch.setattr(of_architecture, "url", property(lambda _weights: file.as_uri()))


def test_a_download_is_checked_by_its_hash_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    given = weights_at(tmp_path / "far")
    digest = hashlib.sha256((tmp_path / "far").read_bytes()).hexdigest()
    far = (tmp_path / "far").rename(tmp_path / f"net-{digest[:10]}.pth")
    served(monkeypatch, far)
    kept = tmp_path / "models" / "weights" / far.name
    assert imagenet(ARCHITECTURE, kept.parent, stop).source == kept
    far.unlink()
    again = imagenet(ARCHITECTURE, kept.parent, stop)
    assert again.source == kept
    assert again.tensors.keys() == given.keys()


def test_a_download_with_another_hash_is_refused_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    weights_at(tmp_path / "net-0123456789.pth")
    served(monkeypatch, tmp_path / "net-0123456789.pth")
    with pytest.raises(SettingError, match="invalid hash value"):
        imagenet(ARCHITECTURE, tmp_path / "weights", stop)
    assert list((tmp_path / "weights").iterdir()) == []


def test_without_network_and_file_the_error_names_the_file_to_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    with pytest.raises(SettingError) as caught:
        imagenet(ARCHITECTURE, tmp_path / "weights", stop)
    message = str(caught.value)
    assert message.startswith("INIT_WEIGHTS='imagenet' cannot be used: ")
    assert f"{tmp_path / 'weights' / FILE} is missing" in message
    assert "name resolution" in message
    assert "\n" not in message


def test_a_broken_file_is_named(tmp_path: Path, stop: threading.Event) -> None:
    path = tmp_path / "weights" / FILE
    path.parent.mkdir()
    path.write_bytes(b"no weights")
    with pytest.raises(SettingError, match=rf"{FILE} is not a file of weights: .*; delete it"):
        imagenet(ARCHITECTURE, path.parent, stop)


def test_a_network_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    monkeypatch.setattr(torch.hub, "urlopen", lambda _request: stop.wait(60))
    start = time.monotonic()
    with pytest.raises(SettingError, match=r"no data came for 0\.2 s"):
        imagenet(ARCHITECTURE, tmp_path / "weights", stop)
    assert time.monotonic() - start < 30


def test_a_download_stops_when_told_and_the_next_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    left = tmp_path / "weights" / f"{FILE}.0123.partial"
    left.parent.mkdir()
    left.write_bytes(b"half")
    ended = threading.Event()

    def asked(_request: object) -> None:
        stop.set()
        ended.wait(60)

    monkeypatch.setattr(torch.hub, "urlopen", asked)
    with pytest.raises(Stopped):
        imagenet(ARCHITECTURE, tmp_path / "weights", stop)
    ended.set()
    assert not left.exists()


def test_auto_takes_them_for_own_images_alone(tmp_path: Path, stop: threading.Event) -> None:
    weights_at(tmp_path / FILE)

    def found(own: bool) -> bool:
        start = find_start("auto", own=own, architecture=ARCHITECTURE, folder=tmp_path, stop=stop)
        return start.weights is not None

    assert found(own=True)
    assert not found(own=False)


@pytest.mark.parametrize(
    ("each", "expected"), [(30, "a poor model"), (500, "much worse"), (2000, "simple images")]
)
def test_auto_says_in_one_line_what_nothing_means_for_so_many_images(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stop: threading.Event,
    each: int,
    expected: str,
) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    start = find_start("auto", own=True, architecture=ARCHITECTURE, folder=tmp_path, stop=stop)
    assert start.input_size == 64
    caplog.set_level(logging.WARNING)
    start.network(ARCHITECTURE, data(each))
    (line,) = caplog.messages
    assert "starting from random weights" in line
    assert f"{each} training images" in line
    assert expected in line
    assert FILE in line


def test_imagenet_is_no_wish_but_an_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: threading.Event
) -> None:
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    with pytest.raises(SettingError, match=FILE):
        find_start("imagenet", own=False, architecture=ARCHITECTURE, folder=tmp_path, stop=stop)
    shutil.rmtree(tmp_path, ignore_errors=True)
