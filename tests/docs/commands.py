"""The commands in the documents' code blocks: what is run, and which variables are set."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import BLOCK, DOCUMENTS

HEREDOC = re.compile(r" <<(\w+)\n.*?^\1$", re.M | re.S)
ASSIGNED = re.compile(r"[A-Z][A-Z0-9_]*=")
SHELLS = ("bash", "sh")
# They run what follows them.
BEFORE = {"sudo", "export"}


@dataclass(frozen=True)
class Block:
    """One code block that a user types."""

    document: Path
    marked: bool
    body: str


BLOCKS = [
    Block(document, bool(marked), body)
    for document in DOCUMENTS
    for marked, language, body in BLOCK.findall(document.read_text())
    if language in SHELLS
]
TEXT = "\n".join(block.body for block in BLOCKS)


def commands() -> list[list[str]]:
    """Every simple command as its words, without variables set before it."""
    found = (part for block in BLOCKS for part in _simple(block.body))
    return [words for each in found if (words := list(_without_variables(each)))]


def assignments() -> set[tuple[str, str]]:
    """Every variable that is set, in a command or in a file of settings, with its value."""
    found = {
        (name, value)
        for block in BLOCKS
        for part in _simple(block.body)
        for word in part
        if ASSIGNED.match(word)
        for name, _, value in [word.partition("=")]
    }
    files = "".join(
        body
        for document in DOCUMENTS
        for _, language, body in BLOCK.findall(document.read_text())
        if language == "env"
    )
    return found | set(re.findall(r"^(\w+)=(.*)$", files, re.M))


def _simple(body: str) -> Iterator[list[str]]:
    plain = HEREDOC.sub("", body).replace("\\\n", "")
    for line in plain.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        part: list[str] = []
        for word in (*lexer, ";"):
            if set(word) <= set(";&|()"):
                yield part
                part = []
            else:
                part.append(word)


def _without_variables(words: list[str]) -> Iterator[str]:
    begun = False
    for word in words:
        begun = begun or not (ASSIGNED.match(word.upper()) or word in BEFORE)
        if begun:
            yield word
