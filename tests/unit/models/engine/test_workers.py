import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from tests.unit.fakes import Clock
from velox.models.engine import workers as module
from velox.models.engine.classifier import Answer
from velox.models.engine.parts import parts_of
from velox.models.engine.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    opened = Workers(3)
    yield opened
    opened.close()


def first_pixel(pixels: Tensor) -> Answer:
    return pixels[:, 0, 0, 0].long(), pixels[:, 0, 0, 0].float()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_answers_come_in_the_order_of_the_images(workers: Workers, count: int) -> None:
    pixels = torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    index, confidence = workers.run(first_pixel, pixels, 2)
    assert index.tolist() == list(range(count))
    assert confidence.tolist() == list(range(count))


@pytest.mark.parametrize(
    ("count", "most", "parts"),
    [(6, 8, 3), (2, 8, 2), (24, 8, 3), (25, 8, 6), (30, 4, 9), (7, 1, 7)],
)
def test_parts_are_small_enough_and_as_many_for_each_core(
    count: int, most: int, parts: int
) -> None:
    assert parts_of(count, 3, most) == parts


def test_each_part_has_one_thread(workers: Workers) -> None:
    seen: list[tuple[int, int]] = []

    def note(pixels: Tensor) -> Answer:
        seen.append((len(pixels), torch.get_num_threads()))
        return first_pixel(pixels)

    workers.run(note, torch.zeros(8, 3, 2, 2, dtype=torch.uint8), 2)
    assert sorted(seen) == [(1, 1)] * 4 + [(2, 1)] * 2


@pytest.mark.parametrize("fastest", [1, 3])
def test_a_single_image_has_as_many_threads_as_are_faster(
    workers: Workers, fastest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=clock))
    seen: list[int] = []

    def note(pixels: Tensor) -> Answer:
        seen.append(torch.get_num_threads())
        clock.advance(1 if seen[-1] == fastest else 2)
        return first_pixel(pixels)

    image = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    workers.run(note, image, 8)
    assert seen == [1], "before the trial"
    assert workers.settle_single(note, image) == fastest
    workers.run(note, image, 8)
    assert seen[-1] == fastest


def test_one_core_needs_no_trial() -> None:
    workers = Workers(1)
    assert workers.settle_single(first_pixel, torch.zeros(1, 3, 2, 2, dtype=torch.uint8)) == 1
    workers.close()


def test_parts_run_at_the_same_time(workers: Workers) -> None:
    meeting = threading.Barrier(3, timeout=60)

    def meet(pixels: Tensor) -> Answer:
        meeting.wait()
        return first_pixel(pixels)

    workers.run(meet, torch.zeros(3, 3, 2, 2, dtype=torch.uint8), 8)


def test_a_failure_comes_out(workers: Workers) -> None:
    def fail(_pixels: Tensor) -> Answer:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        workers.run(fail, torch.zeros(3, 3, 2, 2, dtype=torch.uint8), 8)
