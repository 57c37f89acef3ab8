"""How often the model is right, by what people said of a random share, as a section."""

from __future__ import annotations

from velox.base.accuracy import Figures, Share
from velox.base.html import Html, element
from velox.report.charts import count


def accuracy_section(figures: Figures) -> Html:
    """The accuracy of the running model, in all and by label, each with its interval of 95 %."""
    accuracy = figures.accuracy
    note = f"model {figures.model}, by {count(accuracy.images)} images that were chosen by chance"
    heading = element(
        "h2", "How often the model is right", " ", element("span", note, class_="note")
    )
    more = [
        element("p", f"{count(images)} more verdicts for ± {100 * half:g} %", class_="note")
        for half, images in accuracy.next_steps
    ]
    rows = [
        element(
            "tr",
            element("th", label, scope="row", class_="name"),
            element("td", words(figures.called.get(label, Share()))),
            element("td", words(figures.shown.get(label, Share()))),
        )
        for label in sorted(figures.called.keys() | figures.shown.keys())
    ]
    names = ("label", "called so, right", "is so, found")
    head = element("tr", *(element("th", name, scope="col") for name in names))
    table = element("table", element("thead", head), element("tbody", *rows), class_="models")
    return element(
        "section",
        heading,
        element("p", words(accuracy), id_="accuracy-all"),
        *more,
        element("div", table, class_="scroll", tabindex=0, role="group"),
        id_="accuracy",
    )


def words(share: Share) -> str:
    """A share with its interval, as text."""
    if share.found is None:
        return "-"
    low, high = (100 * each for each in share.interval)
    return f"{100 * share.found:.1f} % of {count(share.images)} ({low:.1f} to {high:.1f} %)"
