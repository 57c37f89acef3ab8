"""Whether a model is good enough to be used, and why not."""

from __future__ import annotations

from velox.training.judgement import Judgement

SHAPES_LEAST = 0.95


def objection(
    found: Judgement, crossed: Judgement | None, *, least: float | None, own: bool
) -> str | None:
    """What speaks against a model, None if it is good enough.

    Without a given least accuracy, a model of own images must be surely better than always
    answering the commonest label. Its test images show that, or, where they are few, a
    cross-validation that they do not contradict.

    Args:
        found: of the model, by its test images.
        crossed: of a cross-validation of the same images, where there is one.
        least: the MIN_ACCURACY, None for `auto`.
        own: whether the images are the user's own; drawn ones must reach 0.95.
    """
    if least is None and not own:
        least = SHAPES_LEAST
    if least is not None:
        if found.accuracy >= least:
            return None
        return f"test accuracy {found.accuracy:.4f} is below MIN_ACCURACY={least:g}"
    if found.better:
        return None
    if crossed and crossed.better and found.interval.high >= crossed.interval.low:
        return None
    label, share = found.commonest
    return (
        f"it is not surely better than always answering {label!r}: {found.accuracy:.4f} of "
        f"{found.images} test images are right, which leaves {found.interval}, and {share:.4f} "
        "would be without a model"
    )
