"""Every sentence of the guarantees has its proof, and the proof exists."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT


def test_every_test_that_the_guarantees_name_exists() -> None:
    section = (ROOT / "docs" / "guarantees.md").read_text()
    rows = re.findall(r"^\| .* \| .* \| .* \|$", section, re.M)
    named = re.findall(r"`([\w/]+/test_\w+\.py)::(test_\w+)` \|$", section, re.M)
    tables = section.count("| Proof |")
    assert len(named) == len(rows) - 2 * tables, "each row has its proof"
    assert len(named) > 50
    for file, test in named:
        assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(), f"{file}::{test}"
