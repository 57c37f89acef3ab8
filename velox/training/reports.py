"""The reports that are written beside a model: on the images before, and on the model after."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from velox.base.files import write_whole
from velox.training.data.dataset import Dataset
from velox.training.doubt import Doubt, doubts_of, remarks_of
from velox.training.judgement import Judgement
from velox.training.judgement_report import as_png, as_text, figures
from velox.training.look import Look
from velox.training.model_files import CONFUSION, LOOK_PAGE, PAGE, TEXT_REPORT
from velox.training.page import look_page, report_page

log = logging.getLogger(__name__)


def write_look(model_path: Path, found: Look, doubts: Sequence[Doubt] | None) -> None:
    """Log what there is to say of own images, and write the page with pictures of it."""
    for remark in (*found.remarks(), *remarks_of(doubts)):
        log.warning("images: %s", remark)
    path = model_path.with_suffix(LOOK_PAGE)
    write_whole(path, look_page(found, found.splits.training.images, doubts).encode())
    log.info("looked over images=%d page=%s", sum(map(len, found.splits)), path)


def write_reports(
    model_path: Path,
    found: Judgement,
    across: Judgement | None,
    *,
    facts: Mapping[str, str],
    look: Look | None,
    doubts: Sequence[Doubt] | None,
    test: Dataset,
) -> Path:
    """Write how a model does: as text, as a page, and its confusion matrix as a picture.

    Args:
        model_path: of the model; the reports lie beside it.
        found: by the test images.
        across: by cross-validation, where test images are few.
        facts: what belongs at the head, in order.
        look: what was found in the images, where they are the user's own.
        doubts: images whose labels are likely to be wrong; None where none were looked for.
        test: the test images.

    Returns:
        The path of the text.
    """
    path = model_path.with_suffix(TEXT_REPORT)
    confusion = as_png(found)
    text = as_text(found, across, facts=facts, look=look, doubts=doubts)
    write_whole(path, text.encode())
    write_whole(model_path.with_suffix(CONFUSION), confusion)
    page = report_page(
        found,
        across,
        facts={**facts, **figures(found)},
        mistakes=doubts_of(found.wrong, test, look),
        images=test.images,
        confusion=confusion,
    )
    write_whole(model_path.with_suffix(PAGE), page.encode())
    return path
