"""The README's table of settings is what velox/config.py declares, and its proofs exist."""

import re
from pathlib import Path

from tests.rig.settings_table import README, in_readme, readers, table

TESTS = Path(__file__).parents[1]


def test_the_table_of_settings_is_in_step_with_the_code() -> None:
    text = README.read_text()
    begin, end = in_readme(text)
    assert text[begin:end].strip() == table(), "run `make readme`"


def test_every_script_has_its_settings_in_the_table() -> None:
    assert {"producer", "train", "consumer", "demo", "report"} <= readers().keys()


def test_every_test_that_the_guarantees_name_exists() -> None:
    text = README.read_text()
    section = text[text.index("## What Velox guarantees") : text.index("## Configuration")]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "---" not in line]
    named = re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", section)
    headings = 4
    assert len(named) == len(rows) - headings, "each row has its proof"
    for file, test in named:
        assert f"\ndef {test}(" in (TESTS / file).read_text(), f"{file}::{test}"
