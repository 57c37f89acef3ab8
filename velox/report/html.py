"""HTML made of elements: whatever is not an element already is escaped."""

from __future__ import annotations

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


_VOID = frozenset({"img", "meta", "br"})
