"""The documents' table of settings, made from velox/config.py; run as a module, it writes it."""

from __future__ import annotations

from tests.docs.pages import ROOT
from velox import config
from velox.config import Settings

BEGIN, END = "<!-- settings: begin", "<!-- settings: end -->"
PAGE = ROOT / "docs" / "configuration.md"


def readers() -> dict[str, type[Settings]]:
    """Every class of settings that a script reads, by the script's short name."""
    bases = {each for found in Settings.__subclasses__() for each in (found, *_below(found))}
    return {
        each.__name__.removesuffix("Settings").lower(): each
        for each in sorted(bases, key=lambda found: list(vars(config)).index(found.__name__))
        if not each.__subclasses__()
    }


def _below(found: type[Settings]) -> list[type[Settings]]:
    return [deeper for each in found.__subclasses__() for deeper in (each, *_below(each))]


def table() -> str:
    """The table as Markdown."""
    defaults: dict[str, dict[str, str]] = {}
    meanings: dict[str, str] = {}
    for reader, settings in readers().items():
        for declared in settings.declared().values():
            defaults.setdefault(declared.variable, {})[reader] = declared.default
            meanings.setdefault(
                declared.variable, f"{declared.meaning} ({declared.parser.allowed})"
            )
    lines = [
        "| Variable | Default | Meaning and allowed values | Read by |",
        "| --- | --- | --- | --- |",
    ]
    for variable in sorted(defaults):
        by = defaults[variable]
        common = max(by.values(), key=list(by.values()).count)
        others = [f"{reader}: {_code(text)}" for reader, text in by.items() if text != common]
        default = _code(common) + (f" ({', '.join(others)})" if others else "")
        meaning = meanings[variable].replace("|", "\\|")
        lines.append(f"| `{variable}` | {default} | {meaning} | {', '.join(by)} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def place(text: str) -> tuple[int, int]:
    """Where the table begins and ends in the page's text."""
    return text.index("\n", text.index(BEGIN)) + 1, text.index(END)


if __name__ == "__main__":
    text = PAGE.read_text()
    begin, end = place(text)
    PAGE.write_text(f"{text[:begin]}\n{table()}\n\n{text[end:]}")
