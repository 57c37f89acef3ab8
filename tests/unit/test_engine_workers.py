import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from velox.engine_workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    opened = Workers(3)
    yield opened
    opened.close()


def first_pixel(pixels: Tensor) -> tuple[Tensor, Tensor]:
    return pixels[:, 0, 0, 0].long(), pixels[:, 0, 0, 0].float()


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_answers_come_in_the_order_of_the_images(workers: Workers, count: int) -> None:
    pixels = torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    index, confidence = workers.run(first_pixel, pixels)
    assert index.tolist() == list(range(count))
    assert confidence.tolist() == list(range(count))


def test_parts_have_one_thread_each_and_a_single_image_has_all(workers: Workers) -> None:
    threads: list[int] = []
    lock = threading.Lock()

    def note(pixels: Tensor) -> tuple[Tensor, Tensor]:
        with lock:
            threads.append(torch.get_num_threads())
        return first_pixel(pixels)

    workers.run(note, torch.zeros(6, 3, 2, 2, dtype=torch.uint8))
    assert threads == [1, 1, 1]
    workers.run(note, torch.zeros(1, 3, 2, 2, dtype=torch.uint8))
    assert threads[3:] == [3]


def test_parts_run_at_the_same_time(workers: Workers) -> None:
    meeting = threading.Barrier(3, timeout=10)

    def meet(pixels: Tensor) -> tuple[Tensor, Tensor]:
        meeting.wait()
        return first_pixel(pixels)

    workers.run(meet, torch.zeros(3, 3, 2, 2, dtype=torch.uint8))


def test_a_failure_comes_out(workers: Workers) -> None:
    def fail(_pixels: Tensor) -> tuple[Tensor, Tensor]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        workers.run(fail, torch.zeros(3, 3, 2, 2, dtype=torch.uint8))
