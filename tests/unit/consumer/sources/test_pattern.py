"""Patterns that names of sources fit."""

from __future__ import annotations

import itertools
import re
import time

import pytest

from velox.base.records import LONGEST_TEXT
from velox.consumer.sources.pattern import fits


def test_a_star_stands_for_any_text() -> None:
    """Every pattern and name of up to four letters, against a regular expression of Python's."""
    letters = ["".join(each) for n in range(5) for each in itertools.product("ab*", repeat=n)]
    names = [each for each in letters if "*" not in each]
    for pattern in letters:
        wanted = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        assert [name for name in names if fits(pattern, name)] == [
            name for name in names if wanted.fullmatch(name)
        ], pattern


@pytest.mark.parametrize("name", ["line-1/a[0]?", "LINE-1/x", "line-1/\n"])
def test_nothing_else_is_special(name: str) -> None:
    assert fits("line-1/*", name) == name.startswith("line-1/")
    assert fits("*[0]?", name) == name.endswith("[0]?")
    assert not fits("line-?/*", name)


def test_a_name_that_a_sender_made_up_costs_no_time() -> None:
    pattern, name = "*a" * 30 + "*b", "a" * LONGEST_TEXT
    started = time.thread_time()
    assert not fits(pattern, name)
    assert time.thread_time() - started < 5
