"""docs/sources.md: its file is one that is read, and its error is the one that is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from velox.base.errors import SettingError
from velox.consumer.sources.file import sources_of

TEXT = (ROOT / "docs" / "sources.md").read_text()
FILE = Path("sources.json")


def example() -> str:
    found, _ = re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)
    return str(found)


def test_the_file_is_one_that_is_read() -> None:
    sources = sources_of(example().encode(), FILE)
    assert len(sources) == 2
    rule = sources.of_name("line-1/7")
    assert rule is not None
    assert (rule.threshold_of("defect", 0.9), rule.threshold_of("other", 0.9)) == (0.55, 0.95)


def test_the_error_is_the_one_that_is_given() -> None:
    with pytest.raises(SettingError) as refused:
        sources_of(example().replace("0.55", "55").encode(), FILE)
    assert f"error: {refused.value}\n" in TEXT
