"""Pieces of pages about a training: sections, tables, and small pictures."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base import html
from velox.base.html import Html, element
from velox.training.data.dataset import Images

PIXELS, QUALITY = 112, 80

_STYLE = Path(__file__).with_name("page.css")

# The row of an image, its name, and a note.
Picture = tuple[int, str, str]


def whole(title: str, note: str, sections: Sequence[Html]) -> str:
    """A whole page."""
    style = Html(_STYLE.read_text(encoding="utf-8"))
    header = element("header", element("h1", title), element("p", note))
    return html.page(f"Velox: {title}", style, header, element("main", *sections))


def section(title: str, note: str, content: Html) -> Html:
    """A section with a heading; no content is said to be none."""
    heading = element("h2", title, " ", element("span", note, class_="note"))
    return element("section", heading, content or element("p", "None.", class_="note"))


def how_many(count: int, most: int) -> str:
    """How many there are, and how many of them are shown at most."""
    return f"{count}" if count <= most else f"{most} of {count}"


def lines(texts: Sequence[str]) -> Html:
    """A list of lines."""
    return element("ul", *(element("li", each) for each in texts), class_="lines")


def named(rows: Mapping[str, str]) -> Html:
    """What there is to know, each with its name before it."""
    found = element("tbody", *(_row(name, (value,)) for name, value in rows.items()))
    return element("table", found, class_="facts")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table of figures; the first of each row names it."""
    names = element("tr", *(element("th", each, scope="col") for each in head))
    body = element("tbody", *(_row(first, others) for first, *others in rows))
    found = element("table", element("thead", names), body)
    return element("div", found, class_="scroll", tabindex=0, role="group")


def _row(name: str, cells: Sequence[str]) -> Html:
    first = element("th", name, scope="row", class_="name")
    return element("tr", first, *(element("td", each) for each in cells))


def pictures(images: Images, shown: Sequence[Picture]) -> Html:
    """Pictures beside one another; nothing for none."""
    items = [element("li", each) for each in _figures(images, shown)]
    return element("ul", *items) if items else Html("")


def grouped(images: Images, groups: Sequence[Sequence[Picture]]) -> Html:
    """Pictures in groups beside one another; nothing for none."""
    figures = iter(_figures(images, [each for group in groups for each in group]))
    items = [element("li", *(next(figures) for _ in group), class_="pair") for group in groups]
    return element("ul", *items, class_="pairs") if items else Html("")


def _figures(images: Images, pictures: Sequence[Picture]) -> list[Html]:
    """Small pictures as the network sees them, with the name of the file and a note."""
    if not pictures:
        return []
    taken = images.take(np.array([row for row, _, _ in pictures], np.int64))
    return [
        element(
            "figure",
            element("img", src=_address(pixels), alt=name),
            element("figcaption", note, element("span", name)),
        )
        for pixels, (_, name, note) in zip(taken, pictures, strict=True)
    ]


def _address(pixels: NDArray[np.uint8]) -> str:
    side = min(PIXELS, pixels.shape[0])
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, QUALITY))[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
