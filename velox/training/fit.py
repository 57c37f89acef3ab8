"""The epochs of a training: each judged by the validation images, the best one kept."""

from __future__ import annotations

import logging
import threading

import torch
from torch import Tensor
from torch.nn import functional

from velox.base.terminal import Progress
from velox.training.calibration import fit_temperature
from velox.training.data.dataset import Dataset
from velox.training.evaluation import Inputs, outputs
from velox.training.recipe import Recipe
from velox.training.resume import State, StateFile
from velox.training.time_left import TimeLeft
from velox.training.trainer import Trainer, class_weights

# A validation loss at which the right label has a probability of 0.99 on average.
GOOD_ENOUGH = 0.01
# By some hundred images, losses that differ by less are the same; the later epoch has taken smaller
# steps.
SAME = 0.005

log = logging.getLogger(__name__)


def fit(
    trainer: Trainer,
    validation: Dataset,
    *,
    recipe: Recipe,
    inputs: Inputs,
    state_file: StateFile | None,
    progress: Progress,
    stop: threading.Event,
    knows: bool = False,
) -> int:
    """Train until the last epoch, until patience ends, or until hardly anything is left to learn.

    The best epoch is the one with the least loss on the validation images, of about equal ones the
    last; the trainer's network is left with its weights. Where the network knows something at the
    start, that is judged too, and kept where no epoch betters it.

    Args:
        trainer: of the network.
        validation: judges each epoch.
        recipe: as the trainer has it.
        inputs: as the trainer has them.
        state_file: where each epoch's state is kept, and gone on from; None to keep none.
        progress: told how far it is.
        stop: ends it early.
        knows: whether the network knows something before the first epoch.

    Returns:
        The number of the best epoch, from 1; 0 for the start.

    Raises:
        Stopped: when told to stop; the state of the last whole epoch is kept.
        TrainingFailed: when the loss is no number any more.
    """
    state = state_file.load() if state_file else None
    if state:
        trainer.restore(state.trainer)
        log.info("resuming after epoch=%d/%d", state.epochs, recipe.epochs)
    elif knows:
        logits = outputs(trainer.network, validation, inputs=inputs, stop=stop)
        validation_loss, accuracy = _judged(logits, validation, recipe)
        log.info(
            "epoch=0/%d validation_loss=%.4f validation_accuracy=%.4f",
            recipe.epochs,
            validation_loss,
            accuracy,
        )
        state = _next(None, trainer, validation_loss, epochs=0)
    left = TimeLeft(recipe.epochs - (state.epochs if state else 0))
    while state is None or not _ended(state, recipe):
        number = state.epochs if state else 0
        title = f"epoch {number + 1}/{recipe.epochs}"

        def show(done: int, total: int, title: str = title) -> None:
            progress.show(title, done, total, left.after(done, total))

        loss = trainer.epoch(number, show)
        logits = outputs(trainer.network, validation, inputs=inputs, stop=stop)
        validation_loss, accuracy = _judged(logits, validation, recipe)
        log.info(
            "epoch=%d/%d loss=%.4f validation_loss=%.4f validation_accuracy=%.4f left=%r",
            number + 1,
            recipe.epochs,
            loss,
            validation_loss,
            accuracy,
            left.after_epoch(),
        )
        state = _next(state, trainer, validation_loss, epochs=number + 1)
        if state_file:
            state_file.save(state)
    trainer.network.load_state_dict(state.best)
    return state.best_epoch + 1


def _ended(state: State, recipe: Recipe) -> bool:
    # Of smoothed labels there is something to learn up to the last, smallest steps.
    if state.best_loss <= GOOD_ENOUGH and not recipe.smoothing:
        log.info("training ends after epoch=%d: the loss can hardly become smaller", state.epochs)
        return True
    waited = state.epochs - 1 - state.best_epoch
    if recipe.patience and waited >= recipe.patience and state.epochs < recipe.epochs:
        log.info(
            "training ends after epoch=%d: the last %d epochs were no better", state.epochs, waited
        )
        return True
    return state.epochs >= recipe.epochs


def _next(state: State | None, trainer: Trainer, validation_loss: float, *, epochs: int) -> State:
    current = trainer.state()
    same = SAME if state and state.best_epoch >= 0 else 0.0
    if state and state.best_loss + same <= validation_loss:
        best, best_epoch, best_loss = state.best, state.best_epoch, state.best_loss
    else:
        best = {name: value.cpu().clone() for name, value in current["network"].items()}
        best_epoch, best_loss = epochs - 1, validation_loss
    return State(
        epochs=epochs,
        trainer=current,
        best=best,
        best_epoch=best_epoch,
        best_loss=best_loss,
    )


def _judged(logits: Tensor, data: Dataset, recipe: Recipe) -> tuple[float, float]:
    """The loss, each label with the same weight, and the accuracy.

    Who learns from smoothed labels is less sure than right, which the temperature mends in the end;
    the loss is that under such a temperature.
    """
    targets = torch.from_numpy(data.targets)
    if recipe.smoothing:
        logits = logits / fit_temperature(logits, targets)
    loss = functional.cross_entropy(logits, targets, weight=class_weights(data))
    accuracy = (logits.argmax(dim=1) == targets).double().mean()
    return loss.item(), accuracy.item()
