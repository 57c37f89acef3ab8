"""The tables of settings are what the scripts declare."""

import re

from tests.docs.pages import README
from tests.docs.settings_table import GROUPS, PAGE, READERS, declared, place, tables
from velox.settings.declare import Settings


def test_every_setting_stands_in_one_group() -> None:
    grouped = [variable for variables in GROUPS.values() for variable in variables.split()]
    assert sorted(grouped) == sorted(declared()), "name the setting in GROUPS of settings_table.py"


def test_the_tables_of_settings_are_in_step_with_the_code() -> None:
    text = PAGE.read_text()
    begin, end = place(text)
    assert text[begin:end].strip() == tables(), "run `make docs`"


def test_every_class_that_a_program_reads_is_in_the_tables() -> None:
    found = list(Settings.__subclasses__())
    for each in found:
        found += each.__subclasses__()
    assert set(READERS.values()) == {each for each in found if not each.__subclasses__()}


def test_the_readme_gives_the_defaults_as_they_are() -> None:
    known = declared()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (`[^`]+`|empty) \|", README.read_text(), re.M)
    assert len(rows) == 5
    for variable, shown in rows:
        assert set(known[variable].defaults.values()) == {shown.strip("`").replace("empty", "")}


def test_the_readme_is_read_in_ten_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 250
