"""The last step of a training: the checkpoint and its reports, where they belong."""

from __future__ import annotations

import logging
from functools import partial

from velox.models import checkpoint
from velox.models.checkpoint import Checkpoint
from velox.training.evaluation import accuracy
from velox.training.made_ready import make_ready
from velox.training.model_files import refused
from velox.training.prepared import Outcome, Prepared
from velox.training.reference import reference_of
from velox.training.reports import write_reports
from velox.training.samples import samples_of

log = logging.getLogger(__name__)


def save(prepared: Prepared, outcome: Outcome) -> None:
    """Write the checkpoint and its reports; what speaks against it puts all under other names."""
    settings, splits, inputs = prepared.settings, prepared.splits, prepared.inputs
    network, found, against = outcome.network, outcome.found, outcome.against
    model_path, classes_path = (
        each if against is None else refused(each)
        for each in (settings.model_path, settings.classes_path)
    )
    samples = samples_of(splits, settings.seed)
    written = Checkpoint(
        architecture=settings.model_arch,
        labels=found.labels,
        input_size=settings.input_size,
        preprocessing=prepared.preprocessing,
        mean=inputs.mean,
        std=inputs.std,
        state_dict=network.state_dict(),
        metrics={
            "accuracy": found.accuracy,
            "calibration_error": found.calibration_error[1],
            "sample_accuracy": accuracy(network, samples, inputs=inputs),
        },
        temperature=found.temperature,
        thresholds=found.promise.measured() if found.promise else None,
        reference=reference_of(splits, found.decisions, seed=settings.seed, stop=prepared.stop),
        unknown=found.novelty.limits if found.novelty else None,
        novelty=found.novelty.tensors if found.novelty else None,
        samples=samples,
    )
    # A consumer that finds the model finds this too.
    before = partial(make_ready, model_path=model_path) if against is None else lambda _: None
    saved = checkpoint.save(written, model_path, classes_path, before=before)
    head = {"model": f"{model_path} ({saved.digest})", **outcome.facts}
    if against is not None:
        head["refused"] = against
    report = write_reports(
        model_path,
        found,
        outcome.across,
        facts=head,
        look=prepared.seen,
        doubts=outcome.doubts,
        test=splits.test,
    )
    log.info(
        "%s model=%s digest=%s labels=%s report=%s",
        "saved" if against is None else "kept the refused",
        model_path,
        saved.digest,
        ",".join(saved.labels),
        report,
    )
