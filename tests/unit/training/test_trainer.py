from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from velox.base.errors import SettingError, TrainingFailed
from velox.base.terminal import Progress
from velox.base.waiting import Stopped
from velox.models.architectures import build
from velox.training import fit as train_fit
from velox.training.data.dataset import Dataset, Held
from velox.training.evaluation import Inputs, outputs
from velox.training.fit import fit
from velox.training.recipe import Recipe
from velox.training.resume import State, StateFile
from velox.training.trainer import (
    Trainer,
    class_weights,
    keep_early,
    make_deterministic,
    one_cycle,
    require_trainable,
)

CPU = Inputs(torch.device("cpu"))
# Several threads wait for each other longer than these small networks compute.
torch.set_num_threads(1)
RECIPE = Recipe(
    epochs=3, patience=0, batch_size=8, learning_rate=0.02, augment=("flip", "light"), seed=4
)


def colours(count: int = 40, *, of_the_first: float = 0.5) -> Dataset:
    """Noisy images that are red or green."""
    random = np.random.default_rng(0)
    targets = (np.arange(count) >= of_the_first * count).astype(np.int64)
    pixels = random.integers(0, 100, (count, 8, 8, 3)).astype(np.uint8)
    for row, target in enumerate(targets):
        pixels[row, :, :, target] += 100
    return Dataset(Held(pixels), np.arange(count), targets, ("red", "green"))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(4, 2),
    )


def trainer(recipe: Recipe = RECIPE, stop: threading.Event | None = None) -> Trainer:
    return Trainer(network(), colours(), recipe=recipe, inputs=CPU, stop=stop or threading.Event())


def weights(of: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in of.network.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def nothing(_done: int, _total: int) -> None:
    pass


def accuracy(of: Trainer) -> float:
    logits = outputs(of.network, colours(), inputs=CPU, stop=threading.Event())
    return float((logits.argmax(dim=1).numpy() == colours().targets).mean())


def test_it_learns() -> None:
    recipe = replace(RECIPE, epochs=8)
    learner = trainer(recipe)
    losses = [learner.epoch(number, nothing) for number in range(8)]
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy(learner) == 1.0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        learner = trainer(replace(RECIPE, seed=seed))
        learner.epoch(0, nothing)
        return weights(learner)

    assert equal(trained(4), trained(4))
    assert not equal(trained(4), trained(5))


def test_every_image_is_seen_once_and_no_batch_is_much_smaller() -> None:
    seen: list[list[int]] = []

    class Watched(Held):
        def take(self, rows: np.ndarray) -> np.ndarray:
            seen.append(rows.tolist())
            return super().take(rows)

    data = colours(41)
    watched = replace(data, images=Watched(data.images.take(data.rows)))
    steps: list[tuple[int, int]] = []
    Trainer(network(), watched, recipe=RECIPE, inputs=CPU, stop=threading.Event()).epoch(
        0, lambda *now: steps.append(now)
    )
    assert sorted(row for batch in seen for row in batch) == list(range(41))
    assert {len(batch) for batch in seen} == {6, 7}
    assert steps == [(step, 6) for step in range(1, 7)]


def test_rare_labels_count_for_more() -> None:
    assert class_weights(colours(40, of_the_first=0.75)).tolist() == pytest.approx([2 / 3, 2.0])
    assert class_weights(colours(40)).tolist() == [1.0, 1.0]


def test_smoothed_labels_leave_a_doubt() -> None:
    def sureness(smoothing: float) -> float:
        learner = trainer(replace(RECIPE, epochs=12, smoothing=smoothing))
        for number in range(12):
            learner.epoch(number, nothing)
        logits = outputs(learner.network, colours(), inputs=CPU, stop=threading.Event())
        return float(logits.softmax(dim=1).amax(dim=1).mean())

    assert sureness(0.4) < 0.85 < sureness(0.0)


@pytest.mark.parametrize(("smoothing", "same"), [(0.1, True), (0.0, False)])
def test_an_epoch_of_smoothed_labels_is_judged_as_the_temperature_leaves_it(
    smoothing: float, same: bool
) -> None:
    data = colours()
    sure = torch.randn(len(data), 2, generator=torch.Generator().manual_seed(0))
    sure[:, 1] += 4 * (torch.from_numpy(data.targets) - 0.5)
    recipe = replace(RECIPE, smoothing=smoothing)
    (loss, accuracy), (unsure, equally) = (
        train_fit._judged(logits, data, recipe) for logits in (sure, sure / 5)
    )
    assert accuracy == equally
    assert (loss == pytest.approx(unsure, rel=1e-3)) is same


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    shares = [one_cycle(step / 100) for step in range(1, 101)]
    peak = shares.index(max(shares))
    assert shares[peak] == 1.0
    assert shares[:peak] == sorted(shares[:peak])
    assert shares[peak:] == sorted(shares[peak:], reverse=True)
    assert shares[-1] == pytest.approx(0.0)


def test_a_loss_that_is_no_number_ends_it() -> None:
    learner = trainer()
    with torch.no_grad():
        next(learner.network.parameters()).fill_(math.nan)
    with pytest.raises(TrainingFailed, match=r"epoch 1 is not a number; LEARNING_RATE=0\.02"):
        learner.epoch(0, nothing)


def test_training_and_judging_stop() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        trainer(stop=stop).epoch(0, nothing)
    with pytest.raises(Stopped):
        outputs(network(), colours(), inputs=CPU, stop=stop)


@pytest.mark.parametrize(
    ("architecture", "size", "batch"), [("alexnet", 32, 4), ("vit_b_16", 32, 2)]
)
def test_images_that_a_network_cannot_take_are_named(
    architecture: str, size: int, batch: int
) -> None:
    with pytest.raises(SettingError, match=rf"INPUT_SIZE={size} or .*MODEL_ARCH='{architecture}'"):
        require_trainable(
            build(architecture, 2), architecture, size=size, batch_size=batch, inputs=CPU
        )


def test_the_trial_step_changes_nothing() -> None:
    tried = network()
    before = {name: value.clone() for name, value in tried.state_dict().items()}
    require_trainable(tried, "any", size=8, batch_size=4, inputs=CPU)
    assert equal(before, tried.state_dict())


class Interrupted(Exception):
    """What a kill does to a training."""


def fitted(state_file: StateFile | None, *, kill_after: int | None = None) -> Trainer:
    """Fit; `kill_after` so many saved states it is cut off."""
    learner = trainer()
    if kill_after is not None:
        assert state_file
        saved, save = 0, state_file.save

        def saving(state: State) -> None:
            nonlocal saved
            save(state)
            saved += 1
            if saved == kill_after:
                raise Interrupted

        state_file.save = saving  # type: ignore[method-assign]
    fit(
        learner,
        colours(30),
        recipe=RECIPE,
        inputs=CPU,
        state_file=state_file,
        progress=Progress(open("/dev/null", "w")),  # noqa: SIM115
        stop=threading.Event(),
    )
    return learner


@pytest.mark.parametrize("kill_after", [1, 2, 3])
def test_a_resumed_training_ends_as_an_uninterrupted_one(tmp_path: Path, kill_after: int) -> None:
    with pytest.raises(Interrupted):
        fitted(StateFile(tmp_path / "state", "same"), kill_after=kill_after)
    resumed = fitted(StateFile(tmp_path / "state", "same"))
    assert equal(weights(resumed), weights(fitted(None)))


class Scripted:
    """A trainer whose epochs have losses on the validation images that are set beforehand."""

    def __init__(self) -> None:
        self.network = nn.Linear(1, 2)
        self.done = 0

    def epoch(self, number: int, _on_step: Callable[[int, int], None]) -> float:
        self.done = number + 1
        nn.init.constant_(self.network.bias, number)
        return 0.0

    def state(self) -> dict[str, Any]:
        return {"network": self.network.state_dict()}


@pytest.mark.parametrize(
    ("losses", "patience", "smoothing", "best", "done"),
    [
        ([5, 4, 3, 2, 1], 2, 0, 5, 5),
        ([5, 1, 3, 2, 4], 2, 0, 2, 4),
        ([5, 1, 3, 2, 4], 0, 0, 2, 5),
        ([1, 2, 3, 4, 5], 1, 0, 1, 2),
        ([3, 4, 2, 3, 1], 2, 0, 5, 5),
        ([3, 4, 0.01, 3, 1], 9, 0, 3, 3),
        ([3, 4, 0.01, 3, 1], 9, 0.1, 3, 5),
        ([5, 1, 3, 1.001, 4], 9, 0, 4, 5),
    ],
)
def test_it_ends_when_patience_does_and_keeps_the_best(
    monkeypatch: pytest.MonkeyPatch,
    losses: list[float],
    patience: int,
    smoothing: float,
    best: int,
    done: int,
) -> None:
    scripted = Scripted()
    monkeypatch.setattr(train_fit, "outputs", lambda *_arguments, **_options: None)
    monkeypatch.setattr(train_fit, "_judged", lambda *_: (float(losses[scripted.done - 1]), 0.5))
    found = fit(
        scripted,  # type: ignore[arg-type]
        colours(),
        recipe=replace(RECIPE, epochs=5, patience=patience, smoothing=smoothing),
        inputs=CPU,
        state_file=None,
        progress=Progress(open("/dev/null", "w")),  # noqa: SIM115
        stop=threading.Event(),
    )
    assert (found, scripted.done) == (best, done)
    assert scripted.network.bias.tolist() == [best - 1, best - 1]


def test_early_layers_and_statistics_stay_where_the_recipe_keeps_them() -> None:
    learner = trainer(replace(RECIPE, keep_early=True))
    before = weights(learner)
    learner.epoch(0, nothing)
    after = weights(learner)
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same >= {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert "6.weight" not in same


def test_the_first_tenth_of_the_parameters_is_early() -> None:
    layers = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5), nn.Linear(5, 25))
    keep_early(layers)
    kept = [name for name, each in layers.named_parameters() if not each.requires_grad]
    assert kept == ["0.weight", "0.bias"], "9 of 179; the next 15 would be more than 17"


def test_a_start_that_no_epoch_betters_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([1.0, 1.001, 2.0])
    scripted = Scripted()
    nn.init.constant_(scripted.network.bias, -1)
    monkeypatch.setattr(train_fit, "outputs", lambda *_arguments, **_options: None)
    monkeypatch.setattr(train_fit, "_judged", lambda *_: (next(losses), 0.5))
    found = fit(
        scripted,  # type: ignore[arg-type]
        colours(),
        recipe=replace(RECIPE, epochs=2),
        inputs=CPU,
        state_file=None,
        progress=Progress(open("/dev/null", "w")),  # noqa: SIM115
        stop=threading.Event(),
        knows=True,
    )
    assert found == 0
    assert scripted.network.bias.tolist() == [-1, -1]


@pytest.fixture
def not_deterministic() -> Iterator[None]:
    """As it was before, once the test is over."""
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]


@pytest.mark.usefixtures("not_deterministic")
def test_what_is_the_same_each_time_takes_no_longer_for_memory_that_is_written_anyway() -> None:
    make_deterministic(0)
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
