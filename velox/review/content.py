"""What the page shows, as JSON has it."""

from __future__ import annotations

from typing import Any

from velox.base.accuracy import Figures, Share
from velox.base.candidates import JUDGED, RANDOM_RANK, UNSURE_RANK, Candidate
from velox.review.board import Board
from velox.review.order import Group

LONGEST_TEXT = 120


def content(board: Board, view: str, label: str | None) -> dict[str, Any]:
    """What waits, which labels there are, and how good the model is.

    Args:
        board: of all that waits.
        view: one of `velox.review.board.VIEWS`.
        label: of the predictions to show; None for all.
    """
    state = board.state
    counts = state.counts
    return {
        "groups": [_group(each) for each in board.waiting(view, label)],
        "labels": list(state.labels),
        "waiting": {
            "unsure": counts[UNSURE_RANK],
            "random": len(board.waiting("random", None)),
            "by_label": list(board.by_label().items()),
        },
        "judged": counts[UNSURE_RANK | JUDGED] + counts[RANDOM_RANK | JUDGED],
        "figures": _figures(state.figures),
    }


def _group(group: Group) -> dict[str, Any]:
    return {"label": group[0].predicted_label, "images": [_image(each) for each in group]}


def _image(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "confidence": round(candidate.confidence, 4),
        "reason": candidate.reason,
        "source": _clipped(candidate.source),
        "truth": _clipped(candidate.ground_truth),
        "time": candidate.timestamp,
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "model": figures.model,
        "accuracy": _share(figures.accuracy),
        "next": figures.accuracy.next_steps,
        "unclear": figures.unclear,
        "labels": [
            {
                "label": label,
                "called": _share(figures.called.get(label, Share())),
                "shown": _share(figures.shown.get(label, Share())),
            }
            for label in sorted(figures.called.keys() | figures.shown.keys())
        ],
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "right": share.right,
        "images": share.images,
        "interval": [round(each, 4) for each in share.interval],
    }


def _clipped(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
