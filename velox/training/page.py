"""Pages about a training: what was found in the images, and how the model does."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from velox.base.html import Html, element, join
from velox.base.names import shown
from velox.training.data.dataset import Images
from velox.training.doubt import Doubt, remarks_of
from velox.training.judgement import Judgement
from velox.training.judgement_report import at, crossing, matched, promised, share
from velox.training.look import Look
from velox.training.pieces import grouped, how_many, lines, named, pictures, section, table, whole

# Of each kind, so that a page stays below about 2 MB.
MOST_PAIRS, MOST_PICTURES, MOST_LINES = 24, 48, 200


def look_page(look: Look, images: Images, doubts: Sequence[Doubt] | None) -> str:
    """What was found in a folder of own images.

    Args:
        look: the findings.
        images: of the folder.
        doubts: images that a cross-validation calls something else; None where there was none.
    """
    remarks = [*look.remarks(), *remarks_of(doubts)]
    counts = ", ".join(f"{len(part)} {name}" for name, part in look.splits._asdict().items())
    sections = [
        section("Remarks", "", lines(remarks) if remarks else Html("")),
        section("Labels", "images of each part", _labels(look)),
        section(
            "Nearly the same image under two labels",
            how_many(len(look.contradictions), MOST_PAIRS),
            _pairs(look, images),
        ),
        _doubted(doubts, images),
        section(
            "Nearly the same images",
            f"{how_many(len(look.copies), MOST_PAIRS)} groups; each stays in one part, if it can",
            _groups(look, images),
        ),
        section(
            "Tiny images",
            how_many(len(look.tiny), MOST_PICTURES),
            pictures(images, [(row, look.names[row], "") for row in look.tiny[:MOST_PICTURES]]),
        ),
        section("Files left out", how_many(len(look.skipped), MOST_LINES), _skipped(look)),
    ]
    return whole("What was found in the images", counts, sections)


def report_page(
    found: Judgement,
    across: Judgement | None,
    *,
    facts: dict[str, str],
    mistakes: Sequence[Doubt],
    images: Images,
    confusion: bytes,
) -> str:
    """How a model does.

    Args:
        found: by the test images.
        across: by cross-validation, where test images are few.
        facts: what the text report says at its head.
        mistakes: test images that the model got wrong, the surest first.
        images: that they are among.
        confusion: the confusion matrix as a PNG.
    """
    address = "data:image/png;base64," + base64.b64encode(confusion).decode()
    sections = [
        section("Figures", "", named(facts)),
        section("Labels", "of the test images", _by_label(found)),
        _crossed(across),
        _promised(found),
        section(
            "Test images that the model got wrong",
            f"{how_many(len(mistakes), MOST_PICTURES)}, the surest first",
            _doubts(mistakes, images),
        ),
        section(
            "Confusion matrix",
            "true label in rows, predicted label in columns",
            element("img", src=address, alt="Confusion matrix", class_="matrix"),
        ),
    ]
    return whole("How the model does", facts.get("model", ""), sections)


def _crossed(across: Judgement | None) -> Html:
    if across is None:
        return section("Cross-validation", "not needed, or no weights to start from", Html(""))
    words = crossing(across)
    text = element("p", words[0].upper() + words[1:])
    return section("Cross-validation", "of all images", join(text, _by_label(across)))


def _promised(found: Judgement) -> Html:
    if found.promise is None:
        return Html("")
    rows = enumerate(zip(found.labels, found.promise.thresholds, strict=True))
    return section(
        "Thresholds",
        promised(found.promise),
        table(
            ("label", "threshold", "test images matched", "found on"),
            [
                (label, at(each), matched(found, index), each.words())
                for index, (label, each) in rows
            ],
        ),
    )


def _by_label(found: Judgement) -> Html:
    rows = zip(
        found.labels,
        found.confusion.sum(axis=1).tolist(),
        found.precision.tolist(),
        found.recall.tolist(),
        found.recall_intervals,
        strict=True,
    )
    return table(
        ("label", "images", "precision", "recall", "95 % of recall"),
        [
            (label, str(count), share(precision), share(recall), str(interval))
            for label, count, precision, recall, interval in rows
        ],
    )


def _labels(look: Look) -> Html:
    counts = [part.counts().tolist() for part in look.splits]
    rows = zip(look.splits.training.labels, *counts, strict=True)
    return table(
        ("label", "training", "validation", "test", "all"),
        [(label, *map(str, each), str(sum(each))) for label, *each in rows],
    )


def _pairs(look: Look, images: Images) -> Html:
    return grouped(
        images,
        [
            [(row, look.names[row], look.label_of[row]) for row in pair]
            for pair in look.contradictions[:MOST_PAIRS]
        ],
    )


def _groups(look: Look, images: Images) -> Html:
    return grouped(
        images,
        [
            [
                (int(row), look.names[row], f"one of {len(group)}, {look.label_of[int(row)]}")
                for row in (group[0], group[-1])
            ]
            for group in look.copies[:MOST_PAIRS]
        ],
    )


def _doubted(doubts: Sequence[Doubt] | None, images: Images) -> Html:
    title = "Images that cross-validation calls something else"
    if doubts is None:
        return section(title, "not looked for: no weights to start from", Html(""))
    note = f"{how_many(len(doubts), MOST_PICTURES)}, the surest first; the label may be wrong"
    return section(title, note, _doubts(doubts, images))


def _doubts(doubts: Sequence[Doubt], images: Images) -> Html:
    some = doubts[:MOST_PICTURES]
    return pictures(
        images,
        [(each.row, each.name, each.words()) for each in some],
    )


def _skipped(look: Look) -> Html:
    names = [f"{shown(str(path))}: {reason}" for path, reason in look.skipped.items()]
    return lines(names[:MOST_LINES]) if names else Html("")
