"""HTML made of elements, and pages that load nothing: what is no element is escaped."""

from __future__ import annotations

import base64
import hashlib
import html


class Html(str):
    """Text that is HTML. Only `element` and constants of the project's own make it."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str | int | float) -> Html:
    """One element.

    Args:
        name: of the tag.
        children: what is no Html is escaped.
        attributes: escaped; a `_` at the end of a name is dropped, others become `-`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
    )
    inner = join(*children)
    return Html(f"<{name}{given}>{inner}" + ("" if name in _VOID else f"</{name}>"))


def join(*children: str) -> Html:
    """Several pieces after one another."""
    return Html("".join(each if isinstance(each, Html) else html.escape(each) for each in children))


def page(title: str, style: Html, *content: Html) -> str:
    """A whole page that needs nothing else; its policy lets nothing run and nothing load."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    whole = element("html", head, element("body", *content), lang="en")
    return f"<!doctype html>\n{whole}\n"


_VOID = frozenset({"img", "meta", "br"})
